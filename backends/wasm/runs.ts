/**
 * Loops that store one element after the other, four at a time.
 *
 * rewrite: `for i in 0..n: y[i] = e(i)`  becomes, where `e` has a form for vectors,
 * `for i in 0..n // 4: y[4 i .. 4 i + 4] = e(4 i .. 4 i + 4); for the rest: y[i] = e(i)`
 *
 * Schedules say `vectorize` where a size is known; rows of a length that is known only when they are there come here.
 *
 * @module
 */
import { add, type Expr, floordiv, int, mod, mul, variable } from "../../ir/expr.ts";
import { type Buffer, type For, forLoop, seq, type Stmt } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";
import { visitExpr } from "../../ir/visit.ts";
import { LANES } from "./expand.ts";
import { canVectorize, laneIndex } from "./lane.ts";

/** Shortest loop of a known length for which this is worth it. */
const SHORTEST = 4 * LANES;

/** The loop cut; `undefined` where it is none of these. */
export function cutRun(s: For, buffers: ReadonlyMap<string, Buffer>): Stmt | undefined {
  const { body, extent } = s;
  if (s.loop !== "serial" || body.kind !== "store") return undefined;
  if (extent.kind === "const" && extent.value < SHORTEST) return undefined;
  const buffer = buffers.get(body.buffer);
  if (buffer === undefined || laneIndex(buffer, body.indices, s.var)?.step !== 1) return undefined;
  // Iterations are independent: each stores an element of its own and reads no other's.
  let independent = true;
  visitExpr(body.value, (e) => {
    if (e.kind !== "load") return;
    const own = e.indices.every((index, d) => index === body.indices[d]);
    if (e.buffer === body.buffer && !own) independent = false;
  });
  const lane = variable(`${s.var}.lane`);
  const at = (index: Expr): Stmt => substituteStmt(body, new Map([[s.var, index]]));
  if (!independent || !canVectorize(at(lane), { name: lane.name, own: new Set() }, buffers)) return undefined;
  const [chunk, rest] = [variable(`${s.var}.chunk`), variable(`${s.var}.rest`)];
  const whole = floordiv(extent, int(LANES));
  return seq([
    forLoop(
      chunk.name,
      whole,
      forLoop(lane.name, int(LANES), at(add(mul(chunk, int(LANES)), lane)), "vectorized"),
    ),
    forLoop(rest.name, mod(extent, int(LANES)), at(add(mul(whole, int(LANES)), rest))),
  ]);
}
