/**
 * `cacheTerm`: the terms of a reduction computed once, for it and for another block.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { type Expr, load, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { alloc, block, type Buffer, forLoop, seq, type Stmt, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { exprChildren } from "../../ir/visit.ts";
import { foldOf } from "../analysis/fold.ts";
import { isBefore, loopsAt, touchesOf } from "../analysis/order.ts";
import { buffersIn, pointwiseBlock } from "./intermediate.ts";
import { plainLoops } from "./regenerate.ts";
import { blockSite, freshName, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "cacheTerm";

/**
 * Stores the terms that a reduction folds in a buffer of their own, in a nest before it, and lets a later block that
 * computes the same read them, too: a softmax then takes each exponential once.
 *
 * Legal for a fold in plain loops of its own and a later block that computes one element at a time, in which the term
 * appears with other iterators in place of the fold's; nothing that the term reads may be written after the fold
 * begins.
 *
 * rewrite: `for j: s += f(x[j]); for k: y[k] = f(x[k]) / s`  becomes
 * `for j: t[j] = f(x[j]); for j: s += t[j]; for k: y[k] = t[k] / s`
 */
export function cacheTerm(func: PrimFunc, blockName: string, readerName: string): PrimFunc {
  const at = [blockName, readerName];
  const { block: b, path } = blockSite(STEP, func, blockName);
  const reader = pointwiseBlock(STEP, func, readerName);
  const fold = foldOf(b);
  if (fold === undefined) return refuse(STEP, [blockName], `block ${blockName} is no fold`);
  const { term } = fold;
  if (term.kind === "load" || term.kind === "const") {
    return refuse(STEP, [blockName], `block ${blockName} folds what is stored already`);
  }
  const dtype = term.dtype;
  if (dtype === "bool" || DTYPES[dtype].register !== dtype) {
    return refuse(
      STEP,
      [blockName],
      `terms of block ${blockName} are ${dtype}, which is not stored as it is`,
    );
  }
  const loops = plainLoops(STEP, b, path);
  const own = loopsAt(path);
  const nest = path.find((s) => s.kind === "for");
  const other = nest && path.slice(path.indexOf(nest)).find((s) => s.kind !== "for");
  if (nest === undefined || other !== undefined || own.length !== loops.size) {
    return refuse(STEP, [blockName], `block ${blockName} is not alone in a nest of its own loops`);
  }
  if (!isBefore([...path, b], reader.place)) {
    refuse(STEP, at, `block ${readerName} is not after block ${blockName}`);
  }
  for (const name of buffersIn([term])) {
    const late = touchesOf(func.body, name).find((t) => t.write && !isBefore(t.place, [...path, b]));
    if (late !== undefined) {
      refuse(STEP, at, `${name}, which the terms are of, is written after block ${blockName} begins`);
    }
  }

  const taken = namesOf(func);
  const buffer: Buffer = {
    name: freshName(`${fold.store.buffer}_term`, taken),
    dtype,
    shape: b.iters.map((i) => i.extent),
    scope: "global",
  };
  const iters = b.iters.map((i) => i.var);
  const put = (e: Expr): Expr =>
    rewriteExpr(e, (n) => {
      const found = new Map<string, Expr>();
      if (n.dtype !== dtype || !matches(term, n, new Set(iters), found)) return n;
      const indices = iters.map((name) => found.get(name));
      return indices.includes(undefined) ? n : load(buffer.name, dtype, indices.flatMap((e) => e ?? []));
    });
  const value = put(reader.store.value);
  if (value === reader.store.value) {
    refuse(STEP, at, `block ${readerName} does not compute what block ${blockName} folds`);
  }
  const names = new Map(own.map((l) => [l.var, freshName(l.var, taken)] as const));
  const fresh = new Map(iters.map((name) => [name, freshName(name, taken)] as const));
  const at2 = (name: string): Expr => variable(fresh.get(name) ?? name);
  const terms = block({
    name: freshName(`${blockName}_term`, taken),
    iters: b.iters.map((i) => ({
      var: fresh.get(i.var) ?? i.var,
      role: "spatial",
      extent: i.extent,
      binding: variable(names.get(loops.get(i.var)?.var ?? "") ?? i.var),
    })),
    body: store(buffer.name, iters.map(at2), substitute(term, new Map(iters.map((n) => [n, at2(n)])))),
  });
  const first = own.reduceRight<Stmt>((body, l) => forLoop(names.get(l.var) ?? l.var, l.extent, body), terms);
  const read = (s: Stmt, f: (e: Expr) => Expr): Stmt =>
    rewriteStmt(s, (n) => {
      if (n.kind !== "block") return n;
      const { reads: _r, writes: _w, ...parts } = n;
      return block({ ...parts, body: mapStmtExprs(n.body, f) });
    });
  const stored = load(buffer.name, dtype, iters.map((name) => variable(name)));
  const summed = replaceStmt(nest, b, () => read(b, (e) => rewriteExpr(e, (n) => (n === term ? stored : n))));
  const changed = rewriteStmt(replaceStmt(func.body, nest, () => seq([first, summed])), (n) => {
    if (n.kind !== "block" || n.name !== readerName) return n;
    const { reads: _r, writes: _w, ...parts } = n;
    return block({ ...parts, body: store(reader.store.buffer, reader.store.indices, value) });
  });
  return requireInits(STEP, at, withBody(func, alloc(buffer, changed)));
}

/** Whether an expression is the pattern with other expressions for these variables, which are noted. */
function matches(pattern: Expr, e: Expr, vars: ReadonlySet<string>, found: Map<string, Expr>): boolean {
  if (pattern.kind === "var" && vars.has(pattern.name)) {
    const known = found.get(pattern.name);
    found.set(pattern.name, known ?? e);
    return known === undefined || known === e;
  }
  const [own, others] = [exprChildren(pattern), exprChildren(e)];
  if (own.length === 0) return pattern === e;
  if (own.length !== others.length || !sameHead(pattern, e)) return false;
  return own.every((child, i) => {
    const other = others[i];
    return other !== undefined && matches(child, other, vars, found);
  });
}

/** Whether two expressions differ at most in their operands. */
function sameHead(a: Expr, b: Expr): boolean {
  const head = (e: Expr): string =>
    JSON.stringify(
      e,
      (key, value: unknown) =>
        key !== "" && typeof value === "object" && value !== null && "kind" in value ? null : value,
    );
  return head(a) === head(b);
}
