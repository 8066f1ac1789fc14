/**
 * Two kernels of one function as one: a family.
 *
 * @module
 */
import { binary, int, variable } from "../ir/expr.ts";
import { type PrimFunc, withBody } from "../ir/prim_func.ts";
import { ifThen } from "../ir/stmt.ts";
import { renameStmt } from "../ir/rename.ts";
import { freeVars } from "../ir/visit.ts";
import { freshName, namesOf } from "./loop/site.ts";

/** The function that does what `few` does where a dim is at most `most`, and what `many` does where it is more. */
export function family(dim: string, most: number, few: PrimFunc, many: PrimFunc): PrimFunc {
  const shared = new Set([...few.dims, ...few.params.map((p) => p.buffer.name)]);
  const taken = namesOf(few);
  const names = new Map<string, string>();
  for (const name of namesOf(many)) if (!shared.has(name)) names.set(name, freshName(name, taken));
  const condition = binary("le", variable(dim), int(most));
  return withBody(few, ifThen(condition, few.body, renameStmt(many.body, names)));
}

/** Whether a function is a family: all of it under a condition over dims. */
export function isFamily({ body, dims }: PrimFunc): boolean {
  return body.kind === "if" && [...freeVars(body.cond)].every((name) => dims.includes(name));
}
