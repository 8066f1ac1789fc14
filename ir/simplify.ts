/** placeholder until the rule table lands */
import type { Expr } from "./expr.ts";
/** ranges */
export type Ranges = ReadonlyMap<string, { readonly min: number; readonly max: number }>;
/** identity */
export function simplify(e: Expr, _ranges?: Ranges): Expr {
  return e;
}
