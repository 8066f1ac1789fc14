/**
 * Reductions: `decomposeReduction` and `cacheWrite`.
 *
 * @module
 */
import { type Expr, load, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import {
  boundVars,
  conjunction,
  conjuncts,
  decomposeAt,
  outermostReduceLoop,
  replaceStmt,
} from "../../ir/reduction.ts";
import { alloc, type Block, block, type Buffer, type For, seq, type Stmt, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { freeVars } from "../../ir/visit.ts";
import { blockSite, freshName, loopSite, namesOf, refuse } from "./site.ts";

/**
 * Makes a reduction's initialisation a block of its own, right before a loop.
 *
 * rewrite: `for k: B { init: C = 0; C += A[k] }`  becomes  `B_init { C = 0 }; for k: B { C += A[k] }`
 */
export function decomposeReduction(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const site = blockSite("decomposeReduction", func, blockName);
  const { loop } = loopSite("decomposeReduction", func, loopName);
  return withBody(func, decomposeAt(func.body, site, loop));
}

/**
 * Accumulates in a scalar of the thread's own and writes the result once.
 *
 * Legal for a reduction block inside whose outermost reduce loop nothing but loops that feed no spatial iterator
 * stands: then the element that it writes is fixed there.
 *
 * rewrite: `for k: B { init: C[i] = 0; C[i] += A[i, k] }`  becomes
 * `alloc C_local: { B_init { C_local = 0 }; for k: B { C_local += A[i, k] }; B_write { C[i] = C_local } }`
 */
export function cacheWrite(func: PrimFunc, blockName: string): PrimFunc {
  const step = "cacheWrite";
  const site = blockSite(step, func, blockName);
  const { block: b, path } = site;
  if (b.init === undefined) return refuse(step, `block ${b.name} is no reduction with an init`);
  const loop = outermostReduceLoop(site);
  if (loop === undefined) return refuse(step, `block ${b.name} has no loop that feeds a reduce iterator`);
  const spatial = boundVars(b, "spatial");
  for (const s of path.slice(path.indexOf(loop))) {
    if (s.kind !== "for") {
      return refuse(step, `there is a ${s.kind} between loop ${loop.var} and block ${b.name}`);
    }
    if (spatial.has(s.var)) {
      return refuse(
        step,
        `loop ${s.var} feeds a spatial iterator and is inside reduce loop ${loop.var}; reorder first`,
      );
    }
    if (s.loop !== "serial" && s.loop !== "unrolled") return refuse(step, `loop ${s.var} is ${s.loop}`);
  }
  const { init } = b;
  const target = storeOf(init) ?? refuse(step, `block ${b.name} does not initialise one element`);
  const taken = new Set(namesOf(func));
  const fresh = (name: string): string => {
    const made = freshName(name, taken);
    taken.add(made);
    return made;
  };
  const local: Buffer = {
    name: fresh(`${target.buffer}_local`),
    dtype: target.value.dtype === "bool" ? "u8" : target.value.dtype,
    shape: [],
    scope: "local",
  };
  const toLocal = (s: Stmt): Stmt => {
    const stored = rewriteStmt(
      s,
      (n) => (n.kind === "store" && n.buffer === target.buffer ? store(local.name, [], n.value) : n),
    );
    return mapStmtExprs(
      stored,
      (e) =>
        rewriteExpr(
          e,
          (n) => (n.kind === "load" && n.buffer === target.buffer ? load(local.name, n.dtype, []) : n),
        ),
    );
  };
  const { reads: _r, writes: _w, init: _i, ...parts } = b;
  const update = block({ ...parts, init: toLocal(init), body: toLocal(b.body) });
  const spatialIters = b.iters.filter((i) => i.role === "spatial").map((i) => ({
    ...i,
    renamed: fresh(i.var),
  }));
  const renames = new Map<string, Expr>(spatialIters.map((i) => [i.var, variable(i.renamed)]));
  const write: Block = block({
    name: fresh(`${b.name}_write`),
    iters: spatialIters.map(({ renamed, ...i }) => ({ ...i, var: renamed })),
    predicate: writePredicate(b, path.slice(path.indexOf(loop)).filter((s): s is For => s.kind === "for")),
    body: store(
      target.buffer,
      target.indices.map((e) => substitute(e, renames)),
      load(local.name, target.value.dtype, []),
    ),
  });
  return withBody(
    func,
    replaceStmt(func.body, loop, (old) => alloc(local, seq([replaceStmt(old, b, () => update), write]))),
  );
}

/** The only store of a statement. */
function storeOf(s: Stmt): Extract<Stmt, { kind: "store" }> | undefined {
  return s.kind === "store" ? s : undefined;
}

/** The terms of the block's predicate that its reduce loops do not decide. */
function writePredicate(b: Block, reduceLoops: readonly For[]): Expr {
  const vars = new Set(reduceLoops.map((l) => l.var));
  return conjunction(conjuncts(b.predicate).filter((term) => ![...freeVars(term)].some((v) => vars.has(v))));
}
