/**
 * Weft beside other engines on the same GPT-2: `deno task bench:peers --help`.
 *
 * Method: each engine runs in a process of its own, engines in turns and each round in another order; a process warms up
 * with one prompt and its tokens, then takes `--reps` of them; medians over all, with the least and the most. Weights are
 * random, a function of each tensor's name alone: all engines must give the same greedy tokens. How fast memory can be
 * read is measured in each round, by sums over half a GiB.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fixedPrompt, GPT2_CONFIGS } from "../../models/gpt2/mod.ts";
import { userDatabasePath } from "../../tune/database.ts";
import { randomGPT2 } from "../random_gpt2.ts";
import { ENGINES, type EngineSpec } from "./engines.ts";
import { writeGguf, writeOnnx } from "./files.ts";
import { MARK, type Result, type Task } from "./loop.ts";
import { chartOf, type Row, rowOf, spread, tableOf } from "./table.ts";

const HELP = `deno task bench:peers [--engines ${ENGINES.map((e) => e.name).join(",")}]
                      [--rounds 3] [--reps 3] [--prompt 128] [--steps 32] [--threads 2] [--cache DIR] [--out FILE]
Prefill and decode of GPT-2 124M in Weft and other engines, in turns. Peers are npm packages, which are fetched into DIR
(default: Weft's folder in the user's cache; about 3 GB with the files of the model) and stay there. What cannot be had or
fails is reported and left out. Writes FILE.json, FILE.md and FILE.svg.`;

const { values } = parseArgs({
  options: {
    engines: { type: "string", default: ENGINES.map((e) => e.name).join() },
    rounds: { type: "string", default: "3" },
    reps: { type: "string", default: "3" },
    prompt: { type: "string", default: "128" },
    steps: { type: "string", default: "32" },
    threads: { type: "string", default: "2" },
    cache: { type: "string", default: dirname(userDatabasePath()) },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const counts = [values.rounds, values.reps, values.prompt, values.steps, values.threads].map(Number);
const wanted = values.engines.split(",").map((name) => name.trim());
const engines = ENGINES.filter((e) => wanted.includes(e.name));
if (values.help || engines.length !== wanted.length || counts.some((n) => !Number.isInteger(n) || n < 1)) {
  console.log(HELP);
  Deno.exit(values.help ? 0 : 2);
}
const [rounds, reps, prompt, steps, threads] = counts as [number, number, number, number, number];

/** Names of modules that engines import are in here. */
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

const running = new Set<Deno.ChildProcess>();
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.addSignalListener(signal, () => {
    for (const child of running) child.kill("SIGKILL");
    Deno.exit(code);
  });
}

/** Runs a command to its end, or for ten minutes; its output, or why there is none. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly text: string } | { readonly reason: string }> {
  try {
    const child = new Deno.Command(command, {
      args: [...args],
      cwd,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.add(child);
    const late = setTimeout(() => child.kill("SIGKILL"), 600_000);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(late);
    running.delete(child);
    const [text, errors] = [stdout, stderr].map((b) => new TextDecoder().decode(b).trim());
    if (code === 0) return { text: text ?? "" };
    return {
      reason: `exit ${code}: ${firstError(errors || text || "")}`,
    };
  } catch (error) {
    return { reason: String(error) };
  }
}

/** The line that says what went wrong. */
function firstError(text: string): string {
  const lines = text.split("\n").map((l) => l.trim());
  return (lines.find((l) => /error|cannot|not found/i.test(l)) ?? lines.at(-1) ?? "").slice(0, 200);
}

/** The folder of an engine's packages; fetched where they are not there. */
async function packagesOf(
  { name, packages }: EngineSpec,
): Promise<{ readonly dir: string } | { readonly reason: string }> {
  const dir = join(values.cache, "peers", name);
  mkdirSync(dir, { recursive: true });
  // Written last: a fetch that was cut off, or one of other versions, is done again.
  const fetched = join(dir, "fetched.json");
  if (packages.length === 0 || hasText(fetched, JSON.stringify(packages))) return { dir };
  console.error(`fetching ${packages.join(", ")}`);
  writeFileSync(join(dir, "package.json"), '{ "private": true }\n');
  // Bun's binary comes by its script; those of the others fetch what is not wanted here.
  const scripts = name === "weft-bun" ? [] : ["--ignore-scripts"];
  const done = await run("npm", ["install", ...scripts, "--no-audit", "--no-fund", ...packages], dir);
  if ("reason" in done) return { reason: `npm: ${done.reason}` };
  writeFileSync(fetched, JSON.stringify(packages));
  return { dir };
}

const hasText = (path: string, text: string): boolean =>
  existsSync(path) && readFileSync(path, "utf8") === text;

const model = await randomGPT2(values.cache);

/** What an engine needs to start, or why it cannot. */
async function prepare(
  engine: EngineSpec,
): Promise<{ readonly packages: string } | { readonly reason: string }> {
  const found = await packagesOf(engine);
  if ("reason" in found) return found;
  try {
    if (engine.file === "onnx") await writeOnnx(model);
    if (engine.file === "gguf") await writeGguf(model, found.dir);
  } catch (error) {
    return { reason: `its file of the model cannot be written: ${firstError(String(error))}` };
  }
  return { packages: found.dir };
}

