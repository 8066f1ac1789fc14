/** `cacheRead` of tiles whose parts lie apart, which the axis may be too short for. @module */
import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { interpret } from "../../ir/interpret.ts";
import { printFunc } from "../../ir/print.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { apply, parseSchedule } from "../../schedule/mod.ts";
import { read } from "../support/nests.ts";
import { copyArrays } from "../support/run_func.ts";

const arbTile = fc.record({
  n: fc.integer({ min: 1, max: 80 }),
  j: fc.integer({ min: 1, max: 4 }),
  t: fc.integer({ min: 1, max: 40 }),
  v: fc.integer({ min: 1, max: 4 }),
  at: fc.constantFrom("k", "nj"),
});

Deno.test("random tiles, of parts that lie apart, are loaded as far as the axis goes", () => {
  let legal = 0;
  fc.assert(
    fc.property(arbTile, ({ n, j, t, v, at }) => {
      const func = read(`fn f(x: read f32[3], a: read f32[3, ${n}], y: read_write f32[${n}]) {
        for n in 0..${n} { for k in 0..3 {
          block sum(vn: spatial 0..${n} = n, vk: reduce 0..3 = k) { y[vn] = y[vn] + x[vk] * a[vk, vn] } } } }`);
      const result = apply(
        func,
        parseSchedule(
          `seq(split(n, [_, ${j}, ${t}, ${v}], names=[no, nj, nt, nv]), reorder(no, nt, k, nj, nv), ` +
            `cacheRead(sum, a, local, ${at}))`,
        ),
      );
      if (!result.ok) return;
      legal++;
      const what = printFunc(result.func);
      assertEquals(verifyFunc(result.func), [], what);
      const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i % 5);
      const arrays = { x: numbers(3), a: numbers(3 * n), y: numbers(n) };
      const [expected, actual] = [copyArrays(arrays), copyArrays(arrays)];
      interpret(func, expected, {});
      interpret(result.func, actual, {});
      assertEquals(actual, expected, what);
    }),
    { numRuns: 300 },
  );
  assertGreater(legal, 299);
});
