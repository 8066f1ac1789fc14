/**
 * `matmul` and `gemv`: contractions in tiles of registers.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { suggest } from "../../ir/suggest.ts";
import type { Target } from "../../ir/target.ts";
import { type Contraction, contractionOf } from "../analysis/contraction.ts";
import { isScheduled, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  attempt,
  reverseComputeInline,
  rule as ruleStep,
  type RuleParams,
  type Schedule,
  seq,
} from "../schedule.ts";
import { countOf, type TileParams, tiles } from "./contract.ts";
import { gemvParams, matmulParams } from "./params.ts";
import type { Rule, RuleResult } from "./rule.ts";

/**
 * For products of matrices, in whatever order their axes lie and for all sizes: tiles of registers, elementwise
 * blocks that use the result put behind the sum. Other nests of the function go to the fallback.
 */
export const matmulRule: Rule = {
  name: "matmul",
  schedule: (func, params, target) => contract("matmul", func, params, target),
};

/** The same for products of a matrix and a vector: as `matmul` without rows. */
export const gemvRule: Rule = {
  name: "gemv",
  schedule: (func, params, target) => contract("gemv", func, params, target),
};

function contract(
  name: "matmul" | "gemv",
  func: PrimFunc,
  params: RuleParams,
  target: Target | undefined,
): RuleResult {
  const found: Contraction[] = [];
  const reasons: string[] = [];
  for (const nest of nestsOf(func.body)) {
    for (const site of isScheduled(nest) ? [] : outerBlocks(nest)) {
      const c = contractionOf(func, site.block.name);
      if (typeof c === "string") reasons.push(c);
      else if ((c.m === undefined) !== (name === "gemv")) {
        reasons.push(
          name === "gemv"
            ? `block ${c.block.name} is a product of matrices`
            : `block ${c.block.name} is a product of a matrix and a vector`,
        );
      } else found.push(c);
    }
  }
  const [first] = found;
  if (first === undefined) return { refusal: reasons[0] ?? "there is nothing to schedule" };
  const defaults = (c: Contraction): TileParams | string =>
    name === "gemv" ? gemvParams(target, c) : matmulParams(target, c);
  const steps: Schedule[] = [];
  let used: RuleParams = {};
  for (const c of found) {
    const own = defaults(c);
    if (typeof own === "string") return { refusal: own };
    const wrong = wrongParams({ ...own }, params, target);
    if (wrong !== undefined) return { refusal: wrong };
    const chosen = { ...own, ...params };
    const k = countOf(c.k);
    if (k !== undefined && k < chosen.depth) {
      return {
        refusal: `the reduction of block ${c.block.name} has ${k} steps, fewer than depth=${chosen.depth}`,
      };
    }
    used = chosen;
    steps.push(tiles(func, c, chosen));
  }
  const blocks = new Set(found.map((c) => c.block.name));
  const epilogues = nestsOf(func.body).flatMap((nest) => outerBlocks(nest)).map((s) => s.block.name)
    .filter((b) => !blocks.has(b));
  return {
    schedule: seq(...steps, ...epilogues.map((b) => attempt(reverseComputeInline(b))), ruleStep("fallback")),
    params: used,
  };
}

function wrongParams(own: RuleParams, given: RuleParams, target: Target | undefined): string | undefined {
  for (const [key, value] of Object.entries(given)) {
    if (!(key in own)) {
      const near = suggest(key, Object.keys(own));
      return `there is no parameter ${key}; ${
        near === undefined ? `there are ${Object.keys(own).join(", ")}` : `did you mean ${near}`
      }`;
    }
    if (!Number.isInteger(value) || value < 1) return `${key} must be a positive integer, got ${value}`;
  }
  const all = { ...own, ...given };
  const { columns = 4, lanes = 1, groups = 1 } = all;
  if (columns % 4 !== 0) return `columns must be a multiple of 4, got ${columns}`;
  if (target !== undefined && lanes * groups > target.maxThreads) {
    return `${target.name} has at most ${target.maxThreads} threads in a workgroup, got ${lanes} x ${groups}`;
  }
  return undefined;
}
