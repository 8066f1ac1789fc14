/**
 * Normalisations. Shape and dtype stay as they are; f16 is computed in f32.
 *
 * @module
 */
import { type Dim, divDim, printShape, type Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Attrs } from "../../ir/graph.ts";
import { apply, refusal } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, Literal } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { WeightShape } from "../types/matmul.ts";
import type { AxesDims, ChannelDims, ChannelShape, ExactShape, GroupsShape } from "../types/norm.ts";
import type { ReduceShape, SoftmaxShape } from "../types/reduce.ts";
import type { Float } from "./unary.ts";
import { reshape } from "./views.ts";

/**
 * `log(softmax(x))` along an axis, computed so that it neither overflows nor loses small probabilities.
 *
 * @example
 * ```ts
 * import { logSoftmax, spec } from "@weft/weft";
 *
 * console.log(logSoftmax(spec(["b", "vocab"], "f32"), -1).shape); // ["b", "vocab"]
 * ```
 */
export function logSoftmax<S extends Shape, T extends Float, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<SoftmaxShape<"logSoftmax", S, A>, A>,
): Tensor<S, T> {
  return apply("logSoftmax", [x], { axis: axis as number }) as never;
}

/**
 * Weight, bias and epsilon of a normalisation; each may be left out. `E` is the shape of weight and bias, the other
 * parameters are what is found.
 */
export interface NormOptions<
  Op extends string,
  E extends Shape,
  T extends DType,
  W extends Shape,
  U extends DType,
  B extends Shape,
  V extends DType,
> {
  /** Multiplied with what was normalised. */
  readonly weight?: Arg<SameDType<Op, T, U, ExactShape<Op, "weight", W, E>>, W, U>;
  /** Added last. */
  readonly bias?: Arg<SameDType<Op, T, V, ExactShape<Op, "bias", B, E>>, B, V>;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon?: number;
}

/** Options of any normalisation, as they are at run time. */
type AnyOptions = { readonly weight?: unknown; readonly bias?: unknown; readonly epsilon?: number };

/** Inputs and attributes of a normalisation of `x`. */
function parts(
  x: readonly Tensor[],
  options: AnyOptions,
  attrs: Attrs,
): readonly [readonly Tensor[], Attrs] {
  const { weight, bias, epsilon = 1e-5 } = options;
  const given = [weight, bias].filter((t) => t !== undefined) as Tensor[];
  const only: Attrs = weight === undefined && bias !== undefined ? { only: "bias" } : {};
  return [[...x, ...given], { ...attrs, epsilon, ...only }];
}

/**
 * `(x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and variance over some axes: layer normalisation over
 * more than the last axis. Weight and bias have the dims of the axes, in the order in which those are given.
 *
 * @example
 * ```ts
 * import { normalize, spec } from "@weft/weft";
 *
 * const y = normalize(spec(["b", 3, 4], "f32"), [1, 2], { weight: spec([3, 4], "f32") });
 * console.log(y.shape); // ["b", 3, 4]
 * ```
 */
export function normalize<
  S extends Shape,
  T extends Float,
  W extends Shape,
  U extends DType,
  B extends Shape,
  V extends DType,
  const A extends readonly number[],
>(
  x: Tensor<S, T>,
  axes: Literal<ReduceShape<"layerNorm", S, A>, A>,
  options: NormOptions<"layerNorm", AxesDims<S, A>, T, W, U, B, V> = {},
): Tensor<S, T> {
  return apply("layerNorm", ...parts([x], options, { axes: [...axes as readonly number[]] })) as never;
}

/**
 * `x / sqrt(mean(x^2) + epsilon) * weight` along the last axis (Zhang and Sennrich 2019).
 *
 * @example
 * ```ts
 * import { rmsNorm, spec } from "@weft/weft";
 *
 * console.log(rmsNorm(spec(["s", 64], "f32"), spec([64], "f32")).shape); // ["s", 64]
 * ```
 */
export function rmsNorm<S extends Shape, W extends Shape, T extends Float, U extends DType>(
  x: Tensor<S, T>,
  weight: Arg<SameDType<"rmsNorm", T, U, WeightShape<"rmsNorm", "weight", S, W>>, W, U>,
  epsilon: number = 1e-6,
): Tensor<S, T> {
  return apply("rmsNorm", [x, weight as Tensor], { epsilon }) as never;
}

/**
 * Each channel of each batch normalised over the axes behind: `[n, c, ...]` with weight and bias `[c]` (Ulyanov,
 * Vedaldi and Lempitsky 2016).
 *
 * @example
 * ```ts
 * import { instanceNorm, spec } from "@weft/weft";
 *
 * const y = instanceNorm(spec(["n", 3, "h", "w"], "f32"), { weight: spec([3], "f32") });
 * console.log(y.shape); // ["n", 3, "h", "w"]
 * ```
 */
