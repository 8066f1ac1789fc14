/**
 * `attention`: scores, their softmax and the product with the values in one launch.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { findBlock } from "../../ir/reduction.ts";
import type { Block, For } from "../../ir/stmt.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { foldOf } from "../analysis/fold.ts";
import { isScheduled, loopsIn, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  bind,
  cacheTerm,
  computeAt,
  computeInline,
  computeWith,
  decomposeReduction,
  postponeDivision,
  reorder,
  rollingUpdate,
  seq,
  setScope,
  split,
  unroll,
} from "../schedule.ts";
import { countOf } from "./contract.ts";
import { attentionParams } from "./params.ts";
import { rowInVectors } from "./rows.ts";
import type { Rule } from "./rule.ts";
import { Work } from "./work.ts";
import { tooManyThreads, wrongParams } from "./wrong_params.ts";

/**
 * For the composed form of attention, `softmax(scores) @ values` with the scores' own product and what is done to them,
 * over one position of queries: a workgroup a head, which goes over the positions of keys and values once, with a
 * running maximum (see `rollingUpdate`). Appends to the keys and values that are read come first, each by the workgroup
 * of its head.
 */
export const attentionRule: Rule = {
  name: "attention",
  schedule(func, params, target) {
    const own = attentionParams(target);
    const used = { ...own, ...params };
    const wrong = wrongParams(Object.keys(own), params) ?? tooManyThreads(target, used.threads);
    if (wrong !== undefined) return { refusal: wrong };
    if (nestsOf(func.body).some(isScheduled)) return { refusal: "it is scheduled already" };
    const parts = partsOf(func);
    if (typeof parts === "string") return { refusal: parts };
    const work = new Work(func);
    const reason = onePass(work, parts, used.threads);
    return reason === undefined ? { schedule: seq(...work.steps), params: used } : { refusal: reason };
  },
};

/** The blocks of attention, by name. */
interface Parts {
  readonly product: string;
  readonly scores: string | undefined;
  readonly maximum: string;
  readonly sum: string;
  readonly quotient: string;
  readonly values: string;
  readonly result: string;
  /** Blocks that write what others read, before. */
  readonly appends: readonly string[];
}

/** The blocks of the composed form, or why they are not there. */
function partsOf(func: PrimFunc): Parts | string {
  const blocks = outerBlocks(func.body).map((s) => s.block);
  const targetOf = (b: Block): string => bufferAccesses(b).find((a) => a.write)?.buffer ?? "";
  const reading = (b: Block, target: Block): boolean =>
    b !== target && bufferAccesses(b).some((a) => !a.write && a.buffer === targetOf(target));
  const readersOf = (b: Block): readonly Block[] => blocks.filter((r) => reading(r, b));
  const [maximum, ...others] = blocks.filter((b) => foldOf(b)?.op === "max");
  if (maximum === undefined || others.length > 0) return "it does not take one maximum";
  const sums = blocks.filter((b) => foldOf(b)?.op === "sum");
  const sum = sums.find((b) => reading(b, maximum));
  const quotient = sum && readersOf(sum).find((b) => reading(b, maximum) && foldOf(b) === undefined);
  const values = quotient && sums.find((b) => reading(b, quotient));
  const result = values && readersOf(values)[0];
  if (!sum || !quotient || !values || !result) return "there is no softmax whose quotients are summed";
  const before = blocks.filter((b) => reading(maximum, b));
  const product = sums.find((b) => before.includes(b) || before.some((s) => reading(s, b)));
  if (product === undefined) return "the softmax is not of products";
  const scores = before.find((b) => b !== product);
  const known = [product, scores, maximum, sum, quotient, values, result];
  const appends = blocks.filter((b) => !known.includes(b));
  if (appends.some((b) => b.init !== undefined || readersOf(b).length === 0)) {
    return "it does more than attention";
  }
  return {
    product: product.name,
    scores: scores?.name,
    maximum: maximum.name,
    sum: sum.name,
    quotient: quotient.name,
    values: values.name,
    result: result.name,
    appends: appends.map((b) => b.name),
  };
}

/** Does the steps; gives the reason where one is not legal. */
function onePass(work: Work, p: Parts, most: number): string | undefined {
  const loops = (block: string): readonly string[] => {
    const site = findBlock(work.func.body, block);
    return site === undefined ? [] : loopsOf(site).map((l) => l.var);
  };
  const last = (block: string): string => loops(block).at(-1) ?? "";
  const site = findBlock(work.func.body, p.result);
  const around = site === undefined ? [] : loopsOf(site);
  const [query, column] = around.slice(-2);
  if (query === undefined || column === undefined) return "its result has no rows";
  if (countOf(query) !== 1) return `loop ${query.var} goes over several queries: products of matrices`;
  const heads = around.slice(0, -2).map((l) => l.var);
  if (p.scores !== undefined && !work.try(computeInline(p.scores))) return work.reason;
  const once = work.try(cacheTerm(p.sum, p.quotient)) && work.try(postponeDivision(p.quotient)) &&
    work.try(computeInline(p.quotient));
  if (!once) return work.reason;
  const columns = countOf(column);
  const threads = columns === undefined ? 1 : divisorUpTo(columns, most);
  const reason = threads === 1
    ? inOneThread(work, p, query.var, last, loops)
    : inThreads(work, p, column.var, threads, columns ?? 1, last, loops);
  if (reason !== undefined) return reason;
  // Heads of queries may come in groups, each for one head of keys: that is how far appends share loops with them.
  const depth = p.appends.length === 0 ? heads.length : sharedLoops(work, p, heads);
  if (depth === 0) return `its appends have other loops: ${work.reason}`;
  const axes = ["blockIdx.x", "blockIdx.y", "blockIdx.z"] as const;
  for (const [d, loop] of heads.slice(0, depth).toReversed().entries()) {
    const axis = axes[d];
    if (axis === undefined || !work.try(bind(loop, axis))) return work.reason;
  }
  if (threads === 1) return undefined;
  for (const block of p.appends) {
    const own = last(block);
    const [thread, rest] = [work.name(`${own}_t`), work.name(`${own}_j`)];
    const bound = work.try(split(own, [threads, null], [thread, rest])) &&
      work.try(bind(thread, "threadIdx.x"));
    if (!bound) return work.reason;
  }
  return undefined;
}

