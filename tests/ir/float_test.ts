import fc from "fast-check";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { erf } from "../../ir/erf.ts";
import { bf16ToNumber, f16ToNumber, numberToBF16, numberToF16, roundBF16, roundF16 } from "../../ir/float.ts";
import { arrayFor, fromNumbers, readElement, toNumbers, viewBytes, writeElement } from "../../ir/data.ts";
import { DTYPES } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";

const view = new DataView(new ArrayBuffer(4));

Deno.test("all 65536 f16 values are decoded and encoded exactly", () => {
  for (let bits = 0; bits < 65536; bits++) {
    view.setUint16(0, bits);
    const value = view.getFloat16(0);
    assert(Object.is(f16ToNumber(bits), value), `${bits.toString(16)}: ${f16ToNumber(bits)} is not ${value}`);
    if (value === value) assertEquals(numberToF16(value), bits);
    assert(Object.is(roundF16(value), value));
  }
  assertEquals(numberToF16(NaN), 0x7e00);
});

/** Doubles of every magnitude, and those at and next to ties between neighbours of the format. */
function doubles(format: (bits: number) => number, next: number): fc.Arbitrary<number> {
  const tie = fc.nat(0x7f7f).map((bits) => (format(bits) + format(bits + next)) / 2);
  return fc.oneof(
    fc.double(),
    fc.float(),
    tie,
    tie.map((x) => x * (1 + 2 ** -52)),
    tie.map((x) => x * (1 - 2 ** -53)),
    fc.integer({ min: -70000, max: 70000 }),
  ).chain((x) => fc.constantFrom(x, -x));
}

Deno.test("doubles are rounded to f16 once, ties to even", () => {
  fc.assert(
    fc.property(doubles(f16ToNumber, 1), (x) => {
      assert(Object.is(roundF16(x), Math.f16round(x)), `${x}: ${roundF16(x)} is not ${Math.f16round(x)}`);
      view.setFloat16(0, x);
      if (x === x) assertEquals(numberToF16(x), view.getUint16(0));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("bf16 values are the upper halves of f32 values", () => {
  for (let bits = 0; bits < 65536; bits++) {
    view.setUint32(0, bits << 16);
    const value = view.getFloat32(0);
    assert(Object.is(bf16ToNumber(bits), value));
    if (value === value) assertEquals(numberToBF16(value), bits);
  }
});

Deno.test("a number goes to the nearest bf16, of two as near to the even one", () => {
  fc.assert(
    fc.property(doubles(bf16ToNumber, 1), (x) => {
      const bits = numberToBF16(x);
      const rounded = bf16ToNumber(bits);
      assert(Object.is(roundBF16(x), rounded));
      if (x !== x) return assert(rounded !== rounded);
      assertEquals(Math.sign(rounded) * Math.sign(x) >= 0, true);
      const [size, found] = [Math.abs(x), bits & 0x7fff];
      if (found === 0x7f80) return assert(size >= (2 - 2 ** -8) * 2 ** 127);
      const error = Math.abs(size - bf16ToNumber(found));
      const largest = found === 0x7f7f;
      const above = largest ? 2 ** 128 - size : bf16ToNumber(found + 1) - size;
      const below = found === 0 ? Infinity : size - bf16ToNumber(found - 1);
      assert(error <= Math.abs(above) && error <= below, `${x} to ${rounded}`);
      if (error === Math.abs(above) || error === below) assertEquals(found % 2, 0);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("erf agrees with tables and with its own derivative", () => {
  // Computed with 30 digits, then rounded.
  const table: readonly (readonly [number, number])[] = [
    [0, 0],
    [1e-300, 1.1283791670955126e-300],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [2.4999, 0.9995928300996666],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [7, 1],
    [Infinity, 1],
  ];
  for (const [x, y] of table) {
    assertAlmostEquals(erf(x), y, 2e-15 * Math.max(Math.abs(y), 1e-290), `erf(${x})`);
    assertEquals(erf(-x), -erf(x));
  }
  assert(Number.isNaN(erf(NaN)));
  assert(Object.is(erf(-0), -0));
  for (let x = -5; x <= 5; x += 0.01) {
    // Simpson's rule over a small step, whose error is below 1e-15.
    const [h, f] = [0.01, (t: number) => 2 / Math.sqrt(Math.PI) * Math.exp(-t * t)];
    const area = h / 6 * (f(x) + 4 * f(x + h / 2) + f(x + h));
    assertAlmostEquals(erf(x + h) - erf(x), area, 1e-12, `from ${x}`);
  }
});

Deno.test("elements are narrowed when written and widened when read", () => {
  const cases: Readonly<Record<DType, readonly (readonly [number, number])[]>> = {
    f32: [[0.1, Math.fround(0.1)], [1e39, Infinity]],
    f16: [[2049, 2048], [70000, Infinity]],
    bf16: [[257, 256], [259, 260], [1e39, Infinity]],
    i32: [[-5, -5]],
    u32: [[4294967295, 4294967295]],
    i8: [[130, -126], [-129, 127]],
    u8: [[258, 2], [-1, 255]],
    bool: [[2, 1], [0, 0]],
  };
  for (const [name, pairs] of Object.entries(cases)) {
    const dtype = name as DType;
    const array = arrayFor(dtype, pairs.length);
    assertEquals(array.BYTES_PER_ELEMENT, DTYPES[dtype].bytes);
    pairs.forEach(([value], i) => writeElement(dtype, array, i, value));
    pairs.forEach(([, read], i) => assertEquals(readElement(dtype, array, i), read, dtype));
    assertEquals(
      toNumbers(dtype, fromNumbers(dtype, pairs.map(([v]) => v))),
      Float64Array.from(pairs, ([, r]) => r),
    );
  }
});

Deno.test("bytes are viewed where they are aligned and copied where not", () => {
  const bytes = Uint8Array.of(0, 1, 0, 0, 0, 2, 0, 0, 0, 9);
  assertEquals(viewBytes("u32", bytes.subarray(1, 9)), Uint32Array.of(1, 2));
  assertEquals(viewBytes("u32", bytes.subarray(0, 4)).buffer, bytes.buffer);
  assertEquals(viewBytes("bf16", bytes.subarray(4)), Uint16Array.of(0x0200, 0, 0x0900));
});
