/**
 * Functions of one tensor, element by element. Shape and dtype stay as they are.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg } from "../types/arg.ts";
import type { Float, HasDType } from "../types/dtype.ts";
import type { Numeric } from "./binary.ts";

export type { Float };

/** Dtypes with a sign. */
export type Signed = Float | "i32" | "i8";

/**
 * The negative of each element.
 *
 * @example
 * ```ts
 * import { neg, spec } from "@weft/weft";
 *
 * console.log(neg(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function neg<S extends Shape, T extends Signed>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("neg", [x]) as never;
}

/**
 * The absolute value of each element.
 *
 * @example
 * ```ts
 * import { abs, spec } from "@weft/weft";
 *
 * console.log(abs(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function abs<S extends Shape, T extends Numeric>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("abs", [x]) as never;
}

/**
 * -1, 0 or 1 by the sign of each element.
 *
 * @example
 * ```ts
 * import { sign, spec } from "@weft/weft";
 *
 * console.log(sign(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function sign<S extends Shape, T extends Numeric>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("sign", [x]) as never;
}

/**
 * Each element rounded up.
 *
 * @example
 * ```ts
 * import { ceil, spec } from "@weft/weft";
 *
 * console.log(ceil(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function ceil<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("ceil", [x]) as never;
}

/**
 * Each element rounded down.
 *
 * @example
 * ```ts
 * import { floor, spec } from "@weft/weft";
 *
 * console.log(floor(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function floor<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("floor", [x]) as never;
}

/**
 * Each element rounded to the nearest integer, halves to the even one.
 *
 * @example
 * ```ts
 * import { round, spec } from "@weft/weft";
 *
 * console.log(round(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function round<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("round", [x]) as never;
}

/**
 * `e` to the power of each element.
 *
 * @example
 * ```ts
 * import { exp, spec } from "@weft/weft";
 *
 * const y = exp(spec(["n", 4], "f16"));
 * console.log(y.shape, y.dtype); // ["n", 4] f16
 * ```
 */
export function exp<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("exp", [x]) as never;
}

/**
 * The natural logarithm of each element.
 *
 * @example
 * ```ts
 * import { log, spec } from "@weft/weft";
 *
 * console.log(log(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function log<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("log", [x]) as never;
}

/**
 * The square root of each element.
 *
 * @example
 * ```ts
 * import { spec, sqrt } from "@weft/weft";
 *
 * console.log(sqrt(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function sqrt<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("sqrt", [x]) as never;
}

/**
 * One divided by the square root of each element.
 *
 * @example
 * ```ts
 * import { rsqrt, spec } from "@weft/weft";
 *
 * console.log(rsqrt(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function rsqrt<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("rsqrt", [x]) as never;
}

/**
 * The sine of each element, in radians.
 *
 * @example
 * ```ts
 * import { sin, spec } from "@weft/weft";
 *
 * console.log(sin(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function sin<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("sin", [x]) as never;
}

/**
 * The cosine of each element, in radians.
 *
 * @example
 * ```ts
 * import { cos, spec } from "@weft/weft";
 *
 * console.log(cos(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function cos<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("cos", [x]) as never;
}

/**
 * The tangent of each element, in radians.
 *
 * @example
 * ```ts
 * import { spec, tan } from "@weft/weft";
 *
 * console.log(tan(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function tan<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("tan", [x]) as never;
}

/**
 * The hyperbolic tangent of each element.
 *
 * @example
 * ```ts
 * import { spec, tanh } from "@weft/weft";
 *
 * console.log(tanh(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function tanh<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("tanh", [x]) as never;
}

/**
 * The error function of each element.
 *
 * @example
 * ```ts
 * import { erf, spec } from "@weft/weft";
 *
 * console.log(erf(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function erf<S extends Shape, T extends Float>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("erf", [x]) as never;
}

/**
 * Each element, or 0 where it is negative.
 *
 * @example
 * ```ts
 * import { relu, spec } from "@weft/weft";
 *
 * console.log(relu(spec(["n", 4], "f32")).shape); // ["n", 4]
 * ```
 */
export function relu<S extends Shape, T extends Numeric>(x: Tensor<S, T>): Tensor<S, T> {
  return apply("relu", [x]) as never;
}

/**
 * Whether each element is false.
 *
 * @example
 * ```ts
 * import { logicalNot, spec } from "@weft/weft";
 *
 * const padding = logicalNot(spec(["b", "s"], "bool"));
 * console.log(padding.shape, padding.dtype); // ["b", "s"] bool
 * ```
 */
export function logicalNot<S extends Shape, T extends DType>(
  x: Arg<HasDType<"logicalNot", T, "bool", "bool", S>, S, T>,
): Tensor<S, "bool"> {
  return apply("logicalNot", [x as Tensor]) as never;
}

/**
 * The Gaussian error linear unit: exact (`"none"`, by erf), or its tanh approximation, which is GPT-2's
 * (Hendrycks and Gimpel 2016).
 *
 * @example
 * ```ts
 * import { gelu, spec } from "@weft/weft";
 *
 * const y = gelu(spec(["n", 4], "f32"), "tanh");
 * console.log(y.shape); // ["n", 4]
 * ```
 */
export function gelu<S extends Shape, T extends Float>(
  x: Tensor<S, T>,
  approximate: "none" | "tanh" = "none",
): Tensor<S, T> {
  return apply(approximate === "tanh" ? "geluTanh" : "gelu", [x]) as never;
}

/**
 * Each element converted to another dtype. Floats are truncated to integers and saturate.
 *
 * @example
 * ```ts
 * import { cast, spec } from "@weft/weft";
 *
 * console.log(cast(spec(["n"], "f32"), "i8").dtype); // i8
 * ```
 */
export function cast<S extends Shape, const T extends DType>(x: Tensor<S>, dtype: T): Tensor<S, T> {
  return apply("cast", [x], { dtype }) as never;
}
