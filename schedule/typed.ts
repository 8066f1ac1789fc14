/**
 * Schedules whose loop names are in their type: a name that no loop has is a compile error.
 *
 * @module
 */
import type { ThreadAxis } from "../ir/stmt.ts";
import {
  bind,
  cacheRead,
  cacheTerm,
  cacheWrite,
  computeAt,
  computeInline,
  computeWith,
  crossThreadReduce,
  decomposeReduction,
  doubleBuffer,
  fuse,
  pad,
  parallel,
  postponeDivision,
  reorder,
  reverseComputeAt,
  reverseComputeInline,
  rfactor,
  rollingUpdate,
  type Schedule,
  seq,
  setScope,
  split,
  storageAlign,
  tile,
  unroll,
  vectorize,
} from "./schedule.ts";

/** Steps so far, on a kernel that then has the loops `L`. Each method gives a longer one; nothing is changed. */
export interface ScheduleFor<L extends string> {
  /** The steps as a schedule: plain data, as any other. */
  readonly schedule: Schedule;
  /** {@linkcode split}: the loop goes, loops of these names come. */
  split<const N extends L, const M extends readonly string[]>(
    loop: N,
    factors: { readonly [I in keyof M]: number | null },
    names: M,
  ): ScheduleFor<Exclude<L, N> | M[number]>;
  /** {@linkcode fuse}: the loops go, one of this name comes. */
  fuse<const N extends L, const M extends string>(
    loops: readonly N[],
    name: M,
  ): ScheduleFor<Exclude<L, N> | M>;
  /** {@linkcode reorder}. */
  reorder(...loops: readonly L[]): ScheduleFor<L>;
  /** {@linkcode bind}. */
  bind(loop: L, axis: ThreadAxis): ScheduleFor<L>;
  /** {@linkcode parallel}. */
  parallel(loop: L): ScheduleFor<L>;
  /** {@linkcode vectorize}. */
  vectorize(loop: L): ScheduleFor<L>;
  /** {@linkcode unroll}. */
  unroll(loop: L): ScheduleFor<L>;
  /** {@linkcode tile}: the loops go, loops of these names come. */
  tile<const N extends readonly L[], const M extends readonly string[]>(
    loops: N,
    sizes: { readonly [I in keyof N]: number },
    names: M,
  ): ScheduleFor<Exclude<L, N[number]> | M[number]>;
  /** {@linkcode computeWith}: the first loop goes. */
  computeWith<const N extends L>(first: N, second: Exclude<L, N>): ScheduleFor<Exclude<L, N>>;
  /** {@linkcode rfactor}. */
  rfactor(block: string, loop: L): ScheduleFor<L>;
  /** {@linkcode crossThreadReduce}. */
  crossThreadReduce(block: string, loop: L): ScheduleFor<L>;
  /** {@linkcode decomposeReduction}: loops of the initialisation come, named after those that it is over. */
  decomposeReduction(block: string, loop: L): ScheduleFor<L | `${L}_init`>;
  /** {@linkcode rollingUpdate}. */
  rollingUpdate(block: string, loop: L): ScheduleFor<L>;
  /** {@linkcode cacheTerm}. */
  cacheTerm(block: string, reader: string): ScheduleFor<L>;
  /** {@linkcode postponeDivision}. */
  postponeDivision(block: string): ScheduleFor<L>;
  /** {@linkcode computeAt}. */
  computeAt(block: string, loop: L): ScheduleFor<L>;
  /** {@linkcode reverseComputeAt}. */
  reverseComputeAt(block: string, loop: L): ScheduleFor<L>;
  /** {@linkcode computeInline}. */
  computeInline(block: string): ScheduleFor<L>;
  /** {@linkcode reverseComputeInline}. */
  reverseComputeInline(block: string): ScheduleFor<L>;
  /** {@linkcode cacheRead}: the loops of the copy come, one an axis of the buffer. */
  cacheRead<const B extends string>(
    block: string,
    buffer: B,
    loop: L,
    options?: Parameters<typeof cacheRead>[3],
  ): ScheduleFor<L | `${B}_${"local" | "shared"}_${number}`>;
  /** {@linkcode cacheWrite}: loops that write the result come, named after those that it is over. */
  cacheWrite(block: string): ScheduleFor<L | `${L}_write`>;
  /** {@linkcode pad}. */
  pad(block: string): ScheduleFor<L>;
  /** {@linkcode setScope}. */
  setScope(buffer: string, scope: "local" | "workgroup"): ScheduleFor<L>;
  /** {@linkcode storageAlign}. */
  storageAlign(buffer: string, axis: number, factor: number, offset?: number): ScheduleFor<L>;
  /** {@linkcode doubleBuffer}. */
  doubleBuffer(buffer: string, loop: L): ScheduleFor<L>;
  /** Any other step; `N` are names of loops that it makes. */
  step<const N extends string = never>(step: Schedule, ...made: readonly N[]): ScheduleFor<L | N>;
}

