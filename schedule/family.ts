/**
 * Two kernels of one function as one: a family.
 *
 * @module
 */
import { binary, int, load, variable } from "../ir/expr.ts";
import { type PrimFunc, withBody } from "../ir/prim_func.ts";
import { alloc, block, forLoop, ifThen, type Stmt, store } from "../ir/stmt.ts";
import { mapStmtExprs, renameVars, rewriteExpr, rewriteStmt } from "../ir/traverse.ts";
import { freeVars } from "../ir/visit.ts";
import { freshName, namesOf } from "./loop/site.ts";

/** The function that does what `few` does where a dim is at most `most`, and what `many` does where it is more. */
export function family(dim: string, most: number, few: PrimFunc, many: PrimFunc): PrimFunc {
  const shared = new Set([...few.dims, ...few.params.map((p) => p.buffer.name)]);
  const taken = namesOf(few);
  const names = new Map<string, string>();
  for (const name of namesOf(many)) if (!shared.has(name)) names.set(name, freshName(name, taken));
  const condition = binary("le", variable(dim), int(most));
  return withBody(few, ifThen(condition, few.body, renamed(many.body, names)));
}

/** Whether a function is a family: all of it under a condition over dims. */
export function isFamily({ body, dims }: PrimFunc): boolean {
  return body.kind === "if" && [...freeVars(body.cond)].every((name) => dims.includes(name));
}

/** A statement with other names for its loops, iterators, blocks and buffers. */
function renamed(s: Stmt, names: ReadonlyMap<string, string>): Stmt {
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
