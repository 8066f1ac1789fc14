/**
 * Pieces of WGSL expressions, and when they need parentheses.
 *
 * @module
 */
import type { ScalarType } from "../../ir/scalar_ops.ts";

/** Text with the strength of its outermost operator. */
export interface Piece {
  readonly text: string;
  readonly strength: number;
}

/** Strengths of WGSL's operators; bit operators may not stand beside any other without parentheses. */
export const STRENGTH = {
  bits: 0,
  or: 1,
  and: 2,
  compare: 4,
  sum: 5,
  product: 6,
  unary: 8,
  primary: 9,
} as const;

/** A name, call or literal. A negative literal counts as weak: `a - -1` is hard to read. */
export function primary(text: string): Piece {
  return { text, strength: text.startsWith("-") ? STRENGTH.bits : STRENGTH.primary };
}

/** The text, in parentheses where its operator is weaker than `strength`. */
export function wrap(piece: Piece, strength: number): string {
  return piece.strength < strength ? `(${piece.text})` : piece.text;
}

/** `a symbol b`; comparisons do not chain, the other operators group to the left. */
export function infix(symbol: string, strength: number, a: Piece, b: Piece): Piece {
  const left = strength === STRENGTH.compare ? strength + 1 : strength;
  return { text: `${wrap(a, left)} ${symbol} ${wrap(b, strength + 1)}`, strength };
}

/** `&&` and `||`, which WGSL does not mix without parentheses. */
export function logical(op: "and" | "or", a: Piece, b: Piece): Piece {
  const strength = STRENGTH[op];
  const left = a.strength === strength ? a.text : wrap(a, STRENGTH.compare);
  return { text: `${left} ${op === "and" ? "&&" : "||"} ${wrap(b, STRENGTH.compare)}`, strength };
}

/** A float's text as f32; `f16` says whether the target computes in 16 bits. */
export function asF32(dtype: ScalarType, f16: boolean, text: string): string {
  return dtype === "f16" && f16 ? `f32(${text})` : text;
}

/** The text of an f32 as the float `dtype`. */
export function fromF32(dtype: ScalarType, f16: boolean, text: string): string {
  return dtype === "f16" && f16 ? `f16(${text})` : text;
}
