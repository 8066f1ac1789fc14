/**
 * One walk over a function, for all rules: its statements and expressions, with what is in scope where they stand.
 *
 * @module
 */
import type { Expr } from "../expr.ts";
import type { PrimFunc } from "../prim_func.ts";
import type { Block, Buffer, For, Region, Stmt } from "../stmt.ts";
import { stmtChildren } from "../visit.ts";

/** Names that are bound at a place, and the buffers that exist there. */
export interface InScope {
  readonly vars: ReadonlySet<string>;
  readonly buffers: ReadonlyMap<string, Buffer>;
}

/** A statement and its surroundings. */
export interface Site<S extends Stmt = Stmt> extends InScope {
  readonly stmt: S;
  /** The statements around it, outermost first. */
  readonly path: readonly Stmt[];
  /** For messages: the innermost loop or block that it is in, or is. */
  readonly where: string;
}

/** An expression that a statement or the function holds. */
export interface ExprSite extends InScope {
  readonly e: Expr;
  /** For messages: what it is. */
  readonly what: string;
  /** The type it must have; a stored value's depends on the buffer. */
  readonly wants: "i32" | "bool" | "any";
}

/** Everything in a function. */
export interface Scan {
  readonly func: PrimFunc;
  readonly sites: readonly Site[];
  readonly exprs: readonly ExprSite[];
}

/** The statements of one kind. */
export function sitesOf<K extends Stmt["kind"]>(
  scan: Scan,
  kind: K,
): readonly Site<Extract<Stmt, { readonly kind: K }>>[] {
  return scan.sites.filter((s): s is Site<Extract<Stmt, { readonly kind: K }>> => s.stmt.kind === kind);
}

/** The loops around a statement that lie in the same block as it, outermost first. */
export function loopsAround(site: Site): readonly For[] {
  const from = site.path.findLastIndex((s) => s.kind === "block") + 1;
  return site.path.slice(from).filter((s): s is For => s.kind === "for");
}

/** Walks a function once. */
export function scanFunc(func: PrimFunc): Scan {
  const sites: Site[] = [];
  const exprs: ExprSite[] = [];
  const dims: ReadonlySet<string> = new Set(func.dims);
  const note = (scope: InScope, wants: ExprSite["wants"], what: string, list: readonly Expr[]): void => {
    for (const e of list) exprs.push({ e, what, wants, vars: scope.vars, buffers: scope.buffers });
  };
  const buffer = (scope: InScope, b: Buffer): void => {
    note(scope, "i32", `an extent of ${b.name}`, b.shape);
    note(scope, "i32", `a stride of ${b.name}`, b.strides ?? []);
  };
  const visit = (stmt: Stmt, path: readonly Stmt[], scope: InScope): void => {
    const where = placeOf([...path, stmt]);
    sites.push({ stmt, path, where, vars: scope.vars, buffers: scope.buffers });
    const inside = (within: InScope): void => {
      for (const child of stmtChildren(stmt)) visit(child, [...path, stmt], within);
    };
    switch (stmt.kind) {
      case "for":
        note(scope, "i32", `the extent of loop ${stmt.var}`, [stmt.extent]);
        return inside({ ...scope, vars: new Set([...scope.vars, stmt.var]) });
      case "block":
        return inside(blockScope(stmt, scope));
      case "store":
        note(scope, "i32", `an index of a store to ${stmt.buffer} in ${where}`, stmt.indices);
        note(scope, "any", `what ${where} stores to ${stmt.buffer}`, [stmt.value]);
        return;
      case "alloc":
        buffer(scope, stmt.buffer);
        return inside({ ...scope, buffers: new Map(scope.buffers).set(stmt.buffer.name, stmt.buffer) });
      case "if":
        note(scope, "bool", `a condition in ${where}`, [stmt.cond]);
        return inside(scope);
      case "seq":
        return inside(scope);
      case "barrier":
        return;
      default:
        return stmt satisfies never;
    }
  };
  const blockScope = (b: Block, scope: InScope): InScope => {
    for (const i of b.iters) {
      note(scope, "i32", `the extent of iterator ${i.var} of block ${b.name}`, [i.extent]);
      note(scope, "i32", `the binding of iterator ${i.var} of block ${b.name}`, [i.binding]);
    }
    note(scope, "bool", `the predicate of block ${b.name}`, [b.predicate]);
    // A block sees the loops around it through its iterators only.
    const within = { vars: new Set([...dims, ...b.iters.map((i) => i.var)]), buffers: scope.buffers };
    const region = (r: Region): void =>
      note(within, "i32", `a region of block ${b.name}`, [...r.min, ...r.extent]);
    [...b.reads, ...b.writes].forEach(region);
    return within;
  };
  const params = new Map(func.params.map((p) => [p.buffer.name, p.buffer] as const));
  for (const p of func.params) buffer({ vars: dims, buffers: new Map() }, p.buffer);
  visit(func.body, [], { vars: dims, buffers: params });
  return { func, sites, exprs };
}

function placeOf(path: readonly Stmt[]): string {
  const at = path.findLast((s) => s.kind === "for" || s.kind === "block");
  if (at?.kind === "for") return `loop ${at.var}`;
  return at?.kind === "block" ? `block ${at.name}` : "the body";
}
