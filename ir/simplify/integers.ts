/**
 * Rules of integer sums, products, minima and maxima. Those of sums hold modulo 2^32, so with wrap-around too.
 *
 * @module
 */
import { type Binary, binary, constant, type Expr, floordiv, mod } from "../expr.ts";
import { type Facts, intervalOf } from "../interval.ts";
import {
  compareExprs,
  findTerm,
  fitsInt,
  isExact,
  type Linear,
  linearExpr,
  linearOf,
  scale,
  sum,
  type Term,
  times,
} from "../linear.ts";
import { provesAtMost, without } from "../prove.ts";
import { exprSize } from "../rules.ts";
import { binaryRule, isInteger, rule, type SimplifyRule } from "./rule.ts";

/** Integer arithmetic without division. */
export const INTEGER_RULES: readonly SimplifyRule[] = [
  rule(
    "sum",
    "sums and products in canonical order, like terms merged: (x + 2) + x * 3 - 1 = x * 4 + 1",
    ["add", "sub", "mul", "neg"],
    (e) => {
      if (e.dtype !== "i32" && e.dtype !== "u32") return undefined;
      // Multiplied out where that is no longer, else with products of sums left as they are, else not at all.
      const [deep, shallow] = [linearExpr(linearOf(e), e.dtype), linearExpr(linearOf(e, true), e.dtype)];
      const best = exprSize(deep) <= exprSize(shallow) ? deep : shallow;
      return exprSize(best) <= exprSize(e) ? best : undefined;
    },
  ),
  binaryRule("rejoin", "(x // c) * c + x % c = x", ["add"], rejoin),
  binaryRule(
    "commute",
    "operands of min, max, == and != in canonical order, constants last",
    ["min", "max", "eq", "ne"],
    ({ op, a, b }) => {
      if (!isInteger(a)) return undefined;
      const swap = a.kind === "const" ? b.kind !== "const" : b.kind !== "const" && compareExprs(a, b) > 0;
      return swap ? binary(op, b, a) : undefined;
    },
  ),
  binaryRule("min-max-same", "min(x, x) = max(x, x) = x", ["min", "max"], ({ a, b }) => {
    return a === b ? a : undefined;
  }),
  binaryRule(
    "min-max-known",
    "min(x, y) = x where x <= y is known",
    ["min", "max"],
    ({ op, a, b }, facts) => {
      if (!isInteger(a)) return undefined;
      if (provesAtMost(a, b, facts)) return op === "min" ? a : b;
      if (provesAtMost(b, a, facts)) return op === "min" ? b : a;
      return undefined;
    },
  ),
  binaryRule(
    "min-min",
    "min(min(x, 3), 5) = min(x, 3); min(min(x, y), x) = min(x, y)",
    ["min", "max"],
    minMin,
  ),
  rule("abs-known", "abs(x) = x where x >= 0 is known", ["abs"], (e, facts) => {
    if (e.kind !== "unary" || !isInteger(e)) return undefined;
    return intervalOf(e.x, facts).min >= 0 ? e.x : undefined;
  }),
  binaryRule(
    "div-to-floordiv",
    "x / y = x // y where neither is negative",
    ["div"],
    ({ a, b, dtype }, facts) => {
      if (dtype === "u32") return floordiv(a, b);
      const natural = isInteger(a) && intervalOf(a, facts).min >= 0 && intervalOf(b, facts).min >= 0;
      return natural ? floordiv(a, b) : undefined;
    },
  ),
];

function minMin({ op, a, b }: Binary): Expr | undefined {
  const [inner, other] = isBinary(a, op) ? [a, b] : [b, a];
  if (!isInteger(a) || !isBinary(inner, op)) return undefined;
  if (inner.a === other || inner.b === other) return inner;
  if (inner.b.kind !== "const" || other.kind !== "const") return undefined;
  const tighter = op === "min" ? Math.min : Math.max;
  return binary(op, inner.a, constant(other.dtype, tighter(inner.b.value, other.value)));
}

