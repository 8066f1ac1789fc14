/**
 * What rules share: loops on threads, rows that one thread goes through, and what to do with other nests.
 *
 * @module
 */
import { bufferStrides } from "../../ir/address.ts";
import { findBlock } from "../../ir/reduction.ts";
import { loopsOf } from "../analysis/nests.ts";
import { bufferOf } from "../loop/site.ts";
import {
  attempt,
  bind,
  cacheRead,
  cacheWrite,
  decomposeReduction,
  fuse,
  reorder,
  rule,
  type Schedule,
  seq,
  split,
  unroll,
  vectorize,
} from "../schedule.ts";
import { countOf } from "./contract.ts";
import type { Work } from "./work.ts";

/**
 * A row in vectors, where its length allows: the last loop around a block, with what a reduction reads in registers.
 * Says whether it is.
 */
export function rowInVectors(work: Work, name: string, vector: number): boolean {
  const site = findBlock(work.func.body, name);
  const loop = site === undefined ? undefined : loopsOf(site).at(-1);
  if (site === undefined || loop === undefined || loop.loop !== "serial") return false;
  const reduces = site.block.init !== undefined;
  if (reduces && !work.try(cacheWrite(name))) return false;
  const count = countOf(loop);
  if (count === undefined || count % vector !== 0 || count <= vector) return false;
  const [outer, inner] = [work.name(`${loop.var}_o`), work.name(`${loop.var}_i`)];
  if (!work.try(split(loop.var, [null, vector], [outer, inner]))) return false;
  if (!reduces) {
    return work.try(vectorize(inner));
  }
  if (!work.try(decomposeReduction(name, outer))) return false;
  for (const buffer of new Set(site.block.reads.map((r) => r.buffer))) {
    const found = bufferOf(work.func, buffer);
    if (found === undefined || found.scope !== "global") continue;
    // Elements of a row lie together along the axis of stride 1.
    const axis = bufferStrides(found).findLastIndex((s) => s.kind === "const" && s.value === 1);
    const local = work.name(`${buffer}_local`);
    if (work.try(cacheRead(name, buffer, outer))) work.try(vectorize(`${local}_${axis}`));
  }
  return work.try(unroll(inner));
}

/** One loop of all, split over workgroups and threads; whether that is legal. */
export function onThreads(
  work: Work,
  loops: readonly string[],
  block: string,
  threads: number,
  items = 1,
): boolean {
  const [fused, blocks] = [work.name(`${block}_i`), work.name(`${block}_bx`)];
  const [own, inner] = [work.name(`${block}_tx`), work.name(`${block}_j`)];
  // Neighbouring threads take neighbouring vectors, whatever number of them each has.
  const parts = items > 1 ? [null, items, threads] : [null, threads];
  const names = items > 1 ? [blocks, inner, own] : [blocks, own];
  return work.try(fuse(loops, fused)) && work.try(split(fused, parts, names)) &&
    (items === 1 || work.try(reorder(blocks, own, inner))) && work.try(bind(blocks, "blockIdx.x")) &&
    work.try(bind(own, "threadIdx.x"));
}

/** What a rule does with nests that it does not fit. */
export function theRest(): Schedule {
  return seq(attempt(rule("elementwise")), rule("fallback"));
}
