/**
 * Functions of two tensors, element by element. Shapes are aligned at their last axes; a literal 1 stretches.
 * Both tensors have one dtype: nothing is converted silently.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { BroadcastShape, WhereShape } from "../types/broadcast.ts";
import type { HasDType, SameDType } from "../types/dtype.ts";
import type { Float } from "./unary.ts";

/** Dtypes that arithmetic applies to. */
export type Numeric = Exclude<DType, "bool">;

/** The second operand of `Op`: a tensor that broadcasts with the first and has its dtype, or the message. */
export type Second<Op extends string, A extends Shape, B extends Shape, T extends DType, U extends DType> =
  Arg<
    SameDType<Op, T, U, BroadcastShape<Op, A, B>>,
    B,
    U
  >;

/**
 * The sum of each pair of elements.
 *
 * @example
 * ```ts
 * import { add, spec } from "@weft/weft";
 *
 * const y = add(spec(["b", "s", 768], "f32"), spec([768], "f32"));
 * console.log(y.shape); // ["b", "s", 768]
 * ```
 */
export function add<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"add", A, B, T, U>,
): TensorOr<BroadcastShape<"add", A, B>, T> {
  return apply("add", [a, b as Tensor]) as never;
}

/**
 * The difference of each pair of elements.
 *
 * @example
 * ```ts
 * import { spec, sub } from "@weft/weft";
 *
 * console.log(sub(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function sub<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"sub", A, B, T, U>,
): TensorOr<BroadcastShape<"sub", A, B>, T> {
  return apply("sub", [a, b as Tensor]) as never;
}

/**
 * The product of each pair of elements.
 *
 * @example
 * ```ts
 * import { mul, spec } from "@weft/weft";
 *
 * console.log(mul(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function mul<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"mul", A, B, T, U>,
): TensorOr<BroadcastShape<"mul", A, B>, T> {
  return apply("mul", [a, b as Tensor]) as never;
}

/**
 * The quotient (of integers: truncated) of each pair of elements.
 *
 * @example
 * ```ts
 * import { div, spec } from "@weft/weft";
 *
 * console.log(div(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function div<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"div", A, B, T, U>,
): TensorOr<BroadcastShape<"div", A, B>, T> {
  return apply("div", [a, b as Tensor]) as never;
}

/**
 * `a` to the power `b` of each pair of elements.
 *
 * @example
 * ```ts
 * import { pow, spec } from "@weft/weft";
 *
 * console.log(pow(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function pow<A extends Shape, B extends Shape, T extends Float, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"pow", A, B, T, U>,
): TensorOr<BroadcastShape<"pow", A, B>, T> {
  return apply("pow", [a, b as Tensor]) as never;
}

/**
 * The larger of each pair of elements.
 *
 * @example
 * ```ts
 * import { maximum, spec } from "@weft/weft";
 *
 * console.log(maximum(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function maximum<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"maximum", A, B, T, U>,
): TensorOr<BroadcastShape<"maximum", A, B>, T> {
  return apply("maximum", [a, b as Tensor]) as never;
}

/**
 * The smaller of each pair of elements.
 *
 * @example
 * ```ts
 * import { minimum, spec } from "@weft/weft";
 *
 * console.log(minimum(spec(["b", "n"], "f32"), spec(["n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function minimum<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"minimum", A, B, T, U>,
): TensorOr<BroadcastShape<"minimum", A, B>, T> {
  return apply("minimum", [a, b as Tensor]) as never;
}

/**
 * `a == b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { equal, spec } from "@weft/weft";
 *
 * const y = equal(spec(["b", "n"], "f32"), spec(["n"], "f32"));
 * console.log(y.shape, y.dtype); // ["b", "n"] bool
 * ```
 */
export function equal<A extends Shape, B extends Shape, T extends DType, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"equal", A, B, T, U>,
): TensorOr<BroadcastShape<"equal", A, B>, "bool"> {
  return apply("equal", [a, b as Tensor]) as never;
}

/**
 * `a != b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { notEqual, spec } from "@weft/weft";
 *
 * const y = notEqual(spec(["b", "n"], "f32"), spec(["n"], "f32"));
 * console.log(y.shape, y.dtype); // ["b", "n"] bool
 * ```
 */
export function notEqual<A extends Shape, B extends Shape, T extends DType, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"notEqual", A, B, T, U>,
): TensorOr<BroadcastShape<"notEqual", A, B>, "bool"> {
  return apply("notEqual", [a, b as Tensor]) as never;
}

