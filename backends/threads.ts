/**
 * Whether the threads of a launch get along: every store is done by the thread that it belongs to, and no thread needs
 * what another writes in the same launch.
 *
 * @module
 */
import { UnsupportedError } from "../ir/errors.ts";
import { type Expr, variable } from "../ir/expr.ts";
import { simplify } from "../ir/simplify.ts";
import type { For, Stmt, Store, ThreadAxis } from "../ir/stmt.ts";
import { substitute } from "../ir/traverse.ts";
import { freeVars, stmtExprs, visitExpr, visitStmt } from "../ir/visit.ts";

/**
 * Refuses a nest where a store to memory that threads share is outside of a loop over an axis that has more than one
 * iteration: then every thread of that axis would do it.
 */
export function requireAxes(name: string, nest: Stmt, axes: ReadonlySet<ThreadAxis>): void {
  const own = localBuffers(nest);
  visitStmt(nest, (s, path) => {
    if (s.kind !== "store" || own.has(s.buffer)) return;
    const around = new Set(path.flatMap((p) => (p.kind === "for" ? [p.loop as string] : [])));
    const missing = [...axes].find((a) => !around.has(a));
    if (missing === undefined) return;
    throw new UnsupportedError(
      `Cannot launch ${name}: a store to ${s.buffer} is outside of the loop bound to ${missing}, so every one of its ` +
        "threads would do it; bind a loop around all of the nest, or decompose it into nests of their own",
    );
  });
}

/** An element that a statement of a launch loads or stores. */
interface Access {
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly write: boolean;
  readonly stmt: Stmt;
  readonly loops: readonly For[];
}

/**
 * Refuses a body where one statement stores to global memory that another one accesses, unless both do so at the same
 * element in the same thread. Nothing orders threads within a launch; around barriers it is the author who does.
 */
export function requireOneThread(name: string, body: Stmt, axes: ReadonlySet<ThreadAxis>): void {
  if (axes.size === 0) return;
  const accesses = globalAccesses(body);
  if (accesses === undefined) return;
  for (const stored of accesses) {
    if (!stored.write) continue;
    const other = accesses.find((a) =>
      a.stmt !== stored.stmt && a.buffer === stored.buffer && !inOneThread(stored, a, axes)
    );
    if (other === undefined) continue;
    throw new UnsupportedError(
      `Cannot launch ${name}: one of its threads may store to ${stored.buffer} what another ${
        other.write ? "stores" : "loads"
      }; bind the loops of both statements alike, or make them nests of their own`,
    );
  }
}

/** Accesses to memory outside of the launch; nothing where it has a barrier. */
function globalAccesses(body: Stmt): readonly Access[] | undefined {
  const found: Access[] = [];
  let barriers = false;
  const own = new Set<string>();
  visitStmt(body, (s, path) => {
    if (s.kind === "barrier") barriers = true;
    if (s.kind === "alloc") own.add(s.buffer.name);
    const loops = path.filter((p): p is For => p.kind === "for");
    for (const e of stmtExprs(s)) {
      visitExpr(e, (n) => {
        if (n.kind === "load") found.push({ ...n, write: false, stmt: s, loops });
      });
    }
    if (s.kind === "store") found.push({ ...(s satisfies Store), write: true, stmt: s, loops });
  });
  return barriers ? undefined : found.filter((a) => !own.has(a.buffer));
}

/**
 * Whether two accesses that meet at an element are of one thread: the same indices, but for the names of loops, with
 * every axis in them.
 */
function inOneThread(a: Access, b: Access, axes: ReadonlySet<ThreadAxis>): boolean {
  const vars = new Set(a.indices.flatMap((e) => [...freeVars(e)]));
  if (![...axes].every((axis) => vars.has(axis))) return false;
  const used = (access: Access): readonly For[] => {
    const names = new Set(access.indices.flatMap((e) => [...freeVars(e)]));
    return access.loops.filter((l) => names.has(l.var));
  };
  const [from, to] = [used(b), used(a)];
  if (from.length !== to.length || from.some((l, i) => l.extent !== to[i]?.extent)) return false;
  const names = new Map(from.map((l, i) => [l.var, variable(to[i]?.var ?? l.var)] as const));
  return a.indices.every((e, d) => {
    const other = b.indices[d];
    return other !== undefined && simplify(substitute(other, names)) === simplify(e);
  });
}

function localBuffers(s: Stmt): ReadonlySet<string> {
  const names = new Set<string>();
  visitStmt(s, (node) => {
    if (node.kind === "alloc" && node.buffer.scope === "local") names.add(node.buffer.name);
  });
  return names;
}
