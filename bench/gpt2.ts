/**
 * Prefill and decode of a GPT-2, in tokens a second: `deno task bench:gpt2 --help`.
 *
 * Method: one warm-up round, then rounds of a prefill of `--prompt` tokens and `--steps` greedy decode steps, of which
 * at most `--in-flight` run before their tokens are read (1: each is waited for); medians over the rounds, with the least
 * and the most. Weights are random unless a model is given: speed does not depend on their values.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Device } from "../backends/backend.ts";
import type { Executable } from "../backends/runtime/executable.ts";
import { memoryWeight, type Weight, type Weights } from "../backends/runtime/weights.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { compile } from "../compile.ts";
import {
  fixedPrompt,
  GPT2_CONFIGS,
  type GPT2Config,
  type GPT2Name,
  loadGPT2,
  randomGPT2Weights,
  traceGPT2,
} from "../models/gpt2/mod.ts";

const HELP = `deno task bench:gpt2 [--model DIR | --config NAME] [--device webgpu|wasm|js] [--threads 1,2]
                     [--dtype f32,f16] [--prompt 128] [--steps 16] [--in-flight 1] [--rounds 3] [--out FILE]
Numbers of threads and dtypes of the stored weights are measured in turns. Writes FILE.json and FILE.md.
NAME is gpt2, gpt2-medium, gpt2-large or gpt2-xl (default gpt2), with random weights.`;

interface Rate {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

function rate(values: readonly number[]): Rate {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const round = (v: number): number => Number(v.toFixed(2));
  return { median: round(middle), least: round(sorted[0] ?? 0), most: round(sorted.at(-1) ?? 0) };
}

/** One round: a prefill and decode steps after it, in tokens a second. */
async function round(
  executable: Executable,
  config: GPT2Config,
  prompt: number,
  steps: number,
  inFlight: number,
): Promise<{ readonly prefill: number; readonly decode: number }> {
  using state = executable.createState();
  let from = performance.now();
  const ids = Int32Array.from(fixedPrompt(prompt, config.vocab_size));
  let { next } = executable.run(ids.length === 1 ? "decode" : "prefill", {
    ids: { dtype: "i32", shape: [1, ids.length], data: ids },
  }, { state });
  await next!.read();
  const prefillMs = performance.now() - from;
  from = performance.now();
  const reads: Promise<unknown>[] = [];
  for (let i = 0; i < steps; i++) {
    ({ next } = executable.run("decode", { ids: next! }, { state }));
    reads.push(next!.read());
    if (reads.length >= inFlight) await reads.shift();
  }
  await Promise.all(reads);
  return { prefill: prompt / prefillMs * 1000, decode: steps / (performance.now() - from) * 1000 };
}

/** Weights with the same values as 16-bit floats. */
async function asHalves(weights: Weights): Promise<Weights> {
  const halves = new Map<string, Weight>();
  for (const [name, weight] of weights) {
    const bytes = new Uint8Array(weight.shape.reduce((a, b) => a * b, 4));
    await weight.stream((chunk, offset) => bytes.set(chunk, offset));
    const data = Float16Array.from(new Float32Array(bytes.buffer));
    halves.set(name, memoryWeight("f16", weight.shape, new Uint16Array(data.buffer)));
  }
  return halves;
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return "unknown";
  }
}

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    config: { type: "string", default: "gpt2" },
    device: { type: "string", default: "webgpu" },
    threads: { type: "string" },
    dtype: { type: "string", default: "f32" },
    prompt: { type: "string", default: "128" },
    steps: { type: "string", default: "16" },
    "in-flight": { type: "string", default: "1" },
    rounds: { type: "string", default: "3" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  Deno.exit(0);
}
const list = (text: string): readonly string[] => text.split(",").map((part) => part.trim());
const openDevice = (threads: string | undefined): Promise<Device> | Device =>
  values.device === "js"
    ? jsDevice()
    : values.device === "wasm"
    ? wasmDevice(threads === undefined ? {} : { threads: Number(threads) })
    : webgpuDevice();

