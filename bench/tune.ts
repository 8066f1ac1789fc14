/**
 * Tunes the kernels of a GPT-2 on the device at hand: `deno task tune --help`.
 *
 * Method: see `docs/tuning/README.md`. Candidates are measured in turns with the default schedule; afterwards the model
 * runs untuned and tuned in turns.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Device } from "../backends/backend.ts";
import type { Weights } from "../backends/runtime/weights.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { compile } from "../compile.ts";
import {
  fixedPrompt,
  GPT2_CONFIGS,
  type GPT2Config,
  type GPT2Name,
  gpt2Weights,
  openCheckpoint,
  randomGPT2Weights,
  readGPT2Config,
  traceGPT2,
} from "../models/gpt2/mod.ts";
import { hashFunc } from "../ir/hash.ts";
import { printSchedule } from "../schedule/text.ts";
import { defaultSchedule, fallback } from "../schedule/rules/mod.ts";
import type { Strategy } from "../schedule/tune/search.ts";
import { fixed } from "../schedule/tune/space.ts";
import { SPACES, studyGemvSpace } from "../schedule/tune/spaces.ts";
import {
  countBytes,
  countStmt,
  figuresOf,
  type KernelUse,
  median,
  openBench,
  openDatabase,
  processDevice,
  type TuneDatabase,
  type TunedKernel,
  type TunedProgram,
  tuneProgram,
  userDatabasePath,
} from "../tune/mod.ts";

const HELP =
  `deno task tune [--model gpt2|DIR] [--device webgpu|wasm|js] [--kernels gemv,matmul] [--entry decode,prefill]
               [--budget 300s | --trials 50] [--prompt 128] [--strategy exhaustive|random|evolution] [--space study]
               [--from fallback] [--rounds 3] [--steps 8] [--database FILE] [--again] [--out FILE.json]
--kernels takes names of rules or parts of names of kernels (default gemv,matmul); --space study is the study's space
for gemv; --from fallback measures against a bad default; --rounds 0 leaves out the whole model. Without --database
the records go to ${userDatabasePath()}, where they are found again.`;

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "gpt2" },
    device: { type: "string", default: "webgpu" },
    kernels: { type: "string", default: "gemv,matmul" },
    entry: { type: "string", default: "decode,prefill" },
    budget: { type: "string" },
    trials: { type: "string" },
    prompt: { type: "string", default: "128" },
    strategy: { type: "string" },
    space: { type: "string", default: "own" },
    from: { type: "string", default: "default" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "8" },
    database: { type: "string" },
    again: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

function usage(problem: string): never {
  console.error(`${problem}\n${HELP}`);
  Deno.exit(2);
}

function count(name: "trials" | "prompt" | "rounds" | "steps", text: string, least: number): number {
  const n = Number(text);
  return Number.isInteger(n) && n >= least
    ? n
    : usage(`--${name} takes a whole number from ${least} on, got ${text}`);
}

function secondsOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(s|m)?$/.exec(text);
  if (found === null) return usage(`--budget takes seconds or minutes, such as 300s or 5m, got ${text}`);
  return Number(found[1]) * (found[2] === "m" ? 60 : 1);
}

async function readModel(
  name: string,
): Promise<{ readonly config: GPT2Config; readonly weights: () => Weights }> {
  const known = GPT2_CONFIGS[name as GPT2Name];
  if (known !== undefined) {
    const weights = randomGPT2Weights(known);
    return { config: known, weights: () => weights };
  }
  const config = await readGPT2Config(name);
  const file = await openCheckpoint(name);
  return { config, weights: () => gpt2Weights(file, config) };
}

const MAKERS: Readonly<Record<string, () => Promise<Device>>> = {
  webgpu: () => webgpuDevice(),
  wasm: () => Promise.resolve(wasmDevice()),
  js: () => Promise.resolve(jsDevice()),
};
/** Candidates on the processor run in a process, which can be stopped. */
const SITES: Readonly<Record<string, () => Promise<Device>>> = {
  ...MAKERS,
  wasm: () => Promise.resolve(processDevice("wasm")),
  js: () => Promise.resolve(processDevice("js")),
};
const open = MAKERS[values.device] ?? usage(`There is no device ${values.device}`);
const strategies: readonly string[] = ["exhaustive", "random", "evolution"] satisfies readonly Strategy[];
if (values.strategy !== undefined && !strategies.includes(values.strategy)) {
  usage(`There is no strategy ${values.strategy}`);
}
if (!["own", "study"].includes(values.space)) usage(`There is no space ${values.space}`);
if (!["default", "fallback"].includes(values.from)) {
  usage(`--from is default or fallback, got ${values.from}`);
}
if (values.help) {
  console.log(HELP);
  Deno.exit(0);
}
const [prompt, rounds, steps] = [
  count("prompt", values.prompt, 2),
  count("rounds", values.rounds, 0),
  count("steps", values.steps, 1),
];
const most = values.trials === undefined ? undefined : count("trials", values.trials, 1);
const seconds = values.budget === undefined && most !== undefined
  ? undefined
  : secondsOf(values.budget ?? "300s");
