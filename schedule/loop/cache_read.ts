/**
 * `cacheRead`: what a block reads, in registers.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { add, constant, type Expr, int, type Load, load, lt, select, sub, variable } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import { type Scope, scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
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
  store,
} from "../../ir/stmt.ts";
import { suggest } from "../../ir/suggest.ts";
import { mapStmtExprs, rewriteExpr, substitute } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";
import { mentions, sharedAccesses } from "../analysis/elements.ts";
import { boxOf, type ConstantRange, iterationOf } from "../analysis/region.ts";
import { reachOf } from "./reach.ts";
import { blockSite, bufferOf, freshName, loopSite, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "cacheRead";

/** A tile of up to so many elements along an axis may reach beyond the end of that axis. */
const MAX_TILE = 64;

/**
 * Loads the box of a buffer that a block reads in one iteration of a loop into registers of the thread's own, right
 * before what the block is in.
 *
 * Legal where the loop is around the block with only serial, unrolled or vectorized loops between them, nothing
 * in an iteration writes the buffer, and the box has constant extents. Where the box may leave the buffer, which it
 * does in edge tiles, the copy is 0: no element that exists is read from there.
 *
 * rewrite: `for k: for i in 0..4: B { ... A[i0 * 4 + i, k] ... }`  becomes
 * `for k: alloc A_local[4]: { for a in 0..4: A_local[a] = A[i0 * 4 + a, k]; for i in 0..4: B { ... A_local[i] ... } }`
 */
export function cacheRead(
  func: PrimFunc,
  blockName: string,
  bufferName: string,
  loopName: string,
  order?: readonly number[],
): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const { loop } = loopSite(STEP, func, loopName);
  const at = path.indexOf(loop);
  if (at < 0) return refuse(STEP, [b.name, loop.var], `loop ${loop.var} is not around block ${b.name}`);
  const buffer = bufferOf(func, bufferName);
  const loads = loadsOf(b, bufferName);
  if (buffer === undefined || loads.length === 0) {
    const known = [...new Set(b.reads.map((r) => r.buffer))];
    const near = suggest(bufferName, known);
    return refuse(
      STEP,
      [b.name],
      `block ${b.name} does not read a buffer ${bufferName}; it reads ${known.join(", ") || "none"}` +
        (near === undefined ? "" : `. Did you mean ${near}?`),
      "bad-argument",
    );
  }
  requirePlain(b, loop, path.slice(at + 1), bufferName);
  if (path.slice(at).some((s) => s.kind === "alloc" && s.buffer === buffer)) {
    return refuse(STEP, [b.name, loop.var], `${bufferName} does not exist yet where loop ${loop.var} starts`);
  }

  const values = new Map(b.iters.map((i) => [i.var, i.binding]));
  const indices = loads.map((l) => l.indices.map((e) => simplify(substitute(e, values))));
  const accesses = indices.map((list) => ({
    buffer: bufferName,
    indices: list,
    write: false,
    block: b.name,
    head: false,
  }));
  const found = boxOf(buffer, accesses, iterationOf(loop, path.slice(0, at)), MAX_TILE);
  if ("refusal" in found) return refuse(STEP, [b.name, loop.var], found.refusal);
  const empty = found.box.findIndex((r) => r.count < 1);
  if (empty >= 0) {
    return refuse(STEP, [b.name, loop.var], `nothing is read along axis ${empty} of ${bufferName}`);
  }
  const axes = axesOf(buffer, found.box, order);

  const taken = namesOf(func);
  const { register } = DTYPES[buffer.dtype];
  const local: Buffer = {
    name: freshName(`${bufferName}_local`, taken),
    dtype: register,
    shape: axes.map((d) => int(found.box[d]?.count ?? 1)),
    scope: "local",
  };
  const around = path.slice(0, at + 1).filter((s): s is For => s.kind === "for");
  const copy = copyNest(buffer, local, found.box, axes, around, taken);
  const update = readingLocal(b, loads, indices, found.box, axes, local, taken, path);
  const inside = (s: Stmt): Stmt => {
    if (s.kind === "alloc") return alloc(s.buffer, inside(s.body));
    if (s.kind === "seq") {
      return seq(
        s.body.map((child) => (allBlocks(child).some((x) => x.block === b) ? inside(child) : child)),
      );
    }
    if (bufferAccesses(s).some((a) => a.write && a.buffer === bufferName)) {
      return refuse(
        STEP,
        [b.name, loop.var],
        `${bufferName} is written beside block ${b.name} in loop ${loop.var}`,
      );
    }
    return alloc(local, seq([copy, replaceStmt(s, b, () => update)]));
  };
  const owner = path.findIndex((s) => s.kind === "alloc" && s.buffer.name === bufferName);
  if (path.slice(at + 1, Math.max(owner, 0)).some((s) => s.kind !== "alloc" && s.kind !== "seq")) {
    return refuse(
      STEP,
      [b.name, loop.var],
      `${bufferName} is not there yet at the start of loop ${loop.var}`,
    );
  }
  const body = replaceStmt(
    func.body,
    loop,
    () => forLoop(loop.var, loop.extent, inside(loop.body), loop.loop),
  );
  return requireInits(STEP, [b.name], withBody(func, body));
}

