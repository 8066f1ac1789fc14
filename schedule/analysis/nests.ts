/**
 * Facts about nests that primitives and rules ask for: what one dispatch runs, the loops of a block and their roles.
 *
 * @module
 */
import { type Expr, unary } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { allBlocks, type BlockSite, boundVars } from "../../ir/reduction.ts";
import type { Block, For, Stmt } from "../../ir/stmt.ts";
import { freeVars, visitStmt } from "../../ir/visit.ts";

/** The statements that are launched one after the other: what is left below global allocations and sequences. */
export function nestsOf(body: Stmt): readonly Stmt[] {
  if (body.kind === "seq") return body.body.flatMap(nestsOf);
  if (body.kind === "alloc" && body.buffer.scope === "global") return nestsOf(body.body);
  return [body];
}

/** What one dispatch runs, where a condition on dims holds. */
export interface ConditionalNest {
  readonly nest: Stmt;
  /** Conditions on dims alone under which it is launched. */
  readonly when: readonly Expr[];
}

/** {@linkcode nestsOf} where conditions on dims alone choose between nests: each of these is a launch of its own. */
export function launchesOf({ body, dims }: PrimFunc): readonly ConditionalNest[] {
  const known = new Set(dims);
  const split = (s: Stmt, when: readonly Expr[]): readonly ConditionalNest[] =>
    nestsOf(s).flatMap((nest): readonly ConditionalNest[] => {
      if (nest.kind !== "if" || [...freeVars(nest.cond)].some((name) => !known.has(name))) {
        return [{ nest, when }];
      }
      const { cond, then, otherwise } = nest;
      const others = otherwise === undefined ? [] : split(otherwise, [...when, unary("not", cond)]);
      return [...split(then, [...when, cond]), ...others];
    });
  return split(body, []);
}

/** Blocks that are in no other block, in the order of the text. */
export function outerBlocks(root: Stmt): readonly BlockSite[] {
  return allBlocks(root).filter((site) => !site.path.some((s) => s.kind === "block"));
}

/** The loops that can feed iterators of a block, outermost first: a block sees none outside the block around it. */
export function loopsOf({ path }: BlockSite): readonly For[] {
  const from = path.findLastIndex((s) => s.kind === "block") + 1;
  return path.slice(from).filter((s): s is For => s.kind === "for");
}

/** Which iterators of a block a loop feeds. */
export type LoopRole = "spatial" | "reduce" | "both" | "none";

/** Which iterators of a block a loop feeds. */
export function loopRole(loop: For, b: Block): LoopRole {
  const spatial = boundVars(b, "spatial").has(loop.var);
  const reduce = boundVars(b, "reduce").has(loop.var);
  return spatial ? (reduce ? "both" : "spatial") : reduce ? "reduce" : "none";
}

/** Whether a loop runs on an axis of a GPU. */
export function isBound(loop: For): boolean {
  return loop.loop.startsWith("blockIdx") || loop.loop.startsWith("threadIdx");
}

/** Whether somebody has decided already how a nest runs in parallel. */
export function isScheduled(root: Stmt): boolean {
  return loopsIn(root).some((l) => isBound(l) || l.loop === "parallel");
}

/** Every loop in a statement, outer before inner. */
export function loopsIn(root: Stmt): readonly For[] {
  const found: For[] = [];
  visitStmt(root, (s) => {
    if (s.kind === "for") found.push(s);
  });
  return found;
}
