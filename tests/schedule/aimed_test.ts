/** Nests that are almost right for a step: refused, or the same meaning. @module */
import { assert, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ScheduleError } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { printFunc } from "../../ir/print.ts";
import { desugarInit } from "../../ir/reduction.ts";
import { apply, parseSchedule } from "../../schedule/mod.ts";
import { afterLegal } from "../support/after.ts";
import { arbAimed } from "../support/chains.ts";
import { assertSame, inputs } from "../support/nests.ts";

Deno.test("1000 random nests that are almost right for a step mean the same, or it is said why not", () => {
  const outcomes = new Map<string, number>();
  const numRuns = 1000;
  fc.assert(
    fc.property(arbAimed(), ({ func: make, steps, dims }) => {
      const naive = make();
      for (const d of dims) {
        try {
          interpret(naive, inputs(naive, d), d);
        } catch (error) {
          // An init that cannot be told from its update: no meaning to keep, and no step gives it one.
          assert(error instanceof ScheduleError, String(error));
          for (const text of steps) {
            const result = apply(naive, parseSchedule(text));
            if (!result.ok) continue;
            const { body } = result.func;
            assertThrows(() => desugarInit(body), ScheduleError, "", `${text}\n${printFunc(result.func)}`);
          }
          return;
        }
      }
      const { func, done } = afterLegal(naive, steps, outcomes);
      for (const d of dims) {
        assertSame(naive, func, d, `${done.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`);
      }
    }),
    { numRuns },
  );
  for (const step of ["computeAt", "reverseComputeAt", "cacheRead", "rfactor", "pad", "bind", "vectorize"]) {
    for (const ok of [true, false]) assertGreater(outcomes.get(`${step} ${ok}`) ?? 0, 0, `${step} ${ok}`);
  }
});
