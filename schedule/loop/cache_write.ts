/**
 * `cacheWrite`: a reduction in a register.
 *
 * @module
 */
import { type Expr, load, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars, conjunction, conjuncts, outermostReduceLoop, replaceStmt } from "../../ir/reduction.ts";
import {
  alloc,
  type Block,
  block,
  type Buffer,
  type For,
  seq,
  type Stmt,
  type Store,
  store,
} from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { bufferAccesses, visitStmt } from "../../ir/visit.ts";
import { mentions, readsMemory, sharedAccesses } from "../analysis/elements.ts";
import { blockSite, freshName, namesOf, refuse } from "./site.ts";

const STEP = "cacheWrite";

/**
 * Accumulates a reduction in a scalar of the thread's own, of the same dtype, and writes the result once.
 *
 * Legal for a reduction block whose init stores one element, inside whose outermost reduce loop there are nothing but
 * serial or unrolled loops that feed no spatial iterator (so that the element is fixed there), and which
 * touches no other element of that buffer. Loops around may be bound.
 *
 * rewrite: `for k: B { init: C[i] = 0; C[i] += A[i, k] }`  becomes
 * `alloc C_local: { for k: B { init: C_local = 0; C_local += A[i, k] }; B_write { C[i] = C_local } }`
 */
export function cacheWrite(func: PrimFunc, blockName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const { loop, loops } = reduceLoops(b, path);
  const target = elementOf(b, loop);
  const predicate = writePredicate(b, loops);
  const dtype = bufferOf(func, target.buffer)?.dtype;
  if (dtype === undefined) return refuse(STEP, [b.name], `there is no buffer ${target.buffer}`);

  const taken = namesOf(func);
  const local: Buffer = {
    name: freshName(`${target.buffer}_local`, taken),
    dtype,
    shape: [],
    scope: "local",
  };
  const { reads: _r, writes: _w, ...parts } = b;
  const update = block({
    ...parts,
    init: inLocal(target, target, local),
    body: inLocal(b.body, target, local),
  });
  const iters = b.iters.filter((i) => i.role === "spatial").map((i) => ({
    i,
    name: freshName(i.var, taken),
  }));
  const renamed = new Map<string, Expr>(iters.map(({ i, name }) => [i.var, variable(name)]));
  const write = block({
    name: freshName(`${b.name}_write`, taken),
    iters: iters.map(({ i, name }) => ({ ...i, var: name })),
    predicate,
    body: store(
      target.buffer,
      target.indices.map((e) => substitute(e, renamed)),
      load(local.name, target.value.dtype, []),
    ),
  });
  return withBody(
    func,
    replaceStmt(func.body, loop, (old) => alloc(local, seq([replaceStmt(old, b, () => update), write]))),
  );
}

/** The outermost reduce loop, and all loops from there to the block. */
function reduceLoops(
  b: Block,
  path: readonly Stmt[],
): { readonly loop: For; readonly loops: readonly For[] } {
  if (b.init === undefined) return refuse(STEP, [b.name], `block ${b.name} is no reduction with an init`);
  const loop = outermostReduceLoop({ block: b, path });
  if (loop === undefined) {
    return refuse(STEP, [b.name], `block ${b.name} has no loop that feeds a reduce iterator`);
  }
  const spatial = boundVars(b, "spatial");
  const loops: For[] = [];
  for (const s of path.slice(path.indexOf(loop))) {
    if (s.kind !== "for") {
      return refuse(
        STEP,
        [b.name, loop.var],
        `there is a ${s.kind} between loop ${loop.var} and block ${b.name}`,
      );
    }
    if (s.loop !== "serial" && s.loop !== "unrolled") {
      return refuse(STEP, [b.name, s.var], `loop ${s.var} is ${s.loop}`);
    }
    if (spatial.has(s.var)) {
      const where = s === loop ? "a reduce iterator" : `is inside reduce loop ${loop.var}; reorder first`;
      return refuse(STEP, [b.name, s.var, loop.var], `loop ${s.var} feeds a spatial iterator and ${where}`);
    }
    loops.push(s);
  }
  return { loop, loops };
}

/** The store of the init, where all else in the loop touches only the element that it stores. */
function elementOf(b: Block, loop: For): Store {
  const { init } = b;
  if (init?.kind !== "store") {
    return refuse(STEP, [b.name], `the init of block ${b.name} is more than one store`);
  }
  if (init.indices.some(readsMemory)) {
    return refuse(STEP, [b.name], `which element block ${b.name} writes depends on elements of buffers`);
  }
  const body = bufferAccesses(b.body).filter((a) => a.buffer === init.buffer);
  const others = body.some((a) => a.indices.some((e, d) => e !== init.indices[d]));
  const reads = bufferAccesses(init).some((a) => !a.write && a.buffer === init.buffer);
  const outside = sharedAccesses(loop).get(init.buffer)?.some((a) => a.head) ?? false;
  if (others || reads || outside) {
    return refuse(
      STEP,
      [b.name],
      `block ${b.name} reads ${init.buffer} other than to accumulate in one element`,
    );
  }
  return init;
}

/** The terms of the block's predicate that its reduce loops do not decide. */
function writePredicate(b: Block, loops: readonly For[]): Expr {
  const vars = new Set(loops.map((l) => l.var));
  const spatial = boundVars(b, "spatial");
  return conjunction(
    conjuncts(b.predicate).filter((term) => {
      if (!mentions(term, vars)) return true;
      if (!mentions(term, spatial)) return false;
      return refuse(
        STEP,
        [b.name],
        `the predicate of block ${b.name} ties spatial and reduce loops together`,
      );
    }),
  );
}

function bufferOf(func: PrimFunc, name: string): Buffer | undefined {
  let found = func.params.find((p) => p.buffer.name === name)?.buffer;
  visitStmt(func.body, (s) => {
    if (s.kind === "alloc" && s.buffer.name === name) found = s.buffer;
  });
  return found;
}

/** The statement with `local` in place of the element. */
function inLocal(s: Stmt, target: Store, local: Buffer): Stmt {
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
}
