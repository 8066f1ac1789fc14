/**
 * When iterations of a loop may be run at the same time.
 *
 * @module
 */
import { allBlocks } from "../../ir/reduction.ts";
import type { For } from "../../ir/stmt.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { commonIndices, sharedAccesses } from "../analysis/elements.ts";
import { loopRole, loopsIn } from "../analysis/nests.ts";
import { type LoopSite, refuse } from "./site.ts";

/**
 * Refuses unless different iterations of a loop touch different elements of everything that is written there: then
 * none can see another.
 *
 * Iterations of a loop that is `bound` are threads of their own from the start of a dispatch to its end: they do not
 * wait for each other between iterations of loops around. What is beside the loop in its nest is not looked at here:
 * it may be bound alike by a later step, and is checked when the nest is lowered to a launch.
 */
export function requireIndependent(
  step: string,
  { loop, path }: LoopSite,
  bound: boolean,
): void {
  const block = path.findLast((s) => s.kind === "block");
  if (block?.kind === "block") {
    refuse(
      step,
      [loop.var, block.name],
      `loop ${loop.var} is inside block ${block.name}, which is run as a whole`,
    );
  }
  for (const inside of allBlocks(loop)) {
    const role = loopRole(loop, inside.block);
    if (role !== "reduce" && role !== "both") continue;
    refuse(
      step,
      [loop.var, inside.block.name],
      `loop ${loop.var} feeds a reduce iterator of block ${inside.block.name}: its iterations write one element`,
    );
  }
  const outside = path.filter((s): s is For => s.kind === "for");
  const given = bound ? [] : outside.map((l) => l.var);
  for (const [buffer, accesses] of sharedAccesses(loop)) {
    if (determinedLoops(commonIndices(accesses), given, [...outside, ...loopsIn(loop)]).has(loop.var)) {
      continue;
    }
    const blocks = [...new Set(accesses.flatMap((a) => a.block ?? []))];
    const who = blocks.length === 0
      ? "a store"
      : `block${blocks.length === 1 ? "" : "s"} ${blocks.join(", ")}`;
    refuse(
      step,
      [loop.var, ...blocks],
      `different iterations of loop ${loop.var} may touch one element of ${buffer}, in ${who}`,
    );
  }
}
