import fc from "fast-check";
import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../ir/errors.ts";
import { convertFloats } from "../../models/float.ts";

const bitsOf = (floats: Float32Array) => new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
const ALL_16_BIT = Uint16Array.from({ length: 65536 }, (_, i) => i);

Deno.test("every f16 value is widened exactly", () => {
  const ours = convertFloats(new Uint8Array(ALL_16_BIT.buffer), "F16", new Float32Array(65536));
  const view = new DataView(new ArrayBuffer(2));
  for (let half = 0; half < 65536; half++) {
    view.setUint16(0, half);
    const value = view.getFloat16(0);
    if (!Number.isNaN(value)) assertEquals(ours[half], value, half.toString(16)); // told apart: 0 and -0
    else assertEquals(bitsOf(ours)[half], ((half & 0x8000) << 16 | 0x7f800000 | (half & 0x3ff) << 13) >>> 0);
  }
});

Deno.test("every bf16 value is the upper half of its f32", () => {
  const ours = convertFloats(new Uint8Array(ALL_16_BIT.buffer), "BF16", new Float32Array(65536));
  assertEquals(bitsOf(ours), Uint32Array.from(ALL_16_BIT, (bits) => bits << 16));
});

Deno.test("any alignment of the bytes and any offset of the target give the same bits", () => {
  const format = fc.constantFrom("F32", "F16", "BF16");
  fc.assert(
    fc.property(
      format,
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(5),
      fc.nat(3),
      (from, raw, shift, offset) => {
        const bytes = raw.subarray(0, raw.length & ~3);
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
        shifted.set(bytes);
        const count = bytes.length / (from === "F32" ? 4 : 2);
        const target = new Float32Array(count + offset + 2).fill(7);
        const filled = convertFloats(shifted, from, target.subarray(offset));
        assertEquals(filled.length, count);
        const expected = convertFloats(bytes.slice(), from, new Float32Array(count));
        assertEquals(bitsOf(filled), bitsOf(expected).slice());
        assertEquals(target.slice(0, offset), new Float32Array(offset).fill(7));
        assertEquals(target.slice(offset + count), new Float32Array(2).fill(7));
        if (from === "F32") assertEquals(bitsOf(expected).slice(), new Uint32Array(bytes.slice().buffer));
      },
    ),
  );
});

Deno.test("partial values and small targets are refused", () => {
  assertThrows(
    () => convertFloats(new Uint8Array(5), "F16", new Float32Array(9)),
    InputError,
    "5 bytes are not a whole",
  );
  assertThrows(
    () => convertFloats(new Uint8Array(8), "BF16", new Float32Array(3)),
    InputError,
    "4 BF16 values do not fit",
  );
});
