/**
 * `reverseComputeAt`: a consumer computed inside of a loop of its producer.
 *
 * @module
 */
import { type Expr, int } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars } from "../../ir/reduction.ts";
import { type Block, type Buffer, type For, seq, type Stmt } from "../../ir/stmt.ts";
import { visitExpr } from "../../ir/visit.ts";
import { covers } from "../analysis/cover.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { accessesTo, commonIndices, isOneElement, mentions } from "../analysis/elements.ts";
import { loopsIn } from "../analysis/nests.ts";
import { type Fork, forkOf, loopsAt, type Place, placeOf, touches, touchesOf } from "../analysis/order.ts";
import { iterationOf, regionOf } from "../analysis/region.ts";
import {
  allocationOf,
  buffersIn,
  isOne,
  overLoops,
  ownLoops,
  type Pointwise,
  pointwiseBlock,
  requireInScope,
  sameInt,
  without,
} from "./intermediate.ts";
import { nestFor, plainLoops } from "./regenerate.ts";
import { placeIn } from "./shrink.ts";
import { loopSite, namesOf, refuse, requireInits } from "./site.ts";

const STEP = "reverseComputeAt";
const [ZERO, ONE] = [int(0), int(1)];

/**
 * Moves a block to the end of a loop's body, where it goes through just the box of its operand that an iteration of the
 * loop computes; its own loops are made anew for that. Where nothing else reads the operand and the box is small, the
 * operand becomes memory of the thread's own, as `computeAt` makes it.
 *
 * Legal for a block with plain loops that computes one element at a time, from an operand that one block inside the
 * loop computes all of, and that it reads at its iterators, one an axis; different iterations of the loop compute
 * different boxes, and nothing between the loop and the block touches what that writes or changes what it reads.
 *
 * rewrite: `for i: for j: T[i, j] = x[i, j]; for p: for q: y[p, q] = T[p, q]`  becomes
 * `for i: { alloc T: { for j: T[j] = x[i, j]; for q: y[i, q] = T[q] } }`
 */
export function reverseComputeAt(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const consumer = pointwiseBlock(STEP, func, blockName);
  const { loop, path } = loopSite(STEP, func, loopName);
  const c = consumer.block;
  const at = [c.name, loop.var];
  const around: Place = [...path, loop];
  const outer = path.find((s) => s.kind === "block");
  if (outer?.kind === "block") {
    refuse(STEP, [...at, outer.name], `loop ${loop.var} is inside block ${outer.name}`);
  }
  if (loop.loop === "vectorized") {
    refuse(STEP, at, `loop ${loop.var} is vectorized: no loops fit in its lanes`);
  }
  const own = plainLoops(STEP, c, consumer.place.slice(0, -1));
  const fork = forkOf(around, consumer.place);
  if (fork.seq === undefined || fork.at[0] > fork.at[1]) {
    refuse(STEP, at, `loop ${loop.var} is not before block ${c.name}, but around it or after`);
  }
  const { name, indices } = operandOf(func, consumer, loop);
  const allocation = allocationOf(STEP, func, c.name, name);
  const { buffer } = allocation;
  const producer = producerIn(func, consumer, loop, name);
  requireWhole(func, producer, buffer, fork, at);
  requireUntouched(func, consumer, name, fork, at);

  const writes = (accessesTo(loop.body, [name]).get(name) ?? []).filter((a) => a.write);
  const box = regionOf(buffer, writes, iterationOf(loop, path));
  const rest = without(func.body, new Set<Stmt>([c]));
  const taken = namesOf(withBody(func, rest));
  const ranges = new Map(indices.map((index, d) => [index, box[d] ?? { min: ZERO, extent: ONE }] as const));
  const nest = nestFor(c, own, ranges, loopsAt(around), taken);
  const fixed = loopsAt(around.slice(fork.common.length));
  const loops = [...loopsAt(around), ...loopsIn(nest)];
  const places = indices.map((i) => bindingIn(nest, i));
  const known = determinedLoops(places, fork.loops.map((l) => l.var), loops);
  const again = fixed.find((l) => !known.has(l.var));
  if (again !== undefined) {
    refuse(
      STEP,
      [...at, again.var],
      `iterations of loop ${again.var} do not each compute a box of ${name} of their own`,
    );
  }
  const users = touchesOf(func.body, name).filter((t) => !t.place.includes(c) && !t.place.includes(loop));
  const made = placeIn(
    STEP,
    rest,
    loop.var,
    (body) => seq([body, nest]),
    box,
    users.length === 0 ? allocation : undefined,
    taken,
  );
  return requireInits(STEP, at, withBody(func, made));
}

