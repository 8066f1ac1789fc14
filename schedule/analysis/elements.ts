/**
 * Which elements of buffers the iterations of loops touch. This is all that legality of parallel loops and of other
 * orders rests on: iterations that touch different elements cannot see each other.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Stmt } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { freeVars, visitExpr, visitStmt } from "../../ir/visit.ts";

/** A load or store with indices over loops and dims: iterators of blocks are replaced by what binds them. */
export interface ElementAccess {
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly write: boolean;
  /** The block that does it, if one does. */
  readonly block: string | undefined;
  /** Whether it is in an extent, binding, predicate or condition rather than in what a block runs. */
  readonly head: boolean;
}

/**
 * Every access to a buffer that `root` writes and does not allocate itself, by buffer. Buffers that are only read are
 * left out: nothing depends on when they are.
 */
export function sharedAccesses(root: Stmt): ReadonlyMap<string, readonly ElementAccess[]> {
  const written = new Set<string>();
  visitStmt(root, (s) => {
    if (s.kind === "store") written.add(s.buffer);
  });
  visitStmt(root, (s) => {
    if (s.kind === "alloc") written.delete(s.buffer.name);
  });
  return accessesTo(root, written);
}

/** Every access of `root` to these buffers, by buffer, in the order of the text. */
export function accessesTo(
  root: Stmt,
  buffers: Iterable<string>,
): ReadonlyMap<string, readonly ElementAccess[]> {
  const found = new Map<string, ElementAccess[]>([...buffers].map((name) => [name, []]));
  type Values = ReadonlyMap<string, Expr>;
  const note = (
    buffer: string,
    indices: readonly Expr[],
    values: Values,
    parts: Omit<ElementAccess, "buffer" | "indices">,
  ): void => {
    found.get(buffer)?.push({
      buffer,
      indices: indices.map((e) => simplify(substitute(e, values))),
      ...parts,
    });
  };
  const loads = (exprs: readonly Expr[], values: Values, block: string | undefined, head: boolean): void => {
    for (const e of exprs) {
      visitExpr(e, (n) => {
        if (n.kind === "load") note(n.buffer, n.indices, values, { write: false, block, head });
      });
    }
  };
  const visit = (s: Stmt, values: Values, block: string | undefined): void => {
    switch (s.kind) {
      case "for":
        loads([s.extent], values, block, true);
        return visit(s.body, values, block);
      case "block": {
        loads([s.predicate, ...s.iters.flatMap((i) => [i.extent, i.binding])], values, s.name, true);
        const inner = new Map(values);
        for (const i of s.iters) inner.set(i.var, substitute(i.binding, values));
        if (s.init !== undefined) visit(s.init, inner, s.name);
        return visit(s.body, inner, s.name);
      }
      case "store":
        loads([...s.indices, s.value], values, block, false);
        return note(s.buffer, s.indices, values, { write: true, block, head: false });
      case "alloc":
        loads([...s.buffer.shape, ...(s.buffer.strides ?? [])], values, block, true);
        return visit(s.body, values, block);
      case "if":
        loads([s.cond], values, block, true);
        visit(s.then, values, block);
        if (s.otherwise !== undefined) visit(s.otherwise, values, block);
        return;
      case "seq":
        return s.body.forEach((child) => visit(child, values, block));
      case "barrier":
        return;
      default:
        return s satisfies never;
    }
  };
  visit(root, new Map(), undefined);
  return found;
}

/**
 * The indices that all accesses have in common. Two executions that touch one element give them the same values,
 * whichever accesses they do it by.
 */
export function commonIndices(accesses: readonly ElementAccess[]): readonly Expr[] {
  const [first, ...rest] = accesses;
  return (first?.indices ?? []).filter((index, d) => rest.every((a) => a.indices[d] === index));
}

/** Whether all accesses are to one element at a time: the same indices everywhere. */
export function isOneElement(accesses: readonly ElementAccess[]): boolean {
  return commonIndices(accesses).length === accesses[0]?.indices.length;
}

/** Whether an expression depends on elements of buffers. */
export function readsMemory(e: Expr): boolean {
  let found = false;
  visitExpr(e, (n) => {
    if (n.kind === "load") found = true;
  });
  return found;
}

/** Whether an expression mentions one of these variables. */
export function mentions(e: Expr, vars: ReadonlySet<string>): boolean {
  return [...freeVars(e)].some((name) => vars.has(name));
}