/** Every distinct load of a buffer in a block's body. */
function loadsOf(b: Block, buffer: string): readonly Load[] {
  const found = new Set<Load>();
  visitStmt(b.body, (s) => {
    for (const e of stmtExprs(s)) {
      visitExpr(e, (n) => {
        if (n.kind === "load" && n.buffer === buffer) found.add(n);
      });
    }
  });
  return [...found];
}

/** Refuses where the copy would not see what the block sees, or would not be the thread's own. */
function requirePlain(b: Block, loop: For, between: readonly Stmt[], buffer: string): void {
  for (const s of between) {
    if (s.kind === "block") {
      refuse(STEP, [b.name, s.name], `block ${b.name} is inside block ${s.name}, which is run as a whole`);
    }
    if (s.kind !== "for" || ["serial", "unrolled", "vectorized"].includes(s.loop)) continue;
    refuse(STEP, [b.name, s.var], `loop ${s.var} inside of loop ${loop.var} is ${s.loop}`);
  }
  if (sharedAccesses(loop).has(buffer)) {
    refuse(STEP, [b.name, loop.var], `${buffer} is written in loop ${loop.var}`);
  }
  if (b.init !== undefined && [...initLoads(b)].includes(buffer)) {
    refuse(STEP, [b.name], `the init of block ${b.name} reads ${buffer}`);
  }
}

function initLoads(b: Block): ReadonlySet<string> {
  const names = new Set<string>();
  if (b.init === undefined) return names;
  visitStmt(
    b.init,
    (s) => stmtExprs(s).forEach((e) => visitExpr(e, (n) => n.kind === "load" && names.add(n.buffer))),
  );
  return names;
}

/** Axes that the copy has: those of more than one element, in the order asked for. */
function axesOf(
  buffer: Buffer,
  box: readonly ConstantRange[],
  order: readonly number[] = box.map((_, d) => d),
): readonly number[] {
  const sorted = [...order].sort((a, b) => a - b);
  if (sorted.length !== box.length || sorted.some((d, i) => d !== i)) {
    return refuse(
      STEP,
      [],
      `order [${order.join(", ")}] does not have each axis of ${buffer.name} once, 0 to ${box.length - 1}`,
      "bad-argument",
    );
  }
  return order.filter((d) => (box[d]?.count ?? 1) > 1);
}

