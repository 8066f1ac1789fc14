/**
 * Whether threads that share memory, or the work of filling it, do together what each would do for itself.
 *
 * Read one loop after the other, each iteration of a loop over threads has the workgroup memory that is allocated inside
 * of it to itself, and runs all of a loop of the same axis inside. On a GPU all threads share the memory, and each runs
 * its own iteration of the inner loop. Both are the same where what is stored does not depend on the outer iteration,
 * or no two of these touch one element.
 *
 * @module
 */
import { determinedLoops } from "../ir/determine.ts";
import { UnsupportedError } from "../ir/errors.ts";
import type { Expr } from "../ir/expr.ts";
import { simplify } from "../ir/simplify.ts";
import type { Alloc, For, Stmt, Store } from "../ir/stmt.ts";
import { substitute } from "../ir/traverse.ts";
import { freeVars, stmtExprs, visitExpr, visitStmt } from "../ir/visit.ts";

/** A load or store with what is around it inside of an outer loop over threads. */
interface Touch {
  readonly buffer: string;
  readonly write: boolean;
  /** Over variables of loops. */
  readonly indices: readonly Expr[];
  readonly path: readonly Stmt[];
  /** What the store computes from, and all conditions under which it is done; nothing for loads. */
  readonly from: readonly Expr[];
}

/** Refuses a nest where that is not so. */
export function requireSharing(name: string, nest: Stmt): void {
  visitStmt(nest, (s, path) => {
    if (s.kind !== "for" || !s.loop.startsWith("threadIdx")) return;
    if (s.extent.kind === "const" && s.extent.value <= 1) return;
    const shared: Alloc[] = [];
    let again = false;
    visitStmt(s.body, (n) => {
      if (n.kind === "alloc" && n.buffer.scope === "workgroup") shared.push(n);
      if (n.kind === "for" && n.loop === s.loop) again = true;
    });
    if (shared.length > 0 || again) requireOf(name, s, path, shared);
  });
}

function requireOf(name: string, outer: For, path: readonly Stmt[], shared: readonly Alloc[]): void {
  const touches = touchesIn(outer);
  const sharedNames = new Set(shared.map((a) => a.buffer.name));
  const stores = touches.filter((t) => t.write);
  const isInner = (s: Stmt): boolean => s.kind === "for" && s.loop === outer.loop;
  /** Memory of a thread whose place is inside the inner loop lives for one of its iterations. */
  const isOwnInside = (t: Touch): boolean => {
    const at = t.path.findIndex((s) => s.kind === "alloc" && s.buffer.name === t.buffer);
    return at >= 0 && !sharedNames.has(t.buffer) && t.path.slice(0, at).some(isInner);
  };
  /** Memory of a thread, for all that it does in the outer loop. */
  const isOwn = (t: Touch): boolean =>
    !sharedNames.has(t.buffer) && t.path.some((s) => s.kind === "alloc" && s.buffer.name === t.buffer);
  const varying = varyingBuffers(outer, touches, (t) => sharedNames.has(t.buffer), isOwn);
  const varies = (e: Expr): boolean => dependsOn(e, outer.var, varying);
  const fail = (what: string): never => {
    throw new UnsupportedError(
      `Cannot launch ${name}: ${what}, of loop ${outer.var} bound to ${outer.loop}; bind threads before memory of the ` +
        "workgroup is filled, and fill it with what does not depend on them",
    );
  };
  const loops = [...path, outer].filter((s): s is For => s.kind === "for");
  visitStmt(outer.body, (s) => {
    if (s.kind === "for") loops.push(s);
  });
  const owned = new Set(
    [...sharedNames].filter((buffer) => {
      const common = commonIndices(touches.filter((t) => t.buffer === buffer));
      return determinedLoops(common, [], loops).has(outer.var);
    }),
  );
  for (const t of stores) {
    const inside = t.path.some(isInner);
    if (inside && isOwnInside(t)) continue;
    if (sharedNames.has(t.buffer)) {
      if (owned.has(t.buffer) && !inside) continue;
      if (!inside) fail(`each thread would store to all of ${t.buffer}, which the threads share`);
    } else if (!inside) continue;
    else fail(`a store to ${t.buffer} is in a loop of the same axis inside`);
    if ([...t.indices, ...t.from].some(varies)) {
      fail(`what is stored to ${t.buffer}, which the threads share, depends on the thread`);
    }
  }
  for (const t of touches) {
    const at = t.path.findIndex(isInner);
    const place = t.path.findIndex((s) => s.kind === "alloc" && s.buffer.name === t.buffer);
    const outside = at >= 0 && place >= 0 && place < at && !sharedNames.has(t.buffer) &&
      (t.write || varying.has(t.buffer));
    if (outside) fail(`a loop of the same axis inside uses ${t.buffer}, which is of one thread`);
  }
}

