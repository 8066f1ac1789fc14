/**
 * Whether a block visits every point that its iterators range over. Loops that were fused, split and split again still
 * do: `vi = (b * 64 + t) // m` and `vj = (b * 64 + t) % m` where `b * 64 + t < n * m` are all of `n` by `m`.
 *
 * @module
 */
import { type Expr, int, mul } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { difference, type Linear, linearConstant, linearOf, scale, sum } from "../../ir/linear.ts";
import { conjuncts } from "../../ir/reduction.ts";
import { type Scope, scopeOf } from "../../ir/scope.ts";
import { linearExpr } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Block, BlockIter, For } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { freeVars } from "../../ir/visit.ts";
import { mentions } from "./elements.ts";

/**
 * Whether, while the free loops run, iterators of a block take every combination of values in their ranges. What is not
 * found may still do so; what is found does, for all sizes.
 *
 * @param b the block
 * @param iters those of its iterators that are asked about
 * @param free loops around the block that run; others stand still
 * @param given terms of the block's predicate that hold wherever this matters
 */
export function covers(
  b: Block,
  iters: readonly BlockIter[],
  free: readonly For[],
  given: readonly Expr[] = [],
): boolean {
  const scope = scopeWhere(b, iters, free);
  const wide = iters.filter((i) => !(i.extent.kind === "const" && i.extent.value === 1));
  const counters = countersOf(wide, scope);
  if (counters === undefined) return false;
  const unused = new Set(free);
  for (const { of } of counters) {
    for (const name of freeVars(of)) {
      const loop = free.find((l) => l.var === name);
      // Each loop counts for one of them.
      if (loop !== undefined && !unused.delete(loop)) return false;
    }
  }
  // Other loops only do all of it again, if they run.
  if ([...unused].some((l) => l.extent.kind !== "const" || l.extent.value < 1)) return false;
  let open = conjuncts(b.predicate).filter((term) => !given.includes(term));
  for (const { of, total } of counters) {
    const digits = digitsOf(of, free);
    if (digits === undefined || !atLeast(reach(digits), total, scope)) return false;
    open = open.filter((term) => !holdsBelow(term, digits, total, scope));
  }
  // Where those others are at their first iterations, their conditions hold.
  const first = new Map([...unused].map((l) => [l.var, int(0)] as const));
  return open.every((term) =>
    [...freeVars(term)].every((name) => first.has(name)) && isTrue(simplify(substitute(term, first)))
  );
}

function isTrue(e: Expr): boolean {
  return e.kind === "const" && e.value !== 0;
}

function scopeWhere(b: Block, iters: readonly BlockIter[], free: readonly For[]): Scope {
  const ranges = new Map<string, VarRange>();
  const exprs = [b.predicate, ...b.iters.flatMap((i) => [i.binding, i.extent]), ...free.map((l) => l.extent)];
  for (const e of exprs) for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  // Where there is no point there is nothing to visit.
  return scopeOf(ranges).bind(iters);
}

/** An expression whose values from 0 to below `total` are wanted. */
interface Counter {
  readonly of: Expr;
  readonly total: Expr;
}

/** `of // step`, or `of // step % extent`. */
interface Digit {
  readonly of: Expr;
  readonly step: Expr;
  readonly extent: Expr | undefined;
}

/** What iterators are digits of. */
function countersOf(iters: readonly BlockIter[], scope: Scope): readonly Counter[] | undefined {
  const groups = new Map<Expr, { digit: Digit; iter: BlockIter }[]>();
  for (const iter of iters) {
    const digit = digitOf(scope.simplify(iter.binding));
    groups.set(digit.of, [...groups.get(digit.of) ?? [], { digit, iter }]);
  }
  const counters: Counter[] = [];
  for (const [of, members] of groups) {
    let total: Expr = int(1);
    for (let left = members; left.length > 0;) {
      const next = left.find(({ digit }) => same(digit.step, total));
      if (next === undefined) return undefined;
      const { digit, iter } = next;
      left = left.filter((m) => m !== next);
      if (digit.extent === undefined ? left.length > 0 : !same(digit.extent, iter.extent)) return undefined;
      total = simplify(mul(total, iter.extent));
    }
    counters.push({ of, total });
  }
  return counters;
}