/** Loops around a block that copies the box, named after the copy and the axis. */
function copyNest(
  buffer: Buffer,
  local: Buffer,
  box: readonly ConstantRange[],
  axes: readonly number[],
  around: readonly For[],
  taken: Set<string>,
): Stmt {
  const loops = new Map(axes.map((d) => [
    d,
    forLoop(freshName(`${local.name}_${d}`, taken), int(box[d]?.count ?? 1), seq([])),
  ]));
  const known = scopeAround([...around, ...loops.values()], box.flatMap((r) => [r.min]));
  const iters: BlockIter[] = [];
  const outside: Expr[] = [];
  const at = box.map((range, d): Expr => {
    const own = loops.get(d);
    const binding = simplify(own === undefined ? range.min : add(range.min, variable(own.var)));
    const size = buffer.shape[d] ?? int(1);
    const inside = isTrue(known, lt(binding, size));
    const started = isTrue(known, lt(int(-1), binding));
    if (!mentions(binding, new Set([...around, ...loops.values()].map((l) => l.var)))) {
      // The block may not run at all, where the buffer is empty.
      if (!started) outside.push(lt(int(-1), binding));
      if (!inside) outside.push(lt(binding, size));
      return binding;
    }
    const name = freshName(`v${local.name}_${d}`, taken);
    if (!started) refuse(STEP, [], `axis ${d} of ${buffer.name} may be read from before its start`);
    const reach = inside ? size : reachOf(binding, [...around, ...loops.values()]);
    if (reach === undefined) {
      return refuse(STEP, [], `how far axis ${d} of ${buffer.name} is read beyond its end is not known`);
    }
    iters.push({ var: name, role: "spatial", extent: reach, binding });
    if (!inside) outside.push(lt(variable(name), size));
    return variable(name);
  });
  const places = axes.map((d): Expr => {
    const own = loops.get(d);
    const name = freshName(`v${local.name}_at_${d}`, taken);
    iters.push({
      var: name,
      role: "spatial",
      extent: own?.extent ?? int(1),
      binding: own === undefined ? int(0) : variable(own.var),
    });
    return variable(name);
  });
  const element = load(buffer.name, DTYPES[buffer.dtype].register, at);
  const value = outside.length === 0
    ? element
    : select(conjunction(outside), element, constant(element.dtype, 0));
  const copy = block({
    name: freshName(`${local.name}_load`, taken),
    iters,
    body: store(local.name, places, value),
  });
  return axes.reduceRight<Stmt>((body, d) => {
    const own = loops.get(d);
    return own === undefined ? body : forLoop(own.var, own.extent, body);
  }, copy);
}

function scopeAround(loops: readonly For[], exprs: readonly Expr[]): Scope {
  const ranges = new Map<string, VarRange>();
  for (const e of [...exprs, ...loops.map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of loops) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  return scopeOf(ranges);
}

function isTrue(scope: Scope, e: Expr): boolean {
  const simple = scope.simplify(e);
  return simple.kind === "const" && simple.value === 1;
}

/** The block with its loads from the copy: iterators of its own say where in it. */
function readingLocal(
  b: Block,
  loads: readonly Load[],
  indices: readonly (readonly Expr[])[],
  box: readonly ConstantRange[],
  axes: readonly number[],
  local: Buffer,
  taken: Set<string>,
  path: readonly Stmt[],
): Block {
  const loops = path.filter((s): s is For => s.kind === "for");
  const exprs = [b.predicate, ...indices.flat(), ...box.map((r) => r.min)];
  const plain = scopeAround(loops, exprs);
  const scope = conjuncts(b.predicate).reduce((s, term) => s.assume(plain.simplify(term)), plain);
  const reduced = boundVars(b, "reduce");
  const known = new Map<Expr, Expr>();
  const iters: BlockIter[] = [];
  const place = (d: number, index: Expr): Expr => {
    const range = box[d];
    const binding = range === undefined ? int(0) : simplify(sub(index, range.min));
    if (binding.kind === "const") return binding;
    const found = known.get(binding);
    if (found !== undefined) return found;
    const inside = isTrue(scope, lt(binding, int(range?.count ?? 1))) && isTrue(scope, lt(int(-1), binding));
    if (!inside) {
      return refuse(
        STEP,
        [b.name],
        `block ${b.name} reads beyond axis ${d} of the box, where a condition lets it`,
      );
    }
    const reduces = mentions(binding, reduced);
    if (reduces && mentions(binding, new Set(loops.map((l) => l.var).filter((v) => !reduced.has(v))))) {
      return refuse(
        STEP,
        [b.name],
        `where block ${b.name} reads along axis ${d} depends on loops that reduce and on others together`,
      );
    }
    const name = freshName(`v${local.name}_${d}`, taken);
    iters.push({
      var: name,
      role: reduces ? "reduce" : "spatial",
      extent: int(range?.count ?? 1),
      binding,
    });
    known.set(binding, variable(name));
    return variable(name);
  };
  const copies = new Map<Expr, Expr>(loads.map((l, i) => [
    l,
    load(local.name, l.dtype, axes.map((d) => place(d, indices[i]?.[d] ?? int(0)))),
  ]));
  const body = mapStmtExprs(b.body, (e) => rewriteExpr(e, (n) => copies.get(n) ?? n));
  const { reads: _r, writes: _w, ...parts } = b;
  return block({ ...parts, iters: [...b.iters, ...iters], body });
}