/**
 * `a < b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { less, spec } from "@weft/weft";
 *
 * const y = less(spec(["b", 4], "f32"), spec([4], "f32"));
 * console.log(y.shape, y.dtype); // ["b", 4] bool
 * ```
 */
export function less<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"less", A, B, T, U>,
): TensorOr<BroadcastShape<"less", A, B>, "bool"> {
  return apply("less", [a, b as Tensor]) as never;
}

/**
 * `a <= b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { lessEqual, spec } from "@weft/weft";
 *
 * const y = lessEqual(spec(["b", "n"], "f32"), spec(["n"], "f32"));
 * console.log(y.shape, y.dtype); // ["b", "n"] bool
 * ```
 */
export function lessEqual<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"lessEqual", A, B, T, U>,
): TensorOr<BroadcastShape<"lessEqual", A, B>, "bool"> {
  return apply("lessEqual", [a, b as Tensor]) as never;
}

/**
 * `a > b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { greater, spec } from "@weft/weft";
 *
 * const y = greater(spec(["b", "n"], "f32"), spec(["n"], "f32"));
 * console.log(y.shape, y.dtype); // ["b", "n"] bool
 * ```
 */
export function greater<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"greater", A, B, T, U>,
): TensorOr<BroadcastShape<"greater", A, B>, "bool"> {
  return apply("greater", [a, b as Tensor]) as never;
}

/**
 * `a >= b` for each pair of elements.
 *
 * @example
 * ```ts
 * import { greaterEqual, spec } from "@weft/weft";
 *
 * const y = greaterEqual(spec(["b", "n"], "f32"), spec(["n"], "f32"));
 * console.log(y.shape, y.dtype); // ["b", "n"] bool
 * ```
 */
export function greaterEqual<A extends Shape, B extends Shape, T extends Numeric, U extends DType>(
  a: Tensor<A, T>,
  b: Second<"greaterEqual", A, B, T, U>,
): TensorOr<BroadcastShape<"greaterEqual", A, B>, "bool"> {
  return apply("greaterEqual", [a, b as Tensor]) as never;
}

/**
 * Whether both are true, for each pair of elements.
 *
 * @example
 * ```ts
 * import { logicalAnd, spec } from "@weft/weft";
 *
 * console.log(logicalAnd(spec(["b", "n"], "bool"), spec(["n"], "bool")).shape); // ["b", "n"]
 * ```
 */
export function logicalAnd<A extends Shape, B extends Shape, U extends DType>(
  a: Tensor<A, "bool">,
  b: Second<"logicalAnd", A, B, "bool", U>,
): TensorOr<BroadcastShape<"logicalAnd", A, B>, "bool"> {
  return apply("logicalAnd", [a, b as Tensor]) as never;
}

/**
 * Whether one is true, for each pair of elements.
 *
 * @example
 * ```ts
 * import { logicalOr, spec } from "@weft/weft";
 *
 * console.log(logicalOr(spec(["b", "n"], "bool"), spec(["n"], "bool")).shape); // ["b", "n"]
 * ```
 */
export function logicalOr<A extends Shape, B extends Shape, U extends DType>(
  a: Tensor<A, "bool">,
  b: Second<"logicalOr", A, B, "bool", U>,
): TensorOr<BroadcastShape<"logicalOr", A, B>, "bool"> {
  return apply("logicalOr", [a, b as Tensor]) as never;
}

/**
 * `a` where `cond` is true, else `b`; all three stretch to a common shape.
 *
 * @example
 * ```ts
 * import { causalMask, full, spec, where } from "@weft/weft";
 *
 * const scores = spec(["h", "s", "s"], "f32");
 * const masked = where(causalMask("s", "s"), scores, full([1], -Infinity));
 * console.log(masked.shape); // ["h", "s", "s"]
 * ```
 */
export function where<
  C extends Shape,
  A extends Shape,
  B extends Shape,
  D extends DType,
  T extends DType,
  U extends DType,
>(
  cond: Arg<HasDType<"where", D, "bool", "bool", C>, C, D>,
  a: Arg<BroadcastShape<"where", C, A>, A, T>,
  b: Arg<SameDType<"where", T, U, WhereShape<C, A, B>>, B, U>,
): TensorOr<WhereShape<C, A, B>, T> {
  return apply("where", [cond as Tensor, a as Tensor, b as Tensor]) as never;
}
