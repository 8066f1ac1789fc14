/**
 * Finding loops and blocks in a function, and refusing.
 *
 * @module
 */
import { ScheduleError } from "../../ir/errors.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { allBlocks, type BlockSite, desugarInit } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Block, block, type For, type Stmt } from "../../ir/stmt.ts";
import type { Expr } from "../../ir/expr.ts";
import { rewriteStmt, substitute } from "../../ir/traverse.ts";
import { visitStmt } from "../../ir/visit.ts";
import { suggest } from "../../ir/suggest.ts";

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
  const found = sites.find((s) => s.loop.var === name);
  if (found !== undefined) return found;
  throw unknown(step, "loop", name, sites.map((s) => s.loop.var));
}

/** The block `name`; refuses with the blocks that there are. */
export function blockSite(step: string, func: PrimFunc, name: string): BlockSite {
  const sites = allBlocks(func.body);
  const found = sites.find((s) => s.block.name === name);
  if (found !== undefined) return found;
  throw unknown(step, "block", name, sites.map((s) => s.block.name));
}

function unknown(step: string, what: string, name: string, known: readonly string[]): ScheduleError {
  const near = suggest(name, known);
  return new ScheduleError(
    step,
    `${step}: there is no ${what} ${name}; ${near === undefined ? "" : `did you mean ${near}? `}In scope: ${
      known.join(", ") || "none"
    }`,
  );
}

/** Throws a refusal of `step`. */
export function refuse(step: string, why: string): never {
  throw new ScheduleError(step, `${step}: ${why}`);
}

/** The function, where each reduction's init can still be told from its update; else refuses. */
export function requireInit(step: string, func: PrimFunc): PrimFunc {
  try {
    desugarInit(func.body);
    return func;
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return refuse(
      step,
      `then ${error.message.replace("decomposeReduction: ", "")}; decompose the reduction first`,
    );
  }
}

/** Names that a function uses for loops, iterators, blocks, buffers and dims. */
export function namesOf(func: PrimFunc): ReadonlySet<string> {
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

/** `name`, or `name_1`, `name_2`, ... where it is taken. */
export function freshName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let n = 1; taken.has(candidate); n++) candidate = `${name}_${n}`;
  return candidate;
}

/** Puts expressions in place of loop variables in the bindings and predicates of blocks inside `s`. */
export function rebind(
  s: Stmt,
  values: ReadonlyMap<string, Expr>,
  guard?: Expr,
  join?: (a: Expr, b: Expr) => Expr,
): Stmt {
  return rewriteStmt(s, (node) => {
    if (node.kind !== "block") return node;
    const bound = substitute(node.predicate, values);
    return block({
      ...node,
      iters: node.iters.map((i) => ({ ...i, binding: simplify(substitute(i.binding, values)) })),
      predicate: simplifyPredicate(
        node,
        guard === undefined || join === undefined ? bound : join(bound, guard),
      ),
    });
  });
}

function simplifyPredicate(b: Block, predicate: Expr): Expr {
  const simple = simplify(predicate);
  const never = simple.kind === "const" && simple.value === 0;
  return never && b.init !== undefined ? predicate : simple;
}
