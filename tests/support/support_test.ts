import * as a from "@std/assert";
import { assertAllClose } from "./close.ts";
import { dataDir } from "./data.ts";

class Special extends Error {}
const boom = () => {
  throw new Special("it went boom");
};

Deno.test("assertions pass on what holds and fail on what does not", async () => {
  const pairs: readonly (readonly [pass: () => unknown, fail: () => unknown])[] = [
    [() => a.assert(1), () => a.assert(0)],
    [() => a.assertEquals([NaN, { x: 1 }], [NaN, { x: 1 }]), () => a.assertEquals([1, 2], [1, 3])],
    [() => a.assertEquals(1, 1, "m"), () => a.assertEquals(0, -0, "m")],
    [() => a.assertNotEquals([1], [2]), () => a.assertNotEquals([1], [1])],
    [() => a.assertStrictEquals(NaN, NaN), () => a.assertStrictEquals({}, {})],
    [() => a.assertAlmostEquals(1, 1 + 1e-9), () => a.assertAlmostEquals(1, 1.1)],
    [() => a.assertAlmostEquals(1, 1.1, 0.2), () => a.assertAlmostEquals(NaN, 1, 0.2)],
    [() => a.assertThrows(boom, Special, "boom"), () => a.assertThrows(boom, TypeError)],
    [() => a.assertThrows(boom), () => a.assertThrows(() => {})],
    [() => a.assertThrows(boom, Error), () => a.assertThrows(boom, Special, "bang")],
    [() => a.assertMatch("abc", /b/), () => a.assertMatch("abc", /x/)],
    [() => a.assertStringIncludes("abc", "b"), () => a.assertStringIncludes("abc", "x")],
    [() => a.assertInstanceOf([], Array), () => a.assertInstanceOf({}, Array)],
    [() => a.assertExists(0), () => a.assertExists(null)],
    [() => a.assertGreater(2, 1), () => a.assertGreater(1, 1)],
    [() => a.assertGreaterOrEqual(1, 1), () => a.assertGreaterOrEqual(0, 1)],
    [() => a.assertLess(1, 2), () => a.assertLess(1, NaN)],
    [() => a.assertLessOrEqual(1, 1), () => a.assertLessOrEqual(2, 1)],
    [() => assertAllClose([1, NaN, Infinity], [1, NaN, Infinity]), () => assertAllClose([1], [1, 2])],
    [
      () => assertAllClose([100.001], [100], { rtol: 1e-4 }),
      () => assertAllClose([100.1], [100], { rtol: 1e-4 }),
    ],
    [() => {}, () => assertAllClose([NaN], [1])],
    [() => {}, () => assertAllClose([1], [Infinity])],
    [() => {}, () => a.fail("no")],
  ];
  for (const [pass, fail] of pairs) {
    pass();
    a.assertEquals(failed(fail), true, String(fail));
  }
  await a.assertRejects(() => Promise.reject(new Special("late")), Special, "late");
  await a.assertRejects(() => a.assertRejects(() => Promise.resolve(1)), a.AssertionError, "resolved");
  await a.assertRejects(
    () => a.assertRejects(() => Promise.reject(new Error("x")), Special),
    a.AssertionError,
  );
});

Deno.test("assertAllClose tells the worst element and how many are out of tolerance", () => {
  const error = a.assertThrows(() =>
    assertAllClose([1, 2.5, 3, 4.1], [1, 2, 3, 4], { atol: 0.01, rtol: 0 }, "logits")
  );
  a.assertEquals(
    error.message,
    "logits: 2 of 4 out of tolerance (rtol 0, atol 0.01); worst at 1: got 2.5, expected 2, error 5.000e-1",
  );
});

Deno.test("data that is not there has no folder", () => a.assertEquals(dataDir("no such data"), undefined));

function failed(fn: () => unknown): boolean {
  try {
    fn();
    return false;
  } catch (error) {
    return error instanceof a.AssertionError;
  }
}
