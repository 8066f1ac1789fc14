/**
 * `reverseComputeInline`: a consumer computed where its operand is.
 *
 * @module
 */
import { type Expr, floordiv, int, load, mod, mul } from "../../ir/expr.ts";
import { linearOf } from "../../ir/linear.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { findBlock, replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { block, type BlockIter, type Buffer, type Stmt, store } from "../../ir/stmt.ts";
import { rewriteExpr, substitute } from "../../ir/traverse.ts";
import { visitExpr } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { accessesTo, commonIndices, isOneElement } from "../analysis/elements.ts";
import { type Fork, forkOf, loopsAt, touches, touchesOf } from "../analysis/order.ts";
import {
  allocationOf,
  buffersIn,
  isOne,
  isShared,
  overLoops,
  ownLoops,
  type Pointwise,
  pointwise,
  pointwiseBlock,
  requireCover,
  requireExact,
  requireInScope,
  sameInt,
  storedIters,
  without,
} from "./intermediate.ts";
import { Refusal, refuse } from "./site.ts";

const STEP = "reverseComputeInline";

/**
 * Puts what a block does with an element where the element is computed: the producer stores the consumer's result
 * instead of its own. The consumer and the buffer between them go. Of several operands the one computed last is taken
 * whose producer allows it.
 *
 * Legal for a consumer and a producer that each compute one element at a time (a reduction does not; the block
 * that `cacheWrite` makes of it does), where the consumer alone reads the buffer, each element once, both visit
 * all of it, the buffer does not round, nothing between them touches what the consumer writes or changes what it
 * reads, and iterations of the consumer write different elements.
 *
 * rewrite: `for i: P { T[i] = f(x[i]) }; for j: y[j] = g(T[j], b[j])`  becomes  `for i: P { y[i] = g(f(x[i]), b[i]) }`
 */
export function reverseComputeInline(func: PrimFunc, blockName: string): PrimFunc {
  const consumer = pointwiseBlock(STEP, func, blockName);
  const params = new Set(func.params.map((p) => p.buffer.name));
  const operands = [...buffersIn([consumer.store.value])].filter((name) => !params.has(name));
  const writers = operands.flatMap((name) => {
    const place = touchesOf(func.body, name).find((t) => t.write)?.place;
    return place === undefined ? [] : [{ name, at: textOrder(func.body, place.at(-1)) }];
  }).sort((a, b) => b.at - a.at);
  let last: Refusal | undefined;
  for (const { name } of writers) {
    try {
      return inlineInto(func, consumer, name);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      last ??= error;
    }
  }
  if (last !== undefined) throw last;
  return refuse(STEP, [blockName], `block ${blockName} reads nothing that the function computes before it`);
}

/** How many statements come before one in the text. */
function textOrder(root: Stmt, target: Stmt | undefined): number {
  let count = 0;
  let at = 0;
  const visit = (s: Stmt): void => {
    count++;
    if (s === target) at = count;
    if (s.kind === "seq") s.body.forEach(visit);
    else if (s.kind === "for" || s.kind === "alloc" || s.kind === "block") visit(s.body);
    else if (s.kind === "if") [s.then, ...(s.otherwise === undefined ? [] : [s.otherwise])].forEach(visit);
  };
  visit(root);
  return at;
}