/**
 * Finds in a sum a quotient and a remainder of one division, scaled to fit:
 * `k * (c * (x // c) + x % c) = k * x`, and `k * (a * ((x // a) % b) + x % a) = k * (x % (a * b))`.
 */
function rejoin(e: Binary, facts: Facts): Expr | undefined {
  if (e.dtype !== "i32") return undefined;
  const l = linearOf(e);
  for (const low of l.terms) {
    for (const [i, factor] of low.factors.entries()) {
      if (!isBinary(factor, "mod") || intervalOf(factor.b, facts).min < 1) continue;
      const scaled: Term = { coef: low.coef, factors: low.factors.toSpliced(i, 1) };
      const found = joinTop(l, scaled, factor, facts) ?? joinMiddle(l, scaled, factor, facts);
      if (found === undefined) continue;
      const joined = times({ terms: [scaled], constant: 0 }, linearOf(found.joined));
      const rest: Linear = { ...l, terms: l.terms.filter((t) => t !== low && t !== found.high) };
      const all = joined === undefined ? undefined : sum(rest, joined);
      if (all === undefined) continue;
      const result = linearExpr(all, "i32");
      if (exprSize(result) <= exprSize(e)) return result;
    }
  }
  return undefined;
}

interface Joined {
  readonly high: Term;
  readonly joined: Expr;
}

/** `scaled * c * (x // c)`, the partner of `scaled * (x % c)`. */
function joinTop(l: Linear, scaled: Term, { a: x, b: c }: Binary, facts: Facts): Joined | undefined {
  const weight = times({ terms: [scaled], constant: 0 }, linearOf(c));
  if (weight === undefined) return undefined;
  // Where x is itself a quotient z // d, then x // c may have become z // (d * c).
  const quotients = [floordiv(x, c)];
  if (isBinary(x, "floordiv") && intervalOf(x.b, facts).min >= 1) {
    const both = times(linearOf(x.b), linearOf(c));
    for (const f of l.terms.flatMap((t) => t.factors)) {
      if (
        isBinary(f, "floordiv") && f.a === x.a && isExact(f.b, facts) &&
        both !== undefined && sameLinear(both, linearOf(f.b))
      ) quotients.push(f);
    }
  }
  for (const q of quotients) {
    const expected = times(weight, linearOf(q))?.terms;
    const [only] = expected ?? [];
    const high = only === undefined || expected?.length !== 1
      ? undefined
      : findTerm(l, only.coef, only.factors);
    if (high !== undefined) return { high, joined: x };
  }
  return undefined;
}

/** `scaled * a * ((x // a) % b)`, the partner of `scaled * (x % a)`. */
function joinMiddle(l: Linear, scaled: Term, { a: x, b: a }: Binary, facts: Facts): Joined | undefined {
  const weight = times({ terms: [scaled], constant: 0 }, linearOf(a));
  const [by] = weight?.terms ?? [];
  if (by === undefined || weight?.terms.length !== 1 || weight.constant !== 0) return undefined;
  for (const high of l.terms) {
    const middle = without(high.factors, by.factors);
    const [f] = middle ?? [];
    if (high.coef !== by.coef || middle?.length !== 1 || f === undefined || !isBinary(f, "mod")) continue;
    if (f.a !== floordiv(x, a) || intervalOf(f.b, facts).min < 1) continue;
    const both = times(linearOf(a), linearOf(f.b));
    if (both !== undefined && fitsInt(both, facts)) return { high, joined: mod(x, linearExpr(both, "i32")) };
  }
  return undefined;
}

function sameLinear(a: Linear, b: Linear): boolean {
  const opposite = scale(b, -1);
  const zero = opposite === undefined ? undefined : sum(a, opposite);
  return zero !== undefined && zero.terms.length === 0 && zero.constant === 0;
}

function isBinary(e: Expr, op: Binary["op"]): e is Binary {
  return e.kind === "binary" && e.op === op;
}
