/**
 * The Gaussian error linear unit, exact and approximate; both are computed in f32.
 *
 * @module
 */
import { DTYPES } from "../dtype.ts";
import { add, cast, div, type Expr, f32, lt, min, mul, select, sub, unary } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { arity, family, nth, type OpDef, widen } from "./op.ts";

/**
 * `erfc(z) = exp(-z^2) t P(u)` with `t = 2 / (2 + z)` and `u = (12 t - 7) / 5`, for `z` from 0 to 10: found by
 * interpolation at Chebyshev nodes (`tools/fit_erf.ts` derives it). The relative error in f32 is at most 4e-7.
 */
export const ERFC_P: readonly number[] = [
  0.572011948,
  0.326222241,
  0.102029599,
  0.00596606173,
  -0.00615169434,
  -0.000631151721,
  0.0005873263,
  0.0000198381003,
  -0.0000542491471,
];

/** From here on, the share of a normal distribution beyond is 0 in f32. */
const FAR = 14;

/**
 * `x Phi(x)`, the share of the standard normal distribution below `x` times `x`. The share is
 * `erfc(|x| / sqrt 2) / 2` on the far side: `1 + erf` would lose its digits where it is small.
 */
function geluExact(x: Expr): Expr {
  const size = min(unary("abs", x), f32(FAR));
  // With z = size / sqrt 2: 12 t / 5 = 4.8 / (2 + z), and u with it.
  const scaled = div(f32(4.8), add(mul(size, f32(Math.SQRT1_2)), f32(2)));
  const u = sub(scaled, f32(1.4));
  const polynomial = ERFC_P.slice(0, -1).reduceRight<Expr>(
    (sum, c) => add(mul(sum, u), f32(c)),
    f32(nth(ERFC_P, -1)),
  );
  const halfT = mul(scaled, f32(5 / 24));
  const share = mul(mul(unary("exp", mul(mul(size, size), f32(-0.5))), halfT), polynomial);
  const missing = mul(size, share);
  return select(lt(x, f32(0)), unary("neg", missing), sub(x, missing));
}

/** `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`: the tanh form of Hendrycks and Gimpel (2016), GPT-2's own. */
function geluTanh(x: Expr): Expr {
  const cubic = mul(f32(0.044715), mul(x, mul(x, x)));
  const inner = mul(f32(Math.sqrt(2 / Math.PI)), add(x, cubic));
  return mul(mul(f32(0.5), x), add(f32(1), unary("tanh", inner)));
}

function geluOp(name: string, f: (x: Expr) => Expr): OpDef {
  return {
    name,
    pattern: "elementwise",
    infer(inputs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      return { shape: x.shape, dtype: family(name, x.dtype, ["float"]) };
    },
    lower: ({ inputs, output }, indices) =>
      cast(DTYPES[output.dtype].register, f(widen(nth(inputs, 0).at(indices)))),
  };
}

/** Both forms. */
export const GELU_OPS: readonly OpDef[] = [geluOp("gelu", geluExact), geluOp("geluTanh", geluTanh)];
