/**
 * `cacheRead`: what a block reads, in registers or in memory of the workgroup.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import {
  add,
  bool,
  constant,
  type Expr,
  floordiv,
  int,
  type Load,
  load,
  lt,
  mod,
  mul,
  select,
  sub,
  variable,
} from "../../ir/expr.ts";
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
import { loopsIn, nestsOf } from "../analysis/nests.ts";
import { boxOf, type BoxScope, type ConstantRange, iterationOf } from "../analysis/region.ts";
import { reachOf } from "./reach.ts";
import { blockSite, bufferOf, freshName, loopSite, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "cacheRead";

/** A tile of up to so many elements along an axis may reach beyond the end of that axis. */
const MAX_TILE = { local: 64, workgroup: 256 } as const;

/**
 * Loads the box of a buffer that a block reads in one iteration of a loop into registers of the thread's own, right
 * before what the block is in; or the box that all threads of a workgroup read there into memory that they share,
 * each thread its part.
 *
 * Legal where the loop is around the block with only serial, unrolled or vectorized loops between them (loops over
 * threads, too, for memory of the workgroup), nothing in an iteration writes the buffer, and the box has constant
 * extents. Where the box may leave the buffer, which it does in edge tiles, the copy is 0: no element that exists is
 * read from there. For memory of the workgroup, loops are bound to its threads already, and how often the
 * loops between these run is the same for all of them: there are barriers then. With `vector`, a thread copies so many
 * neighbours along the last axis of the copy at a time, in an inner loop `v` that may be vectorized.
 *
 * rewrite: `for k: for i in 0..4: B { ... A[i0 * 4 + i, k] ... }`  becomes
 * `for k: alloc A_local[4]: { for a in 0..4: A_local[a] = A[i0 * 4 + a, k]; for i in 0..4: B { ... A_local[i] ... } }`
 *
 * rewrite: `for t in 0..8 @threadIdx.x: for k: B { ... A[t, k] ... A[0, k] ... }`  becomes
 * `for t in 0..8 @threadIdx.x: for k: alloc A_shared[8]: { for x in 0..8 @threadIdx.x: A_shared[x] = A[x, k]; B { ... } }`
 */
