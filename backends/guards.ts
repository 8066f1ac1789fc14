/**
 * Conditions moved to where they cost least: out of loops that do not change them, and one for neighbours that share
 * it.
 *
 * rewrite: `for k: if c: s`  becomes  `if c: for k: s`  where `c` does not read `k`
 * rewrite: `if c: s; if c: t`  becomes  `if c: { s; t }`
 *
 * @module
 */
import type { Expr } from "../ir/expr.ts";
import { alloc, forLoop, ifThen, seq, type Stmt } from "../ir/stmt.ts";
import { rewriteStmt } from "../ir/traverse.ts";
import { freeVars, stmtChildren, visitExpr } from "../ir/visit.ts";

/** Applies both rewrites everywhere. A barrier is never moved under a condition. */
export function hoistGuards(s: Stmt): Stmt {
  return rewriteStmt(s, (node): Stmt => {
    if (node.kind === "for") {
      return outOf(
        node.body,
        (cond) => !freeVars(cond).has(node.var),
        (body) => forLoop(node.var, node.extent, body, node.loop),
      );
    }
    if (node.kind === "alloc") {
      return outOf(node.body, () => true, (body) => alloc(node.buffer, body));
    }
    return node.kind === "seq" ? seq(mergeNeighbours(node.body)) : node;
  });
}

/** What `around` makes of a body, inside of the guards around the body that may move. */
function outOf(body: Stmt, moves: (cond: Expr) => boolean, around: (body: Stmt) => Stmt): Stmt {
  if (!isGuard(body) || !moves(body.cond)) return around(body);
  return ifThen(body.cond, outOf(body.then, moves, around));
}

type Guard = Extract<Stmt, { kind: "if" }>;

/** A condition without an alternative, on values that no store changes, around no barrier. */
function isGuard(s: Stmt): s is Guard {
  return s.kind === "if" && s.otherwise === undefined && !readsMemory(s.cond) && !hasBarrier(s.then);
}

function mergeNeighbours(stmts: readonly Stmt[]): readonly Stmt[] {
  const merged: Stmt[] = [];
  for (const s of stmts) {
    const last = merged.at(-1);
    if (last !== undefined && isGuard(last) && isGuard(s) && last.cond === s.cond) {
      merged[merged.length - 1] = ifThen(s.cond, seq([last.then, s.then]));
    } else merged.push(s);
  }
  return merged;
}

function readsMemory(e: Expr): boolean {
  let found = false;
  visitExpr(e, (node) => {
    if (node.kind === "load") found = true;
  });
  return found;
}

function hasBarrier(s: Stmt): boolean {
  return s.kind === "barrier" || stmtChildren(s).some(hasBarrier);
}
