/**
 * `generalReduction`: softmax, layerNorm and the like in one launch.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { isScheduled, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import { bind, fuse, seq, split } from "../schedule.ts";
import { countOf } from "./contract.ts";
import { rowParams } from "./params.ts";
import type { Rule } from "./rule.ts";
import { shareRows } from "./share_rows.ts";
import { rowInVectors, theRest } from "./rows.ts";
import { Work } from "./work.ts";

/**
 * For several nests over the same rows, such as the maximum, the sum and the quotients of a softmax: all of them in one
 * loop over rows, a thread a row, sums in registers. Rows whose length is a multiple of four are read in vectors. Other
 * nests of the function go to the fallback.
 */
export const generalReductionRule: Rule = {
  name: "generalReduction",
  schedule(func, params, target) {
    const own = rowParams(target);
    if (typeof own === "string") return { refusal: own };
    const unknown = Object.keys(params).find((name) => name !== "threads" && name !== "longest");
    if (unknown !== undefined) {
      return { refusal: `there is no parameter ${unknown}; there are threads, longest` };
    }
    const used = { ...own, ...params };
    if (!Number.isInteger(used.threads) || used.threads < 1) {
      return { refusal: `threads must be a positive integer, got ${used.threads}` };
    }
    const nests = nestsOf(func.body);
    const reduces = nests.some((n) => outerBlocks(n).some((s) => s.block.init !== undefined));
    if (!reduces || nests.length < 2 || nests.some(isScheduled)) {
      return { refusal: "there are no several nests of which one reduces" };
    }
    const long = outerBlocks(func.body).flatMap((s) => loopsOf(s).slice(-1)).find((l) =>
      (countOf(l) ?? 0) > used.longest
    );
    if (long !== undefined) {
      return { refusal: `loop ${long.var} is longer than ${used.longest}: too much for one thread` };
    }
    const shared = shareRows(func);
    if (shared.length === 0) return { refusal: "its nests do not go over the same rows" };
    const work = new Work(func);
    for (const step of shared) work.do(step);
    const rows = rowLoops(work.func);
    const [first] = rows;
    if (first === undefined) return { refusal: "there is no loop over rows around all of it" };
    const [blocks, threads] = [work.name(`${first.var}_bx`), work.name(`${first.var}_tx`)];
    const fused = rows.length > 1 ? work.name(rows.map((l) => l.var).join("_")) : first.var;
    const bound = (rows.length === 1 || work.try(fuse(rows.map((l) => l.var), fused))) &&
      work.try(split(fused, [null, used.threads], [blocks, threads])) &&
      work.try(bind(blocks, "blockIdx.x")) && work.try(bind(threads, "threadIdx.x"));
    if (!bound) return { refusal: `its rows cannot be threads: ${work.reason}` };
    for (const { block } of outerBlocks(work.func.body)) rowInVectors(work, block.name, 4);
    return { schedule: seq(...work.steps, theRest()), params: used };
  },
};

/** The loops around all of the only nest; those of one iteration only where there are no others. */
function rowLoops(func: PrimFunc): readonly For[] {
  const loops: For[] = [];
  const [nest, ...others] = nestsOf(func.body);
  if (others.length > 0) return loops;
  for (let s: Stmt | undefined = nest; s?.kind === "for" && s.body.kind !== "block"; s = s.body) {
    loops.push(s);
  }
  const several = loops.filter((l) => countOf(l) !== 1);
  return several.length > 0 ? several : loops.slice(0, 1);
}
