/**
 * Other names for what a statement binds.
 *
 * @module
 */
import { load } from "./expr.ts";
import { alloc, block, forLoop, type Stmt, store } from "./stmt.ts";
import { mapStmtExprs, renameVars, rewriteExpr, rewriteStmt } from "./traverse.ts";

/** A statement with other names for its loops, iterators, blocks and buffers. */
export function renameStmt(s: Stmt, names: ReadonlyMap<string, string>): Stmt {
  const to = (name: string): string => names.get(name) ?? name;
  const exprs = mapStmtExprs(
    s,
    (e) =>
      rewriteExpr(
        renameVars(e, names),
        (n) => (n.kind === "load" ? load(to(n.buffer), n.dtype, n.indices) : n),
      ),
  );
  return rewriteStmt(exprs, (n) => {
    switch (n.kind) {
      case "for":
        return forLoop(to(n.var), n.extent, n.body, n.loop);
      case "store":
        return store(to(n.buffer), n.indices, n.value);
      case "alloc":
        return alloc({ ...n.buffer, name: to(n.buffer.name) }, n.body);
      case "block": {
        const { reads: _r, writes: _w, ...parts } = n;
        return block({ ...parts, name: to(n.name), iters: n.iters.map((i) => ({ ...i, var: to(i.var) })) });
      }
      case "if":
      case "seq":
      case "barrier":
        return n;
      default:
        return n satisfies never;
    }
  });
}
