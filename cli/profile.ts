/**
 * Where the time of a step goes: `generate --profile FILE`.
 *
 * @module
 */
import type { DispatchTime } from "../backends/backend.ts";
import type { LoadedGPT2 } from "../models/gpt2/mod.ts";
import { table } from "./table.ts";

/** A run of an entry point, dispatch by dispatch. */
export interface StepProfile {
  readonly entry: string;
  /** Positions that were in the cache before, and that the run added. */
  readonly past: number;
  readonly tokens: number;
  /** Each dispatch by itself, in order. */
  readonly times: readonly DispatchTime[];
  /** Milliseconds that a run that is not profiled keeps the host before it returns: the median of five. */
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
    const { times } = await executable.profile(entry, given, { state });
    const hostMs = host.sort((a, b) => a - b)[2] ?? 0;
    profiles.push({ entry, past, tokens: ids.length, times, hostMs });
  }
  return profiles;
}

/** Times by kernel, the longest first, with their share of the step. */
export function profileTable({ entry, past, tokens, times, hostMs }: StepProfile): string {
  const kernels = new Map<string, { readonly calls: number; readonly ms: number }>();
  for (const { kernel, ms } of times) {
    const sum = kernels.get(kernel) ?? { calls: 0, ms: 0 };
    kernels.set(kernel, { calls: sum.calls + 1, ms: sum.ms + ms });
  }
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const rows = [...kernels].sort(([, a], [, b]) => b.ms - a.ms).map(([name, { calls, ms }]) => [
    name,
    String(calls),
    ms.toFixed(3),
    `${(total > 0 ? ms / total * 100 : 0).toFixed(1)}%`,
  ]);
  return `${entry} of ${tokens} after ${past}: ${times.length} dispatches, ${
    total.toFixed(3)
  } ms; a run keeps the host ` +
    `for ${hostMs.toFixed(3)} ms\n${table(["kernel", "calls", "ms", "share"], rows)}`;
}

/**
 * A timeline in the JSON that `chrome://tracing` and Perfetto read: one row an entry point, its dispatches one after
 * the other. Devices give durations, so gaps between dispatches do not show.
 */
export function chromeTrace(profiles: readonly StepProfile[]): string {
  const traceEvents = profiles.flatMap(({ entry, past, tokens, times }, i) => {
    const row = { pid: 1, tid: i + 1 };
    const name = `${entry} of ${tokens} after ${past}`;
    let us = 0;
    const events = times.map(({ kernel, ms }) => {
      const event = { name: kernel, ph: "X", ts: us, dur: ms * 1000, ...row };
      us += event.dur;
      return event;
    });
    return [{ name: "thread_name", ph: "M", ...row, args: { name } }, ...events];
  });
  return `${JSON.stringify({ displayTimeUnit: "ms", traceEvents })}\n`;
}
