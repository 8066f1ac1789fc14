/**
 * Windows that slide over images: convolution and pooling.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Attr, Attrs } from "../../ir/graph.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, Literal, TensorOr } from "../types/arg.ts";
import type { HasDType, SameDType } from "../types/dtype.ts";
import type { WeightShape } from "../types/matmul.ts";
import type { Conv2dOptions, Conv2dShape, PoolOptions, PoolShape, Sliding } from "../types/window.ts";
import type { Numeric } from "./binary.ts";
import type { Float } from "./unary.ts";

const list = (values: readonly Attr[]): Attr => [...values];

function slidingAttrs(options: Sliding | undefined): Attrs {
  return {
    padding: list(options?.padding ?? [0, 0, 0, 0]),
    strides: list(options?.strides ?? [1, 1]),
    dilations: list(options?.dilations ?? [1, 1]),
  };
}

/** The shape of the bias among the options `O`, one number for each filter of `W`, or the message. */
export type BiasShape<O, W extends Shape, T extends DType> = O extends
  { readonly bias: Tensor<infer B extends Shape, infer V extends DType> }
  ? SameDType<"conv2d", T, V, WeightShape<"conv2d", "bias", [W[0] & Dim], B>>
  : [];

/**
 * Convolution (as machine learning has it: the filter is not mirrored) of images `[n, c, h, w]` with filters
 * `[o, c/groups, kh, kw]`: gives `[n, o, h', w']` with `h' = floor((h + padding - (kh - 1) * dilation - 1) / stride) + 1`.
 * A `bias` `[o]` is added. For other layouts, {@linkcode permute} before and after: that costs nothing.
 *
 * @example
 * ```ts
 * import { conv2d, spec } from "@weft/weft";
 *
 * const image = spec(["n", 3, 224, 224], "f32");
 * const patches = conv2d(image, spec([768, 3, 16, 16], "f32"), { strides: [16, 16] });
 * console.log(patches.shape); // ["n", 768, 14, 14]
 * const same = conv2d(spec(["n", 8, "h", "w"], "f32"), spec([4, 8, 3, 3], "f32"), { padding: [1, 1, 1, 1] });
 * console.log(same.shape); // ["n", 4, "h", "w"]
 * ```
 */
export function conv2d<
  X extends Shape,
  W extends Shape,
  T extends Float,
  U extends DType,
  const O extends Conv2dOptions & { readonly bias?: Tensor } = Readonly<Record<never, never>>,
>(
  x: Tensor<X, T>,
  filter: Arg<SameDType<"conv2d", T, U, Conv2dShape<X, W, O>>, W, U>,
  options?: Literal<BiasShape<O, W, T>, O>,
): TensorOr<Conv2dShape<X, W, O>, T> {
  const given = options as (Conv2dOptions & { readonly bias?: Tensor }) | undefined;
  const bias = given?.bias;
  const inputs = [x, filter as Tensor, ...(bias === undefined ? [] : [bias])];
  return apply("conv2d", inputs, { ...slidingAttrs(given), groups: given?.groups ?? 1 }) as never;
}

function pool(op: string, x: unknown, options: PoolOptions | undefined): never {
  return apply(op, [x as Tensor], {
    ...slidingAttrs(options),
    window: options?.window === undefined ? null : list(options.window),
    ceil: options?.rounding === "ceil",
  }) as never;
}

/**
 * The mean of what is under a window, over images `[n, c, h, w]`; margins do not count. Without a window: of each whole
 * image.
 *
 * @example
 * ```ts
 * import { averagePool2d, spec } from "@weft/weft";
 *
 * const image = spec(["n", 16, 32, 32], "f32");
 * console.log(averagePool2d(image, { window: [2, 2], strides: [2, 2] }).shape); // ["n", 16, 16, 16]
 * console.log(averagePool2d(image).shape); // ["n", 16, 1, 1]
 * ```
 */
export function averagePool2d<
  X extends Shape,
  T extends DType,
  const O extends PoolOptions = Readonly<Record<never, never>>,
>(
  x: Arg<HasDType<"averagePool2d", T, Float, "float", PoolShape<"averagePool2d", X, O>>, X, T>,
  options?: O,
): TensorOr<PoolShape<"averagePool2d", X, O>, T> {
  return pool("averagePool2d", x, options);
}

/**
 * The largest of what is under a window, over images `[n, c, h, w]`; margins do not count.
 *
 * @example
 * ```ts
 * import { maxPool2d, spec } from "@weft/weft";
 *
 * console.log(maxPool2d(spec(["n", 16, 32, 32], "f32"), { window: [2, 2], strides: [2, 2] }).shape); // ["n", 16, 16, 16]
 * ```
 */
export function maxPool2d<
  X extends Shape,
  T extends DType,
  const O extends PoolOptions = Readonly<Record<never, never>>,
>(
  x: Arg<
    HasDType<"maxPool2d", T, Numeric, "float or signed or unsigned", PoolShape<"maxPool2d", X, O>>,
    X,
    T
  >,
  options?: O,
): TensorOr<PoolShape<"maxPool2d", X, O>, T> {
  return pool("maxPool2d", x, options);
}

/**
 * The root of the sum of squares of what is under a window, over images `[n, c, h, w]`.
 *
 * @example
 * ```ts
 * import { l2Pool2d, spec } from "@weft/weft";
 *
 * console.log(l2Pool2d(spec(["n", 16, 32, 32], "f32"), { window: [2, 2], strides: [2, 2] }).shape); // ["n", 16, 16, 16]
 * ```
 */
export function l2Pool2d<
  X extends Shape,
  T extends DType,
  const O extends PoolOptions = Readonly<Record<never, never>>,
>(
  x: Arg<HasDType<"l2Pool2d", T, Float, "float", PoolShape<"l2Pool2d", X, O>>, X, T>,
  options?: O,
): TensorOr<PoolShape<"l2Pool2d", X, O>, T> {
  return pool("l2Pool2d", x, options);
}
