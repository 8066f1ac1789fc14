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

/**
 * The schedule of every kernel that is given no other: the first rule that fits.
 *
 * @example
 * ```ts
 * import { defaultSchedule, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(defaultSchedule())); // choose(rule(fallback))
 * ```
 */
export function defaultSchedule(): Schedule {
  return choose(fallback());
}

export type { Rule, RuleResult } from "./rule.ts";
export { type FallbackParams, fallbackParams, transposesWeights } from "./params.ts";
export { RULES } from "./table.ts";
