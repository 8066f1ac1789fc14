/**
 * Facts about nests that primitives and rules ask for: what one dispatch runs, the loops of a block and their roles.
 *
 * @module
 */
import { allBlocks, type BlockSite, boundVars } from "../../ir/reduction.ts";
import type { Block, For, Stmt } from "../../ir/stmt.ts";
import { visitStmt } from "../../ir/visit.ts";

/** The statements that are launched one after the other: what is left below global allocations and sequences. */
export function nestsOf(body: Stmt): readonly Stmt[] {
  if (body.kind === "seq") return body.body.flatMap(nestsOf);
  if (body.kind === "alloc" && body.buffer.scope === "global") return nestsOf(body.body);
  return [body];
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
