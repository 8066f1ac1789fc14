/**
 * Activation functions, and elementwise operators with parameters.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import { spellNumber } from "../../ir/ops/mod.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorOr } from "../types/arg.ts";
import type { BroadcastShape } from "../types/broadcast.ts";
import type { Numeric, Second } from "./binary.ts";
import type { Float } from "./unary.ts";

/**
 * One divided by each element. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { reciprocal, spec } from "@weft/weft";
 *
 * console.log(reciprocal(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function reciprocal<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("reciprocal", [x]) as never;
}

/**
 * `1 / (1 + exp(-x))` of each element. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { mul, sigmoid, spec } from "@weft/weft";
 *
 * const x = spec(["n", 4], "f32");
 * const silu = mul(x, sigmoid(x));
 * console.log(silu.shape); // ["n", 4]
 * ```
 */
export function sigmoid<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("sigmoid", [x]) as never;
}

/**
 * `log(1 + exp(x))` of each element, without overflow. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { softplus, spec } from "@weft/weft";
 *
 * console.log(softplus(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function softplus<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("softplus", [x]) as never;
}

/**
 * `x / (1 + |x|)` of each element. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { softsign, spec } from "@weft/weft";
 *
 * console.log(softsign(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function softsign<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("softsign", [x]) as never;
}

/**
 * Each element, or `alpha (exp(x) - 1)` where it is negative. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { elu, spec } from "@weft/weft";
 *
 * console.log(elu(spec(["n", 4], "f32"), 0.5).shape); // ["n", 4]
 * ```
 */
export function elu<S extends Shape, T extends Float>(x: Tensor<S, T>, alpha: number = 1): Tensor<S, T> {
  return apply("elu", [x], { alpha: spellNumber(alpha) }) as never;
}

/**
 * Each element, or `alpha x` where it is negative. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { leakyRelu, spec } from "@weft/weft";
 *
 * console.log(leakyRelu(spec(["n", 4], "f32"), 0.2).shape); // ["n", 4]
 * ```
 */
export function leakyRelu<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  alpha: number = 0.01,
): Tensor<S, T> {
  return apply("leakyRelu", [x], { alpha: spellNumber(alpha) }) as never;
}

/**
 * `alpha x + beta` of each element, from 0 to 1. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { hardSigmoid, spec } from "@weft/weft";
 *
 * console.log(hardSigmoid(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function hardSigmoid<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  alpha: number = 0.2,
  beta: number = 0.5,
): Tensor<S, T> {
  return apply("hardSigmoid", [x], { alpha: spellNumber(alpha), beta: spellNumber(beta) }) as never;
}

/**
 * `x min(max(x + 3, 0), 6) / 6` of each element. Shape and dtype stay as they are.
 *
 * @example
 * ```ts
 * import { hardSwish, spec } from "@weft/weft";
 *
 * console.log(hardSwish(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function hardSwish<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("hardSwish", [x]) as never;
}

/**
 * The tensor itself, as a value of its own in the program.
 *
 * @example
 * ```ts
 * import { identity, spec } from "@weft/weft";
 *
 * console.log(identity(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function identity<S extends Shape, T extends DType>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("identity", [x]) as never;
}

/** Bounds of a {@linkcode clamp}. */
export interface ClampOptions {
  /** The least result; none by default. */
  readonly min?: number;
  /** The greatest result; none by default. */
  readonly max?: number;
}

/**
 * Each element, or the bound that it exceeds. Shape and dtype stay as they are. For integers, bounds are rounded
 * inwards.
 *
 * @example
 * ```ts
 * import { clamp, spec } from "@weft/weft";
 *
 * const relu6 = clamp(spec(["n"], "f32"), { min: 0, max: 6 });
 * console.log(relu6.shape); // ["n"]
 * ```
 */
export function clamp<S extends Shape, T extends Numeric>(
  x: Tensor<S, T>,
  options: ClampOptions,
): Tensor<S, T> {
  const { min = -Infinity, max = Infinity } = options;
  return apply("clamp", [x], { min: spellNumber(min), max: spellNumber(max) }) as never;
}

/**
 * Each element of `x`, or `slope x` where it is negative; the two stretch to a common shape.
 *
 * @example
 * ```ts
 * import { prelu, spec } from "@weft/weft";
 *
 * console.log(prelu(spec(["b", "s", 4], "f32"), spec([4], "f32")).shape); // ["b", "s", 4]
 * ```
 */
export function prelu<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  x: Tensor<A, T>,
  slope: Second<"prelu", A, B, T, U>,
): TensorOr<BroadcastShape<"prelu", A, B>, T> {
  return apply("prelu", [x, slope as Tensor]) as never;
}

/**
 * Whether exactly one is true, for each pair of elements.
 *
 * @example
 * ```ts
 * import { logicalXor, spec } from "@weft/weft";
 *
 * console.log(logicalXor(spec(["b", "n"], "bool"), spec(["n"], "bool")).shape); // ["b", "n"]
 * ```
 */
export function logicalXor<A extends Shape, B extends Shape, U extends DType>(
  a: Tensor<A, "bool">,
  b: Second<"logicalXor", A, B, "bool", U>,
): TensorOr<BroadcastShape<"logicalXor", A, B>, "bool"> {
  return apply("logicalXor", [a, b as Tensor]) as never;
}

/**
 * Whether each element is not a number: `[s...]` gives `[s...]` of `bool`.
 *
 * @example
 * ```ts
 * import { full, isNaN, spec, where } from "@weft/weft";
 *
 * const x = spec(["n", 4], "f32");
 * console.log(where(isNaN(x), full([1], 0), x).shape); // ["n", 4]
 * ```
 */
export function isNaN<S extends Shape>(x: Tensor<S, Float>): Tensor<S, "bool"> {
  return apply("isNaN", [x]) as never;
}
