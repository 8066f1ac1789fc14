/**
 * Dtypes of operands, for the type checker: the twin of `sameDType` and `family` in `ir/ops/op.ts`. Both pass the
 * shape `R` on where the dtypes fit, so that one parameter reports whichever mistake there is.
 *
 * @module
 */
import type { DType } from "../../ir/dtype.ts";
import type { Box, Same } from "./compare.ts";
import type { ShowUnion } from "./show.ts";

/** `R` if two operands have the same dtype (or one is of any), or the message. */
export type SameDType<Op extends string, T extends DType, U extends DType, R> = Same<U> extends Same<T> ? R
  : [DType] extends [T] ? R
  : [DType] extends [U] ? R
  : `${Op}: operands are ${ShowUnion<T>} and ${ShowUnion<U>}; cast one of them`;

/** `R` if an operand has one of the dtypes `Wanted`, which the message calls `Families`. */
export type HasDType<Op extends string, T extends DType, Wanted extends DType, Families extends string, R> =
  Box<T> extends Box<Wanted> ? R
    : [DType] extends [T] ? R
    : `${Op}: does not apply to ${ShowUnion<T>}, it takes ${Families} tensors`;
