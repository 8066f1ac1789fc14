/**
 * What a rule is.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import type { RuleParams, Schedule } from "../schedule.ts";

/** A schedule for a function with the parameters it was made with, or why the rule does not fit. */
export type RuleResult =
  | { readonly schedule: Schedule; readonly params?: RuleParams }
  | { readonly refusal: string };

/** A rule: from facts about a function to a schedule. */
export interface Rule {
  readonly name: string;
  /** `params` given by the user win over those that the target's capabilities suggest. */
  readonly schedule: (func: PrimFunc, params: RuleParams, target: Target | undefined) => RuleResult;
}
