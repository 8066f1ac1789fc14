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
  /**
   * Calls `sink` with chunks and where their first bytes belong; every chunk but the last is a multiple of 4 bytes long.
   * Those of a checkpoint are consecutive; who brings weights into another order gives them in any, and uses the memory
   * of a chunk again after the call.
   */
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
      const Words = wordsOf(bytes);
      const from = new Words(whole.buffer);
      const to = new Words(from.length);
      turn(from, to, rows, columns, rows);
      await sink(new Uint8Array(to.buffer), 0);
    },
  };
}

/** Bytes of rows that are brought into another order at once: they stay in a core's cache. */
const PIECE = 2 ** 18;

/**
 * A weight of two axes in panels of `width` elements of one of them: for each panel, for each element of axis `summed`,
 * those of the other; zeros fill the last panel up. Rows are reordered as they come, so that pieces are small and come in
 * any order.
 */
export function weightInPanels(weight: Weight, summed: 0 | 1, width: number): Weight {
  const [rows = 1, columns = 1] = weight.shape;
  const { bytes } = DTYPES[weight.dtype];
  const Words = wordsOf(bytes);
  const panels = Math.ceil((summed === 0 ? columns : rows) / width);
  // Rows of results make whole panels; of rows of steps, as many are taken as fit.
  const most = summed === 1 ? width : Math.max(1, Math.floor(PIECE / (columns * bytes)));
  return {
    ...weight,
    async stream(sink): Promise<void> {
      const [from, to] = [new Words(most * columns), new Words(most * (summed === 0 ? width : columns))];
      const [fromBytes, toBytes] = [new Uint8Array(from.buffer), new Uint8Array(to.buffer)];
      let first = 0;
      /** Sends the rows from the first on, of which so many are there. */
      const send = async (count: number): Promise<void> => {
        if (summed === 1) {
          if (count < width) to.fill(0);
          turn(from, to, count, columns, width);
          await sink(toBytes, first * columns * bytes);
          return;
        }
        for (let p = 0; p < panels; p++) {
          const [start, end] = [p * width, Math.min(columns, (p + 1) * width)];
          if (end - start < width) to.fill(0);
          for (let row = 0; row < count; row++) {
            let at = row * width;
            for (let i = row * columns + start; i < row * columns + end; i++) to[at++] = from[i]!;
          }
          await sink(toBytes.subarray(0, count * width * bytes), (p * rows + first) * width * bytes);
        }
      };
      let filled = 0;
      await weight.stream(async (chunk, offset) => {
        const length = Math.min(chunk.length, rows * columns * bytes - offset);
        for (let at = 0; at < length;) {
          const count = Math.min(length - at, fromBytes.length - filled);
          fromBytes.set(chunk.subarray(at, at + count), filled);
          at += count;
          filled += count;
          if (filled < fromBytes.length) continue;
          await send(most);
          first += most;
          filled = 0;
        }
      });
      if (filled > 0) await send(filled / (columns * bytes));
    },
  };
}

type Words = Uint32Array | Uint16Array | Uint8Array;

function wordsOf(bytes: number): Uint32ArrayConstructor | Uint16ArrayConstructor | Uint8ArrayConstructor {
  return bytes === 4 ? Uint32Array : bytes === 2 ? Uint16Array : Uint8Array;
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
