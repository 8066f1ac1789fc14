/**
 * Generates tokens twice in one process and prints, as JSON, whether both are the same and what grew meanwhile:
 * `long_run.ts webgpu|wasm|js TOKENS`. A process of its own, as memory is that of the process.
 *
 * @module
 */
import type { Device } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import type { DeviceTensor, HostTensor } from "../../../backends/runtime/executable.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { WebGPUDevice, webgpuDevice } from "../../../backends/webgpu/mod.ts";
import { compile } from "../../../compile.ts";
import { parseGPT2Config, randomGPT2Weights, traceGPT2 } from "../../../models/gpt2/mod.ts";

const CONFIG = { model_type: "gpt2", vocab_size: 97, n_positions: 64, n_embd: 16, n_layer: 1, n_head: 2 };

/** What was seen. */
export interface LongRun {
  readonly same: boolean;
  readonly tokens: number;
  readonly distinct: number;
  /** Bytes that the process grew by in the second run. */
  readonly grown: number;
  /** Buffers and bind groups that the second run made, and bytes that it allocated. */
  readonly made: Readonly<Record<string, number>>;
  /** Buffers that are left when everything is disposed. */
  readonly left: number;
  /** Time of the second run over that of the first. */
  readonly slower: number;
}

async function longRun(device: Device, tokens: number): Promise<LongRun> {
  const config = parseGPT2Config(CONFIG, "config.json");
  const executable = await compile(traceGPT2(config, { decode: { s: 1 } }), {
    device,
    weights: randomGPT2Weights(config),
  });
  const state = executable.createState();
  const generate = async (): Promise<number[]> => {
    state.reset();
    const [ids, reads]: [number[], Promise<HostTensor>[]] = [[], []];
    let next: HostTensor | DeviceTensor = { dtype: "i32", shape: [1, 1], data: Int32Array.of(5) };
    while (ids.length < tokens) {
      if (ids.length + reads.length < tokens) {
        // A full context goes on from its middle.
        if (state.length("past") === config.n_positions) state.rewind("past", 32);
        next = executable.run("decode", { ids: next }, { state })["next"]!;
        reads.push(next.read());
        if (reads.length < 8) continue;
      }
      ids.push(Number((await reads.shift()!).data[0]));
    }
    return ids;
  };
  const counters = (): Readonly<Record<string, number>> =>
    device instanceof WebGPUDevice ? { ...device.counters } : {};
  const started = performance.now();
  const first = await generate();
  const between = performance.now();
  const [rss, before] = [Deno.memoryUsage().rss, counters()];
  const second = await generate();
  const ended = performance.now();
  const [grown, after] = [Deno.memoryUsage().rss - rss, counters()];
  state.dispose();
  executable.dispose();
  const last = counters();
  const names = ["buffersMade", "bindGroupsMade", "buffersAllocated", "bytesAllocated"];
  return {
    same: first.join() === second.join(),
    tokens: second.length,
    distinct: new Set(second).size,
    grown,
    made: Object.fromEntries(names.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)])),
    left: last["buffersAllocated"] ?? 0,
    slower: (ended - between) / (between - started),
  };
}

const DEVICES: Readonly<Record<string, () => Device | Promise<Device>>> = {
  js: jsDevice,
  wasm: () => wasmDevice(),
  webgpu: () => webgpuDevice(),
};

if (import.meta.main) {
  const [name = "", tokens = "0"] = Deno.args;
  const open = DEVICES[name];
  if (open === undefined) throw new TypeError(`there is no device ${name}`);
  const device = await open();
  console.log(JSON.stringify(await longRun(device, Number(tokens))));
  device.dispose();
}
