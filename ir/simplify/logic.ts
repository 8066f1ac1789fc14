/**
 * Rules of conditions and choices.
 *
 * @module
 */
import { binary, bool, type Expr, select, unary } from "../expr.ts";
import type { BinaryOp } from "../scalar_ops.ts";
import { binaryRule, isConst, isInteger, rule, type SimplifyRule } from "./rule.ts";

/** Opposites of comparisons that NaN does not spoil, for all types, and of those it does, for integers. */
const OPPOSITE: Readonly<Partial<Record<BinaryOp, BinaryOp>>> = { eq: "ne", ne: "eq" };
const INTEGER_OPPOSITE: Readonly<Partial<Record<BinaryOp, BinaryOp>>> = {
  lt: "ge",
  le: "gt",
  gt: "le",
  ge: "lt",
};

/** Conditions and choices. */
export const LOGIC_RULES: readonly SimplifyRule[] = [
  binaryRule(
    "and-or-constant",
    "x && true = x; x && false = false; dually ||",
    ["and", "or"],
    ({ op, a, b }) => {
      const [constant, other] = a.kind === "const" ? [a, b] : [b, a];
      if (constant.kind !== "const") return undefined;
      return (constant.value === 1) === (op === "and") ? other : constant;
    },
  ),
  binaryRule("and-or-same", "(x && y) && x = x && y; dually ||", ["and", "or"], ({ op, a, b }) => {
    const terms = (e: Expr): readonly Expr[] =>
      e.kind === "binary" && e.op === op ? [...terms(e.a), ...terms(e.b)] : [e];
    const [left, right] = [terms(a), terms(b)];
    const added = right.filter((t) => !left.includes(t));
    if (added.length === right.length) return undefined;
    return added.reduce((all, t) => binary(op, all, t), a);
  }),
  binaryRule("and-or-not", "x && !x = false; x || !x = true", ["and", "or"], ({ op, a, b }) => {
    const opposite = isNot(a, b) || isNot(b, a);
    return opposite ? bool(op === "or") : undefined;
  }),
  rule("not-not", "!!x = x", ["not"], (e) => {
    return e.kind === "unary" && e.x.kind === "unary" && e.x.op === "not" ? e.x.x : undefined;
  }),
  rule("not-compare", "!(x == y) = (x != y); !(i < j) = (j <= i)", ["not"], (e) => {
    if (e.kind !== "unary" || e.x.kind !== "binary") return undefined;
    const { op, a, b } = e.x;
    const opposite = OPPOSITE[op] ?? (isInteger(a) ? INTEGER_OPPOSITE[op] : undefined);
    return opposite === undefined ? undefined : binary(opposite, a, b);
  }),
  binaryRule("compare-bool", "(x == true) = x; (x == false) = !x", ["eq", "ne"], ({ op, a, b }) => {
    const [constant, other] = a.kind === "const" ? [a, b] : [b, a];
    if (constant.kind !== "const" || constant.dtype !== "bool") return undefined;
    return (constant.value === 1) === (op === "eq") ? other : unary("not", other);
  }),
  rule("select-constant", "true ? x : y = x; false ? x : y = y", ["select"], (e) => {
    if (e.kind !== "select" || e.cond.kind !== "const") return undefined;
    return e.cond.value === 1 ? e.then : e.otherwise;
  }),
  rule("select-same", "c ? x : x = x", ["select"], (e) => {
    return e.kind === "select" && e.then === e.otherwise ? e.then : undefined;
  }),
  rule("select-bool", "c ? true : false = c; c ? false : true = !c", ["select"], (e) => {
    if (e.kind !== "select" || e.dtype !== "bool") return undefined;
    const { cond, then, otherwise } = e;
    if (isConst(then, 1) && isConst(otherwise, 0)) return cond;
    return isConst(then, 0) && isConst(otherwise, 1) ? unary("not", cond) : undefined;
  }),
  rule("select-not", "!c ? x : y = c ? y : x", ["select"], (e) => {
    if (e.kind !== "select" || e.cond.kind !== "unary" || e.cond.op !== "not") return undefined;
    return select(e.cond.x, e.otherwise, e.then);
  }),
  rule("select-select", "c ? (c ? x : y) : z = c ? x : z", ["select"], (e) => {
    if (e.kind !== "select") return undefined;
    const { cond } = e;
    const then = e.then.kind === "select" && e.then.cond === cond ? e.then.then : e.then;
    const otherwise = e.otherwise.kind === "select" && e.otherwise.cond === cond
      ? e.otherwise.otherwise
      : e.otherwise;
    return then === e.then && otherwise === e.otherwise ? undefined : select(cond, then, otherwise);
  }),
];

function isNot(a: Expr, b: Expr): boolean {
  return a.kind === "unary" && a.op === "not" && a.x === b;
}
