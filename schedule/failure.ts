/**
 * Why a schedule does not apply, as data and as text.
 *
 * @module
 */
import type { PrimFunc } from "../ir/prim_func.ts";
import { printFunc } from "../ir/print.ts";
import { allBlocks } from "../ir/reduction.ts";
import { allLoops, type RefusalCode } from "./loop/site.ts";

/**
 * What kind of failure. Of a primitive: `unknown-loop`, `unknown-block`, `bad-argument`, or `illegal`. Of the rest:
 * `no-focus` (a name such as `.0` stands for nothing), `no-alternative` (nothing of a `choose`, `topDown` or `bottomUp`
 * applies), `unknown-rule`, `refused` (a rule does not fit), `inside` (the step inside failed), `too-deep`
 * (rules that lead to each other without end).
 */
export type FailureCode =
  | RefusalCode
  | "no-focus"
  | "no-alternative"
  | "unknown-rule"
  | "refused"
  | "inside"
  | "too-deep";

/** Why a schedule does not apply: a tree, plain data. */
export interface Failure {
  /** The step that refused: a kind of step, or the name of a rule or of a `named` step. */
  readonly step: string;
  /** What kind of failure, for programs. */
  readonly code: FailureCode;
  /** Why, for people. */
  readonly reason: string;
  /** Loops and blocks at fault. */
  readonly at: readonly string[];
  /** Why each alternative, or the step inside, failed. */
  readonly causes: readonly Failure[];
  /** Of a primitive: the function as it was when the step was refused, after the steps before. */
  readonly func?: PrimFunc;
}

/**
 * A failure as text: every reason, and the nest with the loops and blocks at fault underlined. The nest is the one that
 * was refused; where several were, it is `func`, which the schedule was for.
 */
export function printFailure(failure: Failure, func: PrimFunc): string {
  const all = flatten(failure);
  const nests = [...new Set(all.flatMap((f) => f.func ?? []))];
  const shown = nests.length === 1 && nests[0] !== undefined ? nests[0] : func;
  const names = new Set(all.flatMap((f) => f.at));
  const faults = [
    ...allLoops(shown.body).map((s) => ["for", s.loop.var] as const),
    ...allBlocks(shown.body).map((s) => ["block", s.block.name] as const),
  ].filter(([, name]) => names.has(name));
  const nest = printFunc(shown).split("\n").flatMap((line) => {
    const fault = faults.find(([word, name]) => startsWith(line.trimStart(), word, name));
    if (fault === undefined) return [line];
    const at = line.length - line.trimStart().length + fault[0].length + 1;
    return [line, " ".repeat(at) + "^".repeat(fault[1].length)];
  });
  return [...reasons(failure), ...nest].join("\n");
}

function startsWith(line: string, word: string, name: string): boolean {
  const head = [`${word} ${name}`, `${word} ${JSON.stringify(name)}`].find((h) => line.startsWith(h));
  return head !== undefined && !/^[\w.]/.test(line.slice(head.length));
}

/** The reasons of a failure, a line each, those inside indented. */
export function reasons(failure: Failure, indent: string = ""): readonly string[] {
  return [
    `${indent}${failure.step}: ${failure.reason}`,
    ...failure.causes.flatMap((c) => reasons(c, `${indent}  `)),
  ];
}

function flatten(failure: Failure): readonly Failure[] {
  return [failure, ...failure.causes.flatMap(flatten)];
}