function inlineInto(func: PrimFunc, consumer: Pointwise, name: string): PrimFunc {
  const c = consumer.block;
  const allocation = allocationOf(STEP, func, c.name, name);
  const { buffer } = allocation;
  const producer = producerOf(func, consumer, name);
  const p = producer.block;
  const at = [c.name, p.name];
  requireExact(STEP, p.name, buffer);
  const fork = forkOf(producer.place, consumer.place);
  if (fork.seq === undefined || fork.at[0] > fork.at[1]) {
    refuse(STEP, at, `block ${c.name} is not after block ${p.name}, which computes ${name}`);
  }
  const stored = storedIters(STEP, producer, buffer, true);
  const indices = loadedAt(consumer, name);
  const fixed = requireSameElements(producer, consumer, buffer, stored, indices, fork);
  requireIndependent(func, producer, consumer, name, fork);

  const values = inverse(consumer, buffer, indices, producer.store.indices, fixed);
  const put = (e: Expr): Expr => substitute(e, values);
  const own = put(load(name, loadType(consumer.store.value, name), indices));
  const value = rewriteExpr(put(consumer.store.value), (n) => (n === own ? producer.store.value : n));
  const rest = without(func.body, new Set<Stmt>([c, allocation]));
  const old = findBlock(rest, p.name)?.block ?? p;
  const { reads: _r, writes: _w, ...parts } = old;
  const body = store(
    consumer.store.buffer,
    consumer.store.indices.map((e) => simplify(put(e))),
    simplify(value),
  );
  return withBody(func, replaceStmt(rest, old, () => block({ ...parts, body })));
}

/** The only block that writes a buffer, which the consumer alone reads. */
function producerOf(func: PrimFunc, consumer: Pointwise, name: string): Pointwise {
  const c = consumer.block;
  let producer: Pointwise | undefined;
  for (const { place, write } of touchesOf(func.body, name)) {
    const depth = place.findLastIndex((s) => s.kind === "block");
    const user = place[depth];
    if (user?.kind !== "block") return refuse(STEP, [c.name], `${name} is used outside of blocks`);
    if (write && (user === c || (producer !== undefined && producer.block !== user))) {
      refuse(STEP, [c.name, user.name], `${name} is written by several blocks`);
    }
    if (write) producer = pointwise(STEP, user, place.slice(0, depth + 1));
    else if (user !== c) refuse(STEP, [c.name, user.name], `block ${user.name} reads ${name} too`);
  }
  return producer ?? refuse(STEP, [c.name], `nothing computes ${name}`);
}

/** Where the consumer loads from the buffer: one place. */
function loadedAt({ block: c, store }: Pointwise, name: string): readonly Expr[] {
  const found = new Set<readonly Expr[]>();
  visitExpr(store.value, (n) => {
    if (n.kind === "load" && n.buffer === name) found.add(n.indices);
  });
  const [first, ...others] = found;
  if (first === undefined || others.length > 0) {
    return refuse(
      STEP,
      [c.name],
      `block ${c.name} reads several elements of ${name} for each that it writes`,
    );
  }
  return first;
}

function loadType(e: Expr, name: string): Expr["dtype"] {
  let dtype = e.dtype;
  visitExpr(e, (n) => {
    if (n.kind === "load" && n.buffer === name) dtype = n.dtype;
  });
  return dtype;
}

/**
 * Refuses unless, in each iteration of the loops around both, both visit the same elements of the buffer. Gives the
 * consumer's iterators that loops around both alone bind.
 */
function requireSameElements(
  producer: Pointwise,
  consumer: Pointwise,
  buffer: Buffer,
  stored: readonly (BlockIter | undefined)[],
  indices: readonly Expr[],
  fork: Fork,
): ReadonlySet<string> {
  const [p, c] = [producer.block, consumer.block];
  const at = [c.name, p.name];
  const computed: BlockIter[] = [];
  const fixed = new Set<string>();
  stored.forEach((iter, d) => {
    if (iter === undefined) return;
    const index = indices[d] ?? int(0);
    const binding = overLoops(p, iter.binding);
    const shared = isShared(binding, producer.place, fork) && sameInt(overLoops(c, index), binding);
    if (shared && index.kind === "var") {
      fixed.add(index.name);
      return;
    }
    if (!sameInt(iter.extent, buffer.shape[d] ?? int(0))) {
      refuse(STEP, at, `block ${p.name} computes not all of ${buffer.name}, axis ${d}`);
    }
    computed.push(iter);
  });
  requireCover(STEP, at, producer, computed, fork, c);
  requireCover(STEP, at, consumer, c.iters.filter((i) => !fixed.has(i.var)), fork, p);
  return fixed;
}

