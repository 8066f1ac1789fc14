/**
 * Rules of floor division and remainder: what index arithmetic of fused, split and reshaped loops is made of.
 *
 * They speak of numbers, not of numbers modulo 2^32: each asks that the dividend does not wrap around
 * ({@linkcode isExact}).
 *
 * @module
 */
import { add, type Binary, constant, type Expr, floordiv, int, mod, mul } from "../expr.ts";
import { type Facts, intervalOf } from "../interval.ts";
import {
  difference,
  fitsInt,
  isExact,
  type Linear,
  linearExpr,
  linearInterval,
  linearOf,
  type Term,
} from "../linear.ts";
import { provesAtLeast, provesLess, quotientParts } from "../prove.ts";
import { exprSize } from "../rules.ts";
import { binaryRule, isConst, isInteger, type SimplifyRule } from "./rule.ts";

const DIVISIONS = ["floordiv", "mod"] as const;

/** Floor division and remainder. */
export const DIVISION_RULES: readonly SimplifyRule[] = [
  binaryRule(
    "div-one",
    "x // 1 = x / 1 = x; x % 1 = 0",
    ["floordiv", "mod", "div"],
    ({ op, a, b, dtype }) => {
      if (!isInteger(a) || !isConst(b, 1)) return undefined;
      return op === "mod" ? constant(dtype, 0) : a;
    },
  ),
  binaryRule("div-zero", "0 // x = 0 % x = x % x = 0", DIVISIONS, ({ op, a, b, dtype }) => {
    return isConst(a, 0) || (op === "mod" && a === b) ? constant(dtype, 0) : undefined;
  }),
  binaryRule("div-small", "x // c = 0 and x % c = x where 0 <= x < c", DIVISIONS, ({ op, a, b }, facts) => {
    if (a.dtype !== "i32" || intervalOf(a, facts).min < 0 || !provesLess(a, b, facts)) return undefined;
    return op === "mod" ? a : int(0);
  }),
  binaryRule("div-split", "(c * x + y) // c = x + y // c; (c * x + y) % c = y % c", DIVISIONS, divSplit),
  binaryRule(
    "div-common",
    "(g * x + y) // (g * c) = x // c and (g * x + y) % (g * c) = (x % c) * g + y where 0 <= y < g",
    DIVISIONS,
    divCommon,
  ),
  binaryRule("div-div", "(x // a) // b = x // (a * b)", ["floordiv"], ({ a: x, b }) => {
    if (!isBinary(x, "floordiv") || !isPositive(x.b) || !isPositive(b)) return undefined;
    const both = x.b.value * b.value;
    return x.dtype === "i32" && both === (both | 0) ? floordiv(x.a, int(both)) : undefined;
  }),
  binaryRule("mod-div", "(x % (a * b)) // b = (x // b) % a", ["floordiv"], ({ a: x, b }) => {
    if (x.dtype !== "i32" || !isBinary(x, "mod") || !isPositive(x.b) || !isPositive(b)) return undefined;
    return x.b.value % b.value === 0 ? mod(floordiv(x.a, b), int(x.b.value / b.value)) : undefined;
  }),
  binaryRule("mod-mod", "(x % (a * b)) % b = x % b", ["mod"], ({ a: x, b }, facts) => {
    if (x.dtype !== "i32" || !isBinary(x, "mod")) return undefined;
    if (intervalOf(x.b, facts).min < 1 || intervalOf(b, facts).min < 1 || !isExact(x.b, facts)) {
      return undefined;
    }
    const parts = quotientParts(linearOf(x.b), linearOf(b));
    const whole = parts !== undefined && parts.rest.terms.length === 0 && parts.rest.constant === 0;
    return whole && isExact(b, facts) ? mod(x.a, b) : undefined;
  }),
];

function divSplit(e: Binary, facts: Facts): Expr | undefined {
  const { op, a, b } = e;
  if (e.dtype !== "i32" || intervalOf(b, facts).min < 1 || !isExact(a, facts) || !isExact(b, facts)) {
    return undefined;
  }
  const parts = quotientParts(linearOf(a), linearOf(b));
  if (parts === undefined) return undefined;
  const { quotient, rest } = parts;
  const above = difference(linearOf(b), rest);
  const small = linearInterval(rest, facts).min >= 0 && above !== undefined && provesAtLeast(above, 1, facts);
  if (!small && !fitsInt(rest, facts)) return undefined;
  const left = linearExpr(rest, "i32");
  const whole = linearExpr(quotient, "i32");
  const result = op === "mod"
    ? (small ? left : mod(left, b))
    : (small ? whole : add(whole, floordiv(left, b)));
  return exprSize(result) <= exprSize(e) ? result : undefined;
}

function divCommon(e: Binary, facts: Facts): Expr | undefined {
  const { op, a, b } = e;
  if (e.dtype !== "i32" || !isPositive(b) || !isExact(a, facts)) return undefined;
  const l = linearOf(a);
  for (const g of commonFactors(l, b.value)) {
    const parts = quotientParts(l, { terms: [], constant: g });
    if (parts === undefined) continue;
    const { min, max } = linearInterval(parts.rest, facts);
    if (min < 0 || max >= g) continue;
    const whole = linearExpr(parts.quotient, "i32");
    const by = int(b.value / g);
    const result = op === "floordiv"
      ? floordiv(whole, by)
      : add(mul(mod(whole, by), int(g)), linearExpr(parts.rest, "i32"));
    if (exprSize(result) <= exprSize(e)) return result;
  }
  return undefined;
}

/** Factors that `c` shares with coefficients of a sum, other than 1, largest first. */
function commonFactors(l: Linear, c: number): readonly number[] {
  const shared = l.terms.map((t: Term) => gcd(Math.abs(t.coef), c)).filter((g) => g > 1);
  return [...new Set(shared)].sort((x, y) => y - x);
}

/** The greatest common divisor of two natural numbers. */
export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function isBinary(e: Expr, op: Binary["op"]): e is Binary {
  return e.kind === "binary" && e.op === op;
}

function isPositive(e: Expr): e is Extract<Expr, { kind: "const" }> {
  return e.kind === "const" && e.value > 0;
}
