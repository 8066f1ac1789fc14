/** Points of a tuner's space. @module */
import * as fc from "fast-check";
import type { RuleParams } from "../../schedule/schedule.ts";
import { outside, type Space } from "../../schedule/tune/space.ts";

/** Any point of a space, shrinking towards the first values of its axes. */
export function arbitraryPoint(s: Space): fc.Arbitrary<RuleParams> {
  const values = s.axes.map((a) => fc.integer({ min: 0, max: a.values.length - 1 }).map((i) => a.values[i]!));
  return fc.tuple(...values)
    .map((chosen): RuleParams => Object.fromEntries(s.axes.map((a, i) => [a.name, chosen[i]!])))
    .filter((point) => outside(s, point) === undefined);
}
