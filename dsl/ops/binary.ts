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
import type { Float } from "./unary.ts";

/** Dtypes that arithmetic applies to. */
export type Numeric = Exclude<DType, "bool">;

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
export function add<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"add", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"add", A, B>, T> {
  return apply("add", [a, b as Tensor]) as never;
}

/** The difference of each pair of elements. */
export function sub<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"sub", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"sub", A, B>, T> {
  return apply("sub", [a, b as Tensor]) as never;
}

/** The product of each pair of elements. */
export function mul<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"mul", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"mul", A, B>, T> {
  return apply("mul", [a, b as Tensor]) as never;
}

/** The quotient (of integers: truncated) of each pair of elements. */
export function div<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"div", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"div", A, B>, T> {
  return apply("div", [a, b as Tensor]) as never;
}

/** `a` to the power `b` of each pair of elements. */
export function pow<A extends Shape, B extends Shape, T extends Float>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"pow", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"pow", A, B>, T> {
  return apply("pow", [a, b as Tensor]) as never;
}

/** The larger of each pair of elements. */
export function maximum<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"maximum", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"maximum", A, B>, T> {
  return apply("maximum", [a, b as Tensor]) as never;
}

/** The smaller of each pair of elements. */
export function minimum<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"minimum", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"minimum", A, B>, T> {
  return apply("minimum", [a, b as Tensor]) as never;
}

/** `a == b` for each pair of elements. */
export function equal<A extends Shape, B extends Shape, T extends DType>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"equal", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"equal", A, B>, "bool"> {
  return apply("equal", [a, b as Tensor]) as never;
}

/** `a != b` for each pair of elements. */
export function notEqual<A extends Shape, B extends Shape, T extends DType>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"notEqual", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"notEqual", A, B>, "bool"> {
  return apply("notEqual", [a, b as Tensor]) as never;
}

/** `a < b` for each pair of elements. */
export function less<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"less", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"less", A, B>, "bool"> {
  return apply("less", [a, b as Tensor]) as never;
}

/** `a <= b` for each pair of elements. */
export function lessEqual<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"lessEqual", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"lessEqual", A, B>, "bool"> {
  return apply("lessEqual", [a, b as Tensor]) as never;
}

/** `a > b` for each pair of elements. */
export function greater<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"greater", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"greater", A, B>, "bool"> {
  return apply("greater", [a, b as Tensor]) as never;
}

/** `a >= b` for each pair of elements. */
export function greaterEqual<A extends Shape, B extends Shape, T extends Numeric>(
  a: Tensor<A, T>,
  b: Arg<BroadcastShape<"greaterEqual", A, B>, B, NoInfer<T>>,
): TensorOr<BroadcastShape<"greaterEqual", A, B>, "bool"> {
  return apply("greaterEqual", [a, b as Tensor]) as never;
}

/** Whether both are true, for each pair of elements. */
export function logicalAnd<A extends Shape, B extends Shape>(
  a: Tensor<A, "bool">,
  b: Arg<BroadcastShape<"logicalAnd", A, B>, B, "bool">,
): TensorOr<BroadcastShape<"logicalAnd", A, B>, "bool"> {
  return apply("logicalAnd", [a, b as Tensor]) as never;
}

/** Whether one is true, for each pair of elements. */
export function logicalOr<A extends Shape, B extends Shape>(
  a: Tensor<A, "bool">,
  b: Arg<BroadcastShape<"logicalOr", A, B>, B, "bool">,
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
export function where<C extends Shape, A extends Shape, B extends Shape, T extends DType>(
  cond: Tensor<C, "bool">,
  a: Arg<BroadcastShape<"where", C, A>, A, T>,
  b: Arg<WhereShape<C, A, B>, B, NoInfer<T>>,
): TensorOr<WhereShape<C, A, B>, T> {
  return apply("where", [cond, a as Tensor, b as Tensor]) as never;
}
