/**
 * Times of the rungs of docs/gemv.md: `deno task bench:gemv`, which writes bench/results/gemv.json. The page is then
 * written anew by `deno task docs`.
 *
 * @module
 */
import type { DeviceBuffer } from "../backends/backend.ts";
import { lowerFunc } from "../backends/lower.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { evalInt } from "../ir/eval.ts";
import { costOf, evalCount } from "../schedule/mod.ts";
import { GEMV_RUNGS, naiveGemv, rungOf } from "./gemv_rungs.ts";

const [ROUNDS, RUNS] = [9, 10];
const device = await webgpuDevice();
const naive = naiveGemv(device.target);
const cost = costOf(naive);
const [flops, bytes] = [evalCount(cost.flops), evalCount(cost.bytesRead) + evalCount(cost.bytesWritten)];
const ready = [];
for (const rung of GEMV_RUNGS) {
  const { func, launches, scratch } = lowerFunc(rungOf(naive, rung, device.target));
  const kernels = await device.prepare(launches.map((l) => device.generate(l)));
  const buffers = new Map<string, DeviceBuffer>();
  for (const b of [...func.params.map((p) => p.buffer), ...scratch]) {
    const count = b.shape.reduce((n, e) => n * evalInt(e, {}), 1);
    const made = device.allocate(count * 4, b.name);
    device.write(
      made,
      0,
      new Uint8Array(Float32Array.from({ length: count }, (_, i) => (i % 13) / 13).buffer),
    );
    buffers.set(b.name, made);
  }
  const commands = device.bind(launches.map((l, i) => ({
    kernel: kernels[i]!,
    buffers: l.buffers.map(({ buffer }) => {
      const made = buffers.get(buffer.name)!;
      return { buffer: made, offset: 0, bytes: made.bytes };
    }),
  })));
  ready.push({ name: rung.name, commands, times: [] as number[] });
}
for (let round = 0; round < ROUNDS; round++) {
  for (const { commands, times } of ready) {
    const runs: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      runs.push((await device.profile(commands, {})).reduce((sum, { ms }) => sum + ms, 0));
    }
    times.push(Math.min(...runs));
  }
}
const rungs = ready.map(({ name, times }) => {
  const ms = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN;
  return {
    name,
    ms: Number(ms.toFixed(3)),
    gflops: Number((flops / ms / 1e6).toFixed(2)),
    gbytes: Number((bytes / ms / 1e6).toFixed(2)),
  };
});
const about = {
  device: device.target.name,
  runtime: `Deno ${Deno.version.deno}`,
  date: new Date().toISOString().slice(0, 10),
  rounds: ROUNDS,
  flops,
  bytes,
};
console.table(rungs);
const out = new URL("results/gemv.json", import.meta.url);
await Deno.writeTextFile(out, `${JSON.stringify({ ...about, rungs }, null, 2)}\n`);
device.dispose();
Deno.exit(0);
