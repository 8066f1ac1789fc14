/**
 * The error function in double precision.
 *
 * @module
 */

/**
 * `2 / sqrt(pi)` times the integral of `exp(-t * t)` from 0 to `x`, to about 1e-15.
 *
 * Near 0 by the series `2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1))`, whose terms are
 * all positive, so nothing cancels; farther out by the continued fraction of the complement (Abramowitz and
 * Stegun, 7.1.6 and 7.1.14).
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { erf } from "./erf.ts";
 *
 * assertAlmostEquals(erf(1), 0.8427007929497149, 1e-15);
 * ```
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z !== z || z === 0) return x;
  if (z >= 6) return Math.sign(x); // the complement is below 2.2e-17
  const value = z < 2.5 ? series(z) : 1 - complement(z);
  return x < 0 ? -value : value;
}

function series(z: number): number {
  const square = 2 * z * z;
  let term = z;
  let sum = z;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term *= square / n;
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum;
}

/** `exp(-z^2) / sqrt(pi) * 1 / (z + (1/2) / (z + 1 / (z + (3/2) / (z + ...))))`, from a deep level outwards. */
function complement(z: number): number {
  let tail = z;
  for (let n = 60; n >= 1; n--) tail = z + n / 2 / tail;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * tail);
}
