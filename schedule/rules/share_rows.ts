/**
 * Reductions over the rows that a last nest goes through, each done right before its row: one launch for all.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { homeLoop } from "../analysis/home.ts";
import { outerBlocks } from "../analysis/nests.ts";
import { computeAt } from "../loop/compute_at.ts";
import { Refusal } from "../loop/site.ts";
import { computeAt as computeAtStep, type Primitive } from "../schedule.ts";

/**
 * Steps that put each block of a naive function, last to first, into the loop that its result belongs to (see
 * {@linkcode homeLoop}), as far as that is legal. A softmax's three nests become one over rows, with the maximum and the
 * sum in registers.
 */
export function shareRows(func: PrimFunc): readonly Primitive[] {
  const steps: Primitive[] = [];
  let current = func;
  for (const { block } of outerBlocks(func.body).toReversed().slice(1)) {
    const home = homeLoop(current, block.name);
    if (home === undefined) continue;
    try {
      current = computeAt(current, block.name, home.var);
      steps.push(computeAtStep(block.name, home.var));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return steps;
}