function digitOf(e: Expr): Digit {
  if (e.kind === "binary" && e.op === "mod") return { ...quotientOf(e.a), extent: e.b };
  return { ...quotientOf(e), extent: undefined };
}

function quotientOf(e: Expr): Omit<Digit, "extent"> {
  if (e.kind !== "binary" || e.op !== "floordiv") return { of: e, step: int(1) };
  const inner = quotientOf(e.a);
  return { of: inner.of, step: simplify(mul(inner.step, e.b)) };
}

function same(a: Expr, b: Expr): boolean {
  const gap = difference(linearOf(a), linearOf(b));
  return gap !== undefined && gap.terms.length === 0 && gap.constant === 0;
}

/** A loop that counts in steps. */
interface Step {
  readonly loop: For;
  readonly size: number;
}

/** Loops of a sum such as `b * 64 + t` that takes every value up to its greatest, smallest steps first. */
function digitsOf(e: Expr, free: readonly For[]): readonly Step[] | undefined {
  const form = linearOf(e);
  if (form.constant !== 0) return undefined;
  const steps: Step[] = [];
  for (const { coef, factors: [factor, ...others] } of form.terms) {
    const loop = factor?.kind === "var" ? free.find((l) => l.var === factor.name) : undefined;
    if (loop === undefined || others.length > 0 || coef < 1) return undefined;
    steps.push({ loop, size: coef });
  }
  // Of equal steps, those first whose number is known: what follows goes on from it.
  const unknown = (s: Step): number => (s.loop.extent.kind === "const" ? 0 : 1);
  steps.sort((a, b) => a.size - b.size || unknown(a) - unknown(b));
  for (const [i, { size }] of steps.entries()) {
    const below = reach(steps.slice(0, i));
    // No gap: the next step is no larger than what the smaller ones fill.
    if (below === undefined || below.terms.length > 0 || below.constant < size) return undefined;
  }
  return steps;
}

/** How many values a sum of steps takes at least, where it takes any. */
function reach(steps: readonly Step[]): Linear | undefined {
  let count: Linear | undefined = linearConstant(1);
  for (const { loop, size } of steps) {
    const span = multiple(loop.extent, size);
    const more = span && sum(span, linearConstant(-size));
    count = count && more && sum(count, more);
  }
  return count;
}

/** What `size * e` is at least: of a quotient rounded down the remainder is missing. */
function multiple(e: Expr, size: number): Linear | undefined {
  if (e.kind === "binary" && e.op === "floordiv" && e.b.kind === "const" && e.b.value > 0) {
    const by = e.b.value;
    if (size % by !== 0) return scale(linearOf(e), size);
    const least = sum(linearOf(e.a), linearConstant(1 - by));
    return least && scale(least, size / by);
  }
  return scale(linearOf(e), size);
}

function atLeast(count: Linear | undefined, total: Expr, scope: Scope): boolean {
  const gap = count && difference(count, linearOf(total));
  return gap !== undefined && scope.rangeOf(scope.simplify(linearExpr(gap, "i32"))).min >= 0;
}

/** Whether a term of a predicate, on the counter or its upper digits, holds wherever the counter is below `total`. */
function holdsBelow(term: Expr, digits: readonly Step[], total: Expr, scope: Scope): boolean {
  if (term.kind !== "binary" || term.op !== "lt") return false;
  const vars = new Set(digits.map((d) => d.loop.var));
  if (mentions(term.b, vars) || !mentions(term.a, vars)) return false;
  const form = linearOf(term.a);
  const mine = form.terms.map((t) =>
    digits.find((d) =>
      t.factors.length === 1 && t.factors[0]?.kind === "var" && t.factors[0].name === d.loop.var
    )
  );
  const [first] = mine;
  const factor = first === undefined ? 0 : first.size / (form.terms[0]?.coef ?? 1);
  if (form.constant !== 0 || !Number.isInteger(factor) || factor < 1) return false;
  if (!form.terms.every((t, i) => mine[i] !== undefined && mine[i].size === t.coef * factor)) return false;
  // What is left out stays below one step of what is there.
  const low = reach(digits.filter((d) => !mine.includes(d)));
  if (low === undefined || low.terms.length > 0 || low.constant > factor) return false;
  return atLeast(multiple(term.b, factor), total, scope);
}
