/**
 * What every runtime is asked to do: a small GPT-2 and a product large enough for threads, on each device of this
 * process. Only what all of them have is used, so that the same file runs in Deno, Bun, Node and a page.
 *
 * @module
 */
import {
  compile,
  type Device,
  jsDevice,
  matmul,
  method,
  softmax,
  spec,
  trace,
  wasmDevice,
} from "../../mod.ts";
import { fixedPrompt, parseGPT2Config, randomGPT2Weights, traceGPT2 } from "../../models/gpt2/mod.ts";

/** What one device computed. */
export interface Report {
  /** Greedy tokens of the model. */
  readonly tokens: readonly number[];
  /** Some numbers of the product. */
  readonly numbers: readonly number[];
  /** All bits of the product in one. */
  readonly bits: number;
}

/** Reports of the devices, by name. */
export async function check(): Promise<Readonly<Record<string, Report>>> {
  return {
    js: await run(jsDevice()),
    wasm: await run(wasmDevice({ threads: 1 })),
    threads: await run(wasmDevice({ threads: 2 })),
  };
}

async function run(device: Device): Promise<Report> {
  const tokens = await greedy(device);
  const data = await product(device);
  let bits = 2166136261;
  for (const word of new Uint32Array(data.slice().buffer)) bits = Math.imul(bits ^ word, 16777619) >>> 0;
  device.dispose();
  return { tokens, numbers: [0, 777, 65535].map((i) => Number(data[i]?.toPrecision(5))), bits };
}

async function greedy(device: Device): Promise<readonly number[]> {
  const config = parseGPT2Config(
    { vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 4 },
    "the config of this test",
  );
  // No `using`: Node 20 does not know it.
  const executable = await compile(traceGPT2(config, { prefill: {}, decode: { s: 1 } }), {
    device,
    weights: randomGPT2Weights(config),
  });
  const state = executable.createState();
  const tokens: number[] = [];
  let ids = fixedPrompt(5, config.vocab_size);
  for (let step = 0; step < 8; step++) {
    const inputs = { ids: { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } } as const;
    const { next } = executable.run(step === 0 ? "prefill" : "decode", inputs, { state });
    if (next === undefined) throw new Error("no next token");
    const token = Number((await next.read()).data[0]);
    tokens.push(token);
    ids = [token];
  }
  state.dispose();
  executable.dispose();
  return tokens;
}

/** Again and again, so that workers come to help. */
async function product(device: Device): Promise<Float32Array> {
  const inputs = { x: spec([256, 256], "f32"), y: spec([256, 256], "f32") };
  const program = trace({ f: method(inputs, ({ x, y }) => ({ z: softmax(matmul(x, y), -1) })) });
  const executable = await compile(program, { device });
  const data = Float32Array.from({ length: 65536 }, (_, i) => (i * 37 % 101) / 101 - 0.5);
  const x = { dtype: "f32", shape: [256, 256], data } as const;
  const rounds = device.target.kind === "js" ? 1 : 40;
  let z = new Float32Array();
  for (let i = 0; i < rounds; i++) {
    z = (await executable.run("f", { x, y: x }).z.read()).data as Float32Array<ArrayBuffer>;
  }
  executable.dispose();
  return z;
}
