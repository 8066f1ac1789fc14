/**
 * Prefill and decode of a GPT-2, in tokens a second: `deno task bench:gpt2 --help`.
 *
 * Method: one warm-up round, then rounds of a prefill of `--prompt` tokens and `--steps` greedy decode steps, of which
 * at most `--in-flight` run before their tokens are read (1: each is waited for); medians over the rounds, with the least and the most. Weights are random unless a model is given:
 * speed does not depend on their values.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Executable } from "../backends/runtime/executable.ts";
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

const HELP = `deno task bench:gpt2 [--model DIR | --config NAME] [--device webgpu|wasm|js] [--threads N]
                     [--prompt 128] [--steps 16] [--in-flight 1] [--rounds 3] [--out FILE.json]
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

async function measure(
  executable: Executable,
  config: GPT2Config,
  prompt: number,
  steps: number,
  inFlight: number,
  rounds: number,
) {
  const prefill: number[] = [];
  const decode: number[] = [];
  for (let round = -1; round < rounds; round++) {
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
    const decodeMs = performance.now() - from;
    if (round < 0) continue;
    prefill.push(prompt / prefillMs * 1000);
    decode.push(steps / decodeMs * 1000);
    console.error(
      `round ${round + 1}: prefill ${prefill.at(-1)!.toFixed(1)} tok/s, decode ${
        decode.at(-1)!.toFixed(1)
      } tok/s`,
    );
  }
  return { prefill: rate(prefill), decode: rate(decode) };
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
const device = values.device === "js"
  ? jsDevice()
  : values.device === "wasm"
  ? wasmDevice(values.threads === undefined ? {} : { threads: Number(values.threads) })
  : await webgpuDevice();
const started = performance.now();
let config: GPT2Config;
let executable: Executable;
if (values.model === undefined) {
  const known = GPT2_CONFIGS[values.config as GPT2Name];
  if (known === undefined) {
    console.error(HELP);
    Deno.exit(2);
  }
  config = known;
  const program = traceGPT2(config, { prefill: {}, decode: { s: 1 } });
  executable = await compile(program, { device, weights: randomGPT2Weights(config) });
} else {
  const loaded = await loadGPT2(values.model, { device });
  config = loaded.config;
  executable = loaded.executable;
}
await device.sync();
const loadMs = performance.now() - started;
const [prompt, steps, inFlight, rounds] = [values.prompt, values.steps, values["in-flight"], values.rounds]
  .map(
    Number,
  ) as [
    number,
    number,
    number,
    number,
  ];
const rates = await measure(executable, config, prompt, steps, inFlight, rounds);
const result = {
  model: values.model ?? values.config,
  device: device.target.name,
  backend: device.target.kind,
  date: new Date().toISOString().slice(0, 10),
  commit: await commit(),
  runtime: `Deno ${Deno.version.deno}`,
  loadMs: Math.round(loadMs),
  promptTokens: prompt,
  steps,
  inFlight,
  rounds,
  dispatches: executable.info.dispatches,
  ...rates,
};
const row = ({ median, least, most }: Rate): string => `${median} (${least} to ${most})`;
console.log(
  `| model | device | prefill ${prompt}, tok/s | decode, tok/s | dispatches a step |\n|---|---|---|---|---|`,
);
console.log(
  `| ${result.model} | ${result.device} | ${row(rates.prefill)} | ${row(rates.decode)} | ${
    executable.info.dispatches["decode"]
  } |`,
);
if (values.out !== undefined) await Deno.writeTextFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
executable.dispose();
device.dispose();