/** What the block reads that the loop computes, and the iterator at which it reads each axis. */
function operandOf(
  func: PrimFunc,
  { block: c, store }: Pointwise,
  loop: For,
): { readonly name: string; readonly indices: readonly string[] } {
  const params = new Set(func.params.map((p) => p.buffer.name));
  const found = [...buffersIn([store.value])].filter((b) => !params.has(b) && touches(loop, b, true));
  const [name, other] = found;
  if (name === undefined || other !== undefined) {
    const what = name === undefined
      ? "nothing"
      : `${found.join(" and ")}, of which only one can be followed,`;
    return refuse(STEP, [c.name, loop.var], `block ${c.name} reads ${what} that loop ${loop.var} computes`);
  }
  const places = new Set<readonly Expr[]>();
  visitExpr(store.value, (n) => {
    if (n.kind === "load" && n.buffer === name) places.add(n.indices);
  });
  const [first] = places;
  const indices = (first ?? []).map((e) => (e.kind === "var" ? e.name : ""));
  const wide = c.iters.filter((i) => !isOne(i.extent)).map((i) => i.var);
  const plain = indices.every((i) => c.iters.some((iter) => iter.var === i)) &&
    new Set(indices).size === indices.length && wide.every((i) => indices.includes(i));
  if (places.size !== 1 || !plain) {
    return refuse(STEP, [c.name], `block ${c.name} does not read ${name} at its iterators, one an axis`);
  }
  return { name, indices };
}

/** The only block that writes the operand, inside of the loop. */
function producerIn(func: PrimFunc, { block: c }: Pointwise, loop: For, name: string): Pointwise["block"] {
  const writers = new Set<Block>();
  for (const { place, write } of touchesOf(func.body, name)) {
    const user = place.find((s) => s.kind === "block");
    if (!write) continue;
    if (user?.kind !== "block" || !place.includes(loop)) {
      return refuse(
        STEP,
        [c.name, loop.var],
        `${name} is written outside of loop ${loop.var} too, or in no block`,
      );
    }
    writers.add(user);
  }
  const [producer, other] = writers;
  if (producer === undefined || other !== undefined) {
    return refuse(
      STEP,
      [c.name, loop.var],
      `${name} is written by ${[...writers].map((b) => b.name).join(" and ")}`,
    );
  }
  return producer;
}

/** Refuses unless the producer computes every element: the block would go through those alone. */
function requireWhole(func: PrimFunc, p: Block, buffer: Buffer, fork: Fork, at: readonly string[]): void {
  const store = p.body.kind === "store" && p.body.buffer === buffer.name ? p.body : undefined;
  const spatial = p.iters.filter((i) => i.role === "spatial");
  const iters = store?.indices.map((e) => spatial.find((i) => e.kind === "var" && i.var === e.name));
  const whole = iters !== undefined && new Set(iters).size === spatial.length &&
    iters.every((i, d) => i !== undefined && sameInt(i.extent, buffer.shape[d] ?? ONE));
  if (!whole) {
    refuse(STEP, [...at, p.name], `block ${p.name} does not store to all of ${buffer.name} at its iterators`);
  }
  const path = placeOf(func.body, p).slice(fork.common.length);
  const bound = boundVars(p, "spatial");
  // An init stores even where there is nothing to reduce.
  const free = loopsAt(path).filter((l) =>
    p.init === undefined || bound.has(l.var) || !boundVars(p, "reduce").has(l.var)
  );
  if (path.some((s) => s.kind === "if") || !covers(p, spatial, free)) {
    refuse(STEP, [...at, p.name], `block ${p.name} may leave out elements of ${buffer.name}`);
  }
}

/** Refuses where doing the work early could show, or in another order. */
function requireUntouched(
  func: PrimFunc,
  consumer: Pointwise,
  name: string,
  fork: Fork,
  at: readonly string[],
): void {
  const { block: c, store, place } = consumer;
  const others = [...buffersIn([store.value])].filter((b) => b !== name);
  requireInScope(STEP, at, func, fork.common, [store.buffer, ...others]);
  for (const s of fork.seq?.body.slice(fork.at[0], fork.at[1] + 1) ?? []) {
    const rest = without(s, new Set<Stmt>([c]));
    if (touches(rest, store.buffer)) {
      refuse(STEP, at, `${store.buffer}, which block ${c.name} writes, is used between them`);
    }
    const changed = others.find((b) => touches(rest, b, true));
    if (changed !== undefined) {
      refuse(STEP, at, `${changed}, which block ${c.name} reads, is written between them`);
    }
  }
  const accesses = accessesTo(c, [store.buffer]).get(store.buffer) ?? [];
  const own = ownLoops(place, fork);
  const known = determinedLoops(commonIndices(accesses), fork.loops.map((l) => l.var), [
    ...fork.loops,
    ...own,
  ]);
  const again = own.find((l) => !known.has(l.var));
  if (again !== undefined || !isOneElement(accesses)) {
    refuse(STEP, at, `block ${c.name} may touch one element of ${store.buffer} in several iterations`);
  }
  const shared = new Set(fork.loops.map((l) => l.var));
  if (c.iters.some((i) => mentions(i.binding, shared))) {
    refuse(STEP, at, `a loop around both block ${c.name} and the loop binds an iterator of the block`);
  }
}

/** What binds an iterator of the block in a nest. */
function bindingIn(nest: Stmt, iter: string): Expr {
  let found: Expr = ZERO;
  for (let s = nest; s.kind === "for" || s.kind === "block"; s = s.body) {
    if (s.kind !== "block") continue;
    const own = s.iters.find((i) => i.var === iter);
    if (own !== undefined) found = overLoops(s, own.binding);
    break;
  }
  return found;
}