/** What is measured, in turns. */
interface Variant {
  readonly name: string;
  readonly device: Device;
  readonly config: GPT2Config;
  readonly executable: Executable;
  readonly loadMs: number;
  readonly prefill: number[];
  readonly decode: number[];
}

async function open(dtype: string, threads: string | undefined): Promise<Variant> {
  const device = await openDevice(threads);
  const name = [dtype, ...(threads === undefined ? [] : [`${threads} thread${threads === "1" ? "" : "s"}`])]
    .join(", ");
  const empty = { name, device, prefill: [], decode: [] };
  const started = performance.now();
  if (values.model !== undefined) {
    const { config, executable } = await loadGPT2(values.model, { device });
    return { ...empty, config, executable, loadMs: performance.now() - started };
  }
  const config = GPT2_CONFIGS[values.config as GPT2Name];
  if (config === undefined || (dtype !== "f32" && dtype !== "f16")) {
    console.error(HELP);
    Deno.exit(2);
  }
  const random = randomGPT2Weights(config);
  const weights = dtype === "f16" ? await asHalves(random) : random;
  const executable = await compile(traceGPT2(config, { prefill: {}, decode: { s: 1 } }), { device, weights });
  await device.sync();
  return { ...empty, config, executable, loadMs: performance.now() - started };
}

const [prompt, steps, inFlight, rounds] = [values.prompt, values.steps, values["in-flight"], values.rounds]
  .map(Number) as [number, number, number, number];
const variants: Variant[] = [];
for (const dtype of list(values.dtype)) {
  for (const threads of values.threads === undefined ? [undefined] : list(values.threads)) {
    variants.push(await open(dtype, threads));
  }
}
for (let n = 0; n <= rounds; n++) {
  for (const v of variants) {
    const rates = await round(v.executable, v.config, prompt, steps, inFlight);
    if (n === 0) continue; // to warm up
    v.prefill.push(rates.prefill);
    v.decode.push(rates.decode);
    console.error(
      `round ${n}, ${v.name}: prefill ${rates.prefill.toFixed(1)} tok/s, decode ${
        rates.decode.toFixed(1)
      } tok/s`,
    );
  }
}
const [first] = variants;
const result = {
  model: values.model ?? values.config,
  device: first?.device.target.name,
  backend: first?.device.target.kind,
  date: new Date().toISOString().slice(0, 10),
  commit: await commit(),
  runtime: `Deno ${Deno.version.deno}`,
  promptTokens: prompt,
  steps,
  inFlight,
  rounds,
  dispatches: first?.executable.info.dispatches,
  variants: variants.map((v) => ({
    name: v.name,
    loadMs: Math.round(v.loadMs),
    prefill: rate(v.prefill),
    decode: rate(v.decode),
  })),
};
const row = ({ median, least, most }: Rate): string => `${median} (${least} to ${most})`;
const table = [
  `| Weights | Prefill of ${prompt}, tok/s | Decode, tok/s |`,
  "| --- | --- | --- |",
  ...result.variants.map((v) => `| ${v.name} | ${row(v.prefill)} | ${row(v.decode)} |`),
].join("\n");
console.log(table);
if (values.out !== undefined) {
  const { model, device, runtime, date } = result;
  await Deno.writeTextFile(`${values.out}.json`, `${JSON.stringify(result, null, 2)}\n`);
  await Deno.writeTextFile(
    `${values.out}.md`,
    `${model} on ${device} (${runtime}, commit ${result.commit}, ${date}); medians of ${rounds} rounds, in turns, with the ` +
      `least and the most; ${result.dispatches?.["decode"]} dispatches a step.\n\n${table}\n`,
  );
}
for (const v of variants) {
  v.executable.dispose();
  v.device.dispose();
}
