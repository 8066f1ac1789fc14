/**
 * Applying schedules: a small evaluator over data. Nothing is changed in place, so a step that fails leaves nothing
 * half-done, and "else the next" costs nothing.
 *
 * @module
 */
import { ScheduleError } from "../ir/errors.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import { printFunc } from "../ir/print.ts";
import { allBlocks, findBlock } from "../ir/reduction.ts";
import type { For } from "../ir/stmt.ts";
import type { Target } from "../ir/target.ts";
import { bind, setLoopKind } from "./loop/kind.ts";
import { cacheWrite, decomposeReduction } from "./loop/reduction.ts";
import { reorder } from "./loop/reorder.ts";
import { fuse, split } from "./loop/split.ts";
import type { Fact, Primitive, RuleParams, Schedule } from "./schedule.ts";
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

/** A scheduled function. */
export interface Applied {
  readonly ok: true;
  readonly func: PrimFunc;
  /** Primitives in order: `seq(...trace)` on the same function gives the same result. */
  readonly trace: readonly Primitive[];
  /** The rule that made it, with the parameters that it used. */
  readonly rule?: { readonly name: string; readonly params: RuleParams };
  /** Why what was tried before did not apply. */
  readonly refusals?: readonly Failure[];
}

/** A scheduled function, or why there is none. */
export type ApplyResult = Applied | { readonly ok: false; readonly failure: Failure };

/** What the evaluator may know and tell besides the function. */
export interface ApplyOptions {
  /** Capabilities that rules choose their parameters by. */
  readonly target?: Target;
  /** Gets the function at every {@linkcode peek}. */
  readonly onPeek?: (label: string, func: PrimFunc) => void;
}

interface Context extends ApplyOptions {
  /** The block in focus: what `.` means. */
  readonly focus?: string;
}

/**
 * Applies a schedule to a function. Never throws for an illegal step: that is a result.
 *
 * @example
 * ```ts
 * import { apply, fallback, printSchedule } from "@weft/weft/schedule";
 * import { f32, forLoop, block, int, primFunc, store, variable } from "@weft/weft/ir";
 *
 * const y = { name: "y", dtype: "f32", shape: [int(100)], scope: "global" } as const;
 * const iter = { var: "vi", role: "spatial", extent: int(100), binding: variable("i") } as const;
 * const zero = block({ name: "zero", iters: [iter], body: store("y", [variable("vi")], f32(0)) });
 * const func = primFunc("zero", [{ buffer: y, access: "write" }], [], forLoop("i", int(100), zero));
 * const result = apply(func, fallback({ threads: 32 }));
 * if (result.ok) console.log(result.trace.map(printSchedule).join("\n"));
 * ```
 */
export function apply(func: PrimFunc, schedule: Schedule, options: ApplyOptions = {}): ApplyResult {
  return evaluate(func, schedule, options);
}

function evaluate(func: PrimFunc, schedule: Schedule, context: Context): ApplyResult {
  switch (schedule.kind) {
    case "seq":
      return inOrder(func, schedule.steps, (f, step) => evaluate(f, step, context));
    case "choose":
      return firstOf(func, "choose", schedule.steps, (step) => evaluate(func, step, context));
    case "attempt": {
      const result = evaluate(func, schedule.step, context);
      return result.ok ? result : unchanged(func);
    }
    case "repeat": {
      let current = unchanged(func);
      for (let n = 0; n < schedule.limit; n++) {
        const next = evaluate(current.func, schedule.step, context);
        if (!next.ok) break;
        current = followedBy(current, next);
      }
      return current;
    }
    case "when":
      return holds(func, schedule.fact, context.focus)
        ? evaluate(func, schedule.step, context)
        : unchanged(func);
    case "at": {
      const block = resolve(func, schedule.block, context);
      if (typeof block !== "string") return block;
      if (findBlock(func.body, block) === undefined) return fail("at", `there is no block ${block}`, [], []);
      return evaluate(func, schedule.step, { ...context, focus: block });
    }
    case "everywhere":
      return inOrder(func, blockNames(func), (f, block) => {
        // An earlier step may have rewritten the block away.
        if (findBlock(f.body, block) === undefined) return unchanged(f);
        const result = evaluate(f, schedule.step, { ...context, focus: block });
        return result.ok ? result : unchanged(f);
      });
    case "topDown":
    case "bottomUp": {
      const blocks = schedule.kind === "topDown" ? blockNames(func) : blockNames(func).toReversed();
      return firstOf(
        func,
        schedule.kind,
        blocks,
        (block) => evaluate(func, schedule.step, { ...context, focus: block }),
      );
    }
    case "peek":
      context.onPeek?.(schedule.label, func);
      return unchanged(func);
    case "named": {
      const result = evaluate(func, schedule.step, context);
      return result.ok
        ? result
        : fail(schedule.name, result.failure.reason, result.failure.at, [result.failure]);
    }
    case "rule": {
      const rule = RULES.get(schedule.name);
      if (rule === undefined) {
        return fail(
          "rule",
          `there is no rule ${schedule.name}; there are ${[...RULES.keys()].join(", ")}`,
          [],
          [],
        );
      }
      const made = rule.schedule(func, schedule.params, context.target);
      if ("refusal" in made) return fail(schedule.name, made.refusal, [], []);
      const result = evaluate(func, made.schedule, context);
      if (!result.ok) {
        const reason = `its schedule was refused: ${result.failure.reason}`;
        return fail(schedule.name, reason, result.failure.at, [result.failure]);
      }
      return { ...result, rule: { name: schedule.name, params: made.params ?? schedule.params } };
    }
    default: {
      const step = resolveStep(func, schedule, context);
      return "ok" in step ? step : applyPrimitive(func, step);
    }
  }
}

