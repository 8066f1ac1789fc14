/**
 * Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a function of a key
 * and a counter whose results pass every test for random numbers. It has no state, so element `i` of a random tensor is
 * its value at counter `i`, on every device the same.
 *
 * @module
 */
import { add, binary, constant, type Expr } from "../expr.ts";

/** How far the second word is turned in each round; repeated after eight. */
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const ROUNDS = 20;
const PARITY = 0x1bd11bda;

const u32 = (value: number): Expr => constant("u32", value);

/** The bits turned round to the left by `places`. */
function rotate(x: Expr, places: number): Expr {
  return binary("bitor", binary("shl", x, u32(places)), binary("shr", x, u32(32 - places)));
}

/** Both random words for a key of two words and a counter of two words, all `u32`. */
export function threefry(
  key: readonly [Expr, Expr],
  counter: readonly [Expr, Expr],
): readonly [Expr, Expr] {
  const keys = [...key, binary("bitxor", binary("bitxor", key[0], key[1]), u32(PARITY))];
  const keyAt = (i: number): Expr => keys[i % 3] ?? key[0];
  let [x, y] = [add(counter[0], key[0]), add(counter[1], key[1])];
  for (let round = 0; round < ROUNDS; round++) {
    x = add(x, y);
    y = binary("bitxor", rotate(y, ROTATIONS[round % 8] ?? 0), x);
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    x = add(x, keyAt(injection));
    y = add(add(y, keyAt(injection + 1)), u32(injection));
  }
  return [x, y];
}
