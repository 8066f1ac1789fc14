/**
 * `reduction`: one reduction a nest.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { type BlockSite, findBlock } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { isScheduled, loopRole, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  cacheRead,
  cacheWrite,
  decomposeReduction,
  reorder,
  rfactor,
  seq,
  split,
  vectorize,
} from "../schedule.ts";
import { globalAccesses } from "./contiguous.ts";
import { countOf } from "./contract.ts";
import { type ReductionParams, reductionParams } from "./params.ts";
import { onThreads, rowInVectors, theRest } from "./rows.ts";
import type { Rule } from "./rule.ts";
import { Work } from "./work.ts";
import { tooManyThreads, wrongParams } from "./wrong_params.ts";

/**
 * For nests of one reduction each, such as a sum over rows or over columns, or the two of an argmax. Where it goes along
 * rows in memory, a thread has a row, in vectors of `VEC`; where it goes across, a thread has `VEC` neighbouring columns.
 * Where there are fewer than `fewest` results, each is made of `parts` that different threads reduce.
 */
export const reductionRule: Rule = {
  name: "reduction",
  schedule(func, params, target) {
    const own = reductionParams(target);
    if (typeof own === "string") return { refusal: own };
    const used = { ...own, ...params };
    const wrong = wrongParams(Object.keys(own), params) ?? tooManyThreads(target, used.threads) ??
      ([2, 4].includes(used.VEC) ? undefined : `VEC must be 2 or 4, got ${used.VEC}`);
    if (wrong !== undefined) return { refusal: wrong };
    const work = new Work(func);
    const reasons: string[] = [];
    let done = 0;
    for (const nest of nestsOf(func.body)) {
      const site = loneReduction(nest);
      const before = work.mark();
      const reason = typeof site === "string" ? site : scheduleOne(work, func, site, used);
      if (reason === undefined) done++;
      else {
        work.reset(before);
        reasons.push(reason);
      }
    }
    if (done === 0) return { refusal: reasons[0] ?? "there is nothing to schedule" };
    return { schedule: seq(...work.steps, theRest()), params: { ...used } };
  },
};

/** The block of a nest that is nothing but serial loops around a reduction. */
function loneReduction(nest: Stmt): BlockSite | string {
  const sites = outerBlocks(nest);
  const [site] = sites;
  if (site === undefined || isScheduled(nest)) return "its nests are scheduled already";
  const { block } = site;
  if (block.init === undefined) return `block ${block.name} reduces nothing`;
  const plain = sites.length === 1 &&
    site.path.every((s) => s.kind === "for" || s.kind === "seq" || s.kind === "alloc");
  return plain ? site : `block ${block.name} is not alone in its nest`;
}

function scheduleOne(
  work: Work,
  func: PrimFunc,
  site: BlockSite,
  { threads, VEC, fewest, parts }: ReductionParams,
): string | undefined {
  const { name } = site.block;
  const loops = loopsOf(site);
  const reduced = loops.filter((l) => loopRole(l, site.block) === "reduce");
  const spatial = loops.filter((l) => loopRole(l, site.block) === "spatial");
  const [k, another] = reduced;
  if (k === undefined || another !== undefined || spatial.length + 1 !== loops.length) {
    return `block ${name} reduces over ${reduced.length} loops, not one`;
  }
  const accesses = globalAccesses(func, site);
  const read = accesses.find((a) => !a.write && a.loops.includes(k));
  const written = accesses.find((a) => a.write)?.along;
  const results = spatial.reduce((n, l) => n * (countOf(l) ?? Infinity), 1);
  const length = countOf(k) ?? 0;
  if (results < fewest && length >= 2 * parts) {
    return inParts(work, name, { spatial, k, threads, VEC, parts });
  }
  if (read?.along === k) return alongRows(work, name, { spatial, k, threads, VEC });
  if (written !== undefined && read?.along === written) {
    return acrossRows(work, name, read.buffer, { spatial, k, n: written, threads, VEC });
  }
  return `block ${name} reads neither rows nor neighbouring columns`;
}

interface Nest {
  readonly spatial: readonly For[];
  readonly k: For;
  readonly threads: number;
  readonly VEC: number;
}

/** A thread a row. */
function alongRows(work: Work, name: string, { spatial, k, threads, VEC }: Nest): string | undefined {
  const count = countOf(k);
  if (count === undefined || count % VEC !== 0) {
    return `block ${name} reduces rows of which the length is not known to be a multiple of ${VEC}`;
  }
  const fits = work.try(reorder(...spatial.map((l) => l.var), k.var)) &&
    onThreads(work, spatial.map((l) => l.var), name, threads) && rowInVectors(work, name, VEC);
  return fits ? undefined : work.reason || `block ${name} has rows that are no vectors`;
}

/** A thread `VEC` columns. */
function acrossRows(
  work: Work,
  name: string,
  buffer: string,
  { spatial, k, n, threads, VEC }: Nest & { readonly n: For },
): string | undefined {
  if ((countOf(n) ?? 1) % VEC !== 0) {
    return `block ${name} has a number of columns that is not known to be a multiple of ${VEC}`;
  }
  const [no, nv] = [work.name(`${n.var}_o`), work.name(`${n.var}_v`)];
  const outer = spatial.filter((l) => l !== n).map((l) => l.var);
  const fits = work.try(split(n.var, [null, VEC], [no, nv])) && work.try(reorder(...outer, no, k.var, nv)) &&
    onThreads(work, [...outer, no], name, threads) && work.try(cacheWrite(name)) &&
    work.try(decomposeReduction(name, k.var));
  if (!fits) return work.reason;
  const local = work.name(`${buffer}_local`);
  if (!work.try(cacheRead(name, buffer, k.var))) return work.reason;
  const copy = findBlock(work.func.body, `${local}_load`);
  const lanes = copy === undefined ? undefined : loopsOf(copy).at(-1);
  if (lanes === undefined || !work.try(vectorize(lanes.var))) return work.reason;
  for (const l of [nv, `${nv}_init`, `${nv}_write`]) work.try(vectorize(l));
  return undefined;
}

/** Few results, each of them in parts that are reduced side by side and then together. */
function inParts(
  work: Work,
  name: string,
  { spatial, k, threads, VEC, parts }: Nest & { readonly parts: number },
): string | undefined {
  const length = Math.ceil((countOf(k) ?? 0) / parts);
  const [ko, ki] = [work.name(`${k.var}_o`), work.name(`${k.var}_i`)];
  // Whole vectors in each part.
  const run = Math.ceil(length / VEC) * VEC;
  const fits = work.try(reorder(...spatial.map((l) => l.var), k.var)) &&
    work.try(split(k.var, [null, run], [ko, ki])) && work.try(rfactor(name, ko)) &&
    onThreads(work, [...spatial.map((l) => l.var), ko], `${name}_rf`, threads);
  if (!fits) return work.reason;
  if (!rowInVectors(work, `${name}_rf`, VEC)) work.try(cacheWrite(`${name}_rf`));
  return undefined;
}
