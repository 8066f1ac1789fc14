/**
 * Formulas that are written once and become code for one number or for four at a time.
 *
 * A {@linkcode Code} leaves one value on the stack; the functions here put codes together.
 *
 * @module
 */
import type { Instr } from "./encoder/instructions.ts";
import type { ValType } from "./encoder/module.ts";

/** Instructions that leave one value on the stack. */
export type Code = readonly Instr[];

/** How many numbers a value has. */
export type Width = 1 | 4;

type FloatOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "abs"
  | "neg"
  | "sqrt"
  | "nearest"
  | "eq"
  | "ne"
  | "lt"
  | "gt"
  | "le"
  | "ge";
type IntOp = "add" | "sub" | "mul" | "shl" | "shr_s" | "shr_u";
type BitOp = "and" | "or" | "xor";

/** The operations of one width. */
export interface Lanes {
  readonly width: Width;
  /** Type of floats, and of masks and integers. */
  readonly floats: ValType;
  readonly ints: ValType;
  f(op: FloatOp, ...operands: readonly Code[]): Code;
  /** Of integers; shifts take a plain number. */
  i(op: IntOp, a: Code, b: Code | number): Code;
  bits(op: BitOp, a: Code, b: Code): Code;
  /** The lesser or greater of a number and one that is known; of no number that is no number. */
  clamp(op: "min" | "max", x: Code, bound: number): Code;
  float(value: number): Code;
  int(value: number): Code;
  /** `then` where the mask is set. */
  choose(then: Code, otherwise: Code, mask: Code): Code;
  /** The bits of floats, and back. */
  toBits(x: Code): Code;
  fromBits(x: Code): Code;
  /** Floats that are integers, to integers (saturating, NaN gives 0), and back. */
  truncate(x: Code): Code;
  convert(x: Code): Code;
}

/** Operations on one number. */
export const SCALAR: Lanes = {
  width: 1,
  floats: "f32",
  ints: "i32",
  f: (op, ...operands) => [...operands.flat(), [`f32.${op}`]],
  i: (op, a, b) => [...a, ...(typeof b === "number" ? [["i32.const", b] as Instr] : b), [`i32.${op}`]],
  bits: (op, a, b) => [...a, ...b, [`i32.${op}`]],
  clamp: (op, x, bound) => [...x, ["f32.const", bound], [`f32.${op}`]],
  float: (value) => [["f32.const", value]],
  int: (value) => [["i32.const", value]],
  choose: (then, otherwise, mask) => [...then, ...otherwise, ...mask, ["select"]],
  toBits: (x) => [...x, ["i32.reinterpret_f32"]],
  fromBits: (x) => [...x, ["f32.reinterpret_i32"]],
  truncate: (x) => [...x, ["i32.trunc_sat_f32_s"]],
  convert: (x) => [...x, ["f32.convert_i32_s"]],
};

/** Operations on four numbers in a `v128`; a mask has all bits of a lane set or none. */
export const VECTOR: Lanes = {
  width: 4,
  floats: "v128",
  ints: "v128",
  f: (op, ...operands) => [...operands.flat(), [`f32x4.${op}`]],
  i: (op, a, b) => [...a, ...(typeof b === "number" ? [["i32.const", b] as Instr] : b), [`i32x4.${op}`]],
  bits: (op, a, b) => [...a, ...b, [`v128.${op}`]],
  // One instruction of the machine, where min takes five.
  clamp: (op, x, bound) => [...x, ["f32.const", bound], ["f32x4.splat"], [`f32x4.p${op}`]],
  float: (value) => [["f32.const", value], ["f32x4.splat"]],
  int: (value) => [["i32.const", value], ["i32x4.splat"]],
  choose: (then, otherwise, mask) => [...then, ...otherwise, ...mask, ["v128.bitselect"]],
  toBits: (x) => x,
  fromBits: (x) => x,
  truncate: (x) => [...x, ["i32x4.trunc_sat_f32x4_s"]],
  convert: (x) => [...x, ["f32x4.convert_i32x4_s"]],
};

/** Sets a local. */
export function set(local: number, value: Code): Code {
  return [...value, ["local.set", local]];
}

/** Reads a local. */
export function get(local: number): Code {
  return [["local.get", local]];
}

/** The polynomial with these coefficients, the constant first, by Horner's rule. */
export function horner(lanes: Lanes, coefficients: readonly number[], x: Code): Code {
  const [last = 0, ...rest] = coefficients.toReversed();
  return rest.reduce<Code>(
    (sum, c) => lanes.f("add", lanes.f("mul", sum, x), lanes.float(c)),
    lanes.float(last),
  );
}
