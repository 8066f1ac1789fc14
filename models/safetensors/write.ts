/**
 * Writing small safetensors files, for tests and tools: the whole file is built in memory.
 *
 * @module
 */

import { WeightsError } from "../../ir/errors.ts";
import { LENGTH_BYTES, parseSafetensorsHeader, type SafetensorsDType } from "./header.ts";

/** A tensor to write. */
export interface TensorData {
  /** Element type, in the format's spelling. */
  readonly dtype: SafetensorsDType;
  /** Dimensions. */
  readonly shape: readonly number[];
  /** Elements in row-major order, little-endian. */
  readonly data: Uint8Array;
}

/**
 * The bytes of a safetensors file with `tensors`, which start at a multiple of eight. The same tensors give the
 * same bytes whatever their order: wide element types come first, then names in order.
 *
 * @throws {WeightsError} if the data of a tensor does not fit its dtype and shape
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { writeSafetensors } from "./mod.ts";
 *
 * const bytes = writeSafetensors({ bias: { dtype: "U8", shape: [2], data: Uint8Array.of(1, 2) } });
 * assertEquals(bytes.slice(-2), Uint8Array.of(1, 2));
 * ```
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = Object.entries(tensors).sort(([a, x], [b, y]) => width(y) - width(x) || (a < b ? -1 : 1));
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", metadata);
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === "__metadata__") {
      throw new WeightsError(`Cannot write a tensor named "__metadata__": it is reserved.`);
    }
    header.set(name, { dtype, shape, data_offsets: [end, end += data.length] });
  }
  // not JSON.stringify of an object: a key "__proto__" or "1" must come out as it is, in this order
  const fields = [...header].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const dataBegin = Math.ceil((LENGTH_BYTES + json.length) / 8) * 8;
  const file = new Uint8Array(dataBegin + end).fill(0x20, LENGTH_BYTES, dataBegin);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataBegin - LENGTH_BYTES), true);
  file.set(json, LENGTH_BYTES);
  let at = dataBegin;
  for (const [, { data }] of sorted) {
    file.set(data, at);
    at += data.length;
  }
  parseSafetensorsHeader(file, file.length, "the tensors to write");
  return file;
}

/** Digits in the dtype's name: 64 for `F64`, 8 for `BOOL`; enough to put wide elements first. */
function width({ dtype }: TensorData): number {
  return Number(/\d+/.exec(dtype)?.[0] ?? 8);
}
