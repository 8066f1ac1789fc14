/** Comparison of numeric arrays with a tolerance. @module */

import { fail } from "./assert.ts";

/** Allowed error: `|actual - expected| <= atol + rtol * |expected|`. */
export interface Tolerance {
  /** Relative to the expected magnitude. Default 1e-5. */
  readonly rtol?: number;
  /** Absolute. Default 1e-6. */
  readonly atol?: number;
}

/**
 * Fails unless two arrays have the same length and agree element by element; the message gives the largest
 * error, where it is and how many elements are out of tolerance. `NaN` equals `NaN`, infinities equal themselves.
 */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance = {},
  message = "arrays differ",
): void {
  const { rtol = 1e-5, atol = 1e-6 } = tolerance;
  if (actual.length !== expected.length) {
    fail(`${message}: ${actual.length} elements, expected ${expected.length}`);
  }
  let bad = 0;
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]!, e = expected[i]!;
    if (Object.is(a, e) || a === e) continue;
    const error = Math.abs(a - e);
    const allowed = Number.isFinite(e) ? atol + rtol * Math.abs(e) : 0;
    if (error <= allowed) continue; // false for a NaN, which is what we want
    bad++;
    const excess = Number.isNaN(error) ? Infinity : error - allowed;
    if (worst === -1 || excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (bad === 0) return;
  const a = actual[worst]!, e = expected[worst]!;
  fail(
    `${message}: ${bad} of ${expected.length} out of tolerance (rtol ${rtol}, atol ${atol}); worst at ${worst}: ` +
      `got ${a}, expected ${e}, error ${Math.abs(a - e).toExponential(3)}`,
  );
}
