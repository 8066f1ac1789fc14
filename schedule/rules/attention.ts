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
import { isScheduled, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  bind,
  computeAt,
  computeInline,
  computeWith,
  decomposeReduction,
  postponeDivision,
  reorder,
  rollingUpdate,
  seq,
} from "../schedule.ts";
import { countOf } from "./contract.ts";
import type { Rule } from "./rule.ts";
import { Work } from "./work.ts";

/**
 * For the composed form of attention, `softmax(scores) @ values` with the scores' own product and what is done to them,
 * over one position of queries: a workgroup a head, which goes over the positions of keys and values once, with a
 * running maximum (see `rollingUpdate`). Appends to the keys and values that are read come first, each by the workgroup
 * of its head.
 */
export const attentionRule: Rule = {
  name: "attention",
  schedule(func, params) {
    const unknown = Object.keys(params)[0];
    if (unknown !== undefined) return { refusal: `there is no parameter ${unknown}; there are none` };
    if (nestsOf(func.body).some(isScheduled)) return { refusal: "it is scheduled already" };
    const parts = partsOf(func);
    if (typeof parts === "string") return { refusal: parts };
    const work = new Work(func);
    const reason = onePass(work, parts);
    return reason === undefined ? { schedule: seq(...work.steps) } : { refusal: reason };
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
function onePass(work: Work, p: Parts): string | undefined {
  const loops = (block: string): readonly For[] => {
    const site = findBlock(work.func.body, block);
    return site === undefined ? [] : loopsOf(site);
  };
  const last = (block: string): string => loops(block).at(-1)?.var ?? "";
  const around = loops(p.result).slice(0, -1);
  const row = around.at(-1);
  if (row === undefined) return "its result has no rows";
  const many = loops(p.result).find((l, d) => d === around.length - 1 && countOf(l) !== 1);
  if (many !== undefined) {
    return `loop ${many.var} goes over several queries, which are a product of matrices`;
  }
  if (p.scores !== undefined && !work.try(computeInline(p.scores))) return work.reason;
  const shared = work.try(postponeDivision(p.quotient)) && work.try(computeAt(p.values, row.var));
  if (!shared) return work.reason;
  const [column = "", position = ""] = loops(p.values).slice(-2).map((l) => l.var);
  const rolled = work.try(reorder(position, column)) &&
    work.try(decomposeReduction(p.values, position)) && work.try(computeAt(p.quotient, position)) &&
    work.try(computeAt(p.sum, row.var)) && work.try(computeAt(p.maximum, row.var)) &&
    work.try(decomposeReduction(p.sum, last(p.sum))) && work.try(computeWith(last(p.sum), position)) &&
    work.try(rollingUpdate(p.maximum, position)) &&
    work.try(computeAt(p.product, position));
  if (!rolled) return work.reason;
  for (const append of p.appends) {
    for (const [d, loop] of around.slice(0, -1).entries()) {
      const own = loops(append)[d];
      if (own === undefined || !work.try(computeWith(own.var, loop.var))) return work.reason;
    }
  }
  const axes = ["blockIdx.x", "blockIdx.y", "blockIdx.z"] as const;
  for (const [d, loop] of around.slice(0, -1).toReversed().entries()) {
    const axis = axes[d];
    if (axis === undefined || !work.try(bind(loop.var, axis))) return work.reason;
  }
  return undefined;
}