export function instanceNorm<
  S extends Shape,
  T extends Float,
  W extends Shape,
  U extends DType,
  B extends Shape,
  V extends DType,
>(
  x: Arg<ChannelShape<"instanceNorm", S>, S, T>,
  options: NormOptions<"instanceNorm", ChannelDims<S>, T, W, U, B, V> = {},
): Tensor<S, T> {
  return apply("instanceNorm", ...parts([x as Tensor], options, {})) as never;
}

/**
 * Groups of channels normalised together, and over the axes behind: `[n, c, ...]` with weight and bias `[c]` (Wu and He
 * 2018). `c` must be divisible by the number of groups.
 *
 * @example
 * ```ts
 * import { groupNorm, spec } from "@weft/weft";
 *
 * console.log(groupNorm(spec(["n", 6, "h", "w"], "f32"), 2).shape); // ["n", 6, "h", "w"]
 * ```
 */
export function groupNorm<
  S extends Shape,
  T extends Float,
  W extends Shape,
  U extends DType,
  B extends Shape,
  V extends DType,
  const N extends number,
>(
  x: Arg<ChannelShape<"groupNorm", S>, S, T>,
  groups: Literal<GroupsShape<S, N>, N>,
  options: NormOptions<"groupNorm", ChannelDims<S>, T, W, U, B, V> = {},
): Tensor<S, T> {
  return normalizeGroups(x as Tensor, groups as number, options) as never;
}

function normalizeGroups(x: Tensor, groups: number, options: AnyOptions): Tensor {
  const { shape } = x;
  const [n, c, ...behind] = shape;
  if (n === undefined || c === undefined) {
    throw refusal("groupNorm", `groupNorm: needs rank >= 2, got ${printShape(shape)}`);
  }
  const width = groups > 0 ? divDim(c, groups) : undefined;
  if (width === undefined) {
    throw refusal(
      "groupNorm",
      `groupNorm: axis 1 of ${printShape(shape)} is ${c}, not ${
        typeof c === "number" ? "" : "known to be "
      }divisible by ${groups}`,
    );
  }
  const grouped = view(x, [n, groups, width, ...behind]);
  const { weight, bias, epsilon = 1e-5 } = options;
  const axes = grouped.shape.map((_, d) => d).slice(2);
  const normal = view(apply("layerNorm", [grouped], { axes, epsilon }), shape);
  const column = [c, ...behind.map(() => 1)];
  const channel = (what: string, t: Tensor): Tensor => {
    if (printShape(t.shape) === printShape([c])) return view(t, column);
    throw refusal("groupNorm", `groupNorm: ${what} is ${printShape(t.shape)}, expected [${c}]`);
  };
  const scaled = weight === undefined ? normal : apply("mul", [normal, channel("weight", weight as Tensor)]);
  return bias === undefined ? scaled : apply("add", [scaled, channel("bias", bias as Tensor)]);
}

function view(x: Tensor, shape: readonly Dim[]): Tensor {
  return reshape(x, shape as never) as Tensor;
}

/**
 * `(x - mean) / sqrt(variance + epsilon) * weight + bias` with means and variances given, one a channel: `[n, c, ...]`
 * with the others `[c]` (Ioffe and Szegedy 2015). The axis of channels is 1 unless another is given.
 *
 * @example
 * ```ts
 * import { batchNorm, spec } from "@weft/weft";
 *
 * const y = batchNorm(spec(["n", 3, "h"], "f32"), spec([3], "f32"), spec([3], "f32"));
 * console.log(y.shape); // ["n", 3, "h"]
 * ```
 */
export function batchNorm<
  S extends Shape,
  M extends Shape,
  R extends Shape,
  T extends Float,
  MT extends DType,
  RT extends DType,
  W extends Shape,
  U extends DType,
  B extends Shape,
  V extends DType,
  const A extends number = 1,
>(
  x: Tensor<S, T>,
  mean: Arg<SameDType<"batchNorm", T, MT, ExactShape<"batchNorm", "mean", M, AxesDims<S, [A]>>>, M, MT>,
  variance: Arg<
    SameDType<"batchNorm", T, RT, ExactShape<"batchNorm", "variance", R, AxesDims<S, [A]>>>,
    R,
    RT
  >,
  options: NormOptions<"batchNorm", AxesDims<S, [A]>, T, W, U, B, V> & {
    readonly axis?: Literal<SoftmaxShape<"batchNorm", S, A>, A>;
  } = {},
): Tensor<S, T> {
  const inputs = [x, mean as Tensor, variance as Tensor];
  return apply(
    "batchNorm",
    ...parts(inputs, options, { axis: (options.axis as number | undefined) ?? 1 }),
  ) as never;
}
