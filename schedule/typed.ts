/**
 * Schedules whose loop names are in their type: a name that no loop has is a compile error.
 *
 * @module
 */
import type { ThreadAxis } from "../ir/stmt.ts";
import {
  bind,
  cacheWrite,
  fuse,
  parallel,
  reorder,
  type Schedule,
  seq,
  split,
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
  /** {@linkcode cacheWrite}. */
  cacheWrite(block: string): ScheduleFor<L>;
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
    cacheWrite: (block) => next(cacheWrite(block)),
    step: (step) => next(step),
  };
  return Object.freeze(made);
}
