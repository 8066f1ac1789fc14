/** ONNX Runtime: `web` on WebAssembly or `node` native, by the second argument. @module */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { GPT2_CONFIGS } from "../../models/gpt2/mod.ts";
import { argmax, type Engine, measure, report, task } from "./loop.ts";

interface Tensor {
  readonly data: Float32Array;
}

interface Session {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
}

/** What is used of the packages. */
interface Ort {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (
    type: string,
    data: Float32Array | BigInt64Array,
    shape: readonly number[],
  ) => Tensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
}

const given = task();
const native = process.argv[3] === "node";
const name = native ? "onnxruntime-node" : "onnxruntime-web";
const require = createRequire(join(given.packages, "engine.js"));
const dir = join(given.packages, "node_modules", name);
const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as {
  readonly version: string;
};
const ort = require(native ? name : join(dir, "dist", "ort.node.min.js")) as Ort;
const { n_layer, n_head, n_embd } = GPT2_CONFIGS.gpt2;
const path = (file: string): string => join(given.model, file);
const session = native
  ? await ort.InferenceSession.create(path("model.onnx"), {
    executionProviders: ["cpu"],
    intraOpNumThreads: given.threads,
    interOpNumThreads: 1,
  })
  : await web();

function web(): Promise<Session> {
  ort.env.wasm.numThreads = given.threads;
  const externalData = ["model.safetensors", "lm_head.bin"].map((file) => ({
    path: file,
    data: new Uint8Array(readFileSync(path(file))),
  }));
  return ort.InferenceSession.create(new Uint8Array(readFileSync(path("model.onnx"))), {
    executionProviders: ["wasm"],
    externalData,
  });
}

const layers = Array.from({ length: n_layer }, (_, i) => i);
let past: Record<string, Tensor> = {};

async function next(ids: readonly number[], first: number): Promise<number> {
  const integers = (list: readonly number[]): Tensor =>
    new ort.Tensor("int64", BigInt64Array.from(list, BigInt), [1, list.length]);
  const positions = ids.map((_, i) => first + i);
  const out = await session.run({ input_ids: integers(ids), position_ids: integers(positions), ...past });
  past = Object.fromEntries(layers.map((i) => [`past_${i}`, out[`present_${i}`]!]));
  return argmax(out["logits"]!.data);
}

const engine: Engine = {
  reset(): void {
    const empty = new ort.Tensor("float32", new Float32Array(0), [2, 1, n_head, 0, n_embd / n_head]);
    past = Object.fromEntries(layers.map((i) => [`past_${i}`, empty]));
  },
  prefill: (ids) => next(ids, 0),
  decode: (token, position) => next([token], position),
};
engine.reset();
await engine.prefill([1, 2, 3]);
report({ version, ...await measure(engine, given) });
