/**
 * `elementwise` and `transpose`: nests without a reduction.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { type BlockSite, findBlock } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import type { Target } from "../../ir/target.ts";
import { isScheduled, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  bind,
  cacheRead,
  fuse,
  reorder,
  rule,
  type RuleParams,
  seq,
  split,
  unroll,
  vectorize,
} from "../schedule.ts";
import { type GlobalAccess, globalAccesses } from "./contiguous.ts";
import { countOf } from "./contract.ts";
import { type ElementParams, elementParams } from "./params.ts";
import { onThreads } from "./rows.ts";
import type { Rule, RuleResult } from "./rule.ts";
import { tooManyThreads, wrongParams } from "./wrong_params.ts";
import { Work } from "./work.ts";

/**
 * For nests that compute each element from others: `VEC` neighbours of the result as one vector, `items` vectors a
 * thread, `threads` threads a workgroup. The length along which the result lies together must be a multiple of `VEC`.
 */
export const elementwiseRule: Rule = {
  name: "elementwise",
  schedule: (func, params, target) => byNests("elementwise", func, params, target, inVectors),
};

/**
 * For nests that read along one axis what they write along another: squares of `VEC` x `VEC` elements in registers, read
 * and written in vectors.
 */
export const transposeRule: Rule = {
  name: "transpose",
  schedule: (func, params, target) => byNests("transpose", func, params, target, inSquares),
};

type OneNest = (work: Work, func: PrimFunc, site: BlockSite, params: ElementParams) => string | undefined;

/** Does each nest that fits; the others go to the fallback. */
function byNests(
  name: string,
  func: PrimFunc,
  params: RuleParams,
  target: Target | undefined,
  one: OneNest,
): RuleResult {
  const own = elementParams(target);
  if (typeof own === "string") return { refusal: own };
  const used = { ...own, ...params };
  const wrong = wrongParams(Object.keys(own), params) ?? tooManyThreads(target, used.threads) ??
    ([2, 4].includes(used.VEC) ? undefined : `VEC must be 2 or 4, got ${used.VEC}`);
  if (wrong !== undefined) return { refusal: wrong };
  const work = new Work(func);
  const reasons: string[] = [];
  let done = 0;
  for (const nest of nestsOf(func.body)) {
    const site = loneBlock(nest);
    if (typeof site === "string") {
      reasons.push(site);
      continue;
    }
    const before = work.mark();
    const reason = one(work, func, site, used);
    if (reason === undefined) done++;
    else {
      work.reset(before);
      reasons.push(reason);
    }
  }
  if (done === 0) return { refusal: reasons[0] ?? `there is nothing for ${name} to schedule` };
  return { schedule: seq(...work.steps, rule("fallback")), params: { ...used } };
}

/** The block of a nest that is nothing but serial loops around a block that reduces nothing. */
function loneBlock(nest: Stmt): BlockSite | string {
  const sites = outerBlocks(nest);
  const [site] = sites;
  if (site === undefined || isScheduled(nest)) return "its nests are scheduled already";
  const { block } = site;
  if (block.init !== undefined || block.iters.some((i) => i.role === "reduce")) {
    return `block ${block.name} is a reduction`;
  }
  const plain = sites.length === 1 &&
    site.path.every((s) => s.kind === "for" || s.kind === "seq" || s.kind === "alloc");
  return plain && block.body.kind === "store"
    ? site
    : `block ${block.name} is not alone in its nest, with one store`;
}

function inVectors(
  work: Work,
  func: PrimFunc,
  site: BlockSite,
  { threads, VEC, items }: ElementParams,
): string | undefined {
  const { name } = site.block;
  const inner = resultOf(func, site)?.along;
  if (inner === undefined || (countOf(inner) ?? 1) % VEC !== 0) {
    return `block ${name} writes no rows of which the length is known to be a multiple of ${VEC}`;
  }
  const [io, iv] = [work.name(`${inner.var}_o`), work.name(`${inner.var}_v`)];
  const outer = loopsOf(site).map((l) => l.var).filter((l) => l !== inner.var);
  const fits = work.try(reorder(...outer, inner.var)) && work.try(split(inner.var, [null, VEC], [io, iv])) &&
    onThreads(work, [...outer, io], name, threads, items) && work.try(vectorize(iv));
  return fits ? undefined : work.reason;
}

function inSquares(
  work: Work,
  func: PrimFunc,
  site: BlockSite,
  { threads, VEC }: ElementParams,
): string | undefined {
  const { name } = site.block;
  const written = resultOf(func, site)?.along;
  const read = globalAccesses(func, site).find((a) =>
    !a.write && a.along !== undefined && a.along !== written
  );
  const rows = read?.along;
  if (read === undefined || rows === undefined || written === undefined || !read.loops.includes(written)) {
    return `block ${name} reads along the axis that it writes along`;
  }
  const short = [rows, written].find((l) => (countOf(l) ?? VEC) % VEC !== 0 || countOf(l) === 0);
  if (short !== undefined) return `the length of ${short.var} is not a multiple of ${VEC}`;
  const [ro, ri] = [work.name(`${rows.var}_o`), work.name(`${rows.var}_i`)];
  const [wo, wv] = [work.name(`${written.var}_o`), work.name(`${written.var}_v`)];
  const outer = loopsOf(site).filter((l) => l !== rows && l !== written).map((l) => l.var);
  const fits = work.try(split(rows.var, [null, VEC], [ro, ri])) &&
    work.try(split(written.var, [null, VEC], [wo, wv])) &&
    work.try(reorder(...outer, ro, wo, ri, wv));
  if (!fits) return work.reason;
  // Loops on axes of their own: where a copy ends can be told of sums, not of quotients by a size that is not known.
  const [blocks, at, batch] = [work.name(`${wo}_bx`), work.name(`${wo}_tx`), work.name(`${name}_b`)];
  const bound = work.try(split(wo, [null, threads], [blocks, at])) &&
    (outer.length < 2 || work.try(fuse(outer, batch))) &&
    (outer.length === 0 || work.try(bind(outer.length > 1 ? batch : outer[0] ?? "", "blockIdx.z"))) &&
    work.try(bind(ro, "blockIdx.y")) && work.try(bind(blocks, "blockIdx.x")) &&
    work.try(bind(at, "threadIdx.x"));
  if (!bound) return work.reason;
  const local = work.name(`${read.buffer}_local`);
  if (!work.try(cacheRead(name, read.buffer, at))) return work.reason;
  // The copy's loops are named after axes: along that of the rows it reads neighbours.
  const copies = (findBlock(work.func.body, `${local}_load`)?.path ?? []).filter((s): s is For =>
    s.kind === "for" && s.var.startsWith(`${local}_`)
  );
  const vector = copies.at(-1);
  if (vector === undefined || !work.try(vectorize(vector.var))) return work.reason;
  for (const l of copies.slice(0, -1)) work.try(unroll(l.var));
  return work.try(unroll(ri)) && work.try(vectorize(wv)) ? undefined : work.reason;
}

function resultOf(func: PrimFunc, site: BlockSite): GlobalAccess | undefined {
  return globalAccesses(func, site).find((a) => a.write);
}
