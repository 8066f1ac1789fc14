/**
 * Further reductions: norms, sums of logarithms and exponentials, truth of all or any, and running sums.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, Literal, TensorOr } from "../types/arg.ts";
import type { HasDType } from "../types/dtype.ts";
import type { Axes, ReduceShape, SoftmaxShape } from "../types/reduce.ts";
import type { Numeric } from "./binary.ts";
import type { ReduceOptions } from "./reduce.ts";
import { reduceAttrs } from "./reduce_attrs.ts";
import type { Float } from "./unary.ts";

/**
 * The sum of absolute values over axes (all, if none are given; 0 over nothing). `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { l1, spec } from "@weft/weft";
 *
 * console.log(l1(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function l1<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"l1", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"l1", S, A, K>, T> {
  return apply("l1", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The square root of the sum of squares over axes (all, if none are given; 0 over nothing). `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { l2, spec } from "@weft/weft";
 *
 * console.log(l2(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function l2<
  S extends Shape,
  T extends Float,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"l2", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"l2", S, A, K>, T> {
  return apply("l2", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The sum of squares over axes (all, if none are given; 0 over nothing). `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { spec, sumSquare } from "@weft/weft";
 *
 * console.log(sumSquare(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function sumSquare<
  S extends Shape,
  T extends Numeric,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"sumSquare", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"sumSquare", S, A, K>, T> {
  return apply("sumSquare", [x], reduceAttrs(axes, options)) as never;
}

/**
 * The logarithm of the sum over axes (all, if none are given). `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { logSum, spec } from "@weft/weft";
 *
 * console.log(logSum(spec(["b", "s", 4], "f32"), [0, 2]).shape); // ["s"]
 * ```
 */
export function logSum<
  S extends Shape,
  T extends Float,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"logSum", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"logSum", S, A, K>, T> {
  return apply("logSum", [x], reduceAttrs(axes, options)) as never;
}

/**
 * `log(sum(exp(x)))` over axes (all, if none are given), without overflow. `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { logSumExp, spec } from "@weft/weft";
 *
 * console.log(logSumExp(spec(["b", 10], "f32"), -1).shape); // ["b"]
 * ```
 */
export function logSumExp<
  S extends Shape,
  T extends Float,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Tensor<S, T>,
  axes?: Literal<ReduceShape<"logSumExp", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"logSumExp", S, A, K>, T> {
  return apply("logSumExp", [x], reduceAttrs(axes, options)) as never;
}

/**
 * Whether any element over axes (all, if none are given) is true; false over nothing. `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { any, spec } from "@weft/weft";
 *
 * console.log(any(spec(["b", "s"], "bool"), -1, { keepDims: true }).shape); // ["b", 1]
 * ```
 */
export function any<
  S extends Shape,
  T extends DType,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Arg<HasDType<"any", T, "bool", "bool", S>, S, T>,
  axes?: Literal<ReduceShape<"any", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"any", S, A, K>, "bool"> {
  return apply("any", [x as Tensor], reduceAttrs(axes, options)) as never;
}

/**
 * Whether all elements over axes (all, if none are given) are true; true over nothing. `[b, s]` over 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { all, spec } from "@weft/weft";
 *
 * console.log(all(spec(["b", "s"], "bool"), -1, { keepDims: true }).shape); // ["b", 1]
 * ```
 */
export function all<
  S extends Shape,
  T extends DType,
  const A extends Axes = undefined,
  K extends boolean = false,
>(
  x: Arg<HasDType<"all", T, "bool", "bool", S>, S, T>,
  axes?: Literal<ReduceShape<"all", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"all", S, A, K>, "bool"> {
  return apply("all", [x as Tensor], reduceAttrs(axes, options)) as never;
}

/**
 * The index of the smallest element along an axis, the first where several are equal. `[b, s]` along 1 gives `[b]`.
 *
 * @example
 * ```ts
 * import { argmin, spec } from "@weft/weft";
 *
 * console.log(argmin(spec(["b", "s", 4], "f32"), -1).shape); // ["b", "s"]
 * ```
 */
export function argmin<S extends Shape, const A extends number, K extends boolean = false>(
  x: Tensor<S, Numeric>,
  axis: Literal<ReduceShape<"argmin", S, A, K>, A>,
  options?: ReduceOptions<K>,
): TensorOr<ReduceShape<"argmin", S, A, K>, "i32"> {
  return apply("argmin", [x], { axis: axis as number, keepDims: options?.keepDims ?? false }) as never;
}

/** How to sum up. */
export interface CumsumOptions {
  /** Leave each element out of its own sum. */
  readonly exclusive?: boolean;
  /** Start at the end. */
  readonly reversed?: boolean;
}

/**
 * The sum of the elements up to each along an axis. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { cumsum, spec } from "@weft/weft";
 *
 * console.log(cumsum(spec(["b", 10], "f32"), -1, { exclusive: true }).shape); // ["b", 10]
 * ```
 */
export function cumsum<S extends Shape, T extends Numeric, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<SoftmaxShape<"cumsum", S, A>, A>,
  options: CumsumOptions = {},
): Tensor<S, T> {
  const { exclusive = false, reversed = false } = options;
  return apply("cumsum", [x], { axis: axis as number, exclusive, reversed }) as never;
}
