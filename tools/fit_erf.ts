/**
 * Finds the two polynomials by which the WGSL code generator computes `erf` (backends/webgpu/math.ts) and prints
 * their coefficients with the error that they have in f32 arithmetic.
 *
 * `erf(x) = x P(x^2)` for `|x| < 1`, and `sign(x) (1 - Q(t))` beyond, with `t = (min(|x|, 4) - 2.5) / 1.5`: there
 * `erfc` itself is the polynomial, so that only its absolute error counts, and no exponential is needed. Each
 * polynomial interpolates at Chebyshev nodes, which is within a small factor of the best possible.
 *
 * And the one of the exact gelu (ir/ops/gelu.ts), for which the relative error of `erfc` counts.
 *
 * Run: `deno run tools/fit_erf.ts`
 *
 * @module
 */
import { erf } from "../ir/erf.ts";

/** Coefficients, constant first, of the polynomial through `f` at the Chebyshev nodes of [-1, 1]. */
export function fit(f: (t: number) => number, degree: number): readonly number[] {
  const n = degree + 1;
  const angles = Array.from({ length: n }, (_, j) => Math.PI * (j + 0.5) / n);
  const values = angles.map((angle) => f(Math.cos(angle)));
  const chebyshev = angles.map((_, k) =>
    (k === 0 ? 1 : 2) / n * values.reduce((sum, v, j) => sum + v * Math.cos(k * (angles[j] ?? 0)), 0)
  );
  // T(k+1) = 2 t T(k) - T(k-1), as coefficients of powers of t.
  const result = new Array<number>(n).fill(0);
  let before: readonly number[] = [];
  let current: readonly number[] = [1];
  chebyshev.forEach((c, k) => {
    current.forEach((power, i) => result[i] = (result[i] ?? 0) + c * power);
    const next = [0, ...current.map((v) => (k === 0 ? 1 : 2) * v)];
    before.forEach((v, i) => next[i] = (next[i] ?? 0) - v);
    [before, current] = [current, next];
  });
  return result;
}

/** `fit` for a function on [0, 1], in powers of its own variable `z = (t + 1) / 2`. */
export function fitUnit(f: (z: number) => number, degree: number): readonly number[] {
  const inT = fit((t) => f((t + 1) / 2), degree);
  // Substitutes t = 2 z - 1 by Horner's rule on polynomials.
  let result: number[] = [];
  for (const c of [...inT].reverse()) {
    const next = [0, ...result.map((v) => 2 * v)];
    result.forEach((v, i) => next[i] = (next[i] ?? 0) - v);
    next[0] = (next[0] ?? 0) + c;
    result = next;
  }
  return result.slice(0, degree + 1);
}

const f32 = Math.fround;

/** Horner's rule in f32. */
function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, c) => f32(f32(sum * x) + c), 0);
}

/** `erf` as the generated code computes it. */
export function erfF32(x: number, p: readonly number[], q: readonly number[]): number {
  const a = f32(Math.abs(x));
  if (a < 1) return f32(x * horner(p, f32(a * a)));
  const t = f32(f32(f32(Math.min(a, 4)) - 2.5) * f32(2 / 3));
  return f32(Math.sign(x) * f32(1 - horner(q, t)));
}

/** The two polynomials, rounded to f32. */
export function erfPolynomials(
  degreeP = 5,
  degreeQ = 12,
): { readonly p: readonly number[]; readonly q: readonly number[] } {
  const ratio = (z: number): number => z === 0 ? 2 / Math.sqrt(Math.PI) : erf(Math.sqrt(z)) / Math.sqrt(z);
  return {
    p: fitUnit(ratio, degreeP).map(f32),
    q: fit((t) => 1 - erf(2.5 + 1.5 * t), degreeQ).map(f32),
  };
}

/** `exp(z^2) erfc(z)` for `z` from 0 to 10. */
function scaledErfc(z: number): number {
  if (z < 2) return Math.exp(z * z) * (1 - erf(z));
  let tail = z; // the continued fraction of the complement, from a deep level outwards
  for (let n = 200; n >= 1; n--) tail = z + n / 2 / tail;
  return 1 / (Math.sqrt(Math.PI) * tail);
}

/** `P` of `erfc(z) = exp(-z^2) t P(u)` with `t = 2 / (2 + z)` and `u = (12 t - 7) / 5` (ir/ops/gelu.ts), in f32. */
export function erfcPolynomial(degree = 8): readonly number[] {
  return fit((u) => {
    const t = (7 + 5 * u) / 12;
    return scaledErfc(2 / t - 2) / t;
  }, degree).map(f32);
}

/** Largest relative error of that formula in f32 arithmetic. */
export function worstErfcError(p: readonly number[]): number {
  let worst = 0;
  for (let i = 0; i <= 20_000; i++) {
    const z = f32(i / 2000);
    const scaled = f32(f32(4.8) / f32(z + 2));
    const value = f32(f32(scaled * f32(5 / 12)) * horner(p, f32(scaled - f32(1.4))));
    worst = Math.max(worst, Math.abs(value / scaledErfc(z) - 1));
  }
  return worst;
}

/** Largest absolute error over a dense sample of f32 numbers. */
export function worstError(p: readonly number[], q: readonly number[]): { error: number; at: number } {
  let worst = { error: 0, at: 0 };
  for (let i = 0; i <= 400_000; i++) {
    const x = f32(i * 1.25e-5);
    const error = Math.abs(erfF32(x, p, q) - erf(x));
    if (error > worst.error) worst = { error, at: x };
  }
  return worst;
}

if (import.meta.main) {
  const { p, q } = erfPolynomials();
  const show = (c: readonly number[]): string => c.map((v) => Number(v.toPrecision(9))).join(", ");
  console.log(`P: ${show(p)}\nQ: ${show(q)}\nP of erfc: ${show(erfcPolynomial())}`);
  const { error, at } = worstError(p, q);
  console.log(`largest absolute error in f32: ${error.toExponential(2)} at x = ${at}`);
}