const { config, weights } = await readModel(values.model);
const context = config.n_positions;
if (prompt + steps > context) {
  usage(`--prompt and --steps are more than the ${context} positions of the model`);
}
const program = traceGPT2(config, { prefill: {}, decode: { s: 1 } });
const storage = new Map([...weights()].map(([name, { dtype }]) => [name, dtype] as const));
const abort = new AbortController();
Deno.addSignalListener("SIGINT", () => abort.abort(new Error("interrupted")));
const database: TuneDatabase = openDatabase(values.database ?? userDatabasePath());
for (const note of database.notes) console.error(note);

const wanted = values.kernels.split(",");
const entries = values.entry.split(",");
const point = (p: Readonly<Record<string, number>>): string =>
  Object.entries(p).map(([name, v]) => `${name}=${v}`).join(" ");
const sizes = [
  { entry: "decode", dims: { s: 1, past: prompt } },
  { entry: "prefill", dims: { s: prompt, past: 0 }, ranges: { s: [1, context] } as const },
].filter((s) => entries.includes(s.entry));
const chosenSpace = (use: KernelUse, target: Device["target"]) => {
  if (values.space === "study" && use.rule === "gemv") {
    const study = studyGemvSpace(target);
    // From a bad default the budget is what counts; threads that wait at barriers in software would eat it.
    return values.from === "fallback" && target.software ? fixed(study, { TR: 1 }) : study;
  }
  return values.from === "fallback" && use.rule !== undefined ? SPACES.get(use.rule)?.(target) : undefined;
};

const from = performance.now();
const trials: { kernel: string; seconds: number; ratio: number | null; best: number | null }[] = [];
const tuned = await tuneProgram(SITES[values.device] ?? open, program, {
  database,
  sizes,
  storage,
  signal: abort.signal,
  again: values.again,
  beside: [fallback()],
  only: (use) => wanted.some((w) => use.rule === w || use.func.name.includes(w)),
  ...(values.from === "fallback" ? { incumbent: fallback() } : {}),
  spaceOf: chosenSpace,
  ...(values.strategy === undefined ? {} : { strategy: values.strategy as Strategy }),
  ...(most === undefined ? {} : { trials: most }),
  ...(seconds === undefined ? {} : { seconds }),
  onProgress(use, p) {
    const cost = p.outcome.kind === "timed" ? `${p.outcome.cost.toFixed(3)}x` : `failed: ${p.outcome.reason}`;
    console.error(
      `${use.entry} ${p.kernel} #${p.trial} ${point(p.point)}: ${cost}, best ${p.best?.toFixed(3) ?? "none"}`,
    );
    trials.push({
      kernel: `${use.entry} ${p.kernel}`,
      seconds: Number(((performance.now() - from) / 1000).toFixed(2)),
      ratio: p.outcome.kind === "timed" ? Number(p.outcome.cost.toFixed(4)) : null,
      best: p.best === undefined ? null : Number(p.best.toFixed(4)),
    });
  },
  onKernel: (use, r) => console.error(line(use, r)),
});

