import fc from "fast-check";
import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { philox, uniform } from "../../models/random.ts";

Deno.test("philox gives the published test vectors of Random123", () => {
  assertEquals(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  const ones = 0xffffffff;
  assertEquals(philox([ones, ones, ones, ones], [ones, ones]), [
    0x408f276d,
    0x41c83b0e,
    0xa20bc7c6,
    0x6d5451fd,
  ]);
  assertEquals(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

Deno.test("uniform is in [0, 1) and depends on all bits of seed and step", () => {
  const safe = fc.maxSafeNat();
  fc.assert(fc.property(safe, safe, fc.nat(52), (seed, step, bit) => {
    const value = uniform(seed, step);
    assert(value >= 0 && value < 1);
    assertEquals(uniform(seed, step), value);
    const flip = (n: number) => Number(BigInt(n) ^ 1n << BigInt(bit));
    assertNotEquals(uniform(flip(seed), step), value);
    assertNotEquals(uniform(seed, flip(step)), value);
  }));
});

Deno.test("uniform numbers have the moments of the uniform distribution, along steps and along seeds", () => {
  const n = 20_000;
  for (const at of [(i: number) => uniform(7, i), (i: number) => uniform(i, 7)]) {
    let sum = 0, squares = 0, products = 0;
    for (let i = 0; i < n; i++) {
      sum += at(i);
      squares += at(i) ** 2;
      products += at(i) * at(i + 1);
    }
    // five standard deviations
    assertAlmostEquals(sum / n, 1 / 2, 5 * Math.sqrt(1 / 12 / n));
    assertAlmostEquals(squares / n, 1 / 3, 5 * Math.sqrt(4 / 45 / n));
    assertAlmostEquals(products / n, 1 / 4, 5 * Math.sqrt(7 / 144 / n) * 1.5);
  }
});