/** Puts appends into the loops over heads, as far as these are theirs; gives how many loops all of them are in. */
function sharedLoops(work: Work, p: Parts, heads: readonly string[]): number {
  return Math.min(...p.appends.map((append) => {
    const site = findBlock(work.func.body, append);
    const own = site === undefined ? [] : loopsOf(site);
    const several = heads.findIndex((loop, d) => {
      const [mine, theirs] = [own[d], loopNamed(work, loop)];
      return mine === undefined || mine.extent !== theirs?.extent || !work.try(computeWith(mine.var, loop));
    });
    return several < 0 ? heads.length : several;
  }));
}

function loopNamed(work: Work, name: string): For | undefined {
  return loopsIn(work.func.body).find((l) => l.var === name);
}

/** A head is one thread's: scores one by one, the sums of all columns at once. */
function inOneThread(
  work: Work,
  p: Parts,
  query: string,
  last: (block: string) => string,
  loops: (block: string) => readonly string[],
): string | undefined {
  if (!work.try(computeAt(p.values, query))) return work.reason;
  const [column = "", position = ""] = loops(p.values).slice(-2);
  const done = work.try(reorder(position, column)) && work.try(decomposeReduction(p.values, position)) &&
    work.try(computeAt(p.sum, query)) && work.try(decomposeReduction(p.sum, last(p.sum))) &&
    work.try(computeWith(last(p.sum), position)) && work.try(computeAt(termOf(p), position)) &&
    work.try(computeAt(p.maximum, query)) && work.try(rollingUpdate(p.maximum, position)) &&
    work.try(computeAt(p.product, position));
  return done ? undefined : work.reason;
}

/** As many scores at once as there are threads, in memory that they share; each has columns of the values' sums. */
function inThreads(
  work: Work,
  p: Parts,
  result: string,
  threads: number,
  columns: number,
  last: (block: string) => string,
  loops: (block: string) => readonly string[],
): string | undefined {
  const tiled = (loop: string): string | undefined => {
    const names = [work.name(`${loop}_o`), work.name(`${loop}_i`)] as const;
    return work.try(split(loop, [null, threads], names)) ? names[0] : undefined;
  };
  const several = columns > threads;
  const [column, rest] = several ? [work.name(`${result}_t`), work.name(`${result}_j`)] : [result, ""];
  const placed = (!several || work.try(split(result, [threads, null], [column, rest]))) &&
    [p.values, p.sum].every((block) => work.try(computeAt(block, column)));
  if (!placed) return work.reason;
  const [own = "", position = ""] = loops(p.values).slice(-2);
  if (several && !work.try(reorder(position, own))) return work.reason;
  const joined = work.try(decomposeReduction(p.values, position)) &&
    work.try(decomposeReduction(p.sum, last(p.sum))) && work.try(computeWith(last(p.sum), position));
  const steps = joined ? tiled(position) : undefined;
  if (steps === undefined || !work.try(computeAt(termOf(p), steps))) return work.reason;
  const rolled = work.try(computeAt(p.maximum, column)) && tiled(last(p.maximum)) !== undefined &&
    work.try(rollingUpdate(p.maximum, steps)) && work.try(computeAt(p.product, steps)) &&
    work.try(bind(column, "threadIdx.x"));
  if (!rolled) return work.reason;
  for (const [block, depth] of [[p.product, -2], [termOf(p), -1]] as const) {
    const site = findBlock(work.func.body, block);
    const stage = site && bufferAccesses(site.block).find((a) => a.write)?.buffer;
    const loop = site && loopsOf(site).at(depth)?.var;
    const shared = stage !== undefined && loop !== undefined && work.try(setScope(stage, "workgroup")) &&
      work.try(bind(loop, "threadIdx.x"));
    if (!shared) return work.reason;
  }
  rowInVectors(work, p.product, 4);
  if (several) { for (const l of [own, `${own}_init`, `${own}_scale`, rest]) work.try(unroll(l)); }
  return undefined;
}

/** The largest number up to `most` that divides another. */
function divisorUpTo(n: number, most: number): number {
  for (let d = Math.min(n, most); d > 1; d--) if (n % d === 0) return d;
  return 1;
}

const termOf = (p: Parts): string => `${p.sum}_term`;
