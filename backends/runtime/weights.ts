/**
 * Where weights come from.
 *
 * @module
 */
import type { TensorArray } from "../../ir/data.ts";
import type { DType } from "../../ir/dtype.ts";

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
