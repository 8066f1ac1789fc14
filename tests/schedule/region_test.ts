/** The box of a buffer that an iteration of a loop touches. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { evalInt } from "../../ir/eval.ts";
import { add, type Expr, floordiv, int, max, min, mod, mul, sub, variable } from "../../ir/expr.ts";
import { parseExpr } from "../../ir/parse.ts";
import { printExpr } from "../../ir/print.ts";
import { type Buffer, type For, forLoop, seq } from "../../ir/stmt.ts";
import type { ElementAccess } from "../../schedule/analysis/elements.ts";
import { boxOf, regionOf } from "../../schedule/analysis/region.ts";

const loop = (name: string, extent: Expr): For => forLoop(name, extent, seq([]));
const buffer = (size: Expr): Buffer => ({ name: "x", dtype: "f32", shape: [size], scope: "global" });
const access = (index: Expr): ElementAccess => ({
  buffer: "x",
  indices: [index],
  write: false,
  block: "b",
  head: false,
});

/** Index expressions over the loops `i`, `j` (which stay) and `k`, `l` (which run), and the dim `n`. */
const { index: arbIndex } = fc.letrec<{ index: Expr }>((tie) => ({
  index: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    fc.constantFrom("i", "j", "k", "l", "n").map(variable),
    fc.integer({ min: -3, max: 9 }).map(int),
    fc.tuple(fc.constantFrom(add, add, sub), tie("index"), tie("index")).map(([f, a, b]) => f(a, b)),
    fc.tuple(tie("index"), fc.integer({ min: -2, max: 8 })).map(([a, c]) => mul(a, int(c))),
    fc.tuple(fc.constantFrom(floordiv, mod), tie("index"), fc.integer({ min: 1, max: 8 })).map(([f, a, c]) =>
      f(a, int(c))
    ),
    fc.tuple(fc.constantFrom(min, max), tie("index"), tie("index")).map(([f, a, b]) => f(a, b)),
  ),
}));
const arbExtent = fc.constantFrom<Expr>(int(1), int(3), int(4), variable("n"), add(variable("n"), int(1)));

Deno.test("whatever the free loops do, the elements they touch are in the box", () => {
  let narrow = 0;
  fc.assert(
    fc.property(
      fc.array(arbIndex, { minLength: 1, maxLength: 3 }),
      fc.tuple(arbExtent, arbExtent, arbExtent, arbExtent),
      fc.nat({ max: 4 }),
      (indices, extents, n) => {
        const size = 40;
        const loops = extents.map((e, d) => loop("ijkl"[d]!, e));
        const scope = { fixed: loops.slice(0, 2), free: loops.slice(2) };
        const [range] = regionOf(buffer(int(size)), indices.map(access), scope);
        assert(range !== undefined);
        const what = `${indices.map((e) => printExpr(e))} in ${printExpr(range.min)} :+ ${
          printExpr(range.extent)
        }`;
        if (range.extent.kind !== "const" || range.extent.value !== size) narrow++;
        const [is, js, ks, ls] = loops.map((l) =>
          Array.from({ length: evalInt(l.extent, { n }) }, (_, at) => at)
        );
        for (const i of is!) {
          for (const j of js!) {
            // Runs need not be there: then nothing is touched.
            for (const k of ks!) {
              for (const l of ls!) {
                const at = { n, i, j, k, l };
                const [from, extent] = [range.min, range.extent].map((e) => evalInt(e, { n, i, j }));
                for (const e of indices) {
                  const value = evalInt(e, at);
                  if (value < 0 || value >= size) continue;
                  assert(
                    value >= from! && value < from! + extent!,
                    `${what}: ${value} at ${JSON.stringify(at)}`,
                  );
                }
              }
            }
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
  assertGreater(narrow, 300);
});

/** The range of indices (over `i`, which stays, and `k` to 4, `l` to 8, `m` to `n`), as text. */
function range(size: string, ...indices: string[]): string {
  const scope = {
    fixed: [loop("i", variable("n"))],
    free: [loop("k", int(4)), loop("l", int(8)), loop("m", variable("n"))],
  };
  const [r] = regionOf(buffer(parseExpr(size)), indices.map((e) => access(parseExpr(e))), scope);
  return `${printExpr(r!.min)} :+ ${printExpr(r!.extent)}`;
}

Deno.test("boxes are no larger than they have to be", () => {
  assertEquals(range("n", "i"), "i :+ 1");
  assertEquals(range("n", "i * 4 + k"), "i * 4 :+ 4");
  assertEquals(range("n", "i * 4 + 3 - k"), "i * 4 :+ 4");
  assertEquals(range("n", "i * 32 + k * 8 + l"), "i * 32 :+ 32");
  assertEquals(range("n", "i * 2 + k", "i * 2 + k + 1", "i * 2 - 1"), "i * 2 - 1 :+ 6");
  assertEquals(range("n", "(i * 8 + l) // 8"), "i :+ 1");
  assertEquals(range("n", "(i * 8 + l) % 8"), "0 :+ 8");
  assertEquals(range("n", "(i * 3 + l) // 4"), "i * 3 // 4 :+ 3");
  assertEquals(range("n", "i + m"), "i :+ n");
  assertEquals(range("n", "m"), "0 :+ n");
  // Where nothing better is known, it is the axis.
  assertEquals(range("n * 7", "i * k"), "0 :+ n * 7");
  assertEquals(range("7", "i + l"), "0 :+ 7");
});

Deno.test("a box of numbers is refused with the axis and the loops that have none", () => {
  const scope = { fixed: [], free: [loop("k", int(4)), loop("m", variable("n"))] };
  const result = boxOf(buffer(variable("n")), [access(variable("m"))], scope);
  assert("refusal" in result);
  assertStringIncludes(result.refusal, "axis 0 of x");
  assertStringIncludes(result.refusal, "loops m inside have no constant extent");
  const fine = boxOf(buffer(variable("n")), [access(variable("k"))], scope);
  assert("box" in fine);
  assertEquals(fine.box.map((r) => r.count), [4]);
});
