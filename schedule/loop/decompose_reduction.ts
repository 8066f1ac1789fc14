/**
 * `decomposeReduction`: a reduction's initialisation as a block of its own.
 *
 * @module
 */
import { ScheduleError } from "../../ir/errors.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { type BlockSite, decomposeAt, outermostReduceLoop } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { commonIndices, isOneElement, sharedAccesses } from "../analysis/elements.ts";
import { isBound, loopsIn } from "../analysis/nests.ts";
import { blockSite, loopSite, Refusal, refuse } from "./site.ts";

const STEP = "decomposeReduction";

/**
 * Makes a reduction's initialisation a block of its own, `NAME_init`, right before a loop around it.
 *
 * Legal where no loop outside of that loop reduces, only loops are between it and the block, and those between
 * it and the outermost loop that reduces each visit other elements: then all elements can be initialised first.
 *
 * rewrite: `for k: B { init: C = 0; C += A[k] }`  becomes  `B_init { C = 0 }; for k: B { C += A[k] }`
 */
export function decomposeReduction(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const site = blockSite(STEP, func, blockName);
  const { loop } = loopSite(STEP, func, loopName);
  try {
    const body = decomposeAt(func.body, site, loop);
    requireDistinct(site, loop);
    return withBody(func, body);
  } catch (error) {
    if (error instanceof Refusal || !(error instanceof ScheduleError)) throw error;
    return refuse(STEP, [blockName, loopName], error.message.slice(STEP.length + 2));
  }
}

/** Refuses where a loop that the init is moved out of comes back to an element: each time it starts anew. */
function requireDistinct(site: BlockSite, loop: For): void {
  const { block, path } = site;
  const isLoop = (s: Stmt): s is For => s.kind === "for";
  const from = path.indexOf(loop);
  const reduce = outermostReduceLoop(site);
  const between = path.slice(from, reduce === undefined ? path.length : path.indexOf(reduce)).filter(isLoop);
  const outside = path.slice(0, from).filter(isLoop);
  if (between.length === 0) return;
  for (const [buffer, accesses] of sharedAccesses(loop)) {
    const known = determinedLoops(
      commonIndices(accesses),
      outside.map((l) => l.var),
      [...outside, ...loopsIn(loop)],
    );
    const again = between.find((l) => !known.has(l.var) && !isBound(l));
    if (again !== undefined) {
      refuse(
        STEP,
        [block.name, again.var],
        `block ${block.name} starts ${buffer} anew in each iteration of loop ${again.var}`,
      );
    }
    if (!isOneElement(accesses)) {
      refuse(STEP, [block.name], `block ${block.name} reads elements of ${buffer} that it does not write`);
    }
  }
}
