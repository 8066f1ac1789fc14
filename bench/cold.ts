/**
 * Cold start: from the start of a process to its first token. `deno task bench:cold --help`.
 *
 * Method: the command of `deno task generate` runs as a process of its own, with Deno's cache of modules warm, until the
 * first byte of its text comes; then this process reads all bytes of the file of weights once, 4 MiB at a time, which
 * shows what the disk (or the system's cache of it) gives at that moment. Models take turns, one round warms up, then
 * medians with the least and the most. The peak of memory is what Linux has counted when the first token comes.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { userDatabasePath } from "../tune/database.ts";
import { randomGPT2 } from "./random_gpt2.ts";

const HELP = `deno task bench:cold [--device wasm] [--rounds 5] [--cache DIR] [--out FILE]
From process start to first token: the model that ships with Weft, and a GPT-2 of 124M f32 parameters, random ones, which
are written to DIR once (default: Weft's folder in the user's cache). Writes FILE.json and FILE.md.`;

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "wasm" },
    rounds: { type: "string", default: "5" },
    cache: { type: "string", default: dirname(userDatabasePath()) },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help || !Number.isInteger(rounds) || rounds < 1) {
  console.log(HELP);
  Deno.exit(values.help ? 0 : 2);
}

const ROOT = new URL("../", import.meta.url);
const MIB = 2 ** 20;

/** What `deno task generate` runs. */
function generateArgs(): readonly string[] {
  const { tasks } = JSON.parse(readFileSync(new URL("deno.json", ROOT), "utf8")) as {
    readonly tasks: Readonly<Record<string, { readonly command: string }>>;
  };
  const [program, ...args] = tasks["generate"]?.command.split(" ") ?? [];
  if (program !== "deno") throw new TypeError("deno.json has no task generate that runs deno");
  return args;
}

/** Most memory that a process had, in MiB; `undefined` where the system does not count it. */
function peakMiB(pid: number): number | undefined {
  try {
    const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

interface Start {
  readonly ms: number;
  readonly peak: number | undefined;
}

/** Runs a process until its first token. */
async function start(args: readonly string[]): Promise<Start> {
  const from = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...generateArgs(), ...args, "--device", values.device, "--max-tokens", "4"],
    cwd: fileURLToPath(ROOT),
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  const found = { ms: performance.now() - from, peak: peakMiB(child.pid) };
  while (!(await reader.read()).done);
  const { code } = await child.status;
  if (done || code !== 0) throw new Error(`deno ${args.join(" ")} gave no token: ${await errors}`);
  await errors;
  return found;
}

/** Milliseconds to read a file once. */
function readMs(path: string): number {
  const piece = new Uint8Array(4 * MIB);
  const from = performance.now();
  const fd = openSync(path, "r");
  try {
    while (readSync(fd, piece, 0, piece.length, null) > 0);
  } finally {
    closeSync(fd);
  }
  return performance.now() - from;
}

interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

function spread(numbers: readonly number[]): Spread {
  const sorted = numbers.map(Math.round).sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0 };
}

const shipped = fileURLToPath(new URL("models/weights/stories", ROOT));
const random = await randomGPT2(values.cache);
const models = [
  { name: "the shipped model", dir: shipped, args: ["--model", shipped, "Once upon a time"] },
  { name: "GPT-2 124M, f32", dir: random, args: ["--model", random, "--prompt-ids", "464,2068,7586,21831"] },
].map((m) => ({
  ...m,
  file: join(m.dir, "model.safetensors"),
  starts: [] as Start[],
  reads: [] as number[],
}));

// What else the machine does makes starts slower: who reads the figures has to know.
const [load = 0] = Deno.loadavg();
for (let n = 0; n <= rounds; n++) {
  for (const m of models) {
    const found = await start(m.args);
    const read = readMs(m.file);
    if (n === 0) continue; // to warm up
    m.starts.push(found);
    m.reads.push(read);
    console.error(
      `round ${n}, ${m.name}: first token after ${found.ms.toFixed(0)} ms, file in ${read.toFixed(0)} ms`,
    );
  }
}

const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] }).output();
const result = {
  device: values.device,
  date: new Date().toISOString().slice(0, 10),
  commit: new TextDecoder().decode(stdout).trim(),
  runtime: `Deno ${Deno.version.deno}`,
  cores: navigator.hardwareConcurrency,
  loadBefore: Number(load.toFixed(1)),
  rounds,
  models: models.map(({ name, file, starts, reads }) => ({
    name,
    fileMiB: Math.round(statSync(file).size / MIB),
    firstTokenMs: spread(starts.map((s) => s.ms)),
    readMs: spread(reads),
    peakMiB: spread(starts.flatMap((s) => s.peak ?? [])),
  })),
};
const cell = ({ median, least, most }: Spread): string => `${median} (${least} to ${most})`;
const text = [
  `Cold start on ${result.device} (${result.runtime}, ${result.cores} cores, load average ${result.loadBefore} before it, commit ${result.commit}, ${result.date}); ` +
  `medians of ${rounds} processes, in turns, with the least and the most; modules and files in the system's cache.`,
  "",
  "| Model | First token after, ms | Reading its file alone, ms | File, MiB | Peak of memory, MiB |",
  "| --- | --- | --- | --- | --- |",
  ...result.models.map((m) =>
    `| ${m.name} | ${cell(m.firstTokenMs)} | ${cell(m.readMs)} | ${m.fileMiB} | ${cell(m.peakMiB)} |`
  ),
  "",
].join("\n");
console.log(text);
if (values.out !== undefined) {
  writeFileSync(`${values.out}.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(`${values.out}.md`, text);
}
