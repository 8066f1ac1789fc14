/**
 * Applying schedules: a small evaluator over data. Nothing is changed in place, so a step that fails leaves nothing
 * half-done, and "else the next" costs nothing.
 *
 * @module
 */
import type { PrimFunc } from "../ir/prim_func.ts";
import { allBlocks, findBlock } from "../ir/reduction.ts";
import { suggest } from "../ir/suggest.ts";
import type { Target } from "../ir/target.ts";
import { loopsOf } from "./analysis/nests.ts";
import type { Failure, FailureCode } from "./failure.ts";
import { Refusal } from "./loop/site.ts";
import { mapNames, rewrite } from "./primitive.ts";
import type { Rule } from "./rules/rule.ts";
import { RULES } from "./rules/table.ts";
import { family, isFamily } from "./family.ts";
import {
  type Fact,
  type Primitive,
  type RuleParams,
  type Schedule,
  seq,
  type Specialize,
} from "./schedule.ts";

export { type Failure, type FailureCode, printFailure } from "./failure.ts";

/** A scheduled function. */
export interface Applied {
  readonly ok: true;
  readonly func: PrimFunc;
  /** Primitives, and families of such, in order: `seq(...trace)` on the same function gives the same result. */
  readonly trace: readonly Schedule[];
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
  /** Rules by name; default: the table of rules. */
  readonly rules?: ReadonlyMap<string, Rule>;
  /** Gets the function at every {@linkcode peek}. */
  readonly onPeek?: (label: string, func: PrimFunc) => void;
}

interface Context extends ApplyOptions {
  readonly rules: ReadonlyMap<string, Rule>;
  /** The block in focus: what `.` means. */
  readonly focus?: string;
  /** Rules that led here. */
  readonly depth: number;
}

/** Rules that give each other as schedules end here. */
const MAX_DEPTH = 32;

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
  return evaluate(func, schedule, { ...options, rules: options.rules ?? RULES, depth: 0 });
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
        // What succeeds without doing anything would do so for ever.
        if (!next.ok || next.trace.length === 0) break;
        current = joined(current, next);
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
      if (findBlock(func.body, block) === undefined) return unknownBlock(func, block);
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
    case "specialize":
      return evaluateFamily(func, schedule, context);
    case "peek":
      context.onPeek?.(schedule.label, func);
      return unchanged(func);
    case "named": {
      const result = evaluate(func, schedule.step, context);
      return result.ok ? result : inside(schedule.name, result.failure.reason, result.failure);
    }
    case "rule":
      return evaluateRule(func, schedule.name, schedule.params, context);
    default: {
      const step = resolveStep(func, schedule, context);
      return "ok" in step ? step : applyPrimitive(func, step);
    }
  }
}

/** Both kernels of a family from the same function; what is in focus is so in both. */
function evaluateFamily(func: PrimFunc, { dim, most, few, many }: Specialize, context: Context): ApplyResult {
  const kind = "specialize";
  if (!func.dims.includes(dim)) {
    const near = suggest(dim, func.dims);
    const known = func.dims.length === 0 ? "it has none" : `it has ${func.dims.join(", ")}`;
    const hint = near === undefined ? "" : `. Did you mean ${near}?`;
    return fail(kind, "bad-argument", `${func.name} has no dim ${dim}; ${known}${hint}`);
  }
  if (!Number.isInteger(most) || most < 0) {
    return fail(kind, "bad-argument", `the most of dim ${dim} for the first kernel is a count, got ${most}`);
  }
  if (isFamily(func)) {
    return fail(kind, "illegal", `${func.name} is a family already; put one specialize into the other`);
  }
  const first = evaluate(func, few, context);
  if (!first.ok) return inside(kind, first.failure.reason, first.failure);
  const second = evaluate(func, many, context);
  if (!second.ok) return inside(kind, second.failure.reason, second.failure);
  const step: Specialize = { kind, dim, most, few: seq(...first.trace), many: seq(...second.trace) };
  const made = joined(first, second);
  return { ...made, func: family(dim, most, first.func, second.func), trace: [step] };
}

