/**
 * Literals in the text form: `1` (i32), `1u` (u32), `1.0` (f32), `1.0h` (f16), `true`; `inf`, `-inf`, `nan` and with
 * `h` the same of f16.
 *
 * @module
 */
import { type Const, constant } from "../expr.ts";
import { roundF16 } from "../float.ts";
import type { ScalarType } from "../scalar_ops.ts";

/** A literal with the fewest digits that give its value back. */
export function printConst({ dtype, value }: Const): string {
  switch (dtype) {
    case "bool":
      return value === 1 ? "true" : "false";
    case "i32":
      return String(value);
    case "u32":
      return `${value}u`;
    case "f32":
      return printFloat(value, Math.fround);
    case "f16":
      return `${printFloat(value, roundF16)}h`;
    default:
      return dtype satisfies never;
  }
}

function printFloat(value: number, round: (x: number) => number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  let digits = 1;
  while (round(Number(value.toPrecision(digits))) !== value) digits++;
  // Through a number once more: the shortest of `100`, `1e+2` and `1.00e2` of the same digits.
  const text = String(Number(value.toPrecision(digits)));
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Literals that are words. */
const WORDS: ReadonlyMap<string, Const> = new Map<string, Const>([
  ["true", constant("bool", 1)],
  ["false", constant("bool", 0)],
  ["inf", constant("f32", Infinity)],
  ["infh", constant("f16", Infinity)],
  ["nan", constant("f32", NaN)],
  ["nanh", constant("f16", NaN)],
]);

/** The literal that a word is, if it is one. */
export function constOfWord(word: string): Const | undefined {
  return WORDS.get(word);
}

/** A number in its parts, for example `1.5e3` and `h`. */
const NUMBER = /^(\d+)(\.\d+)?([eE][+-]?\d+)?(\w*)$/;

/**
 * The literal that a number is; a text that says why it is none otherwise. `negative` is for a minus sign in front,
 * which is part of a literal.
 */
export function constOfNumber(text: string, negative: boolean): Const | string {
  const [, digits = "", fraction, exponent, suffix] = NUMBER.exec(text) ?? [];
  const value = (negative ? -1 : 1) * Number(`${digits}${fraction ?? ""}${exponent ?? ""}`);
  const written = `${negative ? "-" : ""}${text}`;
  const isFraction = fraction !== undefined || exponent !== undefined;
  if (suffix === "h") return constant("f16", value);
  if (suffix === "" && isFraction) return constant("f32", value);
  if (suffix !== "" && suffix !== "u") {
    return `a number (${written} ends in ${suffix}; there are u for u32 and h for f16)`;
  }
  if (isFraction) return `an integer (${written} is u32)`;
  const dtype: ScalarType = suffix === "u" ? "u32" : "i32";
  const literal = constant(dtype, value);
  return literal.value === value || value === 0 ? literal : `a number that ${dtype} has (${written} is none)`;
}
