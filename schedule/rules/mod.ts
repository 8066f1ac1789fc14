/**
 * The default rules.
 *
 * @module
 */
import type { RuleParams, Schedule } from "../schedule.ts";

/** A rule of the table. */
export function rule(name: string, params: RuleParams = {}): Schedule {
  return { kind: "rule", name, params };
}

/** The rule that always fits. */
export function fallback(params: RuleParams = {}): Schedule {
  return rule("fallback", params);
}

/** The first rule that fits. */
export function defaultSchedule(): Schedule {
  return { kind: "choose", steps: [fallback()] };
}
