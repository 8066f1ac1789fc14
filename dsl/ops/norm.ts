/**
 * Normalisations. Shape and dtype stay as they are; f16 is computed in f32.
 *
 * @module
 */
import { type Dim, divDim, printShape, type Shape } from "../../ir/dim.ts";
import type { Attrs } from "../../ir/graph.ts";
import { apply, refusal } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg } from "../types/arg.ts";
import type { LastAxisShape } from "../types/matmul.ts";
import type { ReduceShape, SoftmaxShape } from "../types/reduce.ts";
import { add, mul } from "./binary.ts";
import type { Literal } from "./reduce.ts";
import type { Float } from "./unary.ts";
import { reshape } from "./views.ts";

/** `log(softmax(x))` along an axis, computed so that it neither overflows nor loses small probabilities. */
export function logSoftmax<S extends Shape, T extends Float, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<SoftmaxShape<"logSoftmax", S, A>, A>,
): Tensor<S, T> {
  return apply("logSoftmax", [x], { axis: axis as number }) as never;
}

/** Weight, bias and epsilon of a normalisation; each may be left out. */
export interface NormOptions<T extends Float = Float> {
  /** Multiplied with what was normalised. */
  readonly weight?: Tensor<Shape, T>;
  /** Added last. */
  readonly bias?: Tensor<Shape, T>;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon?: number;
}

/** Inputs and attributes of a normalisation of `x`. */
function parts(
  x: readonly Tensor[],
  options: NormOptions,
  attrs: Attrs,
): readonly [readonly Tensor[], Attrs] {
  const { weight, bias, epsilon = 1e-5 } = options;
  const given = [weight, bias].filter((t) => t !== undefined);
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
export function normalize<S extends Shape, T extends Float, const A extends readonly number[]>(
  x: Tensor<S, T>,
  axes: Literal<ReduceShape<"layerNorm", S, A>, A>,
  options: NormOptions<NoInfer<T>> = {},
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
export function rmsNorm<S extends Shape, T extends Float, N extends Shape>(
  x: Tensor<S, T>,
  weight: Arg<LastAxisShape<"rmsNorm", S, N[0] & (string | number)>, N, NoInfer<T>>,
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
export function instanceNorm<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  options: NormOptions<NoInfer<T>> = {},
): Tensor<S, T> {
  return apply("instanceNorm", ...parts([x], options, {})) as never;
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
export function groupNorm<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  groups: number,
  options: NormOptions<NoInfer<T>> = {},
): Tensor<S, T> {
  const shape: Shape = x.shape;
  const [n, c, ...behind] = shape;
  if (n === undefined || c === undefined) {
    throw refusal("groupNorm", `groupNorm: needs rank >= 2, got ${printShape(shape)}`);
  }
  const width = groups > 0 ? divDim(c, groups) : undefined;
  if (width === undefined) {
    throw refusal(
      "groupNorm",
      `groupNorm: axis 1 of ${printShape(shape)} is ${c}, not known to be divisible by ${groups}`,
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
  const scaled = weight === undefined ? normal : mul(normal as never, channel("weight", weight) as never);
  return (bias === undefined ? scaled : add(scaled as never, channel("bias", bias) as never)) as never;
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
export function batchNorm<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  mean: Tensor<Shape, NoInfer<T>>,
  variance: Tensor<Shape, NoInfer<T>>,
  options: NormOptions<NoInfer<T>> & { readonly axis?: number } = {},
): Tensor<S, T> {
  return apply("batchNorm", ...parts([x, mean, variance], options, { axis: options.axis ?? 1 })) as never;
}
