/**
 * `computeAt`: a producer computed inside of a loop of its consumers.
 *
 * @module
 */
import { add, binary, bool, type Expr, int, load, lt, variable } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { conjunction, replaceStmt } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  type Alloc,
  alloc,
  type Block,
  block,
  type Buffer,
  type For,
  forLoop,
  type Region,
  seq,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { accessesTo, readsMemory } from "../analysis/elements.ts";
import { forkOf, loopsAt, type Place, touches, touchesOf } from "../analysis/order.ts";
import { type AxisRange, iterationOf, regionOf } from "../analysis/region.ts";
import { allocationOf, isOne, requireInScope, without } from "./intermediate.ts";
import { blockSite, freshName, loopSite, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "computeAt";

/**
 * Moves a block to the start of a loop's body, where it computes just the box of its result that an iteration of the
 * loop reads; its own loops are made anew for that. It may be a reduction, with its init. Where the box is one element,
 * or a part of the buffer at a constant place, the buffer becomes memory of the thread's own, as large as the
 * box; else it stays as it is.
 *
 * Legal for a block with plain loops, one an iterator, that alone writes a buffer of the function at its spatial
 * iterators; the loop is after it and has all readers inside, and nothing that the block reads is written from there
 * to the loop's end. Elements in several boxes are computed several times.
 *
 * rewrite: `for i: for k: T[i] += x[i, k]; for j: y[j] = T[j]`  becomes
 * `for j: { alloc T: { for k: T += x[j, k]; y[j] = T } }`
 */
export function computeAt(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const { loop, path: around } = loopSite(STEP, func, loopName);
  const at = [b.name, loop.var];
  const allocation = allocationOf(STEP, func, b.name, targetOf(b));
  const { buffer } = allocation;
  const own = plainLoops(b, path);
  requireReaders(func, b, loop, buffer);
  requireOrder(func, [...path, b], [...around, loop], b, loop, buffer);

  const accesses = accessesTo(loop.body, [buffer.name]).get(buffer.name) ?? [];
  const box = regionOf(buffer, accesses, iterationOf(loop, around));
  const rest = without(func.body, new Set<Stmt>([b]));
  const taken = namesOf(withBody(func, rest));
  const nest = nestFor(b, own, box, loopsAt([...around, loop]), taken);
  const kept = keptAxes(box);
  const inner = seq([nest, loopIn(rest, loop.var).body]);
  const body = kept === undefined ? inner : alloc(
    { name: buffer.name, dtype: buffer.dtype, scope: "local", shape: pick(box.map((r) => r.extent), kept) },
    shrunk(inner, buffer.name, kept, box),
  );
  const old = loopIn(rest, loop.var);
  const made = replaceStmt(rest, old, () => forLoop(old.var, old.extent, body, old.loop));
  const done = kept === undefined ? made : withoutOuter(made, allocation);
  return requireInits(STEP, at, withBody(func, done));
}

/** The buffer that a block writes, at its spatial iterators, one an axis. */
function targetOf(b: Block): string {
  const stores = bufferAccesses(b).filter((a) => a.write);
  const [first] = stores;
  if (first === undefined || stores.some((s) => s.buffer !== first.buffer)) {
    return refuse(STEP, [b.name], `block ${b.name} writes several buffers`);
  }
  const spatial = b.iters.filter((i) => i.role === "spatial").map((i) => i.var);
  const places = stores.map((s) => s.indices.map((e) => (e.kind === "var" ? e.name : "")));
  if (
    places.some((p) => p.join() !== places[0]?.join() || p.toSorted().join() !== spatial.toSorted().join())
  ) {
    return refuse(
      STEP,
      [b.name],
      `block ${b.name} does not write ${first.buffer} at its spatial iterators, one an axis`,
    );
  }
  const own = bufferAccesses(b).filter((a) => !a.write && a.buffer === first.buffer);
  if (own.some((a) => a.indices.some((e, d) => e !== first.indices[d]))) {
    return refuse(STEP, [b.name], `block ${b.name} reads elements of ${first.buffer} that it does not write`);
  }
  if (own.length > 0 && b.init === undefined) {
    return refuse(
      STEP,
      [b.name],
      `block ${b.name} continues from what ${first.buffer} holds; it has no init`,
    );
  }
  return first.buffer;
}

/** The loops of a block's nest, where each binds one iterator over its whole range and nothing else is in between. */
function plainLoops(b: Block, path: readonly Stmt[]): ReadonlyMap<string, For> {
  const loops = new Map<string, For>();
  const outer = path.find((s) => s.kind === "block");
  if (outer?.kind === "block") {
    refuse(STEP, [b.name, outer.name], `block ${b.name} is inside block ${outer.name}`);
  }
  for (const i of b.iters) {
    const loop = loopsAt(path).find((l) => i.binding.kind === "var" && l.var === i.binding.name);
    const plain = loop?.loop === "serial" && loop.extent === i.extent && ![...loops.values()].includes(loop);
    if (!plain || loop === undefined) {
      return refuse(
        STEP,
        [b.name],
        `the loops of block ${b.name} were rewritten, iterator ${i.var} has none; move it first`,
      );
    }
    if (readsMemory(i.extent)) {
      refuse(STEP, [b.name], `the extent of ${i.var} depends on elements of buffers`);
    }
    loops.set(i.var, loop);
  }
  if (!(b.predicate.kind === "const" && b.predicate.value === 1)) {
    refuse(STEP, [b.name], `block ${b.name} has a predicate; move it before its loops are split`);
  }
  const condition = path.find((s) => s.kind === "if");
  if (condition !== undefined) refuse(STEP, [b.name], `block ${b.name} is under a condition`);
  return loops;
}

/** Refuses unless the block alone writes the buffer, and all who read it are in the loop's body. */
function requireReaders(func: PrimFunc, b: Block, loop: For, buffer: Buffer): void {
  let readers = 0;
  for (const { place, write } of touchesOf(func.body, buffer.name)) {
    if (place.includes(b)) continue;
    const user = place.find((s) => s.kind === "block");
    const who = user?.kind === "block" ? user.name : "a statement in no block";
    const at = [b.name, ...(user?.kind === "block" ? [user.name] : [])];
    if (write) refuse(STEP, at, `${who} writes ${buffer.name} too`);
    const depth = place.indexOf(loop);
    if (depth < 0 || depth === place.length - 1) {
      refuse(STEP, [...at, loop.var], `${who} reads ${buffer.name} outside of loop ${loop.var}`);
    }
    readers++;
  }
  if (readers === 0) refuse(STEP, [b.name, loop.var], `nothing in loop ${loop.var} reads ${buffer.name}`);
}

/** Refuses unless the loop is after the block, in reach of its buffers, and finds in them what the block found. */
function requireOrder(func: PrimFunc, from: Place, to: Place, b: Block, loop: For, buffer: Buffer): void {
  const at = [b.name, loop.var];
  if (loop.loop === "vectorized") {
    refuse(STEP, at, `loop ${loop.var} is vectorized: no loops fit in its lanes`);
  }
  const outer = to.find((s) => s.kind === "block");
  if (outer?.kind === "block") {
    refuse(STEP, [...at, outer.name], `loop ${loop.var} is inside block ${outer.name}`);
  }
  const fork = forkOf(from, to);
  if (fork.seq === undefined || fork.at[0] > fork.at[1]) {
    refuse(STEP, at, `loop ${loop.var} is not after block ${b.name}, but around it or before`);
  }
  const used = new Set(bufferAccesses(b).map((a) => a.buffer));
  requireInScope(STEP, at, func, fork.common, used);
  for (const s of fork.seq?.body.slice(fork.at[0], fork.at[1] + 1) ?? []) {
    const changed = [...used].find((name) => name !== buffer.name && touches(s, name, true));
    if (changed !== undefined) {
      refuse(
        STEP,
        at,
        `${changed}, which block ${b.name} reads, is written before the end of loop ${loop.var}`,
      );
    }
  }
  const shared = new Set(fork.loops.map((l) => l.var));
  if (b.iters.some((i) => [...freeVars(i.binding)].some((v) => shared.has(v)))) {
    refuse(
      STEP,
      at,
      `a loop around both block ${b.name} and loop ${loop.var} binds an iterator of the block`,
    );
  }
}

/** The block under loops over the box and over what it reduces. */
function nestFor(
  b: Block,
  own: ReadonlyMap<string, For>,
  box: readonly AxisRange[],
  around: readonly For[],
  taken: Set<string>,
): Stmt {
  const target = bufferAccesses(b).find((a) => a.write)?.indices ?? [];
  const axisOf = new Map(target.map((e, d) => [e.kind === "var" ? e.name : "", box[d]] as const));
  const loops: For[] = [];
  const fresh = (iter: string, extent: Expr): Expr => {
    const name = freshName(own.get(iter)?.var ?? iter, taken);
    loops.push(forLoop(name, extent, seq([])));
    return variable(name);
  };
  const terms: Expr[] = [];
  // Spatial loops outside: the init of a reduction is right before its reduce loops.
  const bindings = new Map<string, Expr>();
  for (const i of b.iters.filter((i) => i.role === "spatial")) {
    const range = axisOf.get(i.var);
    const min = range?.min ?? int(0);
    const extent = range?.extent ?? i.extent;
    const binding = isOne(extent) ? min : simplify(add(min, fresh(i.var, extent)));
    bindings.set(i.var, binding);
    terms.push(binary("le", int(0), binding), lt(binding, i.extent));
  }
  for (const i of b.iters.filter((i) => i.role === "reduce")) bindings.set(i.var, fresh(i.var, i.extent));
  const ranges = new Map<string, VarRange>();
  for (const e of [...terms, ...[...around, ...loops].map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of [...around, ...loops]) {
    if (ranges.has(l.var)) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  }
  const scope = scopeOf(ranges);
  const predicate = conjunction(
    terms.map((t) => (scope.simplify(t) === bool(true) ? bool(true) : simplify(t))),
  );
  const moved = block({
    ...b,
    iters: b.iters.map((i) => ({ ...i, binding: bindings.get(i.var) ?? i.binding })),
    predicate,
  });
  return loops.reduceRight<Stmt>((body, l) => forLoop(l.var, l.extent, body), moved);
}

/** The axes of which more than one element is needed, where all that is needed is at a constant place. */
function keptAxes(box: readonly AxisRange[]): readonly number[] | undefined {
  const fits = box.every((r) => isOne(r.extent) || (r.extent.kind === "const" && r.min.kind === "const"));
  return fits ? [...box.keys()].filter((d) => !isOne(box[d]?.extent)) : undefined;
}

function pick<T>(list: readonly T[], axes: readonly number[]): readonly T[] {
  return axes.flatMap((d) => list[d] ?? []);
}

/** A statement that uses the box in place of the whole buffer. */
function shrunk(s: Stmt, name: string, kept: readonly number[], box: readonly AxisRange[]): Stmt {
  const within = (indices: readonly Expr[]): readonly Expr[] =>
    kept.flatMap((d) => {
      const [index, min] = [indices[d], box[d]?.min];
      return index === undefined || min === undefined
        ? []
        : min === int(0)
        ? [index]
        : [simplify(binary("sub", index, min))];
    });
  const region = (r: Region): Region =>
    r.buffer === name ? { ...r, min: within(r.min), extent: pick(r.extent, kept) } : r;
  const loads = mapStmtExprs(
    s,
    (e) =>
      rewriteExpr(
        e,
        (n) => (n.kind === "load" && n.buffer === name ? load(name, n.dtype, within(n.indices)) : n),
      ),
  );
  return rewriteStmt(loads, (n) => {
    if (n.kind === "store" && n.buffer === name) return store(name, within(n.indices), n.value);
    return n.kind === "block" ? block({ ...n, reads: n.reads.map(region), writes: n.writes.map(region) }) : n;
  });
}

function loopIn(root: Stmt, name: string): For {
  return loopSite(STEP, { kind: "prim_func", name: "", params: [], dims: [], body: root }, name).loop;
}

/** Without the allocation of the whole buffer: the outermost of its name. */
function withoutOuter(root: Stmt, { buffer }: Alloc): Stmt {
  if (root.kind === "alloc" && root.buffer === buffer) return root.body;
  return rewriteStmt(root, (n) => (n.kind === "alloc" && n.buffer === buffer ? n.body : n));
}
