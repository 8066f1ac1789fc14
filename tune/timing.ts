/**
 * Timing dispatches, on devices with and without clocks of their own.
 *
 * @module
 */
import type { Device, Dispatch } from "../backends/backend.ts";
import { WeftError } from "../ir/errors.ts";
import type { Dims } from "./work.ts";

/** A promise, or an error after some time. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new HangError(`it was not done after ${ms} ms`)), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** The device did not answer: it is given up. */
export class HangError extends WeftError {
  override readonly name: string = "HangError";
}

/** Dispatches that are one run of a schedule, on buffers that are others each time. */
export type NextRun = () => readonly Dispatch[];

/** Milliseconds of runs of two schedules, taken in turns: as many of each as asked for. */
export type TimePairs = (a: NextRun, b: NextRun, rounds: number) => Promise<{
  readonly a: readonly number[];
  readonly b: readonly number[];
}>;

/** How to time. */
export interface TimingOptions {
  /** Milliseconds after which so many runs are taken to hang. */
  readonly limit: (runs: number) => number;
  /** Milliseconds now. */
  readonly now: () => number;
}

/**
 * How to time on a device: by its own timestamps, or its clock where a dispatch is a call; else, where waiting for the
 * device takes longer than what is waited for, by batches.
 */
export function timerOf(device: Device, dims: Dims, options: TimingOptions): TimePairs {
  return device.target.kind === "webgpu" && !device.target.timestamps
    ? byBatches(device, dims, options)
    : byProfile(device, dims, options);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** All runs in one list of commands, each dispatch timed by the device. */
function byProfile(device: Device, dims: Dims, { limit }: TimingOptions): TimePairs {
  return async (first, second, rounds) => {
    const runs = Array.from({ length: rounds }, () => [first(), second()]).flat();
    const commands = device.bind(runs.flat());
    try {
      const times = (await within(limit(runs.length), device.profile(commands, dims))).map((t) => t.ms);
      const count = sum(runs.map((r) => r.length));
      if (times.length !== count) {
        throw new WeftError(`Cannot time: ${times.length} of ${count} dispatches ran`);
      }
      let at = 0;
      const totals = runs.map((r) => sum(times.slice(at, at += r.length)));
      return { a: totals.filter((_, i) => i % 2 === 0), b: totals.filter((_, i) => i % 2 === 1) };
    } finally {
      commands.dispose();
    }
  };
}

/** Milliseconds that a batch must take longer than one of half its size, and its most runs. */
const [LONG_ENOUGH, MOST_RUNS] = [20, 1024];

/**
 * The time of `2n` runs less that of `n`, over `n`: what submitting and waiting take is in both. `n` grows until the
 * difference is long enough.
 */
function byBatches(device: Device, dims: Dims, { limit, now }: TimingOptions): TimePairs {
  const batch = async (next: NextRun, runs: number): Promise<number> => {
    const commands = device.bind(Array.from({ length: runs }, next).flat());
    try {
      await within(limit(1), device.sync());
      const start = now();
      device.submit(commands, dims);
      await within(limit(runs), device.sync());
      return now() - start;
    } finally {
      commands.dispose();
    }
  };
  const once = async (next: NextRun): Promise<number> => {
    for (let n = 2;; n *= 2) {
      const more = await batch(next, 2 * n) - await batch(next, n);
      if (more >= LONG_ENOUGH || 2 * n >= MOST_RUNS) return Math.max(more, 0) / n;
    }
  };
  return async (first, second, rounds) => {
    const [a, b]: [number[], number[]] = [[], []];
    for (let n = 0; n < rounds; n++) {
      a.push(await once(first));
      b.push(await once(second));
    }
    return { a, b };
  };
}