function line(use: KernelUse, r: TunedKernel): string {
  const to = r.chosen === undefined ? "nothing chosen" : r.changed ? printSchedule(r.chosen) : "kept";
  const f = r.figures;
  const times = f === undefined
    ? ""
    : `, ${f.referenceMs.toFixed(3)} -> ${f.ms.toFixed(3)} ms (${f.ratio.toFixed(3)} +- ${
      f.spread.toFixed(3)
    })`;
  return `${use.entry} ${r.name} (${use.calls} calls): ${to}${times}, ${r.trials.length} trials, ${r.stopped}`;
}

/** Milliseconds of an entry point, untuned and tuned, taken in turns. */
interface Pairs {
  readonly untuned: number[];
  readonly tuned: number[];
}

/** Runs both models in turns, step by step, so that a change of the machine's mood meets both. */
async function runModels(): Promise<{ readonly prefill: Pairs; readonly decode: Pairs }> {
  const times = { prefill: { untuned: [], tuned: [] } as Pairs, decode: { untuned: [], tuned: [] } as Pairs };
  const device = await open!();
  try {
    using untuned = await compile(program, { device, weights: weights() });
    using tuned = await compile(program, { device, weights: weights(), database });
    await device.sync();
    const models = { untuned, tuned } as const;
    // In the first round drivers compile.
    for (let n = -1; n < rounds && !abort.signal.aborted; n++) {
      using untunedState = untuned.createState();
      using tunedState = tuned.createState();
      const states = { untuned: untunedState, tuned: tunedState } as const;
      const next = { untuned: 0, tuned: 0 };
      for (let step = 0; step <= steps; step++) {
        const entry = step === 0 ? "prefill" : "decode";
        // Who goes first changes with each step.
        const order = step % 2 === 0 ? ["untuned", "tuned"] as const : ["tuned", "untuned"] as const;
        for (const which of order) {
          const ids = step === 0 ? fixedPrompt(prompt, config.vocab_size) : [next[which]];
          const given = {
            ids: { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) },
          } as const;
          const start = performance.now();
          const outputs = models[which].run(entry, given, { state: states[which] });
          next[which] = Number((await outputs["next"]!.read()).data[0]);
          if (n >= 0) times[entry][which].push(performance.now() - start);
        }
      }
      console.error(`round ${n + 1} of ${rounds}${n < 0 ? ": warm" : ""}`);
    }
    return times;
  } finally {
    device.dispose();
  }
}

/** Time of the default schedule over that of the choice, measured in turns, and how far it may be off. */
interface Share {
  readonly share: number;
  readonly spread: number;
}

/** What was found from a bad default, beside the default schedule, which is the best known. */
async function sharesOfDefault(): Promise<ReadonlyMap<KernelUse, Share>> {
  const shares = new Map<KernelUse, Share>();
  const device = await open!();
  try {
    for (const { use, result } of tuned) {
      if (abort.signal.aborted || result.chosen === undefined) continue;
      const bench = await openBench(device, use.func, use.dims);
      try {
        const [known, own] = [await bench.prepare(defaultSchedule()), await bench.prepare(result.chosen)];
        const { ratio, spread } = await bench.compare(known, own, true);
        shares.set(use, { share: Number(ratio.toFixed(3)), spread: Number(spread.toFixed(3)) });
        console.error(
          `${use.entry} ${result.name}: ${ratio.toFixed(3)} (+- ${spread.toFixed(3)}) of the default's speed`,
        );
      } finally {
        bench.dispose();
      }
    }
  } finally {
    device.dispose();
  }
  return shares;
}

