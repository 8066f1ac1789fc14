/**
 * Where a block's result is wanted: the loop in one iteration of which one element of it is read again and again.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { findBlock } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { accessesTo } from "./elements.ts";
import { loopsAt, touchesOf } from "./order.ts";

/**
 * The innermost loop around all readers of what a block writes that says which element they read: the rows of a
 * softmax, for its maxima. `undefined` where the readers have no loop in common, or any iteration reads all.
 */
export function homeLoop(func: PrimFunc, blockName: string): For | undefined {
  const block = findBlock(func.body, blockName)?.block;
  const target = block && bufferAccesses(block).find((a) => a.write)?.buffer;
  if (block === undefined || target === undefined) return undefined;
  const readers = touchesOf(func.body, target).filter((t) => !t.write && !t.place.includes(block));
  const [first, ...others] = readers.map((t) => loopsAt(t.place));
  const common = (first ?? []).filter((l) => others.every((loops) => loops.includes(l)));
  const top: Stmt | undefined = common[0];
  if (top === undefined) return undefined;
  const reads = accessesTo(top, [target]).get(target) ?? [];
  const vars = new Set(reads.flatMap((a) => a.indices.flatMap((e) => [...freeVars(e)])));
  return common.findLast((l) => vars.has(l.var));
}
