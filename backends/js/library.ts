/**
 * What generated code calls besides JavaScript's own operators.
 *
 * @module
 */
import { erf } from "../../ir/erf.ts";
import { WeftError } from "../../ir/errors.ts";
import { bf16ToNumber, f16ToNumber, numberToBF16, numberToF16, roundBF16, roundF16 } from "../../ir/float.ts";
import { floorDiv, floorMod, roundEven, saturate } from "../../ir/scalar_eval.ts";

/** Functions by the names that generated code uses. */
export interface Library {
  readonly erf: (x: number) => number;
  readonly roundF16: (x: number) => number;
  readonly roundBF16: (x: number) => number;
  readonly f16ToNumber: (bits: number) => number;
  readonly bf16ToNumber: (bits: number) => number;
  readonly numberToF16: (x: number) => number;
  readonly numberToBF16: (x: number) => number;
  readonly roundEven: (x: number) => number;
  /** Integer division; the dividend where the divisor is 0. */
  readonly intDiv: (a: number, b: number) => number;
  readonly floorDiv: (a: number, b: number) => number;
  readonly floorMod: (a: number, b: number) => number;
  readonly uintDiv: (a: number, b: number) => number;
  readonly uintMod: (a: number, b: number) => number;
  /** Conversions of floats, saturating. */
  readonly toInt: (x: number) => number;
  readonly toUint: (x: number) => number;
  /** Runs threads from barrier to barrier. */
  readonly meet: (threads: readonly Iterator<void>[]) => void;
}

/** The library. */
export const LIBRARY: Library = {
  erf,
  roundF16,
  roundBF16,
  f16ToNumber,
  bf16ToNumber,
  numberToF16,
  numberToBF16,
  roundEven,
  intDiv: (a, b) => (b === 0 ? a : (a / b) | 0),
  floorDiv,
  floorMod,
  uintDiv: (a, b) => (b === 0 ? a : (a / b) >>> 0),
  uintMod: (a, b) => (b === 0 ? 0 : a % b),
  toInt: (x) => saturate(x, -2147483648, 2147483647),
  toUint: (x) => saturate(x, 0, 4294967295),
  meet(threads) {
    for (let done = 0; done < threads.length;) {
      done = threads.filter((t) => t.next().done === true).length;
      if (done > 0 && done < threads.length) {
        throw new WeftError(
          `${done} of ${threads.length} threads end without the barrier that others wait at`,
        );
      }
    }
  },
};