const shares = values.from === "fallback" ? await sharesOfDefault() : undefined;
const times = rounds === 0 || abort.signal.aborted ? undefined : await runModels();
const probe = await open();
const about = {
  model: values.model,
  device: probe.target.name,
  backend: probe.target.kind,
  runtime: database.runtime,
  date: new Date().toISOString().slice(0, 10),
  promptTokens: prompt,
  steps,
  from: values.from,
};
probe.dispose();
const rates = ({ untuned, tuned }: Pairs, tokens: number) => {
  const rate = (list: readonly number[]): number => Number((tokens / median(list) * 1000).toFixed(2));
  const { ratio, spread } = figuresOf(tuned, untuned);
  return {
    untuned: rate(untuned),
    tuned: rate(tuned),
    ratio: Number(ratio.toFixed(4)),
    spread: Number(spread.toFixed(4)),
  };
};
const model = times === undefined ? undefined : {
  rounds,
  prefill: rates(times.prefill, prompt),
  decode: rates(times.decode, 1),
};
console.log(table(tuned));

function table(results: TunedProgram): string {
  const rows = results.map(({ use, result: r }) =>
    `| ${use.entry} | ${r.name} | ${use.calls} | ${r.rule ?? ""} | ${
      r.changed && r.chosen?.kind === "rule" ? `${r.chosen.name} ${point(r.chosen.params)}`.trim() : "kept"
    } | ${r.figures?.referenceMs.toFixed(3) ?? ""} | ${r.figures?.ms.toFixed(3) ?? ""} | ${
      r.figures === undefined ? "" : `${(1 / r.figures.ratio).toFixed(2)}x`
    } | ${r.trials.length} |${shares === undefined ? "" : ` ${shareOf(use)} |`}`
  );
  return [
    `| Entry | Kernel | Calls | Rule | Choice | Before, ms | After, ms | Gain | Measured |${
      shares === undefined ? "" : " Speed, the default being 1 |"
    }`,
    `|---|---|---|---|---|---|---|---|---|${shares === undefined ? "" : "---|"}`,
    ...rows,
    ...(model === undefined ? [] : [
      "",
      "| | Untuned, tok/s | Tuned, tok/s | Gain, of neighbouring runs |",
      "|---|---|---|---|",
      ...(["prefill", "decode"] as const).map((of) => {
        const { untuned, tuned: after, ratio, spread } = model[of];
        return `| ${of} | ${untuned} | ${after} | ${(1 / ratio).toFixed(2)}x (+- ${
          (spread / ratio).toFixed(2)
        }) |`;
      }),
    ]),
  ].join("\n");
}

function shareOf(use: KernelUse): string {
  const own = shares?.get(use);
  return own === undefined ? "" : `${own.share} (+- ${own.spread})`;
}

/** Time of the simplest schedule: its ratio to the reference, as all were measured beside that. */
function naiveMs(use: KernelUse, r: TunedKernel): number | null {
  const kernel = hashFunc(use.func);
  const found = database.records.findLast((d) =>
    d.kernel === kernel && printSchedule(d.schedule) === printSchedule(fallback())
  );
  const ms = r.figures?.referenceMs;
  return found?.outcome.kind !== "timed" || ms === undefined ? null : found.outcome.figures.ratio * ms;
}

if (values.out !== undefined) {
  const kernels = tuned.map(({ use, result: r }) => ({
    entry: use.entry,
    kernel: r.name,
    flops: 2 * countStmt(use.func.body, use.dims),
    bytes: countBytes(use.func, use.dims),
    calls: use.calls,
    rule: r.rule,
    before: r.before,
    chosen: r.chosen === undefined ? null : printSchedule(r.chosen),
    changed: r.changed,
    figures: r.figures ?? null,
    naiveMs: naiveMs(use, r),
    ...(shares === undefined ? {} : { ofDefault: shares.get(use) ?? null }),
    trials: r.trials.length,
    stopped: r.stopped,
  }));
  await Deno.writeTextFile(
    values.out,
    `${JSON.stringify({ ...about, kernels, rates: model ?? null, trials }, null, 1)}\n`,
  );
}
const wrong = tuned.flatMap(({ result }) => result.wrong);
for (const message of wrong) console.error(message);
Deno.exit(wrong.length > 0 ? 1 : 0);
