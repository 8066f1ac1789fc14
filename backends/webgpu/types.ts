/**
 * WGSL types and literals of scalars.
 *
 * @module
 */
import type { Const } from "../../ir/expr.ts";
import { roundF16 } from "../../ir/float.ts";
import type { ScalarType } from "../../ir/scalar_ops.ts";

/** The WGSL type that holds a scalar. Without 16-bit arithmetic, `f16` is computed in `f32`. */
export function wgslType(dtype: ScalarType, f16: boolean): ScalarType {
  return dtype === "f16" && !f16 ? "f32" : dtype;
}

/** The element at a flat index of an array of vectors. */
export function component(array: string, index: string): string {
  return /^\d+$/.test(index)
    ? `${array}[${Number(index) >> 2}].${"xyzw"[Number(index) & 3]}`
    : `${array}[(${index}) >> 2u][(${index}) & 3]`;
}

/** Whole vectors of an array of vectors. */
export function vectorAccess(
  array: string,
): { load(quad: string): string; store(quad: string, value: string): string } {
  return {
    load: (quad) => `${array}[${quad}]`,
    store: (quad, value) => `${array}[${quad}] = ${value};`,
  };
}

/** Whether a scalar type is a float. */
export function isFloatScalar(dtype: ScalarType): boolean {
  return dtype === "f32" || dtype === "f16";
}

/**
 * The text of a finite literal. `i32` literals carry no suffix, all others say their type. Infinities and NaN have no
 * literal in WGSL: `undefined`.
 */
export function literal(c: Const, f16: boolean): string | undefined {
  const { value } = c;
  switch (c.dtype) {
    case "bool":
      return value === 0 ? "false" : "true";
    case "i32":
      return value === -2147483648 ? "i32(-2147483648)" : String(value);
    case "u32":
      return `${value}u`;
    case "f16":
      return Number.isFinite(value)
        ? f16 ? `${decimal(value, roundF16)}h` : `${decimal(value, Math.fround)}f`
        : undefined;
    case "f32":
      return Number.isFinite(value) ? `${decimal(value, Math.fround)}f` : undefined;
    default:
      return c.dtype satisfies never;
  }
}

/** Larger decimals are refused by Tint even where they would round to it. */
const MAX_F32 = 3.4028234663852886e38;

/** The shortest decimal that rounds to `value`, with a point or an exponent. */
function decimal(value: number, round: (x: number) => number): string {
  if (Object.is(value, -0)) return "-0.0";
  for (let digits = 1; digits <= 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (round(Number(text)) === value && Math.abs(Number(text)) <= MAX_F32) {
      return /[.e]/.test(text) ? text : `${text}.0`;
    }
  }
  return String(value);
}
