/**
 * Reductions over axes, and normalisations along one.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import { reduceAttrs } from "./reduce_attrs.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, Literal, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { WeightShape } from "../types/matmul.ts";
import type { Axes, ReduceShape, SoftmaxShape } from "../types/reduce.ts";
import type { Numeric } from "./binary.ts";
import type { Float } from "./unary.ts";

/** How to reduce. */
export interface ReduceOptions<K extends boolean = boolean> {
  /** Keep the reduced axes, 1 long. */
  readonly keepDims?: K;
}

/**
 * The sum over axes (all, if none are given; 0 over nothing). Negative axes count from the end.
 *
 * @example
 * ```ts
 * import { spec, sum } from "@weft/weft";
 *
 * const x = spec(["b", "s", 4], "f32");
 * console.log(sum(x, -1).shape, sum(x, [0, 2], { keepDims: true }).shape); // ["b", "s"] [1, "s", 1]
 * ```
 */
export function sum<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"sum", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"sum", S, A, K>, T> {
  return apply("sum", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The product over axes (1 over nothing).
 *
 * @example
 * ```ts
 * import { prod, spec } from "@weft/weft";
 *
 * console.log(prod(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function prod<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"prod", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"prod", S, A, K>, T> {
  return apply("prod", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The largest element over axes (-infinity over nothing).
 *
 * @example
 * ```ts
 * import { max, spec } from "@weft/weft";
 *
 * console.log(max(spec(["b", "s"], "i32"), -1, { keepDims: true }).shape); // ["b", 1]
 * ```
 */
export function max<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"max", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"max", S, A, K>, T> {
  return apply("max", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The smallest element over axes (infinity over nothing).
 *
 * @example
 * ```ts
 * import { min, spec } from "@weft/weft";
 *
 * console.log(min(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function min<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"min", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"min", S, A, K>, T> {
  return apply("min", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The mean over axes (all, if none are given).
 *
 * @example
 * ```ts
 * import { mean, spec } from "@weft/weft";
 *
 * console.log(mean(spec(["b", "s", 768], "f32"), 1).shape); // ["b", 768]
 * ```
 */
export function mean<
  S extends Shape,
  T extends Float,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"mean", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"mean", S, A, K>, T> {
  return apply("mean", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The index of the largest element along an axis, the first where several are equal.
 *
 * @example
 * ```ts
 * import { argmax, spec } from "@weft/weft";
 *
 * const next = argmax(spec(["b", 50257], "f32"), -1);
 * console.log(next.shape, next.dtype); // ["b"] i32
 * ```
 */
export function argmax<S extends Shape, const A extends number, K extends boolean = false>(
  x: Tensor<S, Numeric>,
  axis: Literal<ReduceShape<"argmax", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"argmax", S, A, K>, "i32"> {
  return apply("argmax", [x], { axis: axis as number, keepDims: options?.keepDims ?? false }) as never;
}

/**
 * `exp(x) / sum(exp(x))` along an axis, computed so that it cannot overflow.
 *
 * @example
 * ```ts
 * import { softmax, spec } from "@weft/weft";
 *
 * console.log(softmax(spec(["b", 10], "f32"), -1).shape); // ["b", 10]
 * ```
 */
export function softmax<S extends Shape, T extends Float, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<SoftmaxShape<"softmax", S, A>, A>,
): Tensor<S, T> {
  return apply("softmax", [x], { axis: axis as number }) as never;
}

/**
 * `(x - mean) / sqrt(variance + epsilon) * weight + bias` along the last axis, with weight and bias `[n]` for `x`
 * `[..., n]` (Ba, Kiros and Hinton 2016).
 *
 * @example
 * ```ts
 * import { layerNorm, spec } from "@weft/weft";
 *
 * const y = layerNorm(spec(["s", 768], "f32"), spec([768], "f32"), spec([768], "f32"));
 * console.log(y.shape); // ["s", 768]
 * ```
 */
export function layerNorm<
  S extends Shape,
  W extends Shape,
  B extends Shape,
  T extends Float,
  U extends DType,
  V extends DType,
>(
  x: Tensor<S, T>,
  weight: Arg<SameDType<"layerNorm", T, U, WeightShape<"layerNorm", "weight", S, W>>, W, U>,
  bias: Arg<SameDType<"layerNorm", T, V, WeightShape<"layerNorm", "bias", S, B>>, B, V>,
  epsilon: number = 1e-5,
): Tensor<S, T> {
  return apply("layerNorm", [x, weight as Tensor, bias as Tensor], { epsilon }) as never;
}
