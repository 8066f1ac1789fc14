/**
 * `split` and `fuse`: one loop as several, several as one.
 *
 * @module
 */
import { add, ceildiv, type Expr, floordiv, int, lt, mod, mul, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { type For, forLoop } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { freshName, loopSite, namesOf, rebind, refuse, requireInit } from "./site.ts";

const MOST_ITERATIONS = 2147483647;

/**
 * Splits a serial loop into a nest. One factor may be `null`: it becomes what is left, rounded up; blocks inside get a
 * predicate where that may overshoot.
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
  const { loop } = loopSite("split", func, name);
  requireSerial("split", loop);
  if (factors.length < 2) refuse("split", `loop ${name} needs at least two factors, got ${factors.length}`);
  if (factors.filter((f) => f === null).length > 1) refuse("split", "only one factor can be null");
  const bad = factors.find((f) => f !== null && (!Number.isInteger(f) || f < 1));
  if (bad !== undefined) refuse("split", `factors are positive integers, got ${bad}`);
  if (names !== undefined && names.length !== factors.length) {
    refuse("split", `${factors.length} factors need as many names, got ${names.length}`);
  }
  const known = factors.reduce<number>((all, f) => all * (f ?? 1), 1);
  const size = loop.extent.kind === "const" ? loop.extent.value : 1;
  if (Math.max(Math.ceil(size / known), 1) * known > MOST_ITERATIONS) {
    refuse("split", `factors make more iterations than ${MOST_ITERATIONS}, the most that an i32 can count`);
  }
  const inferred = simplify(ceildiv(loop.extent, int(known)));
  const hasHole = factors.includes(null);
  if (!hasHole && !(loop.extent.kind === "const" && loop.extent.value <= known)) {
    refuse("split", `factors make ${known} iterations, loop ${name} may have more; leave one factor null`);
  }
  const taken = new Set(namesOf(func));
  taken.delete(name);
  const vars = factors.map((_, i) => {
    const fresh = freshName(names?.[i] ?? `${name}_${i}`, taken);
    taken.add(fresh);
    return fresh;
  });
  const extents = factors.map((f): Expr => (f === null ? inferred : int(f)));
  const value = vars.reduce<Expr>(
    (sum, v, i) => (i === 0 ? variable(v) : add(mul(sum, extents[i] ?? int(1)), variable(v))),
    int(0),
  );
  const exact = loop.extent.kind === "const" &&
    (hasHole ? loop.extent.value % known === 0 : loop.extent.value === known);
  const guard = exact ? undefined : lt(value, loop.extent);
  const inner = rebind(
    loop.body,
    new Map([[name, value]]),
    guard,
    (a, b) => conjunction([...conjuncts(a), b]),
  );
  const nest = vars.reduceRight((body, v, i) => forLoop(v, extents[i] ?? int(1), body), inner);
  return requireInit("split", withBody(func, replaceStmt(func.body, loop, () => nest)));
}

/**
 * Fuses serial loops, each the only child of the one before, into one.
 *
 * rewrite: `for i in 0..n: for j in 0..m: B(vi = i, vj = j)`  becomes
 * `for i_j in 0..n*m: B(vi = i_j // m, vj = i_j % m)`
 */
export function fuse(func: PrimFunc, names: readonly string[], fusedName?: string): PrimFunc {
  const loops = names.map((n) => loopSite("fuse", func, n).loop);
  const [first] = loops;
  if (first === undefined) return refuse("fuse", "needs at least one loop");
  loops.forEach((loop, i) => {
    requireSerial("fuse", loop);
    const next = loops[i + 1];
    if (next !== undefined && loop.body !== next) {
      refuse("fuse", `loop ${next.var} is not the only child of loop ${loop.var}`);
    }
  });
  const last = loops.at(-1) ?? first;
  const inner = new Set(loops.map((l) => l.var));
  for (const { var: name, extent } of loops) {
    const dependent = [...freeVars(extent)].find((v) => inner.has(v));
    if (dependent !== undefined) refuse("fuse", `the extent of loop ${name} depends on loop ${dependent}`);
  }
  requireRuns(func, loops);
  const fused = freshName(
    fusedName ?? names.join("_"),
    new Set([...namesOf(func)].filter((n) => !names.includes(n))),
  );
  let rest: Expr = variable(fused);
  const values = new Map<string, Expr>();
  for (const loop of loops.toReversed()) {
    const empty = loop.extent.kind === "const" && loop.extent.value <= 0;
    values.set(loop.var, loop === first || empty ? rest : mod(rest, loop.extent));
    rest = floordiv(rest, loop.extent);
  }
  const known = loops.reduce((n, l) => (l.extent.kind === "const" ? n * l.extent.value : n), 1);
  if (known > MOST_ITERATIONS) {
    refuse(
      "fuse",
      `loops ${names.join(", ")} make more iterations than ${MOST_ITERATIONS}, the most of an i32`,
    );
  }
  const extent = simplify(loops.map((l) => l.extent).reduce((a, b) => mul(a, b)));
  const body = rebind(last.body, values);
  return requireInit(
    "fuse",
    withBody(func, replaceStmt(func.body, first, () => forLoop(fused, extent, body))),
  );
}

/** A spatial loop fused with a reduce loop that runs no iteration would not run the reduction's init either. */
function requireRuns(func: PrimFunc, loops: readonly For[]): void {
  const empty = loops.find((l) => !(l.extent.kind === "const" && l.extent.value > 0));
  for (const { block: b, path } of allBlocks(func.body)) {
    if (b.init === undefined || !loops.every((l) => path.includes(l))) continue;
    const [reduced, spatial] = [boundVars(b, "reduce"), boundVars(b, "spatial")];
    const fold = loops.find((l) => reduced.has(l.var));
    const free = loops.find((l) => spatial.has(l.var));
    if (fold === undefined || free === undefined || fold === free) continue;
    const guarded = loops.some((l) => reduced.has(l.var) && freeVars(b.predicate).has(l.var));
    if (empty === undefined && !guarded) continue;
    const why = empty === undefined ? "its predicate may never hold" : `loop ${empty.var} may be empty`;
    refuse(
      "fuse",
      `loop ${free.var} is spatial, loop ${fold.var} reduces in block ${b.name}, and ${why}; ` +
        "decompose the reduction first",
    );
  }
}

function requireSerial(step: string, loop: For): void {
  if (loop.loop !== "serial") {
    refuse(step, `loop ${loop.var} is ${loop.loop}; only serial loops can be rewritten`);
  }
}
