/**
 * What each scalar operator computes: the semantics that constant folding, the interpreter and the tests of every
 * backend share. Values are JavaScript numbers: `f32` and `f16` values are representable in their type, `i32` from
 * -2^31, `u32` from 0, `bool` 0 or 1. Operands outside their type give no meaningful result.
 *
 * @module
 */
import { erf } from "./erf.ts";
import { roundF16 } from "./float.ts";
import type { BinaryOp, ScalarType, UnaryOp } from "./scalar_ops.ts";

/** A function of one scalar. */
export type UnaryFunction = (x: number) => number;
/** A function of two scalars. */
export type BinaryFunction = (a: number, b: number) => number;

/** Rounds, wraps or normalises a double to a type: the last step of every operator. */
export function normalizer(dtype: ScalarType): UnaryFunction {
  switch (dtype) {
    case "f32":
      return Math.fround;
    case "f16":
      return roundF16;
    case "i32":
      return (x) => x | 0;
    case "u32":
      return (x) => x >>> 0;
    case "bool":
      return (x) => (x === 0 ? 0 : 1);
    default:
      return dtype satisfies never;
  }
}

/** The integer nearest to `x`, ties to even, with the sign of `x`. */
export function roundEven(x: number): number {
  if (x === 0 || !(Math.abs(x) < 2 ** 52)) return x; // zeros keep their sign; larger doubles are integers
  return x < 0 ? -(2 ** 52 - x - 2 ** 52) : x + 2 ** 52 - 2 ** 52;
}

/** Integer division rounded to minus infinity; `a` where `b` is 0. */
export function floorDiv(a: number, b: number): number {
  return b === 0 ? a : Math.floor(a / b) | 0;
}

/** `a - b * floorDiv(a, b)`; 0 where `b` is 0. */
export function floorMod(a: number, b: number): number {
  if (b === 0) return 0;
  const rest = a % b | 0;
  return rest !== 0 && (rest < 0) !== (b < 0) ? rest + b : rest;
}

const unaryTable: Readonly<Record<Exclude<UnaryOp, "not">, UnaryFunction>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  ceil: Math.ceil,
  floor: Math.floor,
  round: roundEven,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  erf,
};

/** Operators whose result is of the operand's type without rounding. */
const EXACT: ReadonlySet<string> = new Set(["neg", "abs", "sign", "ceil", "floor", "round", "min", "max"]);

/** Whether a float operator never needs rounding: its exact result is a value of the operands' type. */
export function isExactFloatOp(op: UnaryOp | BinaryOp): boolean {
  return EXACT.has(op);
}

/** The function that `op` is on operands of `dtype`. */
export function unaryFunction(op: UnaryOp, dtype: ScalarType): UnaryFunction {
  if (op === "not") return (x) => 1 - x;
  const f = unaryTable[op];
  if (EXACT.has(op) && (dtype === "f32" || dtype === "f16")) return f;
  const normalize = normalizer(dtype);
  return (x) => normalize(f(x));
}

/** The function that `op` is on operands of `dtype`. */
export function binaryFunction(op: BinaryOp, dtype: ScalarType): BinaryFunction {
  switch (op) {
    case "eq":
      return (a, b) => (a === b ? 1 : 0);
    case "ne":
      return (a, b) => (a === b ? 0 : 1);
    case "lt":
      return (a, b) => (a < b ? 1 : 0);
    case "le":
      return (a, b) => (a <= b ? 1 : 0);
    case "gt":
      return (a, b) => (a > b ? 1 : 0);
    case "ge":
      return (a, b) => (a >= b ? 1 : 0);
    case "and":
      return (a, b) => a & b;
    case "or":
      return (a, b) => a | b;
    case "min":
      return Math.min;
    case "max":
      return Math.max;
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "floordiv":
    case "mod":
    case "pow":
    case "bitand":
    case "bitor":
    case "bitxor":
    case "shl":
    case "shr":
      return arithmetic(op, dtype);
    default:
      return op satisfies never;
  }
}

type Bits = "bitand" | "bitor" | "bitxor" | "shl" | "shr";
type Arithmetic = "add" | "sub" | "mul" | "div" | "floordiv" | "mod" | "pow" | Bits;

function arithmetic(op: Arithmetic, dtype: ScalarType): BinaryFunction {
  switch (dtype) {
    case "f32":
      return floatTable(op, Math.fround);
    case "f16":
      return floatTable(op, roundF16);
    case "i32":
      return signedTable[op];
    case "u32":
      return unsignedTable[op];
    case "bool":
      return refuse;
    default:
      return dtype satisfies never;
  }
}

function refuse(): never {
  throw new TypeError("Cannot evaluate an operator on a type that it does not accept");
}

function floatTable(op: Arithmetic, round: UnaryFunction): BinaryFunction {
  switch (op) {
    case "add":
      return (a, b) => round(a + b);
    case "sub":
      return (a, b) => round(a - b);
    case "mul":
      return (a, b) => round(a * b);
    case "div":
      return (a, b) => round(a / b);
    case "pow":
      return (a, b) => round(a ** b);
    case "floordiv":
    case "mod":
    case "bitand":
    case "bitor":
    case "bitxor":
    case "shl":
    case "shr":
      return refuse;
    default:
      return op satisfies never;
  }
}

const signedTable: Readonly<Record<Arithmetic, BinaryFunction>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? a : (a / b) | 0),
  floordiv: floorDiv,
  mod: floorMod,
  pow: refuse,
  bitand: (a, b) => a & b,
  bitor: (a, b) => a | b,
  bitxor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
};

const unsignedTable: Readonly<Record<Arithmetic, BinaryFunction>> = {
  add: (a, b) => (a + b) >>> 0,
  sub: (a, b) => (a - b) >>> 0,
  mul: (a, b) => Math.imul(a, b) >>> 0,
  div: (a, b) => (b === 0 ? a : Math.floor(a / b)),
  floordiv: (a, b) => (b === 0 ? a : Math.floor(a / b)),
  mod: (a, b) => (b === 0 ? 0 : a % b),
  pow: refuse,
  bitand: (a, b) => (a & b) >>> 0,
  bitor: (a, b) => (a | b) >>> 0,
  bitxor: (a, b) => (a ^ b) >>> 0,
  shl: (a, b) => (a << b) >>> 0,
  shr: (a, b) => a >>> b,
};

/** The conversion from one type to another. */
export function castFunction(from: ScalarType, to: ScalarType): UnaryFunction {
  const float = from === "f32" || from === "f16";
  switch (to) {
    case "bool":
      return (x) => (x === 0 ? 0 : 1);
    case "i32":
      return float ? (x) => saturate(x, -2147483648, 2147483647) : (x) => x | 0;
    case "u32":
      return float ? (x) => saturate(x, 0, 4294967295) : (x) => x >>> 0;
    case "f32":
      return Math.fround;
    case "f16":
      return roundF16;
    default:
      return to satisfies never;
  }
}

/** Truncates to an integer from `low` to `high`; NaN gives 0. */
export function saturate(x: number, low: number, high: number): number {
  if (!(x > low)) return x === x ? low : 0;
  return x >= high ? high : Math.trunc(x) + 0; // + 0 makes -0 the integer 0
}
