/**
 * `computeWith`: two loops beside each other as one.
 *
 * @module
 */
import { determinedLoops } from "../../ir/determine.ts";
import { variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { forLoop, type Seq, seq, type Stmt } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { commonIndices, sharedAccesses } from "../analysis/elements.ts";
import { loopsIn } from "../analysis/nests.ts";
import { forkOf, loopsAt, touches } from "../analysis/order.ts";
import { withLoop } from "./intermediate.ts";
import { loopSite, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "computeWith";

/**
 * Does what an iteration of a loop does at the start of the same iteration of a later loop (Halide's `compute_with`).
 *
 * Legal for serial loops of equal extents in one sequence, where nothing from the first to the second depends on the
 * first, and where iterations of both that differ touch different elements of all that either writes.
 *
 * rewrite: `for i: A(i); for j: B(j)`  becomes  `for j: { A(j); B(j) }`
 */
export function computeWith(func: PrimFunc, first: string, second: string): PrimFunc {
  const a = loopSite(STEP, func, first);
  const b = loopSite(STEP, func, second);
  const at = [first, second];
  requireSerial(STEP, a.loop);
  requireSerial(STEP, b.loop);
  if (a.loop.extent !== b.loop.extent) {
    refuse(STEP, at, `loops ${first} and ${second} have different extents`);
  }
  const [from, to] = [[...a.path, a.loop], [...b.path, b.loop]];
  const fork = forkOf(from, to);
  const own = from.slice(fork.common.length, -1)[0];
  const inside = to.slice(fork.common.length, -1);
  const apart = inside.some((s) => s.kind !== "alloc" && s.kind !== "seq");
  if (fork.seq === undefined || fork.at[0] > fork.at[1] || own !== undefined || apart) {
    refuse(STEP, at, `loop ${second} is not after loop ${first} in one sequence`);
  }
  const block = fork.common.find((s) => s.kind === "block");
  if (block?.kind === "block") refuse(STEP, [...at, block.name], `they are inside block ${block.name}`);
  for (const s of between(fork.seq, fork.at, to.slice(fork.common.length))) {
    const used = bufferAccesses(a.loop).find((x) => touches(s, x.buffer, !x.write));
    if (used !== undefined) refuse(STEP, at, `what is between them uses ${used.buffer}, too`);
  }
  const moved = substituteStmt(a.loop.body, new Map([[a.loop.var, variable(b.loop.var)]]));
  const both = forLoop(b.loop.var, b.loop.extent, seq([moved, b.loop.body]), b.loop.loop);
  const outside = loopsAt(b.path);
  for (const [buffer, accesses] of sharedAccesses(both)) {
    if (!touches(a.loop, buffer) || !touches(b.loop, buffer)) continue;
    const known = determinedLoops(
      commonIndices(accesses),
      outside.map((l) => l.var),
      [...outside, ...loopsIn(both)],
    );
    if (known.has(both.var)) continue;
    refuse(STEP, at, `different iterations of both may touch one element of ${buffer}`);
  }
  return requireInits(STEP, at, withBody(func, withLoop(func.body, both, first)));
}

/** The statements after a place in a sequence and before a later one, in sequences on the way, too. */
function between(top: Seq | undefined, at: readonly [number, number], to: readonly Stmt[]): readonly Stmt[] {
  const inside = to.flatMap((
    s,
    i,
  ) => (s.kind === "seq" ? s.body.slice(0, s.body.indexOf(to[i + 1] ?? s)) : []));
  return [...top?.body.slice(at[0] + 1, at[1]) ?? [], ...inside];
}
