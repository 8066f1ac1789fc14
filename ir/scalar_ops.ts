/**
 * The table of scalar operators: what each takes and gives, and the laws that rewrites may use.
 * Backends look operators up by name; a new operator is a row here, a line in the interpreter and one in
 * each code generator.
 *
 * @module
 */

/** Type of a scalar value inside a kernel (see {@linkcode DTYPES} for how stored dtypes widen to it). */
export type ScalarType = "f32" | "f16" | "i32" | "u32" | "bool";

/** Operators of one operand. */
export type UnaryOp =
  | "neg"
  | "not"
  | "abs"
  | "sign"
  | "ceil"
  | "floor"
  | "round"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "sin"
  | "cos"
  | "tan"
  | "tanh"
  | "erf";

/** Operators of two operands of one type. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "floordiv"
  | "mod"
  | "min"
  | "max"
  | "pow"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "and"
  | "or"
  | "bitand"
  | "bitor"
  | "bitxor"
  | "shl"
  | "shr";

/** Operators that a reduction can fold with: associative and commutative, with an identity. */
export type ReduceOp = "sum" | "prod" | "max" | "min";

/** Which operand types an operator accepts. */
export type OperandClass = "float" | "number" | "integer" | "bool" | "any";

/** A row of the table. */
export interface ScalarOpInfo {
  /** Operand types accepted. */
  readonly operands: OperandClass;
  /** Result type: that of the operands, or always `bool`. */
  readonly result: "same" | "bool";
  /** Infix or function spelling in printed text. */
  readonly symbol: string;
  /** Binding strength when infix (higher binds tighter); absent for function spelling. */
  readonly precedence?: number;
  /** `f(a, b) = f(b, a)`. */
  readonly commutative?: true;
  /** `f(f(a, b), c) = f(a, f(b, c))` exactly (integers only, for arithmetic). */
  readonly associative?: true;
}

/** Unary operators. `round` is to the nearest even; `sign(0) = 0`; `not` is logical. */
export const UNARY_OPS: Readonly<Record<UnaryOp, ScalarOpInfo>> = {
  neg: { operands: "number", result: "same", symbol: "-" },
  not: { operands: "bool", result: "same", symbol: "!" },
  abs: { operands: "number", result: "same", symbol: "abs" },
  sign: { operands: "number", result: "same", symbol: "sign" },
  ceil: { operands: "float", result: "same", symbol: "ceil" },
  floor: { operands: "float", result: "same", symbol: "floor" },
  round: { operands: "float", result: "same", symbol: "round" },
  exp: { operands: "float", result: "same", symbol: "exp" },
  log: { operands: "float", result: "same", symbol: "log" },
  sqrt: { operands: "float", result: "same", symbol: "sqrt" },
  rsqrt: { operands: "float", result: "same", symbol: "rsqrt" },
  sin: { operands: "float", result: "same", symbol: "sin" },
  cos: { operands: "float", result: "same", symbol: "cos" },
  tan: { operands: "float", result: "same", symbol: "tan" },
  tanh: { operands: "float", result: "same", symbol: "tanh" },
  erf: { operands: "float", result: "same", symbol: "erf" },
};

/**
 * Binary operators. Integer arithmetic wraps at 32 bits. `div` on integers truncates and gives its left operand
 * where the right one is 0 (WGSL's rule); `floordiv` and `mod` are the floor pair for index arithmetic
 * (`a = b * floordiv(a, b) + mod(a, b)`, `mod` has the divisor's sign) and give `a` and 0 where `b` is 0.
 * `shl` and `shr` shift by their right operand modulo 32; `shr` keeps the sign of `i32`.
 * Comparisons with NaN are false except `ne`. What `min` and `max` give for NaN is not defined.
 */
export const BINARY_OPS: Readonly<Record<BinaryOp, ScalarOpInfo>> = {
  add: {
    operands: "number",
    result: "same",
    symbol: "+",
    precedence: 5,
    commutative: true,
    associative: true,
  },
  sub: { operands: "number", result: "same", symbol: "-", precedence: 5 },
  mul: {
    operands: "number",
    result: "same",
    symbol: "*",
    precedence: 6,
    commutative: true,
    associative: true,
  },
  div: { operands: "number", result: "same", symbol: "/", precedence: 6 },
  floordiv: { operands: "integer", result: "same", symbol: "//", precedence: 6 },
  mod: { operands: "integer", result: "same", symbol: "%", precedence: 6 },
  min: { operands: "number", result: "same", symbol: "min", commutative: true, associative: true },
  max: { operands: "number", result: "same", symbol: "max", commutative: true, associative: true },
  pow: { operands: "float", result: "same", symbol: "pow" },
  eq: { operands: "any", result: "bool", symbol: "==", precedence: 3, commutative: true },
  ne: { operands: "any", result: "bool", symbol: "!=", precedence: 3, commutative: true },
  lt: { operands: "number", result: "bool", symbol: "<", precedence: 4 },
  le: { operands: "number", result: "bool", symbol: "<=", precedence: 4 },
  gt: { operands: "number", result: "bool", symbol: ">", precedence: 4 },
  ge: { operands: "number", result: "bool", symbol: ">=", precedence: 4 },
  and: {
    operands: "bool",
    result: "same",
    symbol: "&&",
    precedence: 2,
    commutative: true,
    associative: true,
  },
  or: { operands: "bool", result: "same", symbol: "||", precedence: 1, commutative: true, associative: true },
  bitand: { operands: "integer", result: "same", symbol: "bitand", commutative: true, associative: true },
  bitor: { operands: "integer", result: "same", symbol: "bitor", commutative: true, associative: true },
  bitxor: { operands: "integer", result: "same", symbol: "bitxor", commutative: true, associative: true },
  shl: { operands: "integer", result: "same", symbol: "shl" },
  shr: { operands: "integer", result: "same", symbol: "shr" },
};

/** The binary operator that each reduction folds with. */
export const REDUCE_OPS: Readonly<Record<ReduceOp, { readonly combine: BinaryOp }>> = {
  sum: { combine: "add" },
  prod: { combine: "mul" },
  max: { combine: "max" },
  min: { combine: "min" },
};

/** The identity of a reduction: what an empty reduction gives. */
export function reduceIdentity(op: ReduceOp, dtype: ScalarType): number {
  const float = dtype === "f32" || dtype === "f16";
  switch (op) {
    case "sum":
      return 0;
    case "prod":
      return 1;
    case "max":
      return float ? -Infinity : dtype === "u32" ? 0 : -2147483648;
    case "min":
      return float ? Infinity : dtype === "u32" ? 4294967295 : 2147483647;
    default:
      return op satisfies never;
  }
}

/** Whether operands of `dtype` are accepted by an operator of this class. */
export function acceptsOperand(operands: OperandClass, dtype: ScalarType): boolean {
  switch (operands) {
    case "any":
      return true;
    case "bool":
      return dtype === "bool";
    case "integer":
      return dtype === "i32" || dtype === "u32";
    case "float":
      return dtype === "f32" || dtype === "f16";
    case "number":
      return dtype !== "bool";
    default:
      return operands satisfies never;
  }
}
