/**
 * Products by their factors.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";

/** What is multiplied; a single expression is its only factor. */
export function factorsOf(e: Expr): readonly Expr[] {
  return e.kind === "binary" && e.op === "mul" ? [...factorsOf(e.a), ...factorsOf(e.b)] : [e];
}