/**
 * Begins a schedule for a kernel with these loops: the names that `compute` was given, of its axes and of what it folds
 * over.
 *
 * @example
 * ```ts
 * import { printSchedule, scheduleFor } from "@weft/weft/schedule";
 *
 * const { schedule } = scheduleFor("i", "k")
 *   .split("i", [null, 64], ["rows", "row"])
 *   .bind("rows", "blockIdx.x")
 *   .bind("row", "threadIdx.x"); // .bind("i", ...) would be a compile error: i was split
 * console.log(printSchedule(schedule));
 * ```
 */
export function scheduleFor<const L extends string>(...loops: readonly L[]): ScheduleFor<L> {
  void loops; // they are only in the type
  return after<L>([]);
}

function after<L extends string>(steps: readonly Schedule[]): ScheduleFor<L> {
  const next = <M extends string>(step: Schedule): ScheduleFor<M> => after<M>([...steps, step]);
  const made: ScheduleFor<L> = {
    schedule: seq(...steps),
    split: (loop, factors, names) => next(split(loop, factors as readonly (number | null)[], names)),
    fuse: (loops, name) => next(fuse(loops, name)),
    reorder: (...loops) => next(reorder(...loops)),
    bind: (loop, axis) => next(bind(loop, axis)),
    parallel: (loop) => next(parallel(loop)),
    vectorize: (loop) => next(vectorize(loop)),
    unroll: (loop) => next(unroll(loop)),
    tile: (loops, sizes, names) => next(tile(loops, sizes as readonly number[], names)),
    computeWith: (first, second) => next(computeWith(first, second)),
    rfactor: (block, loop) => next(rfactor(block, loop)),
    crossThreadReduce: (block, loop) => next(crossThreadReduce(block, loop)),
    decomposeReduction: (block, loop) => next(decomposeReduction(block, loop)),
    rollingUpdate: (block, loop) => next(rollingUpdate(block, loop)),
    cacheTerm: (block, reader) => next(cacheTerm(block, reader)),
    postponeDivision: (block) => next(postponeDivision(block)),
    computeAt: (block, loop) => next(computeAt(block, loop)),
    reverseComputeAt: (block, loop) => next(reverseComputeAt(block, loop)),
    computeInline: (block) => next(computeInline(block)),
    reverseComputeInline: (block) => next(reverseComputeInline(block)),
    cacheRead: (block, buffer, loop, options) => next(cacheRead(block, buffer, loop, options)),
    cacheWrite: (block) => next(cacheWrite(block)),
    pad: (block) => next(pad(block)),
    setScope: (buffer, scope) => next(setScope(buffer, scope)),
    storageAlign: (buffer, axis, factor, offset) => next(storageAlign(buffer, axis, factor, offset)),
    doubleBuffer: (buffer, loop) => next(doubleBuffer(buffer, loop)),
    step: (step) => next(step),
  };
  return Object.freeze(made);
}
