/**
 * `cacheWrite`: a reduction in registers.
 *
 * @module
 */
import { type Expr, load, variable } from "../../ir/expr.ts";
import { simplify } from "../../ir/simplify.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars, conjunction, conjuncts, outermostReduceLoop, replaceStmt } from "../../ir/reduction.ts";
import {
  alloc,
  type Block,
  block,
  type BlockIter,
  type Buffer,
  type For,
  forLoop,
  seq,
  type Stmt,
  type Store,
  store,
} from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { mentions, readsMemory, sharedAccesses } from "../analysis/elements.ts";
import { blockSite, bufferOf, freshName, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "cacheWrite";

/**
 * Accumulates a reduction in registers of the thread's own, of the same dtype, and writes the result once: in one
 * register, or in a tile of them with an axis for each loop inside the outermost reduce loop that feeds a
 * spatial iterator.
 *
 * Legal for a reduction block whose init stores one element, inside whose outermost reduce loop there are nothing but
 * serial or unrolled loops, those that feed spatial iterators of constant extent, each visiting elements of its own, and
 * which touches no other element of that buffer. Loops around may be bound.
 *
 * rewrite: `for k: B { init: C[i] = 0; C[i] += A[i, k] }`  becomes
 * `alloc C_local: { for k: B { init: C_local = 0; C_local += A[i, k] }; B_write { C[i] = C_local } }`
 *
 * rewrite: `for k: for i in 0..4: B { init: C[i] = 0; C[i] += A[i, k] }`  becomes
 * `alloc C_local[4]: { for k: for i in 0..4: B { ... C_local[i] += A[i, k] }; for i_write in 0..4: B_write { C[i_write] = ... } }`
 */
export function cacheWrite(func: PrimFunc, blockName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const { loop, loops, tile } = reduceLoops(b, path);
  const target = elementOf(b, loop);
  const predicate = writePredicate(b, loops, tile);
  requireOwnElements(b, path, target, tile);
  const dtype = bufferOf(func, target.buffer)?.dtype;
  if (dtype === undefined) return refuse(STEP, [b.name], `there is no buffer ${target.buffer}`);

  const taken = namesOf(func);
  const local: Buffer = {
    name: freshName(`${target.buffer}_local`, taken),
    dtype,
    shape: tile.map((l) => simplify(l.extent)),
    scope: "local",
  };
  const places = tile.map((l): BlockIter => ({
    var: freshName(`v${l.var}`, taken),
    role: "spatial",
    extent: simplify(l.extent),
    binding: variable(l.var),
  }));
  const own = places.map((i) => variable(i.var));
  const { reads: _r, writes: _w, ...parts } = b;
  const update = block({
    ...parts,
    iters: [...b.iters, ...places],
    init: inLocal(target, target, local, own),
    body: inLocal(b.body, target, local, own),
  });
  const copies = new Map(tile.map((l) => [l.var, freshName(`${l.var}_write`, taken)]));
  const moved = new Map<string, Expr>([...copies].map(([from, to]) => [from, variable(to)]));
  const iters = [...b.iters, ...places].filter((i) => i.role === "spatial").map((i) => ({
    i,
    name: freshName(i.var, taken),
  }));
  const renamed = new Map<string, Expr>(iters.map(({ i, name }) => [i.var, variable(name)]));
  const write = block({
    name: freshName(`${b.name}_write`, taken),
    iters: iters.map(({ i, name }) => ({ ...i, var: name, binding: substitute(i.binding, moved) })),
    predicate: substitute(predicate, moved),
    body: store(
      target.buffer,
      target.indices.map((e) => substitute(e, renamed)),
      load(local.name, target.value.dtype, own.map((e) => substitute(e, renamed))),
    ),
  });
  const writeNest = tile.reduceRight<Stmt>(
    (body, l) => forLoop(copies.get(l.var) ?? l.var, l.extent, body),
    write,
  );
  const body = replaceStmt(
    func.body,
    loop,
    (old) => alloc(local, seq([replaceStmt(old, b, () => update), writeNest])),
  );
  return requireInits(STEP, [b.name], withBody(func, body));
}

/** The outermost reduce loop, all loops from there to the block, and those of them that do not reduce. */
function reduceLoops(
  b: Block,
  path: readonly Stmt[],
): { readonly loop: For; readonly loops: readonly For[]; readonly tile: readonly For[] } {
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
    if (spatial.has(s.var) && simplify(s.extent).kind !== "const") {
      return refuse(
        STEP,
        [b.name, s.var, loop.var],
        `loop ${s.var} feeds a spatial iterator and is inside reduce loop ${loop.var}, with an extent that is no ` +
          "constant; reorder or split first",
      );
    }
    loops.push(s);
  }
  return { loop, loops, tile: loops.filter((l) => spatial.has(l.var)) };
}

/** Refuses where two places of the tile would stand for one element. */
function requireOwnElements(b: Block, path: readonly Stmt[], target: Store, tile: readonly For[]): void {
  const values = new Map(b.iters.map((i) => [i.var, i.binding]));
  const loops = path.filter((s): s is For => s.kind === "for");
  const outside = loops.filter((l) => !tile.includes(l)).map((l) => l.var);
  const known = determinedLoops(target.indices.map((e) => simplify(substitute(e, values))), outside, loops);
  const again = tile.find((l) => !known.has(l.var));
  if (again === undefined) return;
  refuse(
    STEP,
    [b.name, again.var],
    `iterations of loop ${again.var} may add to one element of ${target.buffer}`,
  );
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
function writePredicate(b: Block, loops: readonly For[], tile: readonly For[]): Expr {
  const vars = new Set(loops.filter((l) => !tile.includes(l)).map((l) => l.var));
  return conjunction(conjuncts(b.predicate).filter((term) => !mentions(term, vars)));
}

/** The statement with `local` in place of the element. */
function inLocal(s: Stmt, target: Store, local: Buffer, at: readonly Expr[]): Stmt {
  const stored = rewriteStmt(
    s,
    (n) => (n.kind === "store" && n.buffer === target.buffer ? store(local.name, at, n.value) : n),
  );
  return mapStmtExprs(
    stored,
    (e) =>
      rewriteExpr(
        e,
        (n) => (n.kind === "load" && n.buffer === target.buffer ? load(local.name, n.dtype, at) : n),
      ),
  );
}
