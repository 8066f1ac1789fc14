/**
 * Where the time of a step goes: `generate --profile FILE`.
 *
 * @module
 */
import type { DispatchTime } from "../backends/backend.ts";
import type { PlanStep } from "../backends/runtime/plan.ts";
import { ScheduleError } from "../ir/errors.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { LoadedGPT2 } from "../models/gpt2/mod.ts";
import { costOf, type KernelCost } from "../schedule/analysis/cost.ts";
import { type Count, evalCount } from "../schedule/analysis/count.ts";
import { table } from "./table.ts";

/** A dispatch of a profiled step: its time, and what it did at least; `undefined` where that cannot be counted. */
export interface ProfiledDispatch extends DispatchTime {
  /** Arithmetic on floats. */
  readonly flops: number | undefined;
  /** Bytes of device memory, read and written. */
  readonly bytes: number | undefined;
}

/** A run of an entry point, dispatch by dispatch. */
export interface StepProfile {
  readonly entry: string;
  /** Positions that were in the cache before, and that the run added. */
  readonly past: number;
  readonly tokens: number;
  /** Each dispatch by itself, in order. */
  readonly dispatches: readonly ProfiledDispatch[];
  /**
   * Milliseconds that a run costs the host beside the kernels. Where the device computes on the host's thread, those of
   * the profiled run before and between its dispatches; else those until an unprofiled run returns, the median of five.
   */
  readonly hostMs: number;
}

/** Profiles a prefill of `promptIds` and the decode step after it, each after a run to warm up. */
export async function profileSteps(
  { config, executable }: Pick<LoadedGPT2, "config" | "executable">,
  promptIds: readonly number[],
): Promise<readonly StepProfile[]> {
  using state = executable.createState();
  // One position is left for the step.
  const prompt = promptIds.slice(0, Math.max(1, config.n_positions - 1));
  const profiles: StepProfile[] = [];
  const costs = costsOf();
  for (const ids of [prompt, prompt.slice(-1)]) {
    const entry = ids.length === 1 ? "decode" : "prefill";
    const past = state.length("past");
    const given = { ids: { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } } as const;
    const host: number[] = [];
    for (let i = 0; i < 6; i++) {
      state.rewind("past", past);
      const from = performance.now();
      executable.run(entry, given, { state });
      if (i > 0) host.push(performance.now() - from);
      await executable.device.sync();
    }
    state.rewind("past", past);
    const { times, dims, hostMs } = await executable.profile(entry, given, { state });
    const steps = executable.entries.find((e) => e.name === entry)?.steps ?? [];
    const dispatches = times.map((time): ProfiledDispatch => {
      const step = steps[time.index];
      return {
        ...time,
        ...(step === undefined ? { flops: undefined, bytes: undefined } : costs(step, dims)),
      };
    });
    profiles.push({
      entry,
      past,
      tokens: ids.length,
      dispatches,
      hostMs: executable.device.target.kind === "webgpu"
        ? host.sort((a, b) => a - b)[2] ?? 0
        : hostMs + gapsOf(times).reduce((sum, ms) => sum + ms, 0),
    });
  }
  return profiles;
}

/** What steps do at least; each function is looked at once. */
function costsOf(): (
  step: PlanStep,
  dims: Readonly<Record<string, number>>,
) => Pick<ProfiledDispatch, "flops" | "bytes"> {
  const known = new Map<PrimFunc, KernelCost | undefined>();
  return ({ from }, dims) => {
    const nests = from.flatMap(({ func, position }) => {
      if (!known.has(func)) known.set(func, countable(func));
      return known.get(func)?.nests[position] ?? [];
    });
    if (nests.length < from.length) return { flops: undefined, bytes: undefined };
    const sum = (counts: readonly Count[]): number =>
      counts.reduce((total, count) => total + evalCount(count, dims), 0);
    return {
      flops: sum(nests.map((n) => n.flops)),
      bytes: sum(nests.flatMap((n) => [n.bytesRead, n.bytesWritten])),
    };
  };
}

