/**
 * Matrix products.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { LinearShape, MatmulShape, WeightShape } from "../types/matmul.ts";
import type { Numeric } from "./binary.ts";
import type { Float } from "./unary.ts";

/**
 * The matrix product over the last two axes: `[..., m, k] x [..., k, n]` gives `[..., m, n]`. Batch axes stretch.
 * f16 is summed in f32.
 *
 * @example
 * ```ts
 * import { matmul, spec } from "@weft/weft";
 *
 * const y = matmul(spec(["b", "s", 768], "f32"), spec([768, 3072], "f32"));
 * console.log(y.shape); // ["b", "s", 3072]
 * ```
 */
export function matmul<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Arg<SameDType<"matmul", T, U, MatmulShape<A, B>>, B, U>,
): TensorOr<MatmulShape<A, B>, T> {
  return apply("matmul", [a, b as Tensor]) as never;
}

/**
 * `x W + b` along the last axis: `[..., i]` with a weight `[i, o]` and a bias `[o]` gives `[..., o]`.
 *
 * @example
 * ```ts
 * import { linear, spec } from "@weft/weft";
 *
 * const y = linear(spec(["b", "s", 768], "f32"), spec([768, 3072], "f32"), spec([3072], "f32"));
 * console.log(y.shape); // ["b", "s", 3072]
 * ```
 */
export function linear<
  X extends Shape,
  W extends Shape,
  B extends Shape,
  T extends Float,
  U extends DType,
  V extends DType,
>(
  x: Tensor<X, T>,
  weight: Arg<SameDType<"linear", T, U, LinearShape<X, W>>, W, U>,
  bias?: Arg<SameDType<"linear", T, V, WeightShape<"linear", "bias", LinearShape<X, W>, B>>, B, V>,
): TensorOr<LinearShape<X, W>, T> {
  return apply(
    "linear",
    bias === undefined ? [x, weight as Tensor] : [x, weight as Tensor, bias as Tensor],
  ) as never;
}
