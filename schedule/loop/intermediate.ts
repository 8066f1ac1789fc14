/**
 * What primitives that move whole blocks share: blocks that compute one element at a time, the intermediate between
 * a producer and its consumers, and taking a block out of its nest.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { type Expr, int } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { conjuncts } from "../../ir/reduction.ts";
import { difference, linearOf } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  type Alloc,
  type Block,
  type BlockIter,
  type Buffer,
  type For,
  seq,
  type Stmt,
  type Store,
} from "../../ir/stmt.ts";
import { mapStmtChildren, substitute } from "../../ir/traverse.ts";
import { freeVars, stmtChildren, visitExpr, visitStmt } from "../../ir/visit.ts";
import { covers } from "../analysis/cover.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { mentions, readsMemory } from "../analysis/elements.ts";
import { type Fork, loopsAt, type Place } from "../analysis/order.ts";
import { blockSite, refuse } from "./site.ts";

/** A block whose body is one store. */
export interface Pointwise {
  readonly block: Block;
  readonly place: Place;
  readonly store: Store;
}

/** The block `name`, where it computes one element at a time and reduces nothing; else refuses. */
export function pointwiseBlock(step: string, func: PrimFunc, name: string): Pointwise {
  const { block, path } = blockSite(step, func, name);
  return pointwise(step, block, [...path, block]);
}

/** A block, where it computes one element at a time and reduces nothing; else refuses. */
export function pointwise(step: string, block: Block, place: Place): Pointwise {
  const { name } = block;
  const outer = place.slice(0, -1).find((s) => s.kind === "block");
  if (outer?.kind === "block") {
    refuse(step, [name, outer.name], `block ${name} is inside block ${outer.name}, which is run as a whole`);
  }
  if (block.init !== undefined || block.iters.some((i) => i.role === "reduce")) {
    refuse(
      step,
      [name],
      `block ${name} reduces; cacheWrite makes a block that writes its result, which can be moved`,
    );
  }
  const { body } = block;
  if (body.kind !== "store") return refuse(step, [name], `block ${name} is more than one store`);
  const heads = [block.predicate, ...block.iters.flatMap((i) => [i.binding, i.extent])];
  if ([...heads, ...body.indices].some(readsMemory)) {
    refuse(step, [name], `which elements block ${name} computes depends on elements of buffers`);
  }
  return { block, place, store: body };
}

/** The allocation of a buffer, which must not be a parameter, and what is around it. */
export function allocationOf(step: string, func: PrimFunc, at: string, buffer: string): Alloc {
  let found: Alloc | undefined;
  visitStmt(func.body, (s) => {
    if (s.kind === "alloc" && s.buffer.name === buffer) found = s;
  });
  return found ??
    refuse(step, [at], `${buffer} is a parameter, which the caller wants; only what is allocated can go`);
}

/** Refuses where storing a value in a buffer and loading it again changes it. */
export function requireExact(step: string, at: string, buffer: Buffer): void {
  if (DTYPES[buffer.dtype].register === buffer.dtype) return;
  refuse(step, [at], `${buffer.name} is ${buffer.dtype}: storing in it rounds, which would be left out`);
}

/** Refuses where a statement that moves would not find a buffer: one that is allocated further in. */
export function requireInScope(
  step: string,
  at: readonly string[],
  func: PrimFunc,
  common: readonly Stmt[],
  buffers: Iterable<string>,
): void {
  const known = new Set(func.params.map((p) => p.buffer.name));
  for (const s of common) if (s.kind === "alloc") known.add(s.buffer.name);
  const missing = [...buffers].find((b) => !known.has(b));
  if (missing !== undefined) refuse(step, at, `${missing} is allocated around only one of them`);
}

/**
 * The iterator of each axis of the element that a block stores: plain iterators, each once. Of an axis with one element
 * there need be none. With `derived`, other iterators may follow from these (places in a tile do).
 */
