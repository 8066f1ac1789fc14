/** The polynomials of erf in generated WGSL are those that tools/fit_erf.ts finds. @module */
import { ERF_P, ERF_Q } from "../../backends/webgpu/math.ts";
import { ERFC_P } from "../../ir/ops/gelu.ts";
import {
  erfcPolynomial,
  erfPolynomials,
  fit,
  fitUnit,
  worstErfcError,
  worstError,
} from "../../tools/fit_erf.ts";
import { assertAlmostEquals, assertEquals, assertLessOrEqual } from "../support/assert.ts";

Deno.test("the coefficients in the code generator are the tool's, rounded to f32", () => {
  const { p, q } = erfPolynomials();
  assertEquals(ERF_P.map(Math.fround), p);
  assertEquals(ERF_Q.map(Math.fround), q);
});

Deno.test("their error in f32 arithmetic is at most 1.3e-7", () => {
  assertLessOrEqual(worstError(ERF_P.map(Math.fround), ERF_Q.map(Math.fround)).error, 1.3e-7);
});

Deno.test("the coefficients of the exact gelu are the tool's; the relative error is at most 4e-7", () => {
  assertEquals(ERFC_P.map(Math.fround), erfcPolynomial());
  assertLessOrEqual(worstErfcError(ERFC_P.map(Math.fround)), 4e-7);
});

Deno.test("a fit gives back a polynomial of its degree", () => {
  const cubic = (t: number): number => 1 - 2 * t + 3 * t ** 2 - 0.5 * t ** 3;
  for (const found of [fit(cubic, 3), fitUnit(cubic, 3)]) {
    [1, -2, 3, -0.5].forEach((c, i) => assertAlmostEquals(found[i] ?? NaN, c, 1e-12));
  }
});
