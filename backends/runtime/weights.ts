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

/** A weight of two axes whose bytes come column by column. */
export function transposedWeight(weight: Weight): Weight {
  const [rows = 1, columns = 1] = weight.shape;
  return reordered(weight, (from, to) => turn(from, to, rows, columns, rows));
}

/**
 * A weight of two axes in panels of `width` elements of one of them: for each panel, for each element of axis `summed`,
 * those of the other; zeros fill the last panel up.
 */
export function weightInPanels(weight: Weight, summed: 0 | 1, width: number): Weight {
  const [rows = 1, columns = 1] = weight.shape;
  const [steps, results] = summed === 0 ? [rows, columns] : [columns, rows];
  const panels = Math.ceil(results / width);
  return reordered(weight, (from, to) => {
    for (let p = 0; p < panels; p++) {
      const [first, last] = [p * width, Math.min(results, (p + 1) * width)];
      const panel = to.subarray(first * steps, (first + width) * steps);
      if (summed === 1) {
        turn(from.subarray(first * columns, last * columns), panel, last - first, columns, width);
      } else {
        for (let k = 0; k < steps; k++) {
          panel.set(from.subarray(k * columns + first, k * columns + last), k * width);
        }
      }
    }
  }, panels * width * steps);
}

type Words = Uint32Array | Uint16Array | Uint8Array;

/** A weight with its elements in another order. It is put together on the host first: any part may have elements of all. */
function reordered(weight: Weight, write: (from: Words, to: Words) => void, length?: number): Weight {
  return {
    ...weight,
    async stream(sink): Promise<void> {
      const { bytes } = DTYPES[weight.dtype];
      const whole = new Uint8Array(weight.shape.reduce((n, size) => n * size, 1) * bytes);
      await weight.stream((chunk, offset) => whole.set(chunk.subarray(0, whole.length - offset), offset));
      const Words = bytes === 4 ? Uint32Array : bytes === 2 ? Uint16Array : Uint8Array;
      const from = new Words(whole.buffer);
      const to = new Words(length ?? from.length);
      write(from, to);
      await sink(new Uint8Array(to.buffer), 0);
    },
  };
}

/** Side of the squares that a matrix is turned in, so that both sides stay in the cache. */
const BLOCK = 32;

/** Writes a matrix column by column, these `apart` elements from each other. */
function turn(from: Words, to: Words, rows: number, columns: number, apart: number): void {
  for (let row = 0; row < rows; row += BLOCK) {
    for (let column = 0; column < columns; column += BLOCK) {
      const [lastRow, lastColumn] = [Math.min(rows, row + BLOCK), Math.min(columns, column + BLOCK)];
      for (let c = column; c < lastColumn; c++) {
        for (let r = row; r < lastRow; r++) to[c * apart + r] = from[r * columns + c] ?? 0;
      }
    }
  }
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
