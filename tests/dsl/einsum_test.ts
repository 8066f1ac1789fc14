/** einsum and rearrange: any equation by its definition, and what is refused. @module */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { compile } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import { ShapeError } from "../../ir/errors.ts";
import { einsum } from "../support/op_cases_einsum.ts";
import type { Dense } from "../support/reference.ts";

const NAMES = ["a", "b", "c", "d"] as const;
const arbEquation = fc.array(fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 4,
})
  .chain((operands) =>
    fc.record({
      operands: fc.constant(operands.map((o) => o.join(" "))),
      result: fc.shuffledSubarray([...new Set(operands.flat())]).map((r) => r.join(" ")),
      sizes: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
    })
  );

async function evaluate(y: (xs: readonly w.Tensor[]) => w.Tensor, given: readonly Dense[]): Promise<Dense> {
  const inputs = Object.fromEntries(given.map((g, i) => [`x${i}`, w.spec(g.shape, "f32")]));
  const main = w.method(
    inputs as Record<string, w.Tensor>,
    (own) => ({ y: y(given.map((_, i) => own[`x${i}`]!)) }),
  );
  using executable = await compile(w.trace({ main }), { device: jsDevice() });
  const values = Object.fromEntries(
    given.map((
      { shape, data },
      i,
    ) => [`x${i}`, { dtype: "f32", shape, data: Float32Array.from(data) } as const]),
  );
  const { shape, data } = await executable.run("main", values)["y"]!.read();
  return { shape, data: [...data as Float32Array] };
}

Deno.test("an equation is its sum of products, whatever it is", async () => {
  await fc.assert(
    fc.asyncProperty(arbEquation, async ({ operands, result, sizes }) => {
      const tensors = operands.map((text, i): Dense => {
        const shape = text.split(" ").filter((n) => n !== "").map((n) => sizes[NAMES.indexOf(n as "a")]!);
        const count = shape.reduce((a, b) => a * b, 1);
        return { shape, data: Array.from({ length: count }, (_, j) => (j * 7 + i * 3) % 5 - 2) };
      });
      const equation = `${operands.join(", ")} -> ${result}`;
      const actual = await evaluate(
        (xs) => w.einsum(equation as string, ...xs as w.Tensor<w.Shape, "f32">[]),
        tensors,
      );
      const expected = einsum(operands, result, ...tensors);
      assertEquals(actual.shape, expected.shape, equation);
      assertEquals(actual.data.map((v) => v + 0), expected.data.map((v) => v + 0), equation);
    }),
    { numRuns: 150 },
  );
});

Deno.test("rearrange there and back is nothing", async () => {
  const x: Dense = { shape: [2, 6, 4], data: Array.from({ length: 48 }, (_, i) => i) };
  const there = await evaluate(
    ([t]) => w.rearrange(t as w.Tensor<[2, 6, 4], "f32">, "a (b c) d -> (d b) c a", { b: 3 }),
    [x],
  );
  assertEquals(there.shape, [12, 2, 2]);
  const back = await evaluate(
    ([t]) => w.rearrange(t as w.Tensor<[12, 2, 2], "f32">, "(d b) c a -> a (b c) d", { d: 4 }),
    [there],
  );
  assertEquals(back, x);
});

Deno.test("sizes of all names are taken where they make up each axis, not only the number of elements", () => {
  const size = fc.nat(4);
  fc.assert(
    fc.property(size, size, size, size, fc.nat(16), fc.nat(16), (a, b, c, d, x0, x1) => {
      const make = (shape: w.Shape): w.Shape =>
        w.rearrange(w.spec(shape, "f32"), "(a b) (c d) -> d b c a", { a, b, c, d })
          .shape;
      assertEquals(make([a * b, c * d]), [d, b, c, a]);
      for (const shape of [[x0, x1], [c * d, a * b], [1, a * b * c * d]]) {
        if (shape[0] !== a * b || shape[1] !== c * d) {
          assertThrows(() => make(shape), ShapeError, "its axis is");
        }
      }
    }),
  );
});

Deno.test("types: shapes by names, and what is wrong with them", () => {
  const q = w.spec(["t", 12, 64], "f32");
  const scores: w.Tensor<[12, "t", "s"], "f32"> = w.einsum(
    "t h d, s h d -> h t s",
    q,
    w.spec(["s", 12, 64], "f32"),
  );
  const x = w.spec(["b", "s", "3*n"], "f32");
  const parts: w.Tensor<["b", 3, "s", "n"], "f32"> = w.rearrange(x, "b s (three n) -> b three s n", {
    three: 3,
  });
  const rows: w.Tensor<["b*s", "3*n"], "f32"> = w.rearrange(x, "b s n -> (b s) n");
  assertEquals([scores.shape, parts.shape, rows.shape], [[12, "t", "s"], ["b", 3, "s", "n"], ["b*s", "3*n"]]);
  const refused = (f: () => unknown, text: string): void => {
    assertEquals(assertThrows(f, ShapeError).reason, text);
  };
  // @ts-expect-error 64 and 32
  refused(() => w.einsum("t h d, s h d -> h t s", q, w.spec(["s", 12, 32], "f32")), "einsum: d is 64 and 32");
  refused(
    // @ts-expect-error one tensor too few
    () => w.einsum("t h d, s h d -> h t s", q),
    'einsum: "t h d, s h d -> h t s" is of 2 tensors, got 1',
  );
  // @ts-expect-error rank
  refused(() => w.einsum("t d -> d", q), 'einsum: "t d" is of other rank than [t, 12, 64]');
  // @ts-expect-error z
  refused(() => w.einsum("t h d -> t z", q), "einsum: z is in the result and in no tensor");
  // @ts-expect-error dots
  refused(() => w.einsum("... d -> d", q), 'einsum: "..." is no name of an axis');
  refused(
    // @ts-expect-error 12 / 5
    () => w.rearrange(q, "t (a b) d -> t a b d", { a: 5 }),
    "rearrange: b of (a b) is 12 / 5, which is no size",
  );
  refused(
    // @ts-expect-error as many elements, each axis another size
    () => w.rearrange(w.spec([4, 6], "f32"), "a b -> b a", { a: 6, b: 4 }),
    "rearrange: (a) is 6, its axis is 4",
  );
  // @ts-expect-error which of both
  refused(() => w.rearrange(q, "t (a b) d -> t a b d"), "rearrange: sizes of a and b are not given");
  // @ts-expect-error e
  refused(() => w.rearrange(q, "t h d -> t h e"), "rearrange: d is on one side only");
  refused(
    // @ts-expect-error no name of the pattern
    () => w.rearrange(q, "t h d -> t d h", { heads: 3 }),
    'rearrange: there is no heads in "t h d -> t d h"',
  );
});
