/**
 * Rules of comparisons.
 *
 * @module
 */
import { type Binary, binary, bool, type Expr, int } from "../expr.ts";
import type { Facts } from "../interval.ts";
import {
  difference,
  fitsInt,
  isExact,
  type Linear,
  linearExpr,
  linearInterval,
  linearOf,
} from "../linear.ts";
import { provesAtMost, provesLess } from "../prove.ts";
import { exprSize } from "../rules.ts";
import { gcd } from "./division.ts";
import { binaryRule, isInteger, type SimplifyRule } from "./rule.ts";

/** Comparisons. */
export const ORDER_RULES: readonly SimplifyRule[] = [
  binaryRule("flip", "a > b = b < a; a >= b = b <= a", ["gt", "ge"], ({ op, a, b }) => {
    return binary(op === "gt" ? "lt" : "le", b, a);
  }),
  binaryRule("less-known", "a < b and a <= b where the bounds of both decide it", ["lt", "le"], lessKnown),
  binaryRule("equal-known", "a == b and a != b where the bounds of both decide it", ["eq", "ne"], equalKnown),
  binaryRule("at-most-to-less", "x <= 7 = x < 8", ["le"], ({ a, b }) => {
    return b.kind === "const" && b.dtype === "i32" && b.value < 2147483647
      ? binary("lt", a, int(b.value + 1))
      : undefined;
  }),
  binaryRule(
    "less-linear",
    "comparisons without what both sides share: i * 4 + j < 12 = i < 3 where 0 <= j < 4",
    ["lt", "le"],
    lessLinear,
  ),
  binaryRule("equal-linear", "x + 1 == y + 1 = (x == y)", ["eq", "ne"], equalLinear),
];

function lessKnown({ op, a, b }: Binary, facts: Facts): Expr | undefined {
  if (!isInteger(a)) return undefined;
  const [holds, fails] = op === "lt" ? [provesLess, provesAtMost] : [provesAtMost, provesLess];
  return holds(a, b, facts) ? bool(true) : fails(b, a, facts) ? bool(false) : undefined;
}

function equalKnown({ op, a, b }: Binary, facts: Facts): Expr | undefined {
  if (!isInteger(a)) return undefined;
  const gap = difference(linearOf(a), linearOf(b));
  const equal = gap?.terms.length === 0
    ? gap.constant === 0
    : provesLess(a, b, facts) || provesLess(b, a, facts)
    ? false
    : undefined;
  return equal === undefined ? undefined : bool((op === "eq") === equal);
}

/** Equality holds modulo 2^32 or not at all: terms may change sides whatever their size. */
function equalLinear(e: Binary): Expr | undefined {
  const { dtype } = e.a;
  if (dtype !== "i32" && dtype !== "u32") return undefined;
  const gap = difference(linearOf(e.a), linearOf(e.b));
  if (gap === undefined) return undefined;
  const { plus, minus } = apart(gap);
  const result = binary(e.op, linearExpr(plus, dtype), linearExpr(minus, dtype));
  return exprSize(result) < exprSize(e) ? result : undefined;
}

/** A sum that is at least 0 or not: the terms above and below, all with positive coefficients. */
function apart(l: Linear): { readonly plus: Linear; readonly minus: Linear } {
  return {
    plus: { terms: l.terms.filter((t) => t.coef > 0), constant: Math.max(l.constant, 0) },
    minus: {
      terms: l.terms.filter((t) => t.coef < 0).map((t) => ({ ...t, coef: -t.coef })),
      constant: Math.max(-l.constant, 0),
    },
  };
}

/** Writes a comparison as `gap >= 0`, divides by a common factor of terms where the others do not matter, and back. */
function lessLinear(e: Binary, facts: Facts): Expr | undefined {
  const { op, a, b } = e;
  if (a.dtype !== "i32" || !isExact(a, facts) || !isExact(b, facts)) return undefined;
  const gap = difference(linearOf(b), linearOf(a));
  if (gap === undefined || gap.terms.length === 0) return undefined;
  const constant = gap.constant - (op === "lt" ? 1 : 0);
  const coefs = gap.terms.map((t) => Math.abs(t.coef));
  const factors = [...new Set([...coefs, coefs.reduce(gcd)])].sort((x, y) => y - x);
  for (const g of factors) {
    const terms = gap.terms.filter((t) => t.coef % g === 0).map((t) => ({ ...t, coef: t.coef / g }));
    const rest = linearInterval({ terms: gap.terms.filter((t) => t.coef % g !== 0), constant }, facts);
    // g * x + r >= 0 exactly where x + floor(r / g) >= 0.
    const floor = Math.floor(rest.min / g);
    if (terms.length === 0 || floor !== Math.floor(rest.max / g) || floor !== (floor | 0)) continue;
    const result = atLeastZero({ terms, constant: floor }, facts);
    if (result !== undefined && exprSize(result) < exprSize(e)) return result;
  }
  return undefined;
}

/** `l >= 0` as a comparison of two sums without opposite signs, or `undefined` where a side could wrap around. */
function atLeastZero(l: Linear, facts: Facts): Expr | undefined {
  const less = l.constant !== 0;
  const { plus, minus } = apart({ ...l, constant: less ? l.constant + 1 : 0 });
  if (!fitsInt(plus, facts) || !fitsInt(minus, facts)) return undefined;
  return binary(less ? "lt" : "le", linearExpr(minus, "i32"), linearExpr(plus, "i32"));
}
