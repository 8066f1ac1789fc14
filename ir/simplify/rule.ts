/**
 * Shorthand for the rules of the simplifier.
 *
 * @module
 */
import type { Binary, Const, Expr } from "../expr.ts";
import type { Facts } from "../interval.ts";
import type { Head, Rule } from "../rules.ts";
import type { BinaryOp } from "../scalar_ops.ts";

/** A rule of the simplifier. */
export type SimplifyRule = Rule<Facts>;

/** A rule at nodes of binary operators. */
export function binaryRule(
  name: string,
  law: string,
  heads: readonly BinaryOp[],
  rewrite: (e: Binary, facts: Facts) => Expr | undefined,
): SimplifyRule {
  return { name, law, heads, rewrite: (e, facts) => (e.kind === "binary" ? rewrite(e, facts) : undefined) };
}

/** A rule at nodes of any kind. */
export function rule(
  name: string,
  law: string,
  heads: readonly Head[],
  rewrite: (e: Expr, facts: Facts) => Expr | undefined,
): SimplifyRule {
  return { name, law, heads, rewrite };
}

/** Whether an expression is the literal `value`; 0 and -0 are told apart. */
export function isConst(e: Expr, value: number): e is Const {
  return e.kind === "const" && Object.is(e.value, value);
}

/** Whether an expression is an integer. */
export function isInteger(e: Expr): boolean {
  return e.dtype === "i32" || e.dtype === "u32";
}
