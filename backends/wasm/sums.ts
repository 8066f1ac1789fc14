/**
 * Sums over neighbours in memory, four lanes and four vectors at a time: what one number after the other would wait for.
 *
 * rewrite: `for k in 0..n: acc = acc + e(k)`  becomes, where `e` has a form for vectors,
 * `parts = 0; for k in 0..n // 16: parts[0..16] = parts[0..16] + e(16 k .. 16 k + 16); for the rest: acc = acc + e(k);`
 * `acc = acc + parts[0] + ... + parts[15]`
 *
 * This adds in another order, so it is done only where a device need not round as the interpreter does; the greatest and
 * the least of numbers are the same in any order.
 *
 * @module
 */
import {
  add,
  type Binary,
  binary,
  type Expr,
  f32,
  floordiv,
  int,
  load,
  mod,
  mul,
  variable,
} from "../../ir/expr.ts";
import { reduceIdentity } from "../../ir/scalar_ops.ts";
import { alloc, type Buffer, type For, forLoop, seq, type Stmt, type Store, store } from "../../ir/stmt.ts";
import { mapStmtChildren, substitute } from "../../ir/traverse.ts";
import { freeVars, visitExpr } from "../../ir/visit.ts";
import { LANES } from "./expand.ts";
import { canVectorize, laneIndex } from "./lane.ts";
import { cutRun } from "./runs.ts";

/** Vectors that are summed beside each other: an addition takes about four cycles, and one can begin in each. */
const PARTS = 4;
const WIDTH = PARTS * LANES;
/** Shortest sum for which this is worth it. */
const SHORTEST = 2 * WIDTH;

/** Cuts the sums and {@linkcode cutRun | runs} of a nest; `buffers` are those around it. `reorder` says whether the order of additions is free. */
export function cutSums(s: Stmt, buffers: ReadonlyMap<string, Buffer>, reorder: boolean): Stmt {
  switch (s.kind) {
    case "alloc": {
      const body = cutSums(s.body, new Map(buffers).set(s.buffer.name, s.buffer), reorder);
      return body === s.body ? s : alloc(s.buffer, body);
    }
    case "for":
      if (s.loop === "vectorized") return s;
      return cutLoop(s, buffers, reorder) ?? cutRun(s, buffers) ??
        mapStmtChildren(s, (child) => cutSums(child, buffers, reorder));
    case "if":
    case "seq":
      return mapStmtChildren(s, (child) => cutSums(child, buffers, reorder));
    case "store":
    case "barrier":
    case "block":
      return s;
    default:
      return s satisfies never;
  }
}

function cutLoop(s: For, buffers: ReadonlyMap<string, Buffer>, reorder: boolean): Stmt | undefined {
  if (s.body.kind !== "store" || s.loop !== "serial") return undefined;
  if (s.extent.kind === "const" && s.extent.value < SHORTEST) return undefined;
  const sum = sumOf(s.body, s.var, buffers);
  if (sum === undefined || sum.op === "add" && !reorder) return undefined;
  const { op, term, again } = sum;
  const part: Buffer = {
    name: `${s.body.buffer}.${s.var}`,
    dtype: "f32",
    shape: [int(WIDTH)],
    scope: "local",
  };
  const lane = variable(`${s.var}.lane`);
  const at = (k: Expr): Expr => substitute(term, new Map([[s.var, k]]));
  const known = new Map(buffers).set(part.name, part);
  if (!canVectorize(store(part.name, [lane], at(lane)), { name: lane.name, own: new Set() }, known)) {
    return undefined;
  }
  if (!readsNeighbours(term, s.var, buffers)) return undefined;

  const element = (index: Expr): Expr => load(part.name, "f32", [index]);
  const lanes = (body: (index: Expr) => Stmt): Stmt[] =>
    Array.from(
      { length: PARTS },
      (_, c) => forLoop(lane.name, int(LANES), body(add(lane, int(c * LANES))), "vectorized"),
    );
  const chunk = variable(`${s.var}.chunk`);
  const rest = variable(`${s.var}.rest`);
  const start = mul(chunk, int(WIDTH));
  const whole = floordiv(s.extent, int(WIDTH));
  const first = f32(reduceIdentity(op === "add" ? "sum" : op, "f32"));
  const into = (value: Expr): Stmt => store(sum.store.buffer, sum.store.indices, binary(op, again, value));
  const all = (indices: readonly Expr[]): Expr => indices.map(element).reduce((a, b) => binary(op, a, b));
  return alloc(
    part,
    seq([
      ...lanes((i) => store(part.name, [i], first)),
      forLoop(
        chunk.name,
        whole,
        seq(lanes((i) => store(part.name, [i], binary(op, element(i), at(add(start, i)))))),
      ),
      forLoop(rest.name, mod(s.extent, int(WIDTH)), into(at(add(mul(whole, int(WIDTH)), rest)))),
      forLoop(
        lane.name,
        int(LANES),
        store(part.name, [lane], all(Array.from({ length: PARTS }, (_, c) => add(lane, int(c * LANES))))),
        "vectorized",
      ),
      into(all(Array.from({ length: LANES }, (_, i) => int(i)))),
    ]),
  );
}

interface Sum {
  readonly op: "add" | "max" | "min";
  readonly store: Store;
  /** The accumulator, as it is loaded. */
  readonly again: Expr;
  /** What is added in each iteration. */
  readonly term: Expr;
}

/** The store as the step of a sum in a local f32 that is the same in all iterations. */
function sumOf(s: Store, name: string, buffers: ReadonlyMap<string, Buffer>): Sum | undefined {
  const buffer = buffers.get(s.buffer);
  if (buffer?.scope !== "local" || buffer.dtype !== "f32" || s.value.kind !== "binary") return undefined;
  if (s.indices.some((i) => freeVars(i).has(name) || loadsFrom(i, undefined))) return undefined;
  const { op } = s.value;
  if (op !== "add" && op !== "max" && op !== "min") return undefined;
  const again = load(s.buffer, "f32", s.indices);
  const term = otherOperand(s.value, again);
  if (term === undefined || loadsFrom(term, s.buffer)) return undefined;
  return { op, store: s, again, term };
}

function otherOperand({ a, b }: Binary, operand: Expr): Expr | undefined {
  return a === operand ? b : b === operand ? a : undefined;
}

function loadsFrom(e: Expr, buffer: string | undefined): boolean {
  let found = false;
  visitExpr(e, (node) => {
    if (node.kind === "load" && (buffer === undefined || node.buffer === buffer)) found = true;
  });
  return found;
}

/** Whether every load is of the same element in all iterations, or of the next one in the next; one at least is. */
function readsNeighbours(term: Expr, name: string, buffers: ReadonlyMap<string, Buffer>): boolean {
  let [some, all] = [false, true];
  visitExpr(term, (node) => {
    if (node.kind !== "load") return;
    const buffer = buffers.get(node.buffer);
    const step = buffer === undefined ? undefined : laneIndex(buffer, node.indices, name)?.step;
    if (step === 1) some = true;
    else if (step !== 0) all = false;
  });
  return some && all;
}