/** Refuses where doing the consumer's work early, in the producer's order, could show. */
function requireIndependent(
  func: PrimFunc,
  producer: Pointwise,
  consumer: Pointwise,
  name: string,
  fork: Fork,
): void {
  const [p, c] = [producer.block, consumer.block];
  const at = [c.name, p.name];
  const out = consumer.store.buffer;
  const others = [...buffersIn([consumer.store.value])].filter((b) => b !== name);
  requireInScope(STEP, at, func, fork.common, [out, ...others]);
  const between = fork.seq?.body.slice(fork.at[0], fork.at[1] + 1) ?? [];
  for (const s of between) {
    const rest = without(s, new Set<Stmt>([c]));
    if (touches(rest, out)) refuse(STEP, at, `${out}, which block ${c.name} writes, is used between them`);
    const changed = others.find((b) => touches(rest, b, true));
    if (changed !== undefined) {
      refuse(STEP, at, `${changed}, which block ${c.name} reads, is written between them`);
    }
  }
  const given = loopsAt(fork.common).map((l) => l.var);
  const repeated = (where: Pointwise, buffer: string): string | undefined => {
    const accesses = accessesTo(where.block, [buffer]).get(buffer) ?? [];
    const indices = commonIndices(accesses).map((e) => overLoops(where.block, e));
    const own = ownLoops(where.place, fork);
    const known = determinedLoops(indices, given, [...loopsAt(fork.common), ...own]);
    if (!isOneElement(accesses)) return own[0]?.var ?? where.block.name;
    return own.find((l) => !known.has(l.var))?.var;
  };
  const again = repeated(consumer, out);
  if (again !== undefined) {
    refuse(
      STEP,
      [...at, again],
      `block ${c.name} may touch one element of ${out} in several iterations of ${again}`,
    );
  }
  const twice = others.includes(out) ? repeated(producer, name) : undefined;
  if (twice !== undefined) {
    refuse(
      STEP,
      [...at, twice],
      `block ${p.name} may compute one element of ${name} again in iterations of ${twice}`,
    );
  }
}

/**
 * What the consumer's iterators are at an element of the buffer. An axis that the consumer reads at `a * 8 + b`, with
 * `b` below 8, gives both.
 */
function inverse(
  { block: c }: Pointwise,
  buffer: Buffer,
  indices: readonly Expr[],
  element: readonly Expr[],
  fixed: ReadonlySet<string>,
): ReadonlyMap<string, Expr> {
  const values = new Map<string, Expr>();
  for (const i of c.iters) if (isOne(i.extent)) values.set(i.var, int(0));
  const open = new Map(c.iters.filter((i) => !isOne(i.extent)).map((i) => [i.var, i]));
  const wrong = (d: number): never =>
    refuse(
      STEP,
      [c.name],
      `block ${c.name} reads axis ${d} of ${buffer.name} at an index that does not say which iteration it is`,
    );
  indices.forEach((index, d) => {
    const place = element[d] ?? int(0);
    const form = linearOf(simplify(substitute(index, values)));
    const steps = form.terms.map(({ coef, factors }) => {
      const [factor] = factors;
      const iter = factors.length === 1 && factor?.kind === "var" ? open.get(factor.name) : undefined;
      return iter === undefined ? wrong(d) : { iter, size: coef };
    }).sort((a, b) => a.size - b.size);
    if (form.constant !== 0) wrong(d);
    let size: Expr = int(1);
    for (const [n, step] of steps.entries()) {
      if (!sameInt(size, int(step.size))) wrong(d);
      open.delete(step.iter.var);
      const whole = step.size === 1 ? place : floordiv(place, int(step.size));
      values.set(step.iter.var, simplify(n === steps.length - 1 ? whole : mod(whole, step.iter.extent)));
      size = simplify(mul(size, step.iter.extent));
    }
    const [only] = steps;
    if (steps.length === 1 && only !== undefined && fixed.has(only.iter.var)) return;
    if (!sameInt(size, buffer.shape[d] ?? int(0))) wrong(d);
  });
  const [left] = open.keys();
  if (left !== undefined) {
    refuse(STEP, [c.name], `block ${c.name} reads each element of ${buffer.name} again for each ${left}`);
  }
  return values;
}
