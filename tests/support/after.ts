/**
 * Steps from text, taken.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { apply, parseSchedule, printFailure, printSchedule, scheduleFromJson } from "../../schedule/mod.ts";

/** The function after the steps; replayed from their text and JSON it is the same. */
export function after(func: PrimFunc, steps: string): PrimFunc {
  const schedule = parseSchedule(steps);
  const result = apply(func, schedule);
  assert(result.ok, result.ok ? "" : `${steps}\n${printFailure(result.failure, func)}`);
  for (
    const again of [
      parseSchedule(printSchedule(schedule)),
      scheduleFromJson(JSON.parse(JSON.stringify(schedule))),
    ]
  ) {
    const replayed = apply(func, again);
    assert(replayed.ok && printFunc(replayed.func) === printFunc(result.func));
  }
  assertEquals(verifyFunc(result.func), [], printFunc(result.func));
  return result.func;
}

/** The function after those of the steps that are legal; counts by kind of step which were. */
export function afterLegal(
  start: PrimFunc,
  steps: readonly string[],
  outcomes: Map<string, number>,
): { readonly func: PrimFunc; readonly done: readonly string[] } {
  let func = start;
  const done: string[] = [];
  for (const text of steps) {
    const result = apply(func, parseSchedule(text));
    const kind = `${text.split("(")[0]} ${result.ok}`;
    outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    if (!result.ok) continue;
    func = result.func;
    done.push(text);
  }
  return { func, done };
}
