/**
 * The default rules: which is tried first, and the schedule that does so.
 *
 * @module
 */
import { choose, rule, type RuleParams, type Schedule } from "../schedule.ts";

/** The rule that fits every kernel: one thread an element, reductions in a register. */
export function fallback(params: RuleParams = {}): Schedule {
  return rule("fallback", params);
}

/** The rule for attention to one query: scores, softmax and values in one launch. */
export function attention(params: RuleParams = {}): Schedule {
  return rule("attention", params);
}

/** The rule for products of matrices: tiles of registers. Parameters: see {@linkcode MatmulParams}. */
export function matmul(params: RuleParams = {}): Schedule {
  return rule("matmul", params);
}

/** The rule for products of a matrix and a vector. Parameters: see {@linkcode GemvParams}. */
export function gemv(params: RuleParams = {}): Schedule {
  return rule("gemv", params);
}

/** The rule for one reduction a nest. Parameters: see {@linkcode ReductionParams}. */
export function reduction(params: RuleParams = {}): Schedule {
  return rule("reduction", params);
}

/** The rule for several nests over the same rows, such as a softmax's: one launch. Parameters: threads, longest. */
export function generalReduction(params: RuleParams = {}): Schedule {
  return rule("generalReduction", params);
}

/** The rule for nests that read along one axis and write along another. Parameters: see {@linkcode ElementParams}. */
export function transpose(params: RuleParams = {}): Schedule {
  return rule("transpose", params);
}

/** The rule for nests that reduce nothing, in vectors. Parameters: see {@linkcode ElementParams}. */
export function elementwise(params: RuleParams = {}): Schedule {
  return rule("elementwise", params);
}

/**
 * The schedule of every kernel that is given no other: the first rule that fits.
 *
 * @example
 * ```ts
 * import { defaultSchedule, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(defaultSchedule())); // choose(rule(attention), rule(matmul), rule(gemv), rule(generalReduction), rule(reduction), rule(transpose), rule(elementwise), rule(fallback))
 * ```
 */
export function defaultSchedule(): Schedule {
  return choose(
    attention(),
    matmul(),
    gemv(),
    generalReduction(),
    reduction(),
    transpose(),
    elementwise(),
    fallback(),
  );
}

export type { Rule, RuleResult } from "./rule.ts";
export type { TileParams } from "./contract.ts";
export {
  type AttentionParams,
  attentionParams,
  type ElementParams,
  elementParams,
  type FallbackParams,
  fallbackParams,
  type GemvParams,
  gemvParams,
  type MatmulParams,
  matmulParams,
  panelWidth,
  type ReductionParams,
  reductionParams,
  type RowParams,
  rowParams,
  transposesWeights,
} from "./params.ts";
export { RULES } from "./table.ts";
