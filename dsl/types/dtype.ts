/**
 * Dtypes of operands, for the type checker: the twin of `sameDType` and `family` in `ir/ops/op.ts`. Both pass the
 * shape `R` on where the dtypes fit, so that one parameter reports whichever mistake there is.
 *
 * @module
 */
import type { DType } from "../../ir/dtype.ts";
import type { Box, Same } from "./compare.ts";
import type { ShowUnion } from "./show.ts";

/** Dtypes of floating-point tensors. */
export type Float = "f32" | "f16" | "bf16";

/** `R` if two operands have the same dtype (or one has any, as where nothing is known of it), or the message. */
export type SameDType<Op extends string, T extends DType, U extends DType, R> = Same<U> extends Same<T> ? R
  : MayBeSame<T, U> extends true ? R
  : `${Op}: operands are ${ShowUnion<T>} and ${ShowUnion<U>}; cast one of them`;

/** @internal Whether one of two dtypes is unknown (any of {@link Float}, or of more) and the other among its possibilities. */
export type MayBeSame<T extends DType, U extends DType> = [Extract<T, U>] extends [never] ? false
  : [Float] extends [T] ? true
  : [Float] extends [U] ? true
  : false;

/** `R` if an operand has one of the dtypes `Wanted`, which the message calls `Families`, or the message. */
export type HasDType<Op extends string, T extends DType, Wanted extends DType, Families extends string, R> =
  Box<T> extends Box<Wanted> ? R
    : [DType] extends [T] ? R
    : `${Op}: does not apply to ${ShowUnion<T>}, it takes ${Families} tensors`;
