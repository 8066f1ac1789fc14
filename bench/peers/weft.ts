/** Weft itself, on WebAssembly: in Deno or in Bun. @module */
import { memoryWeight, type Weight } from "../../backends/runtime/weights.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { compile } from "../../compile.ts";
import { GPT2_CONFIGS, randomGPT2Weights, traceGPT2 } from "../../models/gpt2/mod.ts";
import { type Engine, measure, report, task } from "./loop.ts";

const given = task();
const config = GPT2_CONFIGS.gpt2;
const weights = new Map(randomGPT2Weights(config));
if (given.dtype === "f16") {
  for (const [name, weight] of weights) weights.set(name, await halved(weight));
}
const device = wasmDevice({ threads: given.threads });
const executable = await compile(traceGPT2(config, { prefill: {}, decode: { s: 1 } }), { device, weights });
let state = executable.createState();

async function next(entry: "prefill" | "decode", ids: readonly number[]): Promise<number> {
  const input = { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } as const;
  const out = executable.run(entry, { ids: input }, { state });
  return Number((await out["next"]!.read()).data[0]);
}

const engine: Engine = {
  reset(): void {
    state.dispose();
    state = executable.createState();
  },
  prefill: (ids) => next("prefill", ids),
  decode: (token) => next("decode", [token]),
};
await engine.prefill([1, 2, 3]);
report({ version: "of this commit", ...await measure(engine, given) });

async function halved(weight: Weight): Promise<Weight> {
  const bytes = new Uint8Array(weight.shape.reduce((a, b) => a * b, 4));
  await weight.stream((chunk, offset) => bytes.set(chunk, offset));
  const data = Float16Array.from(new Float32Array(bytes.buffer));
  return memoryWeight("f16", weight.shape, new Uint16Array(data.buffer));
}
