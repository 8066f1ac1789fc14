/**
 * The two 16-bit float formats: `f16` (IEEE binary16) and `bf16` (the upper half of an `f32`). JavaScript computes in
 * double precision; these functions round a double to such a format once, to nearest with ties to even,
 * subnormals, infinities and NaN included. They need no `Math.f16round` or `Float16Array`, which Node 20 lacks.
 *
 * @module
 */

const double = new Float64Array(1);
const doubleWords = new Uint32Array(double.buffer);
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
/** Everything that runs JavaScript with WebGPU or Wasm is little-endian: the high word is the second. */
const HIGH = 1;

/**
 * Rounds to a float format of `digits` significant bits whose smallest normal number is `2 ** minExponent`;
 * magnitudes from `overflow` on are infinite.
 */
function roundTo(x: number, digits: number, minExponent: number, overflow: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude < overflow)) return magnitude === magnitude ? x * Infinity : NaN;
  if (magnitude === 0) return x;
  double[0] = magnitude;
  const exponent = Math.max((doubleWords[HIGH]! >>> 20) - 1023, minExponent);
  // A double near 2^(52 + p) is a multiple of 2^p: adding that much makes the hardware round to the unit 2^p.
  doubleWords[HIGH] = (exponent - (digits - 1) + 52 + 1023) << 20;
  doubleWords[1 - HIGH] = 0;
  const big = double[0]!;
  const rounded = magnitude + big - big;
  return x < 0 ? -rounded : rounded;
}

/**
 * The `f16` nearest to `x`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { roundF16 } from "./float.ts";
 *
 * assertEquals(roundF16(2049), 2048);
 * assertEquals(roundF16(65520), Infinity);
 * ```
 */
export function roundF16(x: number): number {
  return roundTo(x, 11, -14, 65520);
}

/** The `bf16` nearest to `x`. */
export function roundBF16(x: number): number {
  return roundTo(x, 8, -126, (2 - 2 ** -8) * 2 ** 127);
}

/** The value of 16 bits read as an `f16`. */
export function f16ToNumber(bits: number): number {
  const magnitude = bits & 0x7fff;
  const sign = (bits & 0x8000) << 16;
  if (magnitude < 0x0400) return (sign === 0 ? 1 : -1) * magnitude * 2 ** -24;
  // Rebias the exponent from 15 to 127; all ones (infinity, NaN) stay all ones.
  singleBits[0] = sign | (magnitude >= 0x7c00 ? 0x7f800000 | (magnitude & 0x3ff) << 13 : (magnitude << 13) +
    (112 << 23));
  return single[0]!;
}

/** The bits of the `f16` nearest to `x`; every NaN gives `0x7e00`. */
export function numberToF16(x: number): number {
  const rounded = roundF16(x);
  if (rounded !== rounded) return 0x7e00;
  single[0] = rounded;
  const bits = singleBits[0]!;
  const sign = bits >>> 16 & 0x8000;
  const magnitude = Math.abs(rounded);
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | magnitude * 2 ** 24;
  return sign | ((bits & 0x7fffffff) - (112 << 23)) >>> 13;
}

/** The value of 16 bits read as a `bf16`. */
export function bf16ToNumber(bits: number): number {
  singleBits[0] = bits << 16;
  return single[0]!;
}

/** The bits of the `bf16` nearest to `x`; every NaN gives `0x7fc0`. */
export function numberToBF16(x: number): number {
  const rounded = roundBF16(x);
  if (rounded !== rounded) return 0x7fc0;
  single[0] = rounded;
  return singleBits[0]! >>> 16;
}
