/**
 * The study's second schedule of a matrix-vector product: vectors along the reduction.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { findBlock } from "../../ir/reduction.ts";
import type { Contraction, Operand } from "../analysis/contraction.ts";
import { loopsOf } from "../analysis/nests.ts";
import {
  bind,
  cacheRead,
  cacheWrite,
  computeAt,
  crossThreadReduce,
  decomposeReduction,
  fuse,
  pad,
  reorder,
  rfactor,
  type Schedule,
  seq,
  split,
  unroll,
  vectorize,
} from "../schedule.ts";
import type { GemvParams } from "./params.ts";
import { Work } from "./work.ts";

/**
 * A thread has `TILE_S` results and for each of them `VEC` sums, of every `VEC`-th element of the reduction; `TILE_R`
 * elements at once, loaded as vectors. At the end it adds the sums of a result up. Gives the reason where that is not
 * legal.
 */
export function alongReduction(func: PrimFunc, c: Contraction, params: GemvParams): Schedule | string {
  const { TS, TILE_S, TILE_R, VEC } = params;
  const work = new Work(func);
  const { block: { name: block }, k, n, batch, unit } = c;
  const outer = [...unit, ...batch].map((l) => l.var);
  const [ko, ki, kv] = [work.name(`${k.var}_o`), work.name(`${k.var}_i`), work.name(`${k.var}_v`)];
  const fits = work.try(reorder(...outer, n.var, k.var)) &&
    work.try(split(k.var, [null, TILE_R / VEC, VEC], [ko, ki, kv])) && work.try(rfactor(block, kv));
  if (!fits) return work.reason;

  // The nest that adds up: its loops are those of the result, in the order of before, and the sums.
  const loops = loopsAround(work, block);
  const [sums, result] = [loops.at(-1) ?? "", loops.at(-2) ?? ""];
  const shared = loops.slice(unit.length, -2);
  const [nb, nt, nj] = [work.name(`${n.var}_b`), work.name(`${n.var}_t`), work.name(`${n.var}_j`)];
  const grid = shared.length > 1 ? work.name(shared.join("_")) : shared[0];
  const bound = work.try(split(result, [null, TS, TILE_S], [nb, nt, nj])) &&
    work.try(reorder(nb, nt, sums, nj)) &&
    (shared.length < 2 || grid === undefined || work.try(fuse(shared, grid))) &&
    (grid === undefined || work.try(bind(grid, "blockIdx.z"))) &&
    work.try(bind(nb, "blockIdx.x")) && work.try(bind(nt, "threadIdx.x")) &&
    work.try(cacheWrite(block)) && work.try(computeAt(partialOf(block), nt));
  if (!bound) return work.reason;
  for (const l of [sums, nj, `${nj}_write`]) work.try(unroll(l));

  // The nest of the sums: its spatial loops come first as it was moved.
  const partial = partialOf(block);
  const inner = loopsAround(work, partial).slice(loopsAround(work, block).indexOf(nt) + 1);
  const steps = inner.indexOf(ko) < 0 ? inner.slice(-2) : [ko, ki];
  const tile = inner.filter((l) => !steps.includes(l));
  const [so = "", si = ""] = steps;
  if (!work.try(reorder(...steps, ...tile)) || !work.try(decomposeReduction(partial, so))) return work.reason;
  for (const operand of [c.a, c.b]) inVectors(work, partial, operand, si);
  for (const b of [partial, `${partial}_init`]) work.try(pad(b));
  for (const l of [si, ...tile.slice(0, -1), ...tile.map((l) => `${l}_init`)]) work.try(unroll(l));
  const lanes = tile.at(-1);
  if (lanes !== undefined) work.try(vectorize(lanes));
  return seq(...work.steps);
}

/**
 * `TR` threads of a workgroup share a result: each takes every `TR`-th run of `TILE_R` elements of the reduction, as a
 * vector, so that neighbours read neighbours; then they add their sums up in a tree. `TS` results are side by side in a
 * workgroup, and each thread does `TILE_S` of them one after the other. Gives the reason where that is not legal.
 */
export function byThreads(func: PrimFunc, c: Contraction, params: GemvParams): Schedule | string {
  const { TS, TR, TILE_S, TILE_R } = params;
  const work = new Work(func);
  const { block: { name: block }, k, n, batch, unit } = c;
  const shared = batch.map((l) => l.var);
  const [ko, kt, ki] = [work.name(`${k.var}_o`), work.name(`${k.var}_t`), work.name(`${k.var}_i`)];
  const [nb, nt, nj] = [work.name(`${n.var}_b`), work.name(`${n.var}_t`), work.name(`${n.var}_j`)];
  const grid = shared.length > 1 ? work.name(shared.join("_")) : shared[0];
  const bound = work.try(reorder(...unit.map((l) => l.var), ...shared, n.var, k.var)) &&
    work.try(split(k.var, [null, TR, TILE_R], [ko, kt, ki])) &&
    work.try(split(n.var, [null, TS, TILE_S], [nb, nt, nj])) && work.try(reorder(nb, nt, nj, kt, ko, ki)) &&
    (shared.length < 2 || grid === undefined || work.try(fuse(shared, grid))) &&
    (grid === undefined || work.try(bind(grid, "blockIdx.z"))) &&
    work.try(bind(nb, "blockIdx.x")) && work.try(bind(nt, "threadIdx.y")) &&
    work.try(crossThreadReduce(block, kt));
  if (!bound) return work.reason;
  const partial = partialOf(block);
  if (!work.try(cacheWrite(partial)) || !work.try(decomposeReduction(partial, ko))) return work.reason;
  for (const operand of [c.a, c.b]) inVectors(work, partial, operand, ko);
  work.try(unroll(ki));
  return seq(...work.steps);
}

const partialOf = (block: string): string => `${block}_rf`;

function loopsAround(work: Work, block: string): readonly string[] {
  const site = findBlock(work.func.body, block);
  return site === undefined ? [] : loopsOf(site).map((l) => l.var);
}

/** Loads what an operand needs for a step, along the reduction in vectors where that lies together. */
function inVectors(
  work: Work,
  block: string,
  { buffer, reduceAxes, reduceContiguous }: Operand,
  at: string,
): void {
  const local = work.name(`${buffer.name}_local`);
  if (!work.try(cacheRead(block, buffer.name, at))) return;
  const axis = reduceAxes.at(-1);
  const copies = buffer.shape.map((_, d) => `${local}_${d}`);
  copies.forEach((l, d) => {
    if (d === axis && reduceContiguous && work.try(vectorize(l))) return;
    work.try(unroll(l));
  });
}
