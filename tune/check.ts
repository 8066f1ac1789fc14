/**
 * Whether a candidate computes what it should.
 *
 * @module
 */
import { bufferSpan } from "../ir/address.ts";
import { arrayFor, elementWriter, type TensorArray } from "../ir/data.ts";
import { DTYPES } from "../ir/dtype.ts";
import { WeftError } from "../ir/errors.ts";
import { evalInt } from "../ir/eval.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Buffer } from "../ir/stmt.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { printSchedule } from "../schedule/text.ts";
import { seeded } from "../schedule/tune/space.ts";
import type { Dims } from "./work.ts";

/** A candidate computes something else: never a matter of speed. */
export class WrongResultError extends WeftError {
  override readonly name: string = "WrongResultError";
}

/** Floats in [-1, 1); integers 0, which is an index into anything. */
export function randomData(func: PrimFunc, dims: Dims): Readonly<Record<string, TensorArray>> {
  const random = seeded(1);
  return Object.fromEntries(func.params.map(({ buffer }) => {
    const array = arrayFor(buffer.dtype, Math.max(0, evalInt(bufferSpan(buffer), dims)));
    if (DTYPES[buffer.dtype].family === "float") {
      const write = elementWriter(buffer.dtype);
      for (let i = 0; i < array.length; i++) write(array, i, 2 * random() - 1);
    }
    return [buffer.name, array];
  }));
}

/** Sums in another order differ in their last digits, relative to the largest result. */
export function requireEqual(
  func: PrimFunc,
  schedule: Schedule,
  buffer: Buffer,
  actual: Float64Array,
  expected: Float64Array,
): void {
  const scale = expected.reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 0);
  const half = buffer.dtype === "f16" || buffer.dtype === "bf16";
  const allowed = DTYPES[buffer.dtype].family === "float" ? (half ? 2e-2 : 2e-4) * scale + 1e-6 : 0;
  const at = expected.findIndex((e, i) => {
    const a = actual[i] ?? NaN;
    return !(Object.is(a, e) || Math.abs(a - e) <= allowed);
  });
  if (at < 0) return;
  throw new WrongResultError(
    `${func.name} under ${printSchedule(schedule)} is wrong: element ${at} of ${buffer.name} is ${
      actual[at]
    }, ` +
      `expected ${expected[at]} within ${allowed}`,
  );
}
