/**
 * Random numbers that depend on nothing but a seed and a position: Philox4x32-10, from J. Salmon, M. Moraes, R. Dror
 * and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11). There is no state, so a text is the same
 * however its generation is cut into pieces, and any position can be computed alone.
 *
 * @module
 */

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** Four words of 32 bits. */
export type Block = readonly [number, number, number, number];

/** The block of 128 random bits at position `counter` of the stream `key`. All words are unsigned. */
export function philox(counter: Block, key: readonly [number, number]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh(MULTIPLIER_0, c0);
    const high1 = mulHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = k0 + WEYL_0 >>> 0;
    k1 = k1 + WEYL_1 >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * A number from 0 up to, not including, 1, with 53 random bits.
 *
 * @param seed stream: an integer from 0 to 2^53 - 1
 * @param step position in the stream: likewise
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { uniform } from "./random.ts";
 *
 * assertEquals(uniform(42, 7), uniform(42, 7));
 * ```
 */
export function uniform(seed: number, step: number): number {
  const [a, b] = philox([...words(step), 0, 0], words(seed));
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}

/** Low and high word of a safe integer. */
function words(n: number): [number, number] {
  return [n >>> 0, Math.floor(n / 2 ** 32)];
}

/** The upper 32 bits of the 64-bit product of two words, by halves: a double holds no 64-bit product exactly. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16;
  const bLow = b & 0xffff, bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16); // at most 2^32 - 2^16, fits a double and a word
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16);
}
