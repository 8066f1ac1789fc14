/**
 * How operators use shape functions in their signatures.
 *
 * The operand that can be at fault has type {@link Arg}: a tensor if the shapes fit, else the message as a
 * string literal type, so that the compiler's complaint is one line that ends in the message. The result has
 * type {@link TensorOr}.
 *
 * ```ts ignore
 * function matmul<A extends Shape, B extends Shape, T extends DType>(
 *   a: Tensor<A, T>,
 *   b: Arg<MatmulShape<A, B>, B, NoInfer<T>>,
 * ): TensorOr<MatmulShape<A, B>, T>;
 * ```
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Tensor } from "../tensor.ts";

/** A tensor operand, or the message if the shape function's result `R` is one (or may be one, of a union). */
export type Arg<R, S extends Shape, T extends DType> = [Extract<R, string>] extends [never] ? Tensor<S, T>
  : Extract<R, string>;

/** A literal argument, or the message of why it does not fit. */
export type Literal<R, A> = [Extract<R, string>] extends [never] ? A : Extract<R, string>;

/**
 * The resulting tensor. Where the shape function's result `R` is a message, which an operand reports, it fits wherever
 * it is used next, so that one mistake is one error.
 */
export type TensorOr<R, T extends DType> = [R] extends [infer S extends Shape] ? Tensor<S, T>
  : Tensor<never, T>;
