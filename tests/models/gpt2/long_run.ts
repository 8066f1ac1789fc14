/**
 * Generates tokens twice in one process and prints, as JSON, whether both are the same and what grew meanwhile:
 * `long_run.ts webgpu|wasm|js TOKENS`. A process of its own, as memory is that of the process; with
 * `--v8-flags=--expose-gc`, so that what counts is what is held and not what is yet to be collected.
 *
 * @module
 */
import type { Device, DeviceBuffer } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { WebGPUDevice, webgpuDevice } from "../../../backends/webgpu/mod.ts";
import { compile } from "../../../compile.ts";
import {
  collect,
  createSession,
  generate,
  type LoadedGPT2,
  parseGPT2Config,
  randomGPT2Weights,
  traceGPT2,
} from "../../../models/gpt2/mod.ts";

const CONFIG = { model_type: "gpt2", vocab_size: 97, n_positions: 64, n_embd: 16, n_layer: 1, n_head: 2 };

/** What was seen. */
export interface LongRun {
  readonly same: boolean;
  readonly tokens: number;
  readonly distinct: number;
  /** Bytes that the process grew by in the second run. */
  readonly grown: number;
  /** Bytes of objects that are held after the second run and were not before, for each token. */
  readonly heldPerToken: number;
  /** Buffers that are there after the second run and were not before, and bytes of what WebGPU has allocated. */
  readonly kept: Readonly<Record<string, number>>;
  /** Buffers in use after the second run, and when everything is disposed. */
  readonly inUse: number;
  readonly left: number;
  /** Time of the second run over that of the first. */
  readonly slower: number;
}

/** Buffers of a device that are in use, counted at its interface: the same for every backend. */
function countBuffers(device: Device): ReadonlySet<DeviceBuffer> {
  const used = new Set<DeviceBuffer>();
  const { allocate, free } = device;
  device.allocate = (bytes, label) => {
    const buffer = allocate.call(device, bytes, label);
    used.add(buffer);
    return buffer;
  };
  device.free = (buffer) => {
    used.delete(buffer);
    free.call(device, buffer);
  };
  return used;
}

/** Bytes of objects that something refers to. */
async function heldBytes(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 20)); // what has ended lets go
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc === undefined) throw new TypeError("run with --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) gc();
  return Deno.memoryUsage().heapUsed;
}

async function longRun(device: Device, tokens: number): Promise<LongRun> {
  const used = countBuffers(device);
  const config = { ...parseGPT2Config(CONFIG, "config.json"), eos_token_ids: [] };
  const executable = await compile(traceGPT2(config, { prefill: {}, decode: { s: 1 } }), {
    device,
    weights: randomGPT2Weights(config),
  });
  const model: LoadedGPT2 = {
    config,
    generationConfig: { sampler: {}, notes: [] },
    tokenizer: undefined,
    executable,
    prefillChunk: config.n_positions,
    loadMs: 0,
    compileMs: 0,
    checkpointBytes: 0,
    [Symbol.dispose]: () => executable.dispose(),
  };
  const session = createSession(model);
  const run = async (ids: Int32Array): Promise<void> => {
    let promptIds: readonly number[] = [5];
    for (let at = 0, seed = 0; at < ids.length; seed++) {
      // A full context goes on from its last tokens.
      const options = { session, promptIds, maxTokens: ids.length - at, temperature: 1.3, seed };
      const text = await collect(generate(model, { ...options, sampleOn: "device" }));
      ids.set(text.ids, at);
      at += text.ids.length;
      promptIds = text.ids.slice(-8);
    }
  };
  const counts = (): Readonly<Record<string, number>> => ({
    buffers: used.size,
    bytes: device instanceof WebGPUDevice ? device.counters.bytesAllocated : 0,
  });
  const [first, second] = [new Int32Array(tokens), new Int32Array(tokens)];
  const started = performance.now();
  await run(first);
  const firstMs = performance.now() - started;
  // What compiling has left is still held after one run, and not after two: 2 MB that would hide what is kept.
  await heldBytes();
  await run(new Int32Array(70));
  const [held, rss, before] = [await heldBytes(), Deno.memoryUsage().rss, counts()];
  const again = performance.now();
  await run(second);
  const secondMs = performance.now() - again;
  const [heldAfter, rssAfter, after] = [await heldBytes(), Deno.memoryUsage().rss, counts()];
  session[Symbol.dispose]();
  executable.dispose();
  return {
    same: first.join() === second.join(),
    tokens: second.length,
    distinct: new Set(second).size,
    grown: rssAfter - rss,
    heldPerToken: (heldAfter - held) / tokens,
    kept: Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - (before[name] ?? 0)])),
    inUse: after["buffers"] ?? 0,
    left: used.size,
    slower: secondMs / firstMs,
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
