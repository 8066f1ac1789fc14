/**
 * Widening of stored floats to `f32`. Every `f16` and `bf16` value is an `f32` value, so this is exact: subnormals,
 * infinities and the bits of NaNs included.
 *
 * @module
 */

import { InputError } from "../ir/errors.ts";

/** Stored float formats, in the spelling of safetensors. */
export type FloatFormat = "F32" | "F16" | "BF16";

const BYTES: Readonly<Record<FloatFormat, number>> = { F32: 4, F16: 2, BF16: 2 };

/**
 * Converts little-endian floats to `f32`.
 *
 * @param bytes the stored floats, at any alignment
 * @param from their format
 * @param into gets one `f32` for each, from its start
 * @returns the part of `into` that was filled
 * @throws {InputError} if `bytes` is not a whole number of floats or `into` is too small
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { convertFloats } from "./float.ts";
 *
 * const one = Uint8Array.of(0x00, 0x3c); // 1.0 in f16
 * assertEquals(convertFloats(one, "F16", new Float32Array(1)), Float32Array.of(1));
 * ```
 */
export function convertFloats(bytes: Uint8Array, from: FloatFormat, into: Float32Array): Float32Array {
  const count = bytes.length / BYTES[from];
  if (!Number.isInteger(count)) {
    throw new InputError(`${bytes.length} bytes are not a whole number of ${from} values`);
  }
  if (into.length < count) {
    throw new InputError(`${count} ${from} values do not fit an array of ${into.length}`);
  }
  const bits = new Uint32Array(into.buffer, into.byteOffset, count);
  switch (from) {
    case "F32":
      // Everything that runs JavaScript with WebGPU or Wasm stores numbers little-endian, as the file does.
      new Uint8Array(into.buffer, into.byteOffset, bytes.length).set(bytes);
      break;
    case "BF16":
      for (let i = 0, at = 0; i < count; i++, at += 2) bits[i] = (bytes[at]! | bytes[at + 1]! << 8) << 16;
      break;
    case "F16":
      for (let i = 0, at = 0; i < count; i++, at += 2) bits[i] = widenF16(bytes[at]! | bytes[at + 1]! << 8);
      break;
    default:
      from satisfies never;
  }
  return into.subarray(0, count);
}

/** The `f32` bits of the value with `f16` bits `half`. */
function widenF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f800000 | (magnitude & 0x3ff) << 13; // infinity, NaN
  if (magnitude >= 0x0400) return sign | (magnitude << 13) + (127 - 15 << 23); // normal: only the bias changes
  if (magnitude === 0) return sign;
  // Subnormal, magnitude * 2^-24: its highest bit h becomes the implicit one, with exponent h - 24.
  const high = 31 - Math.clz32(magnitude);
  return sign | (127 + high - 24) << 23 | (magnitude << 23 - high & 0x7fffff);
}
