/**
 * Parameters that a user gave and a rule cannot take.
 *
 * @module
 */
import { suggest } from "../../ir/suggest.ts";
import type { Target } from "../../ir/target.ts";
import type { RuleParams } from "../schedule.ts";

/** Why parameters are none of the known ones, or no counts. */
export function wrongParams(known: readonly string[], given: RuleParams): string | undefined {
  for (const [key, value] of Object.entries(given)) {
    if (!known.includes(key)) {
      const near = suggest(key, known);
      return `there is no parameter ${key}; ${
        near === undefined ? `there are ${known.join(", ")}` : `did you mean ${near}`
      }`;
    }
    if (!Number.isInteger(value) || value < 1) return `${key} must be a positive integer, got ${value}`;
  }
  return undefined;
}

/** Why a workgroup cannot have so many threads. */
export function tooManyThreads(target: Target | undefined, x: number, y = 1): string | undefined {
  if (target === undefined || x * y <= target.maxThreads) return undefined;
  return `${target.name} has at most ${target.maxThreads} threads in a workgroup, got ${x} x ${y}`;
}
