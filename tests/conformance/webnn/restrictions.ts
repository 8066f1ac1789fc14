/**
 * What WebNN refuses and the language takes, each with the reason.
 *
 * @module
 */
import type { ShapeCase } from "./data.ts";

/** A rule of WebNN that the language does not share. */
interface Restriction {
  /** Operators by WebNN's name. */
  readonly ops: readonly string[];
  /** What the name of the case says. */
  readonly name: RegExp;
  readonly why: string;
}

/** The list. */
export const RESTRICTIONS: readonly Restriction[] = [
  {
    ops: ["clamp"],
    name: /minValue is -Infinity/,
    why: "an infinite bound is no bound",
  },
  {
    ops: ["linear"],
    name: /is (-Infinity|NaN)$/,
    why: "constants may be infinite or NaN, as any number of a tensor may",
  },
  {
    ops: ["matmul"],
    name: /not floating point/,
    why: "matrices of integers have products too",
  },
  {
    ops: ["pad"],
    name: /scalar input/,
    why: "a scalar has no axis to pad, so its padding is the empty list",
  },
  {
    ops: ["slice"],
    name: /elements to slice is equal to 0/,
    why: "axes may be 0 long",
  },
  {
    ops: ["tile"],
    name: /repetitions is zero/,
    why: "axes may be 0 long",
  },
  {
    ops: ["expand", "pad", "tile"],
    name: /too large|overflow/,
    why: "sizes are limited where a program is compiled, not where it is written (see the test of that)",
  },
];

/** Why the language may take what WebNN refuses, or `undefined` if it may not. */
export function allowedBy(c: ShapeCase): string | undefined {
  return RESTRICTIONS.find((r) => r.ops.includes(c.op) && r.name.test(c.name ?? ""))?.why;
}
