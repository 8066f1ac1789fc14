/** Softmaxes that are almost right for a step towards one pass: refused, or the same meaning. @module */
import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../backends/lower.ts";
import { evalInt } from "../../ir/eval.ts";
import { interpret } from "../../ir/interpret.ts";
import { printFunc } from "../../ir/print.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { afterLegal } from "../support/after.ts";
import { assertAllClose } from "../support/close.ts";
import { copyArrays, interpretBackwards } from "../support/run_func.ts";
import { arbOddSoftmax } from "../support/softmaxes.ts";

/** Numbers that are different in each row, the greatest of which is now here and now there. */
function numbers(func: PrimFunc): Record<string, Float32Array> {
  return Object.fromEntries(func.params.map(({ buffer }) => {
    const count = buffer.shape.reduce((n, e) => n * evalInt(e, {}), 1);
    // Some rows are of negative numbers.
    const value = (i: number): number =>
      (Math.floor(i / 5) % 2) * -2 + Math.sin(i * 2.3 + buffer.name.charCodeAt(0)) * 1.5 + (i % 7) * 0.2 -
      0.9;
    return [buffer.name, Float32Array.from({ length: count }, (_, i) => value(i))];
  }));
}

Deno.test("1000 random softmaxes that are almost right for a step mean the same, or it is said why not", () => {
  const outcomes = new Map<string, number>();
  fc.assert(
    fc.property(arbOddSoftmax(), ({ func: make, steps }) => {
      const naive = make();
      const arrays = numbers(naive);
      const expected = copyArrays(arrays);
      interpret(naive, expected, {});
      const { func, done } = afterLegal(naive, steps, outcomes);
      const what = `${done.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`;
      assertEquals(verifyFunc(func), [], what);
      const actual = copyArrays(arrays);
      interpret(func, actual, {});
      const turned = interpretBackwards(lowerFunc(func), arrays, {});
      for (const [name, data] of Object.entries(expected)) {
        for (const got of [actual, turned]) {
          assertAllClose(
            got[name] as Float32Array,
            data as Float32Array,
            { rtol: 1e-4, atol: 1e-4 },
            `${name}: ${what}`,
          );
        }
      }
    }),
    { numRuns: 1000 },
  );
  for (const step of ["cacheTerm", "postponeDivision", "rollingUpdate"]) {
    for (const ok of [true, false]) assertGreater(outcomes.get(`${step} ${ok}`) ?? 0, 15, `${step} ${ok}`);
  }
});
