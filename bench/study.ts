/**
 * What each schedule rule brings to GPT-2, as in the study "Accelerating GPT-2 Inference with TVM":
 * `deno task bench:study --help`.
 *
 * Method: the model is compiled once for each row of the table, with the rules of that row and the fallback for the
 * rest. Rounds go through all rows in turn, so that a change of the machine's mood meets all of them; each times a prefill
 * and some decode steps, every step waited for. Given are medians. The time per class of kernel is from one profiled run
 * of each, by the device's own timestamps where it has them.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Executable } from "../backends/runtime/executable.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { compile } from "../compile.ts";
import {
  fixedPrompt,
  GPT2_CONFIGS,
  type GPT2Name,
  randomGPT2Weights,
  traceGPT2,
} from "../models/gpt2/mod.ts";
import {
  choose,
  defaultSchedule,
  fallback,
  gemv,
  generalReduction,
  matmul,
  reduction,
  type Schedule,
} from "../schedule/mod.ts";
import { barChart } from "./bar_chart.ts";

const HELP =
  `deno task bench:study [--config gpt2] [--device webgpu|js] [--prompt 128] [--steps 8] [--rounds 3]
                      [--rows baseline,matmul,gemv,reduction,full] [--out FILE]
Writes FILE.json, FILE.md and FILE.svg; without --out only the table is printed.`;

/** Rules of each row, in the order of the study's table. */
const ROWS: Readonly<Record<string, { readonly title: string; readonly schedule: Schedule }>> = {
  baseline: { title: "Baseline", schedule: fallback() },
  matmul: { title: "Matmul", schedule: choose(matmul(), fallback()) },
  gemv: { title: "GEMV", schedule: choose(gemv(), fallback()) },
  reduction: { title: "Reduction", schedule: choose(generalReduction(), reduction(), fallback()) },
  full: { title: "Full", schedule: defaultSchedule() },
};

/** Classes of kernels, by what their names say they compute. */
const CLASSES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["attention, lm_head", /matmul|attention/],
  ["linear", /linear/],
  ["softmax", /softmax/],
  ["layerNorm", /layerNorm/],
  ["other", /./],
];

/** Milliseconds by class. */
type ClassTimes = Readonly<Record<string, number>>;

interface Row {
  readonly title: string;
  readonly schedule: string;
  readonly prefill: number;
  readonly decode: number;
  readonly prefillTimes: ClassTimes;
  readonly decodeTimes: ClassTimes;
  readonly dispatches: number;
}

