/**
 * `computeAt`: a producer computed inside of a loop of its consumers.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { type Block, type Buffer, type For, seq, type Stmt } from "../../ir/stmt.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { accessesTo } from "../analysis/elements.ts";
import { forkOf, loopsAt, type Place, touches, touchesOf } from "../analysis/order.ts";
import { iterationOf, regionOf } from "../analysis/region.ts";
import { allocationOf, requireInScope, without } from "./intermediate.ts";
import { nestFor, plainLoops } from "./regenerate.ts";
import { placeIn } from "./shrink.ts";
import { blockSite, loopSite, namesOf, refuse, requireInits } from "./site.ts";

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
  const own = plainLoops(STEP, b, path);
  requireReaders(func, b, loop, buffer);
  requireOrder(func, [...path, b], [...around, loop], b, loop, buffer);

  const accesses = accessesTo(loop.body, [buffer.name]).get(buffer.name) ?? [];
  const box = regionOf(buffer, accesses, iterationOf(loop, around));
  const rest = without(func.body, new Set<Stmt>([b]));
  const taken = namesOf(withBody(func, rest));
  const target = bufferAccesses(b).find((a) => a.write)?.indices ?? [];
  const ranges = new Map(box.map((range, d) => [nameOf(target[d]), range] as const));
  const nest = nestFor(b, own, ranges, loopsAt([...around, loop]), taken);
  const made = placeIn(STEP, rest, loop.var, (body) => seq([nest, body]), box, allocation, taken);
  return requireInits(STEP, at, withBody(func, made));
}

function nameOf(e: Expr | undefined): string {
  return e?.kind === "var" ? e.name : "";
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
  return first.buffer;
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
