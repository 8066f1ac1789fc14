/**
 * Proofs of order between integer expressions, from intervals and from symbolic bounds: with `i < m` and `j < n`
 * known, `i * n + j < m * n`.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import { type Facts, intervalOf, product } from "./interval.ts";
import {
  difference,
  isExact,
  type Linear,
  linearConstant,
  linearInterval,
  linearOf,
  sum,
  type Term,
  times,
} from "./linear.ts";

/** Most bounds that one proof may put in place of variables, one after the other, and in all. */
const MAX_DEPTH = 6;
const MAX_TRIES = 40;

/** Whether `a < b` holds for certain. */
export function provesLess(a: Expr, b: Expr, facts: Facts): boolean {
  return provesGap(a, b, 1, facts);
}

/** Whether `a <= b` holds for certain. */
export function provesAtMost(a: Expr, b: Expr, facts: Facts): boolean {
  return provesGap(a, b, 0, facts);
}

function provesGap(a: Expr, b: Expr, gap: number, facts: Facts): boolean {
  if (intervalOf(b, facts).min - intervalOf(a, facts).max >= gap) return true;
  // Most comparisons are open: see at once that intervals and bounds cannot decide them.
  if (intervalOf(b, facts).max - intervalOf(a, facts).min < gap) return false;
  if (!isExact(a, facts) || !isExact(b, facts)) return false;
  const form = difference(linearOf(b), linearOf(a));
  return form !== undefined && provesAtLeast(form, gap, facts);
}

/** Whether a sum over the mathematical integers is at least `least` for certain. */
export function provesAtLeast(form: Linear, least: number, facts: Facts): boolean {
  let tries = 0;
  const prove = (l: Linear, depth: number): boolean => {
    if (linearInterval(l, facts).min >= least) return true;
    if (depth === MAX_DEPTH) return false;
    for (const t of l.terms) {
      for (const [i, factor] of t.factors.entries()) {
        const others = t.factors.toSpliced(i, 1);
        const weight = others.map((f) => intervalOf(f, facts)).reduce(product, { min: t.coef, max: t.coef });
        // With a weight of no more than 0 the term is least where the factor is greatest.
        const bound = weight.max <= 0 ? upperBound(factor, facts) : undefined;
        if (bound === undefined || ++tries > MAX_TRIES) continue;
        const replaced = times({ terms: [{ coef: t.coef, factors: others }], constant: 0 }, bound);
        const rest: Linear = { terms: l.terms.filter((other) => other !== t), constant: l.constant };
        const next = replaced === undefined ? undefined : sum(rest, replaced);
        if (next !== undefined && prove(next, depth + 1)) return true;
      }
    }
    return false;
  };
  return prove(form, 0);
}

/** A symbolic upper bound, itself possible, of a factor of a linear form. */
function upperBound(e: Expr, facts: Facts): Linear | undefined {
  const one = linearConstant(1);
  if (e.kind === "var") {
    const below = facts.ranges.get(e.name)?.below;
    return below === undefined || !isExact(below, facts) ? undefined : difference(linearOf(below), one);
  }
  if (e.kind !== "binary" || intervalOf(e.b, facts).min < 1 || !isExact(e.b, facts)) return undefined;
  if (e.op === "mod") return difference(linearOf(e.b), one);
  if (e.op !== "floordiv") return undefined;
  const bound = upperBound(e.a, facts);
  return bound === undefined ? undefined : divideBound(bound, e.b, facts);
}

/** The floor of `bound / divisor` where the divisor divides all but a constant from `-divisor` to -1, or exactly. */
function divideBound(bound: Linear, divisor: Expr, facts: Facts): Linear | undefined {
  const parts = quotientParts(bound, linearOf(divisor));
  if (parts === undefined || parts.rest.terms.length > 0) return undefined;
  const { constant } = parts.rest;
  if (constant === 0) return parts.quotient;
  const small = constant < 0 && -constant <= intervalOf(divisor, facts).min;
  return small ? difference(parts.quotient, linearConstant(1)) : undefined;
}

/** A linear form taken apart: `divisor * quotient + rest`. */
export interface QuotientParts {
  /** What the divisor is multiplied with. */
  readonly quotient: Linear;
  /** What is left. */
  readonly rest: Linear;
}

/**
 * Takes out of a linear form all that is a multiple of a divisor, which must be one product or constant; of constants
 * the multiple below. `undefined` where nothing is.
 */
export function quotientParts(l: Linear, divisor: Linear): QuotientParts | undefined {
  const [only] = divisor.terms;
  if (divisor.terms.length > 1 || (only !== undefined && divisor.constant !== 0)) return undefined;
  const by: Term = only ?? { coef: divisor.constant, factors: [] };
  if (by.coef === 0) return undefined;
  const quotient: Term[] = [];
  const rest: Term[] = [];
  for (const t of l.terms) {
    const factors = without(t.factors, by.factors);
    if (factors === undefined || t.coef % by.coef !== 0) rest.push(t);
    else quotient.push({ coef: t.coef / by.coef, factors });
  }
  const whole = only === undefined ? Math.floor(l.constant / by.coef) : 0;
  if (quotient.length === 0 && whole === 0) return undefined;
  const constants = quotient.filter((t) => t.factors.length === 0).reduce((n, t) => n + t.coef, whole);
  return {
    quotient: { terms: quotient.filter((t) => t.factors.length > 0), constant: constants },
    rest: { terms: rest, constant: l.constant - whole * by.coef },
  };
}

/** The product without some of its factors; `undefined` unless it has them all. */
export function without(factors: readonly Expr[], taken: readonly Expr[]): readonly Expr[] | undefined {
  let left = factors;
  for (const f of taken) {
    const at = left.indexOf(f);
    if (at < 0) return undefined;
    left = left.toSpliced(at, 1);
  }
  return left;
}
