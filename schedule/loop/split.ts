/**
 * `split`: one loop as several.
 *
 * @module
 */
import { add, ceildiv, type Expr, int, lt, mul, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { forLoop } from "../../ir/stmt.ts";
import { rebind } from "./rebind.ts";
import { loopSite, newNames, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "split";
/** Index arithmetic is in `i32`. */
const MAX = 2147483647;

/**
 * Splits a serial loop into a nest. One factor may be `null`: it becomes what is left, rounded up; blocks inside get a
 * predicate where the nest may have more points than the loop. Points are visited in the same order as before, so
 * nothing else is asked.
 *
 * rewrite: `for i in 0..n: B(vi = i)`  with factors `[null, 4]`  becomes
 * `for i_0 in 0..ceil(n / 4): for i_1 in 0..4: B(vi = i_0 * 4 + i_1) where i_0 * 4 + i_1 < n`
 */
export function split(
  func: PrimFunc,
  name: string,
  factors: readonly (number | null)[],
  names?: readonly string[],
): PrimFunc {
  const { loop } = loopSite(STEP, func, name);
  requireSerial(STEP, loop);
  const wrong = (why: string): never => refuse(STEP, [name], why, "bad-argument");
  if (factors.length < 2) wrong(`loop ${name} needs at least two factors, got ${factors.length}`);
  const holes = factors.filter((f) => f === null).length;
  if (holes > 1) wrong(`only one factor can be inferred, got ${holes} of them`);
  const bad = factors.find((f) => f !== null && (!Number.isInteger(f) || f < 1));
  if (bad !== undefined) wrong(`factors are positive integers, got ${bad}`);
  if (names !== undefined && names.length !== factors.length) {
    wrong(`${factors.length} factors need as many names, got ${names.length}`);
  }
  const known = factors.reduce<number>((all, f) => all * (f ?? 1), 1);
  const size = loop.extent.kind === "const" ? Math.max(loop.extent.value, 0) : undefined;
  const points = holes === 0 ? known : Math.ceil((size ?? 0) / known) * known;
  if (known > MAX || points > MAX) wrong(`factors ${factors.join(", ")} make more points than an i32 counts`);
  if (holes === 0 && (size === undefined || size > known)) {
    wrong(`factors make ${known} points, loop ${name} may have more; leave one factor null`);
  }

  const inferred = size === undefined
    ? simplify(ceildiv(loop.extent, int(known)))
    : int(Math.ceil(size / known));
  const extents = factors.map((f): Expr => (f === null ? inferred : int(f)));
  const vars = newNames(func, [name], names ?? factors.map((_, i) => `${name}_${i}`));
  const value = vars.reduce<Expr>(
    (sum, v, i) => (i === 0 ? variable(v) : add(mul(sum, extents[i] ?? int(1)), variable(v))),
    int(0),
  );
  const guard = size === points ? undefined : lt(value, loop.extent);
  const inner = rebind(loop.body, new Map([[name, value]]), guard);
  const nest = vars.reduceRight((body, v, i) => forLoop(v, extents[i] ?? int(1), body), inner);
  return requireInits(STEP, [name], withBody(func, replaceStmt(func.body, loop, () => nest)));
}
