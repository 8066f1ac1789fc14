/**
 * Where weights come from.
 *
 * @module
 */
import type { TensorArray } from "../../ir/data.ts";
import { type DType, DTYPES } from "../../ir/dtype.ts";

/** A weight that can be streamed to a device. */
export interface Weight {
  /** Dtype of the stored bytes; the program computes in its own. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Calls `sink` with consecutive chunks; every chunk but the last is a multiple of 4 bytes long. */
  stream(sink: (chunk: Uint8Array, offset: number) => void | Promise<void>): Promise<void>;
}

/** Weights by parameter path. */
export type Weights = ReadonlyMap<string, Weight>;

/** A weight that is in memory already. */
export function memoryWeight(dtype: DType, shape: readonly number[], data: TensorArray): Weight {
  return {
    dtype,
    shape,
    async stream(sink): Promise<void> {
      await sink(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 0);
    },
  };
}

/** Side of the squares that {@linkcode transposedWeight} goes through, so that both sides stay in the cache. */
const BLOCK = 32;

/**
 * A weight of two axes whose bytes come column by column. It is put together on the host first: the last row has
 * elements of every column.
 */
export function transposedWeight(weight: Weight): Weight {
  const [rows = 1, columns = 1] = weight.shape;
  return {
    ...weight,
    async stream(sink): Promise<void> {
      const { bytes } = DTYPES[weight.dtype];
      const whole = new Uint8Array(rows * columns * bytes);
      await weight.stream((chunk, offset) => whole.set(chunk.subarray(0, whole.length - offset), offset));
      const Words = bytes === 4 ? Uint32Array : bytes === 2 ? Uint16Array : Uint8Array;
      const from = new Words(whole.buffer);
      const to = new Words(from.length);
      for (let row = 0; row < rows; row += BLOCK) {
        for (let column = 0; column < columns; column += BLOCK) {
          const [lastRow, lastColumn] = [Math.min(rows, row + BLOCK), Math.min(columns, column + BLOCK)];
          for (let c = column; c < lastColumn; c++) {
            for (let r = row; r < lastRow; r++) to[c * rows + r] = from[r * columns + c] ?? 0;
          }
        }
      }
      await sink(new Uint8Array(to.buffer), 0);
    },
  };
}

/** Whether none of the 16-bit floats in these bytes, a multiple of 4, is infinite or no number. */
export function areFiniteF16(bytes: Uint8Array): boolean {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const pairs = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  // All bits of an exponent and one more make a carry to its sign.
  let carries = 0;
  for (let i = 0; i < pairs.length; i++) carries |= (pairs[i]! & 0x7c007c00) + 0x04000400;
  return (carries & 0x80008000) === 0;
}