function classOf(kernel: string): string {
  return CLASSES.find(([, pattern]) => pattern.test(kernel))?.[0] ?? "other";
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

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
    config: { type: "string", default: "gpt2" },
    device: { type: "string", default: "webgpu" },
    prompt: { type: "string", default: "128" },
    steps: { type: "string", default: "8" },
    rounds: { type: "string", default: "3" },
    rows: { type: "string", default: Object.keys(ROWS).join(",") },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const config = GPT2_CONFIGS[values.config as GPT2Name];
const wanted = values.rows.split(",");
const unknown = wanted.find((name) => ROWS[name] === undefined);
const [prompt, steps, rounds] = [values.prompt, values.steps, values.rounds].map(Number) as [
  number,
  number,
  number,
];
const sizes = [prompt, steps, rounds].every((n) => Number.isInteger(n) && n > 0);
if (values.help || config === undefined || unknown !== undefined || !sizes) {
  if (unknown !== undefined) {
    console.error(`There is no row ${unknown}; there are ${Object.keys(ROWS).join(", ")}`);
  }
  if (config === undefined) {
    console.error(`There is no config ${values.config}; there are ${Object.keys(GPT2_CONFIGS).join(", ")}`);
  }
  if (!sizes) console.error("--prompt, --steps and --rounds take positive integers");
  console[values.help ? "log" : "error"](HELP);
  Deno.exit(values.help ? 0 : 2);
}
if (prompt + steps > config.n_positions) {
  console.error(
    `--prompt and --steps together are more than the ${config.n_positions} positions of ${values.config}`,
  );
  Deno.exit(2);
}

const abort = new AbortController();
Deno.addSignalListener("SIGINT", () => abort.abort(new Error("interrupted")));
const device = values.device === "js" ? jsDevice() : await webgpuDevice();
const given = (ids: readonly number[]) => ({
  ids: { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } as const,
});

const program = traceGPT2(config, { prefill: {}, decode: { s: 1 } });
const weights = randomGPT2Weights(config);
const tokens = fixedPrompt(prompt, config.vocab_size);

/** One model at a time: four of them would not fit into the memory of a small machine. */
async function withModel<T>(name: string, use: (executable: Executable) => Promise<T>): Promise<T> {
  const schedule = ROWS[name]?.schedule ?? fallback();
  using executable = await compile(program, { device, weights, schedule, signal: abort.signal });
  await device.sync();
  return await use(executable);
}

async function timed(executable: Executable): Promise<{ readonly prefill: number; readonly decode: number }> {
  abort.signal.throwIfAborted();
  using state = executable.createState();
  const next = async (entry: string, ids: readonly number[]): Promise<number> =>
    Number((await executable.run(entry, given(ids), { state })["next"]!.read()).data[0]);
  let from = performance.now();
  let id = await next("prefill", tokens);
  const prefillMs = performance.now() - from;
  from = performance.now();
  for (let i = 0; i < steps; i++) id = await next("decode", [id]);
  return { prefill: prompt / prefillMs * 1000, decode: steps / (performance.now() - from) * 1000 };
}

async function classes(executable: Executable): Promise<{ prefill: ClassTimes; decode: ClassTimes }> {
  using state = executable.createState();
  const profile = async (entry: string, ids: readonly number[]): Promise<ClassTimes> => {
    const { times } = await executable.profile(entry, given(ids), { state });
    const sums: Record<string, number> = Object.fromEntries(CLASSES.map(([name]) => [name, 0]));
    for (const { kernel, ms } of times) sums[classOf(kernel)] = (sums[classOf(kernel)] ?? 0) + ms;
    return Object.fromEntries(Object.entries(sums).map(([name, ms]) => [name, rounded(ms)]));
  };
  return { prefill: await profile("prefill", tokens), decode: await profile("decode", [1]) };
}

const speeds = new Map(wanted.map((name) => [name, { prefill: [] as number[], decode: [] as number[] }]));
const profiles = new Map<string, { prefill: ClassTimes; decode: ClassTimes; dispatches: number }>();
for (let round = 0; round < rounds; round++) {
  for (const name of wanted) {
    await withModel(name, async (executable) => {
      await timed(executable); // warm-up: drivers compile at the first dispatch
      const { prefill, decode } = await timed(executable);
      speeds.get(name)?.prefill.push(prefill);
      speeds.get(name)?.decode.push(decode);
      console.error(
        `round ${round + 1} of ${rounds}, ${ROWS[name]?.title}: prefill ${prefill.toFixed(1)} tok/s, ` +
          `decode ${decode.toFixed(2)} tok/s`,
      );
      if (profiles.has(name)) return;
      const dispatches = executable.info.dispatches["decode"] ?? 0;
      profiles.set(name, { ...await classes(executable), dispatches });
    });
  }
}

const rows: readonly Row[] = wanted.map((name) => {
  const { prefill = [], decode = [] } = speeds.get(name) ?? {};
  const profile = profiles.get(name);
  return {
    title: ROWS[name]?.title ?? name,
    schedule: name,
    prefill: rounded(median(prefill)),
    decode: rounded(median(decode), 2),
    prefillTimes: profile?.prefill ?? {},
    decodeTimes: profile?.decode ?? {},
    dispatches: profile?.dispatches ?? 0,
  };
});
const [base] = rows;
const times = (value: number, of: number | undefined): string => `${(value / (of ?? value)).toFixed(1)}x`;
const classNames = CLASSES.map(([name]) => name);
const shares = (t: ClassTimes): string => classNames.map((name) => t[name] ?? 0).join(" | ");
const about = {
  model: values.config,
  device: device.target.name,
  backend: device.target.kind,
  date: new Date().toISOString().slice(0, 10),
  commit: await commit(),
  runtime: `Deno ${Deno.version.deno}`,
  promptTokens: prompt,
  steps,
  rounds,
};
const table = [
  `${about.model}, f32, random weights, on ${about.device} (${about.runtime}, commit ${about.commit}, ${about.date}); ` +
  `medians of ${rounds} rounds of ${prompt} prompt tokens and ${steps} decode steps.`,
  "",
  "| Schedule | Prefill, tok/s | Speed-up | Decode, tok/s | Speed-up | Dispatches a step |",
  "|---|---|---|---|---|---|",
  ...rows.map((r) =>
    `| ${r.title} | ${r.prefill} | ${times(r.prefill, base?.prefill)} | ${r.decode} | ` +
    `${times(r.decode, base?.decode)} | ${r.dispatches} |`
  ),
  "",
  "Milliseconds by class of kernel, of one prefill:",
  "",
  `| Schedule | ${classNames.join(" | ")} |`,
  `|---|${classNames.map(() => "---|").join("")}`,
  ...rows.map((r) => `| ${r.title} | ${shares(r.prefillTimes)} |`),
  "",
  "and of one decode step:",
  "",
  `| Schedule | ${classNames.join(" | ")} |`,
  `|---|${classNames.map(() => "---|").join("")}`,
  ...rows.map((r) => `| ${r.title} | ${shares(r.decodeTimes)} |`),
  "",
].join("\n");
console.log(table);
if (values.out !== undefined) {
  await Deno.writeTextFile(`${values.out}.json`, `${JSON.stringify({ ...about, rows }, null, 2)}\n`);
  await Deno.writeTextFile(`${values.out}.md`, table);
  const chart = barChart(`${about.model} on ${about.device}, ${about.date}`, [
    {
      title: `Prefill of ${prompt} tokens, tokens/s`,
      bars: rows.map((r) => ({ name: r.title, value: r.prefill })),
    },
    { title: "Decode, tokens/s", bars: rows.map((r) => ({ name: r.title, value: r.decode })) },
  ]);
  await Deno.writeTextFile(`${values.out}.svg`, chart);
}
device.dispose();
Deno.exit(0);
