/**
 * What every primitive needs: finding loops and blocks, new names, and refusing.
 *
 * @module
 */
import { ScheduleError } from "../../ir/errors.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { allBlocks, type BlockSite, desugarInit } from "../../ir/reduction.ts";
import type { Buffer, For, Stmt } from "../../ir/stmt.ts";
import { suggest } from "../../ir/suggest.ts";
import { visitStmt } from "../../ir/visit.ts";

/** What kind of refusal: there is no such loop or block, an argument makes no sense, or the rewrite is not legal. */
export type RefusalCode = "unknown-loop" | "unknown-block" | "bad-argument" | "illegal";

/** A primitive refuses; the evaluator makes a failure of it. */
export class Refusal extends ScheduleError {
  /** What kind. */
  readonly code: RefusalCode;
  /** Why, in words. */
  readonly reason: string;
  /** Loops and blocks at fault. */
  readonly at: readonly string[];

  /** Builds the refusal of a step. */
  constructor(step: string, code: RefusalCode, reason: string, at: readonly string[]) {
    super(step, `${step}: ${reason}`);
    this.code = code;
    this.reason = reason;
    this.at = at;
  }
}

/** Throws a {@linkcode Refusal}: what is at fault, and why. */
export function refuse(
  step: string,
  at: readonly string[],
  reason: string,
  code: RefusalCode = "illegal",
): never {
  throw new Refusal(step, code, reason, at);
}

/** A loop and the statements around it, outermost first. */
export interface LoopSite {
  readonly loop: For;
  readonly path: readonly Stmt[];
}

/** Every loop, outer before inner. */
export function allLoops(root: Stmt): readonly LoopSite[] {
  const sites: LoopSite[] = [];
  visitStmt(root, (s, path) => {
    if (s.kind === "for") sites.push({ loop: s, path });
  });
  return sites;
}

/** The loop `name`; refuses with the loops that there are. */
export function loopSite(step: string, func: PrimFunc, name: string): LoopSite {
  const sites = allLoops(func.body);
  return sites.find((s) => s.loop.var === name) ?? unknown(step, "loop", name, sites.map((s) => s.loop.var));
}

/** The block `name`; refuses with the blocks that there are. */
export function blockSite(step: string, func: PrimFunc, name: string): BlockSite {
  const sites = allBlocks(func.body);
  return sites.find((s) => s.block.name === name) ??
    unknown(step, "block", name, sites.map((s) => s.block.name));
}

function unknown(step: string, what: "loop" | "block", name: string, known: readonly string[]): never {
  const near = suggest(name, known);
  const meant = near === undefined ? "" : `did you mean ${near}? `;
  const reason = `there is no ${what} ${name}; ${meant}In scope: ${known.join(", ") || "none"}`;
  return refuse(step, [name], reason, `unknown-${what}`);
}

/** The function, where the init of each reduction can still be taken apart from its update; else refuses. */
export function requireInits(step: string, at: readonly string[], func: PrimFunc): PrimFunc {
  try {
    desugarInit(func.body);
    return func;
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const why = error.message.replace("decomposeReduction: ", "");
    return refuse(step, at, `then ${why}; decompose the reduction first`);
  }
}

/** Refuses where a loop runs in a way already that rewriting it would lose. */
export function requireSerial(step: string, loop: For): void {
  if (loop.loop === "serial") return;
  refuse(step, [loop.var], `loop ${loop.var} is ${loop.loop}; only serial loops can be rewritten`);
}

/** The buffer `name`: a parameter, or one that is allocated. */
export function bufferOf(func: PrimFunc, name: string): Buffer | undefined {
  let found = func.params.find((p) => p.buffer.name === name)?.buffer;
  visitStmt(func.body, (s) => {
    if (s.kind === "alloc" && s.buffer.name === name) found = s.buffer;
  });
  return found;
}

/** Names that a function uses for loops, iterators, blocks, buffers and dims. */
export function namesOf(func: PrimFunc): Set<string> {
  const names = new Set<string>([...func.dims, ...func.params.map((p) => p.buffer.name)]);
  visitStmt(func.body, (s) => {
    if (s.kind === "for") names.add(s.var);
    if (s.kind === "alloc") names.add(s.buffer.name);
    if (s.kind === "block") {
      names.add(s.name);
      for (const i of s.iters) names.add(i.var);
    }
  });
  return names;
}

/** `name`, or `name_1`, `name_2`, ... where it is taken; the result is taken from then on. */
export function freshName(name: string, taken: Set<string>): string {
  let candidate = name;
  for (let n = 1; taken.has(candidate); n++) candidate = `${name}_${n}`;
  taken.add(candidate);
  return candidate;
}

/** Names of loops that a step makes where loops `replaced` go; changed where they are taken. */
export function newNames(
  func: PrimFunc,
  replaced: readonly string[],
  names: readonly string[],
): readonly string[] {
  const taken = namesOf(func);
  for (const name of replaced) taken.delete(name);
  return names.map((name) => freshName(name, taken));
}
