/**
 * Scalars inside a `compute` definition: what one element is made of.
 *
 * @module
 */
import { ShapeError } from "../ir/errors.ts";
import { binary, cast, constant, type Expr, select, unary } from "../ir/expr.ts";
import type { BinaryOp, ScalarType, UnaryOp } from "../ir/scalar_ops.ts";

/** A scalar operand: another scalar of the same type, or a number that becomes one. */
export type Operand<T extends ScalarType> = Scalar<T> | number;

/** The value of one element, or an index (`i32`). Immutable; methods give new scalars. */
export interface Scalar<T extends ScalarType = ScalarType> {
  /** Type of the value. */
  readonly dtype: T;
  /** The expression; for the compiler. */
  readonly expr: Expr;
  /** The sum. */
  add(other: Operand<T>): Scalar<T>;
  /** The difference. */
  sub(other: Operand<T>): Scalar<T>;
  /** The product. */
  mul(other: Operand<T>): Scalar<T>;
  /** The quotient; of integers: truncated. */
  div(other: Operand<T>): Scalar<T>;
  /** The floor of the quotient of integers. */
  floordiv(other: Operand<T>): Scalar<T>;
  /** The remainder of {@linkcode floordiv}. */
  mod(other: Operand<T>): Scalar<T>;
  /** The smaller. */
  min(other: Operand<T>): Scalar<T>;
  /** The larger. */
  max(other: Operand<T>): Scalar<T>;
  /** The power. */
  pow(other: Operand<T>): Scalar<T>;
  /** Whether equal. */
  eq(other: Operand<T>): Scalar<"bool">;
  /** Whether different. */
  ne(other: Operand<T>): Scalar<"bool">;
  /** Whether less. */
  lt(other: Operand<T>): Scalar<"bool">;
  /** Whether less or equal. */
  le(other: Operand<T>): Scalar<"bool">;
  /** Whether greater. */
  gt(other: Operand<T>): Scalar<"bool">;
  /** Whether greater or equal. */
  ge(other: Operand<T>): Scalar<"bool">;
  /** Whether both are true. */
  and(other: Scalar<"bool">): Scalar<"bool">;
  /** Whether one is true. */
  or(other: Scalar<"bool">): Scalar<"bool">;
  /** The bits that both integers have. */
  bitand(other: Operand<T>): Scalar<T>;
  /** The bits that one of both integers has. */
  bitor(other: Operand<T>): Scalar<T>;
  /** The bits in which two integers differ. */
  bitxor(other: Operand<T>): Scalar<T>;
  /** The bits of an integer moved up by a number of places, modulo 32. */
  shl(other: Operand<T>): Scalar<T>;
  /** The bits of an integer moved down; those of an `i32` fill with its sign. */
  shr(other: Operand<T>): Scalar<T>;
  /** Applies a function of one operand by name, such as `"exp"`, `"tanh"` or `"not"`. */
  apply(op: UnaryOp): Scalar<T>;
  /** `then` where this is true, else `otherwise`; only the chosen one may be out of bounds. */
  select<U extends ScalarType>(then: Scalar<U>, otherwise: Operand<U>): Scalar<U>;
  /** Converts to another type. */
  cast<U extends ScalarType>(dtype: U): Scalar<U>;
}

/** Wraps an expression. */
export function scalar<T extends ScalarType>(expr: Expr): Scalar<T> {
  const two = (op: BinaryOp) => (other: Scalar | number): Scalar<never> =>
    scalar(binary(op, expr, operand(other, expr.dtype)));
  return Object.freeze({
    dtype: expr.dtype as T,
    expr,
    add: two("add"),
    sub: two("sub"),
    mul: two("mul"),
    div: two("div"),
    floordiv: two("floordiv"),
    mod: two("mod"),
    min: two("min"),
    max: two("max"),
    pow: two("pow"),
    eq: two("eq"),
    ne: two("ne"),
    lt: two("lt"),
    le: two("le"),
    gt: two("gt"),
    ge: two("ge"),
    and: two("and"),
    or: two("or"),
    bitand: two("bitand"),
    bitor: two("bitor"),
    bitxor: two("bitxor"),
    shl: two("shl"),
    shr: two("shr"),
    apply: (op: UnaryOp): Scalar<T> => scalar(unary(op, expr)),
    select: <U extends ScalarType>(then: Scalar<U>, otherwise: Operand<U>): Scalar<U> =>
      scalar(select(expr, then.expr, operand(otherwise, then.dtype))),
    cast: <U extends ScalarType>(dtype: U): Scalar<U> => scalar(cast(dtype, expr)),
  });
}

/** Whether a value is a scalar. */
export function isScalar(value: unknown): value is Scalar {
  return typeof value === "object" && value !== null && "expr" in value && "dtype" in value;
}

/** Least and largest value of the types whose values are integers. */
const RANGES: Readonly<Partial<Record<ScalarType, readonly [number, number]>>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  bool: [0, 1],
};

/** The expression of a scalar, or of a number as a literal of `dtype`. */
export function operand(value: Scalar | number, dtype: ScalarType): Expr {
  if (typeof value !== "number") return value.expr;
  const range = RANGES[dtype];
  if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
    throw new ShapeError("compute", `compute: ${value} is not a value of ${dtype}, which it meets`);
  }
  return constant(dtype, value);
}
