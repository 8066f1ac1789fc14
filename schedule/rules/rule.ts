/**
 * What a rule is.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import type { RuleParams, Schedule } from "../schedule.ts";

/** A schedule for a function, or why the rule does not fit it. */
export type RuleResult = { readonly schedule: Schedule } | { readonly refusal: string };

/** A rule: from facts about a function to a schedule. It looks at capabilities only through its parameters. */
export interface Rule {
  readonly name: string;
  readonly schedule: (func: PrimFunc, params: RuleParams, target: Target | undefined) => RuleResult;
}
