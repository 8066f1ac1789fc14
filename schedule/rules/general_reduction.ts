/**
 * `generalReduction`: softmax, layerNorm and the like in one launch.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { isScheduled, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { findBlock } from "../../ir/reduction.ts";
import { bind, cacheWrite, crossThreadReduce, fuse, reorder, seq, setScope, split } from "../schedule.ts";
import { countOf } from "./contract.ts";
import { rowParams } from "./params.ts";
import type { Rule } from "./rule.ts";
import { shareRows } from "./share_rows.ts";
import { rowInVectors, theRest } from "./rows.ts";
import { Work } from "./work.ts";
import { tooManyThreads, wrongParams } from "./wrong_params.ts";

/**
 * For several nests over the same rows, such as the maximum, the sum and the quotients of a softmax: all of them in one
 * loop over rows. Where `together` is 0, a thread a row, sums in registers; rows whose length is a multiple of four are
 * read in vectors. Else a workgroup a row, whose threads share the reductions. Other nests go to the fallback.
 */
export const generalReductionRule: Rule = {
  name: "generalReduction",
  schedule(func, params, target) {
    const own = rowParams(target);
    if (typeof own === "string") return { refusal: own };
    const used = { ...own, ...params };
    const { together, ...counts } = params;
    const wrong = wrongParams(Object.keys(own), counts) ?? tooManyThreads(target, used.threads);
    if (wrong !== undefined) return { refusal: wrong };
    if (together !== undefined && together !== 0 && together !== 1) {
      return { refusal: `together is 0 or 1, got ${together}` };
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
    if (used.together !== 0) {
      const reason = rowsByThreads(work, rows.map((l) => l.var), used.threads);
      return reason === undefined
        ? { schedule: seq(...work.steps, theRest()), params: used }
        : { refusal: `the threads of a workgroup cannot share a row: ${reason}` };
    }
    const [blocks, threads] = [work.name(`${first.var}_bx`), work.name(`${first.var}_tx`)];
    const fused = rows.length > 1 ? work.name(rows.map((l) => l.var).join("_")) : first.var;
    const bound = (rows.length === 1 || work.try(fuse(rows.map((l) => l.var), fused))) &&
      work.try(split(fused, [null, used.threads], [blocks, threads])) &&
      work.try(bind(blocks, "blockIdx.x")) && work.try(bind(threads, "threadIdx.x"));
    if (!bound) return { refusal: `its rows cannot be threads: ${work.reason}` };
    for (const { block } of outerBlocks(work.func.body)) {
      if (!target?.vectorSums) rowInVectors(work, block.name, 4);
      else if (block.init !== undefined) work.try(cacheWrite(block.name));
    }
    return { schedule: seq(...work.steps, theRest()), params: used };
  },
};

/**
 * A workgroup a row: each thread takes every `threads`-th element, a reduction's parts go together in a tree, and its
 * result is where all threads see it. Gives the reason where that is not legal.
 */
function rowsByThreads(work: Work, rows: readonly string[], threads: number): string | undefined {
  const [first = "", ...others] = rows;
  const fused = others.length > 0 ? work.name(rows.join("_")) : first;
  if (others.length > 0 && !work.try(fuse(rows, fused))) return work.reason;
  if (!work.try(bind(fused, "blockIdx.x"))) return work.reason;
  for (const { block } of outerBlocks(work.func.body)) {
    const site = findBlock(work.func.body, block.name);
    const loop = site && loopsOf(site).at(-1)?.var;
    const result = bufferAccesses(block).find((a) => a.write)?.buffer;
    if (loop === undefined || result === undefined || loop === fused) {
      return `block ${block.name} has no loop in a row`;
    }
    const [steps, thread] = [work.name(`${loop}_o`), work.name(`${loop}_t`)];
    const parted = work.try(split(loop, [null, threads], [steps, thread])) &&
      work.try(reorder(thread, steps));
    const shared = block.init === undefined
      ? parted && work.try(bind(thread, "threadIdx.x"))
      : parted && work.try(setScope(result, "workgroup")) &&
        work.try(crossThreadReduce(block.name, thread)) &&
        work.try(cacheWrite(`${block.name}_rf`));
    if (!shared) return work.reason;
  }
  return undefined;
}

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