const unchanged = (func: PrimFunc): Applied => ({ ok: true, func, trace: [] });
const blockNames = (func: PrimFunc): readonly string[] => allBlocks(func.body).map((s) => s.block.name);

/** What both did, one after the other. */
function followedBy(before: Applied, after: Applied): Applied {
  const rule = after.rule ?? before.rule;
  const refusals = [...before.refusals ?? [], ...after.refusals ?? []];
  return {
    ok: true,
    func: after.func,
    trace: [...before.trace, ...after.trace],
    ...(rule === undefined ? {} : { rule }),
    ...(refusals.length === 0 ? {} : { refusals }),
  };
}

/** Applies steps one after the other; the first failure is the result. */
function inOrder<S>(
  func: PrimFunc,
  steps: readonly S[],
  f: (func: PrimFunc, step: S) => ApplyResult,
): ApplyResult {
  let current = unchanged(func);
  for (const step of steps) {
    const result = f(current.func, step);
    if (!result.ok) return result;
    current = followedBy(current, result);
  }
  return current;
}

/** The first step that succeeds; fails with every reason. */
function firstOf<S>(
  func: PrimFunc,
  what: string,
  steps: readonly S[],
  f: (step: S) => ApplyResult,
): ApplyResult {
  const causes: Failure[] = [];
  for (const step of steps) {
    const result = f(step);
    if (result.ok) {
      return causes.length === 0 ? result : { ...result, refusals: [...causes, ...result.refusals ?? []] };
    }
    causes.push(result.failure);
  }
  return fail(what, `nothing of it applies to ${func.name}`, [], causes);
}

function holds(func: PrimFunc, fact: Fact, focus: string | undefined): boolean {
  const sites = allBlocks(func.body).filter((s) => focus === undefined || s.block.name === focus);
  switch (fact) {
    case "reduction":
      return sites.some((s) => s.block.iters.some((i) => i.role === "reduce"));
    case "scheduled":
      return sites.some((s) => s.path.some((p) => p.kind === "for" && p.loop !== "serial"));
    case "dynamic":
      return sites.some((s) => s.path.some((p) => p.kind === "for" && p.extent.kind !== "const"));
    default:
      return fact satisfies never;
  }
}

/** The name that `.`, `.0`, `.-1` stand for; any other name is itself. */
function resolve(func: PrimFunc, name: string, context: Context): string | ApplyResult {
  if (!name.startsWith(".")) return name;
  if (context.focus === undefined) {
    return fail("focus", `${name} stands for nothing: no block is in focus`, [], []);
  }
  if (name === ".") return context.focus;
  if (!/^\.-?\d+$/.test(name)) {
    return fail(
      "focus",
      `${name} is no place: . is the block in focus, .0 its outermost loop, .-1 its innermost`,
      [],
      [],
    );
  }
  const site = findBlock(func.body, context.focus);
  const loops = (site?.path ?? []).filter((s): s is For => s.kind === "for");
  const loop = loops.at(Number(name.slice(1)));
  return loop?.var ??
    fail("focus", `block ${context.focus} has ${loops.length} loops, so there is no loop ${name}`, [], []);
}

/** A primitive with names in place of what stands for them. */
function resolveStep(func: PrimFunc, step: Primitive, context: Context): Primitive | ApplyResult {
  let failed: ApplyResult | undefined;
  const name = (text: string): string => {
    const found = resolve(func, text, context);
    if (typeof found === "string") return found;
    failed ??= found;
    return text;
  };
  const resolved = ((): Primitive => {
    switch (step.kind) {
      case "fuse":
      case "reorder":
        return { ...step, loops: step.loops.map(name) };
      case "decomposeReduction":
        return { ...step, block: name(step.block), loop: name(step.loop) };
      case "cacheWrite":
        return { ...step, block: name(step.block) };
      default:
        return { ...step, loop: name(step.loop) };
    }
  })();
  return failed ?? resolved;
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
