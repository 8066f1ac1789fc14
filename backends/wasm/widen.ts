/**
 * Local buffers of 16-bit floats that are only read as f32 hold f32: each element is converted once, where it is stored,
 * and not wherever it is read. A panel of weights that many rows go through is such a buffer.
 *
 * @module
 */
import { cast, type Expr, load } from "../../ir/expr.ts";
import { alloc, type Buffer, type Stmt, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { exprChildren, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";

/** The same nest, with such buffers as f32; `buffers` are those around it. */
export function widenLocals(s: Stmt, buffers: ReadonlyMap<string, Buffer>): Stmt {
  const wide = new Map<string, Buffer>();
  visitStmt(s, (node) => {
    if (node.kind === "alloc" && (node.buffer.dtype === "f16" || node.buffer.dtype === "bf16")) {
      wide.set(node.buffer.name, node.buffer);
    }
  });
  if (wide.size === 0) return s;
  visitStmt(s, (node) => {
    for (const e of stmtExprs(node)) {
      const other = (x: Expr): void => {
        if (x.kind === "load" && x.dtype === "f16") wide.delete(x.buffer);
      };
      other(e);
      visitExpr(e, (x) => {
        if (x.kind !== "cast" || x.dtype !== "f32") exprChildren(x).forEach(other);
      });
    }
    // A store rounds to bf16: there is nothing to round only in what comes from bf16.
    if (node.kind !== "store" || wide.get(node.buffer)?.dtype !== "bf16") return;
    const from = node.value.kind === "load" ? buffers.get(node.value.buffer)?.dtype : undefined;
    if (from !== "bf16" && !isZero(node.value)) wide.delete(node.buffer);
  });
  if (wide.size === 0) return s;
  const loads = mapStmtExprs(
    s,
    (e) =>
      rewriteExpr(
        e,
        (x) =>
          x.kind === "load" && wide.has(x.buffer)
            ? load(x.buffer, "f32", x.indices)
            : x.kind === "cast"
            ? cast(x.dtype, x.x)
            : x,
      ),
  );
  return rewriteStmt(loads, (node) => {
    if (node.kind === "store" && wide.has(node.buffer)) {
      return store(node.buffer, node.indices, cast("f32", node.value));
    }
    return node.kind === "alloc" && wide.has(node.buffer.name)
      ? alloc({ ...node.buffer, dtype: "f32" }, node.body)
      : node;
  });
}

function isZero(e: Expr): boolean {
  return e.kind === "const" && e.value === 0;
}
