/**
 * Reading the IR: operands, sub-statements, walks and accesses. Everything here only looks; rewriting is in
 * `traverse.ts`.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import type { Stmt } from "./stmt.ts";

/** The direct operands of an expression (extents of a reduction's axes included). */
export function exprChildren(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case "const":
    case "var":
      return [];
    case "load":
      return e.indices;
    case "unary":
    case "cast":
      return [e.x];
    case "binary":
      return [e.a, e.b];
    case "select":
      return [e.cond, e.then, e.otherwise];
    case "reduce":
      return [...e.axes.map((a) => a.extent), e.body];
    default:
      return e satisfies never;
  }
}

/** Calls `f` on every distinct node of an expression, operands first. */
export function visitExpr(e: Expr, f: (node: Expr) => void): void {
  const seen = new Set<Expr>();
  const visit = (node: Expr): void => {
    if (seen.has(node)) return;
    seen.add(node);
    exprChildren(node).forEach(visit);
    f(node);
  };
  visit(e);
}

/** Names of the variables that an expression reads and does not bind itself. */
export function freeVars(e: Expr): ReadonlySet<string> {
  const cache = new Map<Expr, ReadonlySet<string>>();
  const visit = (node: Expr): ReadonlySet<string> => {
    const known = cache.get(node);
    if (known !== undefined) return known;
    const free = new Set<string>();
    if (node.kind === "var") free.add(node.name);
    for (const child of exprChildren(node)) for (const name of visit(child)) free.add(name);
    if (node.kind === "reduce") { for (const axis of node.axes) free.delete(axis.name); }
    cache.set(node, free);
    return free;
  };
  return visit(e);
}

/** The direct sub-statements of a statement. */
export function stmtChildren(s: Stmt): readonly Stmt[] {
  switch (s.kind) {
    case "for":
    case "alloc":
      return [s.body];
    case "block":
      return s.init === undefined ? [s.body] : [s.init, s.body];
    case "if":
      return s.otherwise === undefined ? [s.then] : [s.then, s.otherwise];
    case "seq":
      return s.body;
    case "store":
    case "barrier":
      return [];
    default:
      return s satisfies never;
  }
}

/** Calls `f` on every statement, outer before inner; `f` gets the loops around it, outermost first. */
export function visitStmt(
  s: Stmt,
  f: (node: Stmt, path: readonly Stmt[]) => void,
  path: readonly Stmt[] = [],
): void {
  f(s, path);
  const inner = [...path, s];
  for (const child of stmtChildren(s)) visitStmt(child, f, inner);
}

/** The expressions that a statement itself holds (not those of its sub-statements). */
export function stmtExprs(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for":
      return [s.extent];
    case "alloc":
      return [...s.buffer.shape, ...(s.buffer.strides ?? [])];
    case "block":
      return [
        ...s.iters.flatMap((i) => [i.extent, i.binding]),
        s.predicate,
        ...[...s.reads, ...s.writes].flatMap((r) => [...r.min, ...r.extent]),
      ];
    case "if":
      return [s.cond];
    case "store":
      return [...s.indices, s.value];
    case "seq":
    case "barrier":
      return [];
    default:
      return s satisfies never;
  }
}

/** One access of a buffer. */
export interface Access {
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly write: boolean;
}

/** Every load and store of a statement and its sub-statements, in order of appearance (regions not counted). */
export function bufferAccesses(s: Stmt): readonly Access[] {
  const found: Access[] = [];
  const fromExpr = (e: Expr): void =>
    visitExpr(e, (node) => {
      if (node.kind === "load") found.push({ buffer: node.buffer, indices: node.indices, write: false });
    });
  visitStmt(s, (node) => {
    if (node.kind === "block") {
      for (const iter of node.iters) fromExpr(iter.binding);
      fromExpr(node.predicate);
    } else stmtExprs(node).forEach(fromExpr);
    if (node.kind === "store") found.push({ buffer: node.buffer, indices: node.indices, write: true });
  });
  return found;
}