export function cacheRead(
  func: PrimFunc,
  blockName: string,
  bufferName: string,
  loopName: string,
  order?: readonly number[],
  scope: "local" | "workgroup" = "local",
  vector: number = 1,
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
  requirePlain(b, loop, path.slice(at + 1), bufferName, scope);
  const threads = scope === "workgroup" ? threadsAround(func, b, loop, path, buffer) : [];
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
  const iteration = iterationOf(loop, path.slice(0, at));
  const found = boxOf(
    buffer,
    accesses,
    scope === "local" ? iteration : ofAllThreads(iteration),
    MAX_TILE[scope],
  );
  if ("refusal" in found) return refuse(STEP, [b.name, loop.var], found.refusal);
  const empty = found.box.findIndex((r) => r.count < 1);
  if (empty >= 0) {
    return refuse(STEP, [b.name, loop.var], `nothing is read along axis ${empty} of ${bufferName}`);
  }
  const axes = axesOf(buffer, found.box, order);
  requireVector(b, bufferName, found.box[axes.at(-1) ?? -1]?.count ?? 1, scope, vector);

  const taken = namesOf(func);
  const { register } = DTYPES[buffer.dtype];
  const local: Buffer = {
    name: freshName(`${bufferName}_${scope === "local" ? "local" : "shared"}`, taken),
    dtype: register,
    shape: axes.map((d) => int(found.box[d]?.count ?? 1)),
    scope,
  };
  const around = path.slice(0, at + 1).filter((s): s is For => s.kind === "for");
  const copy = copyNest(buffer, local, found.box, axes, around, { threads, vector }, taken);
  const update = readingLocal(b, loads, indices, found.box, axes, local, taken, path);
  const inside = (s: Stmt): Stmt => {
    if (s.kind === "alloc") return alloc(s.buffer, inside(s.body));
    if (s.kind === "seq") {
      return seq(
        s.body.map((child) => (allBlocks(child).some((x) => x.block === b) ? inside(child) : child)),
      );
    }
    return alloc(local, seq([copy, replaceStmt(s, b, () => update)]));
  };
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
function requirePlain(
  b: Block,
  loop: For,
  between: readonly Stmt[],
  buffer: string,
  scope: "local" | "workgroup",
): void {
  for (const s of between) {
    if (s.kind === "block") {
      refuse(STEP, [b.name, s.name], `block ${b.name} is inside block ${s.name}, which is run as a whole`);
    }
    if (s.kind !== "for" || ["serial", "unrolled", "vectorized"].includes(s.loop)) continue;
    if (scope === "workgroup" && isThread(s)) continue;
    refuse(STEP, [b.name, s.var], `loop ${s.var} inside of loop ${loop.var} is ${s.loop}`);
  }
  if (sharedAccesses(loop).has(buffer)) {
    refuse(STEP, [b.name, loop.var], `${buffer} is written in loop ${loop.var}`);
  }
  if (b.init !== undefined && [...initLoads(b)].includes(buffer)) {
    refuse(STEP, [b.name], `the init of block ${b.name} reads ${buffer}`);
  }
}

function isThread(loop: For): boolean {
  return loop.loop.startsWith("threadIdx");
}

function writes(s: Stmt, buffer: string): boolean {
  return bufferAccesses(s).some((a) => a.write && a.buffer === buffer);
}

/** One iteration for all threads of a workgroup: loops over threads are free. */
function ofAllThreads({ free, fixed }: BoxScope): BoxScope {
  return { free: [...fixed.filter(isThread), ...free], fixed: fixed.filter((l) => !isThread(l)) };
}

/** A loop of each axis of threads that the nest has, x last; refuses where these cannot fill memory together. */
function threadsAround(
  func: PrimFunc,
  b: Block,
  loop: For,
  path: readonly Stmt[],
  buffer: Buffer,
): readonly For[] {
  const nest = nestsOf(func.body).find((n) => path.includes(n)) ?? loop;
  const axes = ["threadIdx.z", "threadIdx.y", "threadIdx.x"] as const;
  const threads = axes.flatMap((axis) => loopsIn(nest).find((l) => l.loop === axis) ?? []);
  if (threads.length === 0) {
    return refuse(
      STEP,
      [b.name, loop.var],
      `no loop around or inside ${loop.var} is bound to threads, which would share the copy; bind first, or use local`,
    );
  }
  if (buffer.scope === "local" || (buffer.scope === "global" && writes(nest, buffer.name))) {
    refuse(
      STEP,
      [b.name],
      `${buffer.name} is written in the nest of block ${b.name}, where a thread does not see what others wrote to it`,
    );
  }
  const none = threads.find((l) => l.extent.kind === "const" && l.extent.value < 1);
  if (none !== undefined) refuse(STEP, [b.name, none.var], `loop ${none.var} has no threads`);
  const around = path.slice(0, path.indexOf(loop) + 1).filter((s): s is For => s.kind === "for");
  const own = new Set(around.filter(isThread).map((l) => l.var));
  for (const l of around) {
    if (l.loop === "parallel" || l.loop === "vectorized") {
      refuse(
        STEP,
        [b.name, l.var],
        `loop ${l.var} around is ${l.loop}, in which threads cannot wait for each other`,
      );
    }
    if (!mentions(l.extent, own)) continue;
    refuse(
      STEP,
      [b.name, l.var],
      `how often loop ${l.var} runs depends on the thread; all have to copy alike`,
    );
  }
  return threads;
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

/** Refuses vectors that the last axis of a copy does not come apart into. */
function requireVector(
  b: Block,
  buffer: string,
  count: number,
  scope: "local" | "workgroup",
  vector: number,
): void {
  if (vector === 1) return;
  if (scope === "local") {
    refuse(
      STEP,
      [b.name],
      "vector is for memory of the workgroup; vectorize a loop of the copy",
      "bad-argument",
    );
  }
  if (Number.isInteger(vector) && vector > 0 && count % vector === 0) return;
  refuse(
    STEP,
    [b.name],
    `the last axis of the copy of ${buffer} has ${count} elements, which are no vectors of ${vector}`,
    "bad-argument",
  );
}

/** Loops around a block that copies the box, named after the copy and the axis. */
function copyNest(
  buffer: Buffer,
  local: Buffer,
  box: readonly ConstantRange[],
  axes: readonly number[],
  around: readonly For[],
  by: { readonly threads: readonly For[]; readonly vector: number },
  taken: Set<string>,
): Stmt {
  const shared = by.threads.length === 0 ? undefined : sharedOut(local, axes, box, by, taken);
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
  const name = freshName(`${local.name}_load`, taken);
  const body = store(local.name, places, value);
  if (shared !== undefined) {
    const at = new Map([...loops].map(([d, l]) => [l.var, shared.places.get(d) ?? int(0)]));
    const own = iters.map((i) => ({ ...i, binding: simplify(substitute(i.binding, at)) }));
    return shared.loops.reduceRight<Stmt>(
      (s, l) => forLoop(l.var, l.extent, s, l.loop),
      block({ name, iters: own, predicate: shared.predicate, body }),
    );
  }
  const copy = block({ name, iters, body });
  return axes.reduceRight<Stmt>((body, d) => {
    const own = loops.get(d);
    return own === undefined ? body : forLoop(own.var, own.extent, body);
  }, copy);
}

/** The elements of a box (or vectors of them), numbered through and dealt out to threads in turn. */
interface Shares {
  /** The rounds, then the threads, then the elements of a vector. */
  readonly loops: readonly For[];
  /** Where along each axis of the box. */
  readonly places: ReadonlyMap<number, Expr>;
  /** Whether there is an element for all threads in the last round. */
  readonly predicate: Expr;
}

function sharedOut(
  local: Buffer,
  axes: readonly number[],
  box: readonly ConstantRange[],
  { threads, vector }: { readonly threads: readonly For[]; readonly vector: number },
  taken: Set<string>,
): Shares {
  const counts = axes.map((d, i) => (box[d]?.count ?? 1) / (i === axes.length - 1 ? vector : 1));
  const elements = counts.reduce((a, b) => a * b, 1);
  const sizes = threads.map((l) => (l.extent.kind === "const" ? l.extent.value : 1));
  const rounds = Math.ceil(elements / sizes.reduce((a, b) => a * b, 1));
  const loops = [
    ...(rounds > 1 ? [forLoop(freshName(`${local.name}_round`, taken), int(rounds), seq([]))] : []),
    ...threads.map((l) =>
      forLoop(freshName(`${local.name}_${l.loop.slice(-1)}`, taken), l.extent, seq([]), l.loop)
    ),
  ];
  const number = loops.reduce<Expr>(
    (n, l) => add(mul(n, l.extent), variable(l.var)),
    int(0),
  );
  const lane = vector > 1 ? [forLoop(freshName(`${local.name}_v`, taken), int(vector), seq([]))] : [];
  const places = new Map<number, Expr>();
  let step = elements;
  axes.forEach((d, i) => {
    const count = counts[i] ?? 1;
    step /= count;
    const quotient = floordiv(number, int(step));
    const place = i === 0 ? quotient : mod(quotient, int(count));
    const inner = i === axes.length - 1 ? lane : [];
    places.set(d, simplify(inner.reduce((e, l) => add(mul(e, l.extent), variable(l.var)), place)));
  });
  const all = sizes.reduce((a, b) => a * b, rounds);
  return {
    loops: [...loops, ...lane],
    places,
    predicate: simplify(all === elements ? bool(true) : lt(number, int(elements))),
  };
}

function scopeAround(loops: readonly For[], exprs: readonly Expr[]): Scope {
  const ranges = new Map<string, VarRange>();
  for (const e of [...exprs, ...loops.map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of loops) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  return scopeOf(ranges);
}

/** Simplified; what divides by what is known of loops, too: within a run of an axis quotients stand still. */
function inRuns(e: Expr, scope: Scope): Expr {
  const simple = simplify(e);
  let divides = false;
  visitExpr(simple, (n) => {
    if (n.kind === "binary" && (n.op === "floordiv" || n.op === "mod")) divides = true;
  });
  return divides ? scope.simplify(simple) : simple;
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
  const terms = conjuncts(b.predicate).map((term) => plain.simplify(term));
  const scope = terms.reduce((s, term) => s.assume(term), plain);
  const holds = (e: Expr): boolean => isTrue(scope, e) || terms.includes(plain.simplify(e));
  const reduced = boundVars(b, "reduce");
  const known = new Map<Expr, Expr>();
  const iters: BlockIter[] = [];
  const place = (d: number, index: Expr): Expr => {
    const range = box[d];
    const binding = range === undefined ? int(0) : inRuns(sub(index, range.min), plain);
    if (binding.kind === "const") return binding;
    const found = known.get(binding);
    if (found !== undefined) return found;
    const inside = holds(lt(binding, int(range?.count ?? 1))) && holds(lt(int(-1), binding));
    if (!inside) {
      return refuse(
        STEP,
        [b.name],
        `block ${b.name} may read beyond the ${range?.count ?? 1} elements that the copy has along axis ${d}`,
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