async function measured(engine: EngineSpec, packages: string): Promise<Result | string> {
  const given: Task = {
    packages,
    model,
    dtype: engine.dtype,
    threads,
    prompt: fixedPrompt(prompt, GPT2_CONFIGS.gpt2.vocab_size),
    steps,
    rounds: reps,
  };
  const script = fileURLToPath(new URL(engine.script, import.meta.url));
  const args = [script, JSON.stringify(given), ...engine.args ?? []];
  const names = engine.apart ? ["--no-config", "--node-modules-dir=manual"] : ["--config", CONFIG];
  const done = engine.runtime === "bun"
    ? await run(join(packages, "node_modules", ".bin", "bun"), ["run", ...args], packages)
    : await run(Deno.execPath(), ["run", "-A", "--no-check", ...names, ...args], packages);
  if ("reason" in done) return done.reason;
  const line = done.text.split("\n").findLast((l) => l.startsWith(MARK));
  return line === undefined ? "it printed no result" : JSON.parse(line.slice(MARK.length)) as Result;
}

const [load = 0] = Deno.loadavg();
const outcomes = new Map<EngineSpec, (Result | string)[]>(engines.map((e) => [e, []]));
const ready = new Map<EngineSpec, string>();
for (const engine of engines) {
  const found = await prepare(engine);
  if ("packages" in found) ready.set(engine, found.packages);
  else outcomes.get(engine)?.push(found.reason);
}
for (let round = 0; round < rounds; round++) {
  const order = engines.map((_, i) => engines[(i + round) % engines.length]!);
  for (const engine of order) {
    const packages = ready.get(engine);
    if (packages === undefined) continue;
    const outcome = await measured(engine, packages);
    outcomes.get(engine)?.push(outcome);
    const text = typeof outcome === "string"
      ? outcome
      : engine.name === "read"
      ? `${spread(outcome.decode).median} GB/s`
      : `prefill ${spread(outcome.prefill).median}, decode ${spread(outcome.decode).median} tok/s`;
    console.error(`round ${round + 1}, ${engine.title} ${engine.dtype}: ${text}`);
  }
}

const resultsOf = (name: string): readonly Result[] =>
  [...outcomes].flatMap(([e, list]) => (e.name === name ? list.filter((o) => typeof o !== "string") : []));
const tokens = [...outcomes].flatMap(([e, list]) =>
  e.name === "read" ? [] : list.flatMap((o) => (typeof o === "string" ? [] : o.tokens ?? []))
).slice(0, 8);
const rows: readonly Row[] = engines.filter((e) => e.name !== "read")
  .map((e) => rowOf(e, outcomes.get(e) ?? [], tokens.length === 0 ? undefined : tokens));
const read = resultsOf("read").flatMap((r) => r.decode);
const readGBytes = read.length === 0 ? undefined : spread(read);
const { n_layer, n_embd, vocab_size } = GPT2_CONFIGS.gpt2;
/** What a step reads of f32 weights, in GB. */
const weightGBytes = 4 * (12 * n_layer * n_embd ** 2 + vocab_size * n_embd) / 1e9;
const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] }).output();
const result = {
  date: new Date().toISOString().slice(0, 10),
  commit: new TextDecoder().decode(stdout).trim(),
  runtime: `Deno ${Deno.version.deno}`,
  cores: navigator.hardwareConcurrency,
  loadBefore: Number(load.toFixed(1)),
  rounds,
  reps,
  promptTokens: prompt,
  steps,
  threads,
  weightGBytes: Number(weightGBytes.toFixed(3)),
  ...(readGBytes === undefined ? {} : { readGBytes }),
  rows,
};
const about = [
  `GPT-2 124M with random weights, ${threads} threads, ${prompt} tokens of prompt, then ${steps} greedy ones ` +
  `(${result.runtime}, ${result.cores} cores, load average ${result.loadBefore} before it, commit ${result.commit}, ` +
  `${result.date}); medians of ${rounds} processes of ${reps} rounds each, in turns, with the least and the most.`,
  ...(readGBytes === undefined ? [] : [
    `All threads together read memory with ${readGBytes.median} GB/s (${readGBytes.least} to ${readGBytes.most}, in the ` +
    `same run): the ${result.weightGBytes} GB of f32 weights that a step reads ${
      (readGBytes.median / weightGBytes).toFixed(1)
    } times a second.`,
  ]),
];
const table = tableOf(rows, prompt, readGBytes && { readGBytes: readGBytes.median, weightGBytes });
console.log(`${about.join(" ")}\n\n${table}`);
if (values.out !== undefined) {
  writeFileSync(`${values.out}.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(`${values.out}.md`, `${about.join(" ")}\n\n${table}\n`);
  writeFileSync(`${values.out}.svg`, chartOf(rows, "GPT-2 124M in Weft and other engines"));
}
