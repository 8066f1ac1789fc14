/**
 * Comparison within the tolerance of a case.
 *
 * @module
 */
import type { DType } from "../../../ir/dtype.ts";
import { numberToF16 } from "../../../ir/float.ts";
import type { Tolerance } from "./data.ts";

const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

/** Number of a value among all values of its dtype in order; both zeros are 0. */
function rank(dtype: DType, value: number): number {
  if (dtype === "f16") {
    const pattern = numberToF16(value);
    return pattern & 0x8000 ? -(pattern & 0x7fff) : pattern;
  }
  if (dtype !== "f32") return value;
  single[0] = value;
  const pattern = bits[0]!;
  return pattern < 0 ? -(pattern & 0x7fffffff) : pattern;
}

/** Distance of two values in the tolerance's measure; NaN is at NaN, and infinitely far from all others. */
export function distance(dtype: DType, metric: Tolerance["metric"], a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) === Number.isNaN(b) ? 0 : Infinity;
  if (a === b) return 0;
  return metric === "ATOL" ? Math.abs(a - b) : Math.abs(rank(dtype, a) - rank(dtype, b));
}

/** The worst element out of tolerance as text, or `undefined`. */
export function mismatch(
  dtype: DType,
  tolerance: Tolerance,
  actual: ArrayLike<number>,
  expected: readonly number[],
): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} elements, expected ${expected.length}`;
  const off = expected.map((e, i) => distance(dtype, tolerance.metric, actual[i]!, e));
  const worst = off.reduce((at, d, i) => (d > off[at]! ? i : at), 0);
  if (expected.length === 0 || off[worst]! <= tolerance.value) return undefined;
  return `element ${worst} is ${actual[worst]}, expected ${expected[worst]}: ${
    off[worst]
  } ${tolerance.metric}, ` +
    `allowed ${tolerance.value} (${off.filter((d) => d > tolerance.value).length} elements out)`;
}