export function storedIters(
  step: string,
  { block, store, place }: Pointwise,
  buffer: Buffer,
  derived = false,
): readonly (BlockIter | undefined)[] {
  const left = new Set(block.iters);
  const iters = store.indices.map((index, d) => {
    const iter = index.kind === "var" ? [...left].find((i) => i.var === index.name) : undefined;
    if (iter !== undefined) left.delete(iter);
    else if (!isOne(buffer.shape[d]) || index !== int(0)) {
      refuse(
        step,
        [block.name],
        `block ${block.name} does not store to ${buffer.name} at its iterators, one an axis`,
      );
    }
    return iter;
  });
  const loops = loopsAt(place);
  const known = derived
    ? determinedLoops(iters.flatMap((i) => i?.binding ?? []), [], loops)
    : new Set<string>();
  const isKnown = (i: BlockIter): boolean =>
    derived && loops.every((l) => known.has(l.var) || !freeVars(i.binding).has(l.var));
  const other = [...left].find((i) => !isOne(i.extent) && !isKnown(i));
  if (other !== undefined) {
    refuse(
      step,
      [block.name],
      `block ${block.name} stores each element of ${buffer.name} again for each ${other.var}`,
    );
  }
  return iters;
}

/** Whether an extent is 1. */
export function isOne(e: Expr | undefined): boolean {
  return e?.kind === "const" && e.value === 1;
}

/** Whether integer expressions are equal as sums. */
export function sameInt(a: Expr, b: Expr): boolean {
  const gap = difference(linearOf(a), linearOf(b));
  return gap !== undefined && gap.terms.length === 0 && gap.constant === 0;
}

/** An expression over loops: iterators of the block replaced by what binds them. */
export function overLoops(b: Block, e: Expr): Expr {
  return simplify(substitute(e, new Map(b.iters.map((i) => [i.var, i.binding]))));
}

/** The loops around one of two places that are not around both. */
export function ownLoops(place: Place, fork: Fork): readonly For[] {
  return loopsAt(place.slice(fork.common.length));
}

/** Whether an expression mentions no loop of a place that is not around both. */
export function isShared(e: Expr, place: Place, fork: Fork): boolean {
  return !mentions(e, new Set(ownLoops(place, fork).map((l) => l.var)));
}

/** Refuses unless a block visits all values of these iterators in each iteration of the loops around both. */
export function requireCover(
  step: string,
  at: readonly string[],
  { block, place }: Pointwise,
  iters: readonly BlockIter[],
  fork: Fork,
  other: Block,
): void {
  const own = ownLoops(place, fork);
  const vars = new Set(own.map((l) => l.var));
  // What both have as a condition on loops around both holds wherever the other runs.
  const given = conjuncts(block.predicate).filter((t) =>
    !mentions(t, vars) && conjuncts(other.predicate).includes(t)
  );
  if (covers(block, iters, own, given)) return;
  refuse(
    step,
    at,
    `block ${block.name} may leave out elements: its loops and predicate do not show that it visits all`,
  );
}

/** A statement without some of its parts, and without the loops and conditions that then have nothing in them. */
export function without(root: Stmt, gone: ReadonlySet<Stmt>): Stmt {
  const visit = (s: Stmt): Stmt => {
    if (gone.has(s)) return s.kind === "alloc" ? visit(s.body) : seq([]);
    const made = mapStmtChildren(s, visit);
    // A sequence of which one statement is left is that statement.
    const holds = s.kind === "for" || s.kind === "if" || s.kind === "alloc";
    return holds && stmtChildren(made).every(isEmpty) ? seq([]) : made;
  };
  return visit(root);
}

/** The statement with a loop in place of the one of its name, and without the loop `gone`. */
export function withLoop(root: Stmt, loop: For, gone: string): Stmt {
  const visit = (s: Stmt): Stmt => {
    if (s.kind === "for" && s.var === loop.var) return loop;
    return s.kind === "for" && s.var === gone ? seq([]) : mapStmtChildren(s, visit);
  };
  return without(visit(root), new Set());
}

function isEmpty(s: Stmt): boolean {
  return s.kind === "seq" && s.body.length === 0;
}

/** Buffers that expressions load from. */
export function buffersIn(exprs: readonly Expr[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const e of exprs) {
    visitExpr(e, (n) => {
      if (n.kind === "load") names.add(n.buffer);
    });
  }
  return names;
}