function evaluateRule(func: PrimFunc, name: string, params: RuleParams, context: Context): ApplyResult {
  const rule = context.rules.get(name);
  if (rule === undefined) {
    const near = suggest(name, context.rules.keys());
    const meant = near === undefined ? "" : `. Did you mean ${near}?`;
    const there = [...context.rules.keys()].join(", ") || "none";
    return fail("rule", "unknown-rule", `there is no rule ${name}; there are ${there}${meant}`);
  }
  if (context.depth === MAX_DEPTH) {
    return fail(name, "too-deep", `${MAX_DEPTH} rules led to each other without an end`);
  }
  const made = rule.schedule(func, params, context.target);
  if ("refusal" in made) return fail(name, "refused", made.refusal);
  const result = evaluate(func, made.schedule, { ...context, depth: context.depth + 1 });
  if (!result.ok) return inside(name, `its schedule was refused: ${result.failure.reason}`, result.failure);
  // What a rule tried on its way is its own business.
  return { ok: true, func: result.func, trace: result.trace, rule: { name, params: made.params ?? params } };
}

const unchanged = (func: PrimFunc): Applied => ({ ok: true, func, trace: [] });
const blockNames = (func: PrimFunc): readonly string[] => allBlocks(func.body).map((s) => s.block.name);

/** One result after another. */
function joined(first: Applied, next: Applied): Applied {
  const rule = next.rule ?? first.rule;
  const refusals = [...first.refusals ?? [], ...next.refusals ?? []];
  return {
    ok: true,
    func: next.func,
    trace: [...first.trace, ...next.trace],
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
    current = joined(current, result);
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
  return fail(what, "no-alternative", `nothing of it applies to ${func.name}`, [], causes);
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
    return fail("focus", "no-focus", `${name} stands for nothing: no block is in focus`);
  }
  if (name === ".") return context.focus;
  if (!/^\.-?\d+$/.test(name)) {
    return fail(
      "focus",
      "no-focus",
      `${name} is no place: . is the block in focus, .0 its outermost loop, .-1 its innermost`,
    );
  }
  const site = findBlock(func.body, context.focus);
  const loops = site === undefined ? [] : loopsOf(site);
  return loops.at(Number(name.slice(1)))?.var ?? fail(
    "focus",
    "no-focus",
    `block ${context.focus} has ${loops.length} loops, so there is no loop ${name}`,
    [context.focus],
  );
}

/** A primitive with names in place of what stands for them. */
function resolveStep(func: PrimFunc, step: Primitive, context: Context): Primitive | ApplyResult {
  let failed: ApplyResult | undefined;
  const resolved = mapNames(step, (text) => {
    const found = resolve(func, text, context);
    if (typeof found === "string") return found;
    failed ??= found;
    return text;
  });
  return failed ?? resolved;
}

function applyPrimitive(func: PrimFunc, step: Primitive): ApplyResult {
  try {
    return { ok: true, func: rewrite(func, step), trace: [step] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, reason, at } = error;
    return { ok: false, failure: { step: step.kind, code, reason, at, causes: [], func } };
  }
}

function unknownBlock(func: PrimFunc, name: string): ApplyResult {
  const near = suggest(name, blockNames(func));
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  return fail("at", "unknown-block", `there is no block ${name}${meant}`, [name]);
}

function inside(step: string, reason: string, cause: Failure): ApplyResult {
  return fail(step, "inside", reason, cause.at, [cause]);
}

function fail(
  step: string,
  code: FailureCode,
  reason: string,
  at: readonly string[] = [],
  causes: readonly Failure[] = [],
): ApplyResult {
  return { ok: false, failure: { step, code, reason, at, causes } };
}
