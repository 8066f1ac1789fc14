/**
 * Operators as JavaScript text. Operands are texts that bind tighter than any operator; so are the results.
 *
 * Values are held as the interpreter holds them (`ir/scalar_eval.ts`), except that booleans are JavaScript's.
 *
 * @module
 */
import type { BinaryOp, ScalarType, UnaryOp } from "../../ir/scalar_ops.ts";
import { isExactFloatOp } from "../../ir/scalar_eval.ts";
import type { Library } from "./library.ts";

/** Notes that a function of the library is used, and gives its name. */
export type UseLibrary = (name: keyof Library) => string;

/** What is known of the operands of an integer operator. */
export interface IntFacts {
  /** Neither operand is negative and the second is not 0. */
  readonly natural: boolean;
  /** The second operand, where it is a constant. */
  readonly divisor: number | undefined;
}

const isFloat = (dtype: ScalarType): boolean => dtype === "f32" || dtype === "f16";

/** A literal. */
export function literalText(dtype: ScalarType, value: number): string {
  if (dtype === "bool") return value === 1 ? "true" : "false";
  const text = Object.is(value, -0) ? "-0" : String(value);
  return text.startsWith("-") ? `(${text})` : text;
}

/** Rounds a double to a float type. */
export function roundText(dtype: ScalarType, x: string, use: UseLibrary): string {
  return dtype === "f16" ? `${use("roundF16")}(${x})` : `Math.fround(${x})`;
}

/** A unary operator; `rounded` false leaves out the rounding of a float result. */
export function unaryText(
  op: UnaryOp,
  dtype: ScalarType,
  x: string,
  use: UseLibrary,
  rounded = true,
): string {
  if (op === "not") return `!${x}`;
  const plain = unaryCall(op, x, use);
  if (isFloat(dtype)) return isExactFloatOp(op) || !rounded ? plain : roundText(dtype, plain, use);
  return `(${plain} ${dtype === "u32" ? ">>> 0" : "| 0"})`;
}

function unaryCall(op: Exclude<UnaryOp, "not">, x: string, use: UseLibrary): string {
  switch (op) {
    case "neg":
      return `(-${x})`;
    case "round":
      return `${use("roundEven")}(${x})`;
    case "rsqrt":
      return `(1 / Math.sqrt(${x}))`;
    case "erf":
      return `${use("erf")}(${x})`;
    case "abs":
    case "sign":
    case "ceil":
    case "floor":
    case "exp":
    case "log":
    case "sqrt":
    case "sin":
    case "cos":
    case "tan":
    case "tanh":
      return `Math.${op}(${x})`;
    default:
      return op satisfies never;
  }
}

const INFIX: Readonly<Partial<Record<BinaryOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  pow: "**",
  eq: "===",
  ne: "!==",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  and: "&&",
  or: "||",
  bitand: "&",
  bitor: "|",
  bitxor: "^",
  shl: "<<",
  shr: ">>",
};

/** A binary operator on operands of `dtype`; `rounded` false leaves out the rounding of a float result. */
export function binaryText(
  op: BinaryOp,
  dtype: ScalarType,
  a: string,
  b: string,
  use: UseLibrary,
  facts: IntFacts,
  rounded = true,
): string {
  if (op === "min" || op === "max") return `Math.${op}(${a}, ${b})`;
  const infix = INFIX[op];
  const plain = `(${a} ${infix} ${b})`;
  if (op === "div" || op === "add" || op === "sub" || op === "mul" || op === "pow") {
    if (isFloat(dtype)) return rounded ? roundText(dtype, plain.slice(1, -1), use) : plain;
  }
  switch (op) {
    case "add":
    case "sub":
      return `(${a} ${infix} ${b} ${dtype === "u32" ? ">>> 0" : "| 0"})`;
    case "mul":
      return dtype === "u32" ? `(Math.imul(${a}, ${b}) >>> 0)` : `Math.imul(${a}, ${b})`;
    case "div":
    case "floordiv":
      return dtype === "u32" ? unsignedQuotient(a, b, use, facts) : signedQuotient(op, a, b, use, facts);
    case "mod":
      return remainder(dtype, a, b, use, facts);
    case "bitand":
    case "bitor":
    case "bitxor":
    case "shl":
      return dtype === "u32" ? `(${plain} >>> 0)` : plain;
    case "shr":
      return dtype === "u32" ? `(${a} >>> ${b})` : plain;
    case "pow":
    case "eq":
    case "ne":
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "and":
    case "or":
      return plain;
    default:
      return op satisfies never;
  }
}

function unsignedQuotient(a: string, b: string, use: UseLibrary, { divisor = 0 }: IntFacts): string {
  return divisor > 0 ? `(${a} / ${b} >>> 0)` : `${use("uintDiv")}(${a}, ${b})`;
}

function signedQuotient(
  op: "div" | "floordiv",
  a: string,
  b: string,
  use: UseLibrary,
  { natural, divisor = 0 }: IntFacts,
): string {
  if (natural) return `(${a} / ${b} | 0)`;
  if (op === "div") return divisor !== 0 ? `(${a} / ${b} | 0)` : `${use("intDiv")}(${a}, ${b})`;
  // A shift to the right rounds to minus infinity, as floor division does.
  return isPowerOfTwo(divisor) ? `(${a} >> ${Math.log2(divisor)})` : `${use("floorDiv")}(${a}, ${b})`;
}

function remainder(dtype: ScalarType, a: string, b: string, use: UseLibrary, facts: IntFacts): string {
  const { natural, divisor = 0 } = facts;
  if (dtype === "u32") return divisor > 0 ? `(${a} % ${b})` : `${use("uintMod")}(${a}, ${b})`;
  if (isPowerOfTwo(divisor)) return `(${a} & ${divisor - 1})`;
  return natural ? `(${a} % ${b})` : `${use("floorMod")}(${a}, ${b})`;
}

function isPowerOfTwo(n: number): boolean {
  return n > 0 && (n & (n - 1)) === 0;
}

/** A conversion. */
export function castText(from: ScalarType, to: ScalarType, x: string, use: UseLibrary): string {
  if (to === "bool") return `(${x} !== 0)`;
  if (from === "bool") return `(${x} ? 1 : 0)`;
  switch (to) {
    case "i32":
      return isFloat(from) ? `${use("toInt")}(${x})` : `(${x} | 0)`;
    case "u32":
      return isFloat(from) ? `${use("toUint")}(${x})` : `(${x} >>> 0)`;
    case "f16":
      return roundText("f16", x, use);
    case "f32":
      return from === "f16" ? x : roundText("f32", x, use);
    default:
      return to satisfies never;
  }
}

/** A text without parentheses around the whole of it. */
export function bare(text: string): string {
  if (!text.startsWith("(") || !text.endsWith(")")) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === "(") depth++;
    if (text[i] === ")" && --depth === 0) return text;
  }
  return text.slice(1, -1);
}
