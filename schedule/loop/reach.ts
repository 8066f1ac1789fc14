/**
 * How far an index goes.
 *
 * @module
 */
import { add, type Expr, int, sub } from "../../ir/expr.ts";
import { linearOf } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import type { For } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { mentions } from "../analysis/elements.ts";

/**
 * One more than the largest value of a sum over loops, where each loop makes it larger or smaller throughout;
 * `undefined` for other indices.
 */
export function reachOf(index: Expr, loops: readonly For[]): Expr | undefined {
  const { terms } = linearOf(simplify(index));
  const ends = new Map<string, Expr>();
  for (const l of loops) {
    const own = terms.filter((t) => t.factors.some((f) => mentions(f, new Set([l.var]))));
    if (own.length === 0) continue;
    const plain = own.every((t) => t.factors.every((f) => f.kind === "var"));
    const up = own.every((t) => t.coef > 0);
    if (!plain || (!up && own.some((t) => t.coef > 0))) return undefined;
    ends.set(l.var, up ? sub(l.extent, int(1)) : int(0));
  }
  // Extents may be over loops further out.
  let value = index;
  for (const l of loops.toReversed()) {
    const end = ends.get(l.var);
    if (end !== undefined) value = substitute(value, new Map([[l.var, end]]));
  }
  return simplify(add(value, int(1)));
}