/** Buffers whose elements may differ between iterations of the outer loop. */
function varyingBuffers(
  outer: For,
  touches: readonly Touch[],
  isShared: (t: Touch) => boolean,
  isOwn: (t: Touch) => boolean,
): ReadonlySet<string> {
  const varying = new Set<string>();
  for (let before = -1; before !== varying.size;) {
    before = varying.size;
    for (const t of touches) {
      if (!t.write || isShared(t)) continue;
      if (!isOwn(t) || [...t.indices, ...t.from].some((e) => dependsOn(e, outer.var, varying))) {
        varying.add(t.buffer);
      }
    }
  }
  return varying;
}

function dependsOn(e: Expr, name: string, buffers: ReadonlySet<string>): boolean {
  let found = freeVars(e).has(name);
  visitExpr(e, (n) => {
    if (n.kind === "load" && buffers.has(n.buffer)) found = true;
  });
  return found;
}

/** Every access inside of a loop, iterators of blocks replaced by what binds them. */
function touchesIn(outer: For): readonly Touch[] {
  const found: Touch[] = [];
  type Values = ReadonlyMap<string, Expr>;
  const visit = (s: Stmt, path: readonly Stmt[], values: Values, conds: readonly Expr[]): void => {
    const sub = (e: Expr): Expr => simplify(substitute(e, values));
    const own = s.kind === "block" ? [s.predicate, ...s.iters.map((i) => i.binding)] : stmtExprs(s);
    for (const e of own) {
      visitExpr(e, (n) => {
        if (n.kind !== "load") return;
        found.push({ buffer: n.buffer, write: false, indices: n.indices.map(sub), path, from: [] });
      });
    }
    const inner = [...path, s];
    switch (s.kind) {
      case "store":
        return void found.push(storeTouch(s, path, conds, sub));
      case "for":
        return visit(s.body, inner, values, [...conds, sub(s.extent)]);
      case "alloc":
        return visit(s.body, inner, values, conds);
      case "seq":
        return s.body.forEach((child) => visit(child, inner, values, conds));
      case "if": {
        const under = [...conds, sub(s.cond)];
        visit(s.then, inner, values, under);
        if (s.otherwise !== undefined) visit(s.otherwise, inner, values, under);
        return;
      }
      case "block": {
        const bound = new Map(values);
        for (const i of s.iters) bound.set(i.var, substitute(i.binding, values));
        const under = [...conds, sub(s.predicate)];
        if (s.init !== undefined) visit(s.init, inner, bound, under);
        return visit(s.body, inner, bound, under);
      }
      case "barrier":
        return;
      default:
        return s satisfies never;
    }
  };
  visit(outer.body, [], new Map(), []);
  return found;
}

function storeTouch(
  s: Store,
  path: readonly Stmt[],
  conds: readonly Expr[],
  sub: (e: Expr) => Expr,
): Touch {
  return { buffer: s.buffer, write: true, indices: s.indices.map(sub), path, from: [...conds, sub(s.value)] };
}

function commonIndices(touches: readonly Touch[]): readonly Expr[] {
  const [first, ...rest] = touches;
  return (first?.indices ?? []).filter((index, d) => rest.every((t) => t.indices[d] === index));
}
