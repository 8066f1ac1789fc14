/**
 * Times of single dispatches.
 *
 * @module
 */
import type { DispatchTime } from "../backend.ts";
import { encode, type ReadyDispatch } from "./commands.ts";

/** Dispatches that one query set can time: it has two timestamps for each, and WebGPU allows 4096. */
const CHUNK = 2048;

/** What profiling needs of the device. */
export interface Profiler {
  readonly gpu: GPUDevice;
  readonly timestamps: boolean;
  /** Copies a buffer with `COPY_SRC` back. */
  readonly read: (buffer: GPUBuffer, bytes: number) => Promise<ArrayBuffer>;
  readonly submit: (encoder: GPUCommandEncoder) => void;
  /** Waits for everything submitted. */
  readonly done: () => Promise<void>;
}

/**
 * Runs dispatches one by one and times them: by device timestamps around a pass each, or else by the wall clock from
 * submission to completion, which has a floor (about 10 ms in Deno, which polls).
 */
export async function profileDispatches(
  profiler: Profiler,
  list: readonly ReadyDispatch[],
): Promise<readonly DispatchTime[]> {
  const times: DispatchTime[] = [];
  if (!profiler.timestamps) {
    for (const d of list) times.push(await byClock(profiler, d));
    return times;
  }
  for (let at = 0; at < list.length; at += CHUNK) {
    times.push(...await byTimestamps(profiler, list.slice(at, at + CHUNK)));
  }
  return times;
}

async function byClock(profiler: Profiler, d: ReadyDispatch): Promise<DispatchTime> {
  await profiler.done();
  const start = performance.now();
  const encoder = profiler.gpu.createCommandEncoder({ label: "weft profile" });
  const pass = encoder.beginComputePass();
  encode(pass, d);
  pass.end();
  profiler.submit(encoder);
  await profiler.done();
  return { kernel: d.kernel.code.launch.name, index: d.index, start, ms: performance.now() - start };
}

async function byTimestamps(
  profiler: Profiler,
  list: readonly ReadyDispatch[],
): Promise<readonly DispatchTime[]> {
  const { gpu } = profiler;
  const count = 2 * list.length;
  const queries = gpu.createQuerySet({ label: "weft profile", type: "timestamp", count });
  const resolved = gpu.createBuffer({
    label: "weft profile",
    size: 8 * count,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    const encoder = gpu.createCommandEncoder({ label: "weft profile" });
    list.forEach((d, i) => {
      const pass = encoder.beginComputePass({
        label: d.kernel.code.launch.name,
        timestampWrites: {
          querySet: queries,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      encode(pass, d);
      pass.end();
    });
    encoder.resolveQuerySet(queries, 0, count, resolved, 0);
    profiler.submit(encoder);
    const stamps = new BigUint64Array(await profiler.read(resolved, 8 * count));
    return list.map((d, i) => {
      const [start = 0n, end = 0n] = stamps.subarray(2 * i, 2 * i + 2);
      const ms = Math.max(0, Number(end - start) / 1e6);
      return { kernel: d.kernel.code.launch.name, index: d.index, start: Number(start) / 1e6, ms };
    });
  } finally {
    queries.destroy();
    resolved.destroy();
  }
}
