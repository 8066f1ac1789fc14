/**
 * Applying schedules: a small evaluator over data. Nothing is changed in place, so a step that fails leaves nothing
 * half-done, and "else the next" costs nothing.
 *
 * @module
 */
import { ScheduleError } from "../ir/errors.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import { printFunc } from "../ir/print.ts";
import type { Target } from "../ir/target.ts";
import { bind, setLoopKind } from "./loop/kind.ts";
import { cacheWrite, decomposeReduction } from "./loop/reduction.ts";
import { reorder } from "./loop/reorder.ts";
import { fuse, split } from "./loop/split.ts";
import type { Primitive, Schedule } from "./schedule.ts";
import { RULES } from "./rules/table.ts";

/** Why a schedule does not apply. */
export interface Failure {
  /** The step that refused. */
  readonly step: string;
  readonly reason: string;
  /** Loops and blocks at fault. */
  readonly at: readonly string[];
  /** Why each alternative, or the step inside, failed. */
  readonly causes: readonly Failure[];
}

/** A scheduled function and the primitives that made it, or why not. */
export type ApplyResult =
  | {
    readonly ok: true;
    readonly func: PrimFunc;
    readonly trace: readonly Primitive[];
    readonly rule?: string;
  }
  | { readonly ok: false; readonly failure: Failure };

/** What rules may know besides the function. */
export interface ApplyOptions {
  readonly target?: Target;
}

/** Applies a schedule to a function. Never throws for an illegal step: that is a result. */
export function apply(func: PrimFunc, schedule: Schedule, options: ApplyOptions = {}): ApplyResult {
  switch (schedule.kind) {
    case "seq": {
      let current = func;
      const trace: Primitive[] = [];
      for (const step of schedule.steps) {
        const result = apply(current, step, options);
        if (!result.ok) return result;
        current = result.func;
        trace.push(...result.trace);
      }
      return { ok: true, func: current, trace };
    }
    case "choose": {
      const causes: Failure[] = [];
      for (const step of schedule.steps) {
        const result = apply(func, step, options);
        if (result.ok) return result;
        causes.push(result.failure);
      }
      return fail("choose", "no alternative applies", [], causes);
    }
    case "attempt": {
      const result = apply(func, schedule.step, options);
      return result.ok ? result : { ok: true, func, trace: [] };
    }
    case "repeat": {
      let current: ApplyResult = { ok: true, func, trace: [] };
      for (let n = 0; n < schedule.limit; n++) {
        const next: ApplyResult = apply(current.func, schedule.step, options);
        if (!next.ok) break;
        current = { ok: true, func: next.func, trace: [...current.trace, ...next.trace] };
      }
      return current;
    }
    case "named": {
      const result = apply(func, schedule.step, options);
      return result.ok
        ? result
        : fail(schedule.name, result.failure.reason, result.failure.at, [result.failure]);
    }
    case "rule": {
      const rule = RULES.get(schedule.name);
      if (rule === undefined) return fail("rule", `there is no rule ${schedule.name}`, [], []);
      const made = rule.schedule(func, schedule.params, options.target);
      if ("refusal" in made) return fail(schedule.name, made.refusal, [], []);
      const result = apply(func, made.schedule, options);
      return result.ok
        ? { ...result, rule: schedule.name }
        : fail(schedule.name, `its schedule was refused: ${result.failure.reason}`, result.failure.at, [
          result.failure,
        ]);
    }
    default:
      return applyPrimitive(func, schedule);
  }
}

function fail(step: string, reason: string, at: readonly string[], causes: readonly Failure[]): ApplyResult {
  return { ok: false, failure: { step, reason, at, causes } };
}

function applyPrimitive(func: PrimFunc, step: Primitive): ApplyResult {
  try {
    return { ok: true, func: rewrite(func, step), trace: [step] };
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return fail(step.kind, error.message.replace(`${step.kind}: `, ""), subjects(step), []);
  }
}

function rewrite(func: PrimFunc, step: Primitive): PrimFunc {
  switch (step.kind) {
    case "split":
      return split(func, step.loop, step.factors, step.names);
    case "fuse":
      return fuse(func, step.loops, step.name);
    case "reorder":
      return reorder(func, step.loops);
    case "bind":
      return bind(func, step.loop, step.axis);
    case "parallel":
    case "vectorize":
    case "unroll":
      return setLoopKind(func, step.kind, step.loop);
    case "decomposeReduction":
      return decomposeReduction(func, step.block, step.loop);
    case "cacheWrite":
      return cacheWrite(func, step.block);
    default:
      return step satisfies never;
  }
}

function subjects(step: Primitive): readonly string[] {
  switch (step.kind) {
    case "fuse":
    case "reorder":
      return step.loops;
    case "decomposeReduction":
      return [step.block, step.loop];
    case "cacheWrite":
      return [step.block];
    default:
      return [step.loop];
  }
}

/** A failure as text: every reason, and the nest with the loops and blocks at fault underlined. */
export function printFailure(failure: Failure, func: PrimFunc): string {
  const reasons = (f: Failure, indent: string): string[] => [
    `${indent}${f.step}: ${f.reason}`,
    ...f.causes.flatMap((c) => reasons(c, `${indent}  `)),
  ];
  const faults = (f: Failure): readonly string[] => [...f.at, ...f.causes.flatMap(faults)];
  const names = [...new Set(faults(failure))];
  const nest = printFunc(func).split("\n").flatMap((line) => {
    const fault = names.find((n) =>
      new RegExp(`(?:for|block) ${n.replace(/[^A-Za-z0-9_]/g, "\\$&")}(?![A-Za-z0-9_])`).test(line)
    );
    if (fault === undefined) return [line];
    const at = line.indexOf(` ${fault}`) + 1;
    return [line, " ".repeat(at) + "^".repeat(fault.length)];
  });
  return [...reasons(failure, ""), ...nest].join("\n");
}
