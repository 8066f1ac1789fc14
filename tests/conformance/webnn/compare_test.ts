import { assertEquals, assertMatch } from "@std/assert";
import { distance, mismatch } from "./compare.ts";

Deno.test("distances count the values between, over 0 and at the ends", () => {
  assertEquals(distance("f32", "ULP", 1, 1 + 2 ** -23), 1);
  assertEquals(distance("f32", "ULP", -(2 ** -149), 2 ** -149), 2);
  assertEquals(distance("f32", "ULP", 0, -0), 0);
  assertEquals(distance("f32", "ULP", Infinity, 3.4028234663852886e38), 1);
  assertEquals(distance("f16", "ULP", 1, 1 + 2 ** -10), 1);
  assertEquals(distance("f16", "ULP", -(2 ** -24), 2 ** -24), 2);
  assertEquals(distance("i32", "ULP", -3, 4), 7);
  assertEquals(distance("f32", "ATOL", 1.5, -1), 2.5);
});

Deno.test("NaN is at NaN only", () => {
  assertEquals(distance("f32", "ULP", NaN, NaN), 0);
  assertEquals(distance("f32", "ULP", NaN, 1), Infinity);
  assertEquals(distance("f32", "ATOL", 1, NaN), Infinity);
});

Deno.test("the worst element out of tolerance is named", () => {
  const tolerance = { metric: "ULP", value: 1 } as const;
  assertEquals(mismatch("i32", tolerance, [1, 2, 3], [1, 3, 3]), undefined);
  assertMatch(mismatch("i32", tolerance, [1, 2, 3], [1, 4, 6]) ?? "", /^element 2 is 3, expected 6: 3 ULP/);
  assertMatch(mismatch("i32", tolerance, [1], [1, 2]) ?? "", /1 elements, expected 2/);
  assertEquals(mismatch("f32", tolerance, [], []), undefined);
});