function countable(func: PrimFunc): KernelCost | undefined {
  try {
    return costOf(func);
  } catch (error) {
    if (error instanceof ScheduleError) return undefined;
    throw error;
  }
}

/** Milliseconds between each dispatch and the next. */
function gapsOf(times: readonly DispatchTime[]): readonly number[] {
  return times.slice(1).map(({ start }, i) => {
    const before = times[i];
    return before === undefined ? 0 : Math.max(0, start - before.start - before.ms);
  });
}

/** What a kernel did in a step, all calls of it together. */
export interface KernelProfile {
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
  readonly flops: number | undefined;
  readonly bytes: number | undefined;
}

/** A step by kernel, the longest first. */
export function byKernel(dispatches: readonly ProfiledDispatch[]): readonly KernelProfile[] {
  return [...Map.groupBy(dispatches, (d) => d.kernel)]
    .map(([kernel, calls]) => sumOf(kernel, calls))
    .sort((a, b) => b.ms - a.ms);
}

function sumOf(kernel: string, calls: readonly ProfiledDispatch[]): KernelProfile {
  const sum = (values: readonly (number | undefined)[]): number | undefined =>
    values.reduce<number | undefined>(
      (all, value) => (all === undefined || value === undefined ? undefined : all + value),
      0,
    );
  return {
    kernel,
    calls: calls.length,
    ms: calls.reduce((all, { ms }) => all + ms, 0),
    flops: sum(calls.map((c) => c.flops)),
    bytes: sum(calls.map((c) => c.bytes)),
  };
}

/**
 * Times by kernel, the longest first, with their share of the step, the bytes and operations that they need at least,
 * and the rates that follow from these; and all in one line at the end.
 */
export function profileTable({ entry, past, tokens, dispatches, hostMs }: StepProfile): string {
  const all = sumOf("all", dispatches);
  const rate = (amount: number | undefined, ms: number): string =>
    amount === undefined || ms <= 0 ? "-" : (amount / ms / 1e6).toFixed(2);
  const rows = [...byKernel(dispatches), all].map(({ kernel, calls, ms, flops, bytes }) => [
    kernel,
    String(calls),
    ms.toFixed(3),
    `${(all.ms > 0 ? ms / all.ms * 100 : 0).toFixed(1)}%`,
    bytes === undefined ? "-" : (bytes / 1e6).toFixed(3),
    rate(flops, ms),
    rate(bytes, ms),
  ]);
  const between = gapsOf(dispatches).reduce((sum, ms) => sum + ms, 0);
  const [first, last] = [dispatches[0], dispatches.at(-1)];
  const span = first === undefined || last === undefined ? 0 : last.start + last.ms - first.start;
  return `${entry} of ${tokens} after ${past}: ${dispatches.length} dispatches, ${all.ms.toFixed(3)} ms; ` +
    `${between.toFixed(3)} ms between them, ${span.toFixed(3)} ms from first to last; ` +
    `the host spends ${hostMs.toFixed(3)} ms a run beside the kernels\n` +
    table(["kernel", "calls", "ms", "share", "MB", "GFLOP/s", "GB/s"], rows);
}

/** A timeline in the JSON that `chrome://tracing` and Perfetto read: one row an entry point, its dispatches in order. */
export function chromeTrace(profiles: readonly StepProfile[]): string {
  const traceEvents = profiles.flatMap((profile, i) => {
    const row = { pid: 1, tid: i + 1 };
    const events = profile.dispatches.map(({ kernel, start, ms, flops, bytes }) => ({
      name: kernel,
      ph: "X",
      ts: (start - (profile.dispatches[0]?.start ?? 0)) * 1000,
      dur: ms * 1000,
      ...row,
      args: { flops, bytes },
    }));
    return [{ name: "thread_name", ph: "M", ...row, args: { name: titleOf(profile) } }, ...events];
  });
  return `${JSON.stringify({ displayTimeUnit: "ms", traceEvents })}\n`;
}

/** Name of a step. */
export function titleOf({ entry, past, tokens }: StepProfile): string {
  return `${entry} of ${tokens} after ${past}`;
}
