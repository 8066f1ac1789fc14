import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkBounds, type GivenShape, solveDims } from "../../../backends/runtime/dims.ts";
import { evalDim, type Shape } from "../../../ir/dim.ts";
import { InputError } from "../../../ir/errors.ts";
import { NAMES, shape, values } from "../../ir/dim_arbitraries.ts";

const given = (name: string, declared: Shape, actual: readonly number[]): GivenShape => ({
  name,
  declared,
  actual,
});

Deno.test("property: dims that an axis each gives are found again from any shapes", () => {
  fc.assert(fc.property(values, fc.array(shape(3), { maxLength: 4 }), (dims, shapes) => {
    const sized = (declared: Shape, i: number) =>
      given(`x${i}`, declared, declared.map((d) => evalDim(d, dims)));
    const found = solveDims("main", [
      given("all", [...NAMES], NAMES.map((n) => dims[n]!)),
      ...shapes.map(sized),
    ], {});
    assertEquals({ ...found }, { ...dims });
  }));
});

Deno.test("property: a dim that only sums and products give is found, too", () => {
  const count = fc.integer({ min: 1, max: 9 });
  fc.assert(fc.property(count, count, count, (past, s, b) => {
    const found = solveDims("main", [
      given("mask", ["b*past", "past+s"], [b * past, past + s]),
      given("ids", ["2*s+1", 3], [2 * s + 1, 3]),
    ], {});
    assertEquals({ ...found }, { past, s, b });
  }));
});

Deno.test("property: a size that is changed is refused", () => {
  const some = shape(4, 1);
  fc.assert(fc.property(values, some, fc.nat(3), fc.integer({ min: 1, max: 3 }), (dims, declared, at, by) => {
    const actual = declared.map((d) => evalDim(d, dims));
    const axis = at % actual.length;
    const wrong = actual.with(axis, actual[axis]! + by);
    const all = given("all", [...NAMES], NAMES.map((n) => dims[n]!));
    assertThrows(() => solveDims("main", [all, given("x", declared, wrong)], {}), InputError, "main: ");
  }));
});

Deno.test("shapes that do not fit are refused with the input, what it is and what it should be", async (t) => {
  const wrong: readonly (readonly GivenShape[])[] = [
    [given("ids", ["b", "s"], [3])],
    [given("ids", ["b", 4], [2, 5])],
    [given("a", ["s"], [3]), given("b", ["b", "s"], [2, 4])],
    [given("past", ["past"], [3]), given("s", ["s"], [2]), given("mask", ["past+s"], [6])],
    [given("x", ["a*b"], [6])],
    [given("x", ["2*n"], [5])],
    [given("x", ["n+4"], [3])],
    [given("x", ["n*n"], [9])],
    [given("past", ["past"], [3]), given("mask", ["past+s"], [2])],
    [given("x", [0, "n"], [1, 2])],
  ];
  await t.assertSnapshot(
    wrong.map((shapes) => assertThrows(() => solveDims("main", shapes, {}), InputError).message),
  );
});

Deno.test("bounds are checked, also of sums; what is not known is not", () => {
  const ok = (dims: Record<string, number>, bounds: Record<string, number>) =>
    checkBounds("decode", dims, bounds);
  ok({ s: 3, past: 5 }, { s: 3, "past+s": 8 });
  ok({ s: 3 }, { "past+s": 1 });
  const error = assertThrows(() => ok({ s: 3, past: 6 }, { s: 3, "past+s": 8 }), InputError);
  assertEquals(error.message, "decode: past+s is 9, more than its bound 8");
  assertThrows(() => solveDims("decode", [given("x", ["n"], [5])], { n: 4 }), InputError, "n is 5");
});

Deno.test("a dim may be called like a property of every object", () => {
  const shapes = [given("x", ["constructor", "toString"], [2, 3]), given("y", ["constructor"], [2])];
  assertEquals(Object.entries(solveDims("main", shapes, {})), [["constructor", 2], ["toString", 3]]);
});
