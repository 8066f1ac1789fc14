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

/** Dtypes of WebNN that the language does not have. */
export const FOREIGN_DTYPES: Readonly<Record<string, string>> = {
  int64: "WGSL has no 64-bit integers",
  uint64: "WGSL has no 64-bit integers",
  int4: "a storage format of quantised weights, not a dtype to compute in",
  uint4: "a storage format of quantised weights, not a dtype to compute in",
};

const REAL = "a function of real numbers: integers are cast first, so that the rounding is written down";
const WHOLE = "integers are whole already: rounding them is a mistake";
const ROOT = "the result is no integer: they are cast first, so that the rounding is written down";

/**
 * Operators that take fewer dtypes than WebNN's suite tries, by WebNN's name. The suite asks of an implementation that it
 * either lists a dtype and takes it or refuses it; these are refused, with the reason of the language.
 */
export const FEWER_DTYPES: Readonly<Record<string, string>> = {
  ceil: WHOLE,
  floor: WHOLE,
  cos: REAL,
  erf: REAL,
  exp: REAL,
  gelu: REAL,
  linear: "a scaling by real numbers: integers are cast first",
  log: REAL,
  neg: "the negative of an unsigned number is none",
  reciprocal: REAL,
  reduceL2: ROOT,
  reduceLogSum: ROOT,
  reduceLogSumExp: ROOT,
  reduceMean: ROOT,
  sin: REAL,
  sqrt: REAL,
  tan: REAL,
};

/** Why the language may take what WebNN refuses, or `undefined` if it may not. */
export function allowedBy(c: ShapeCase): string | undefined {
  return RESTRICTIONS.find((r) => r.ops.includes(c.op) && r.name.test(c.name ?? ""))?.why;
}
