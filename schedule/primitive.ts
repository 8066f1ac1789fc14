/**
 * The edge between schedules, which are data, and the rewrites that they name.
 *
 * @module
 */
import type { PrimFunc } from "../ir/prim_func.ts";
import { bind } from "./loop/bind.ts";
import { cacheRead } from "./loop/cache_read.ts";
import { cacheTerm } from "./loop/cache_term.ts";
import { cacheWrite } from "./loop/cache_write.ts";
import { computeAt } from "./loop/compute_at.ts";
import { computeInline } from "./loop/compute_inline.ts";
import { computeWith } from "./loop/compute_with.ts";
import { crossThreadReduce } from "./loop/cross_thread_reduce.ts";
import { decomposeReduction } from "./loop/decompose_reduction.ts";
import { fuse } from "./loop/fuse.ts";
import { parallel, unroll, vectorize } from "./loop/kind.ts";
import { pad } from "./loop/pad.ts";
import { postponeDivision } from "./loop/postpone_division.ts";
import { reorder } from "./loop/reorder.ts";
import { reverseComputeAt } from "./loop/reverse_compute_at.ts";
import { rfactor } from "./loop/rfactor.ts";
import { reverseComputeInline } from "./loop/reverse_compute_inline.ts";
import { rollingUpdate } from "./loop/rolling_update.ts";
import { doubleBuffer, setScope, storageAlign } from "./loop/storage.ts";
import { split } from "./loop/split.ts";
import { tile } from "./loop/tile.ts";
import type { Primitive } from "./schedule.ts";

/** Does one step. Throws a `Refusal` where that is not legal; nothing else is thrown, and nothing is changed. */
export function rewrite(func: PrimFunc, step: Primitive): PrimFunc {
  switch (step.kind) {
    case "split":
      return split(func, step.loop, step.factors, step.names);
    case "fuse":
      return fuse(func, step.loops, step.name);
    case "reorder":
      return reorder(func, step.loops);
    case "tile":
      return tile(func, step.loops, step.sizes, step.names);
    case "bind":
      return bind(func, step.loop, step.axis);
    case "parallel":
      return parallel(func, step.loop);
    case "vectorize":
      return vectorize(func, step.loop);
    case "unroll":
      return unroll(func, step.loop);
    case "decomposeReduction":
      return decomposeReduction(func, step.block, step.loop);
    case "computeAt":
      return computeAt(func, step.block, step.loop);
    case "reverseComputeAt":
      return reverseComputeAt(func, step.block, step.loop);
    case "rfactor":
      return rfactor(func, step.block, step.loop);
    case "crossThreadReduce":
      return crossThreadReduce(func, step.block, step.loop);
    case "computeWith":
      return computeWith(func, ...step.loops);
    case "cacheTerm":
      return cacheTerm(func, step.block, step.reader);
    case "postponeDivision":
      return postponeDivision(func, step.block);
    case "rollingUpdate":
      return rollingUpdate(func, step.block, step.loop);
    case "computeInline":
      return computeInline(func, step.block);
    case "reverseComputeInline":
      return reverseComputeInline(func, step.block);
    case "cacheWrite":
      return cacheWrite(func, step.block);
    case "cacheRead":
      return cacheRead(func, step.block, step.buffer, step.loop, step.order, step.scope, step.vector);
    case "pad":
      return pad(func, step.block);
    case "setScope":
      return setScope(func, step.buffer, step.scope);
    case "storageAlign":
      return storageAlign(func, step.buffer, step.axis, step.factor, step.offset);
    case "doubleBuffer":
      return doubleBuffer(func, step.buffer, step.loop);
    default:
      return step satisfies never;
  }
}

/** The step with every name of a loop or block replaced by `f` of it. */
export function mapNames(step: Primitive, f: (name: string) => string): Primitive {
  switch (step.kind) {
    case "fuse":
    case "reorder":
    case "tile":
      return { ...step, loops: step.loops.map(f) };
    case "computeAt":
    case "reverseComputeAt":
    case "decomposeReduction":
    case "rfactor":
    case "crossThreadReduce":
    case "cacheRead":
    case "rollingUpdate":
      return { ...step, block: f(step.block), loop: f(step.loop) };
    case "cacheTerm":
      return { ...step, block: f(step.block), reader: f(step.reader) };
    case "computeWith":
      return { ...step, loops: [f(step.loops[0]), f(step.loops[1])] };
    case "computeInline":
    case "reverseComputeInline":
    case "cacheWrite":
    case "pad":
    case "postponeDivision":
      return { ...step, block: f(step.block) };
    case "setScope":
    case "storageAlign":
      return step;
    case "split":
    case "bind":
    case "parallel":
    case "vectorize":
    case "unroll":
    case "doubleBuffer":
      return { ...step, loop: f(step.loop) };
    default:
      return step satisfies never;
  }
}
