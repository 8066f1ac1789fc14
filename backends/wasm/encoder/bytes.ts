/**
 * The primitive encodings of Wasm's binary format.
 *
 * @module
 */

/** An unsigned integer below 2^32 in LEB128: seven bits a byte, the lowest first. */
export function unsigned(value: number): readonly number[] {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new TypeError(`Cannot encode ${value} as an unsigned integer of 32 bits`);
  }
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push(rest & 0x7f | 0x80);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** A signed integer of 32 bits in LEB128. */
export function signed(value: number): readonly number[] {
  if ((value | 0) !== value) throw new TypeError(`Cannot encode ${value} as a signed integer of 32 bits`);
  const bytes: number[] = [];
  let rest = value;
  // The last byte's bit 6 is the sign of all above it.
  while (rest < -64 || rest > 63) {
    bytes.push(rest & 0x7f | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}

const scratch = new DataView(new ArrayBuffer(8));

/** The four bytes of an `f32`. */
export function float32(value: number): readonly number[] {
  scratch.setFloat32(0, value, true);
  return [0, 1, 2, 3].map((i) => scratch.getUint8(i));
}

/** The eight bytes of an `f64`. */
export function float64(value: number): readonly number[] {
  scratch.setFloat64(0, value, true);
  return [0, 1, 2, 3, 4, 5, 6, 7].map((i) => scratch.getUint8(i));
}

/** A text as its length and its bytes. */
export function text(value: string): readonly number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

/** A list as its length and its items. */
export function list(items: readonly (readonly number[])[]): readonly number[] {
  return [...unsigned(items.length), ...items.flat()];
}
