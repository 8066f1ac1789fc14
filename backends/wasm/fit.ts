/**
 * Polynomials for functions that have no short series.
 *
 * @module
 */

/**
 * Coefficients, the constant first, of the polynomial of degree `count - 1` that equals `f` at the `count` Chebyshev nodes
 * of [-1, 1]: within a factor of a few of the best one.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { chebyshevFit } from "./fit.ts";
 *
 * const [constant, linear, square] = chebyshevFit((t) => 3 + t * t, 3);
 * assertAlmostEquals(constant!, 3, 1e-12);
 * assertAlmostEquals(linear!, 0, 1e-12);
 * assertAlmostEquals(square!, 1, 1e-12);
 * ```
 */
export function chebyshevFit(f: (t: number) => number, count: number): readonly number[] {
  const nodes = Array.from({ length: count }, (_, k) => Math.cos(Math.PI * (k + 0.5) / count));
  const values = nodes.map(f);
  const sums = Array.from(
    { length: count },
    (_, j) =>
      (j === 0 ? 1 : 2) / count *
      values.reduce((sum, value, k) => sum + value * Math.cos(j * Math.PI * (k + 0.5) / count), 0),
  );
  // T(0) = 1, T(1) = t, T(j) = 2 t T(j - 1) - T(j - 2).
  const result = new Array<number>(count).fill(0);
  let [before, now]: [number[], number[]] = [[], [1]];
  for (const sum of sums) {
    now.forEach((c, i) => result[i] = (result[i] ?? 0) + sum * c);
    const next = [0, ...now].map((c, i) => (i <= 1 && now.length === 1 ? c : 2 * c) - (before[i] ?? 0));
    [before, now] = [now, next];
  }
  return result;
}
