/**
 * `generate`: text from a model, streamed to stdout.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import type { Device } from "../backends/backend.ts";
import {
  generate,
  type GenerateOptions,
  type GenerateResult,
  type GenerationConfig,
  type LoadedGPT2,
  loadGPT2,
} from "../models/gpt2/mod.ts";
import type { SamplerOptions } from "../models/sampler.ts";
import type { Command } from "./command.ts";
import { type DeviceMakers, DEVICES, openDevice, REAL_DEVICES } from "./devices.ts";
import {
  type FlagValues,
  helpText,
  integer,
  integers,
  number,
  oneOf,
  parseFlags,
  text,
  texts,
  toggle,
  UsageError,
} from "./flags.ts";
import type { Io } from "./io.ts";
import { SHIPPED_MODEL } from "./models.ts";
import { chromeTrace, profileSteps, profileTable } from "./profile.ts";
import { progressLine } from "./progress.ts";
import { timelineSvg } from "./timeline.ts";
import { detailLines, memoryLine, report, summaryLine } from "./report.ts";
import { openDatabase, userDatabasePath } from "../tune/database.ts";
import { SCHEDULE_NAMES, scheduleOf } from "./schedules.ts";

/** Most tokens to generate where neither a flag nor the model's `generation_config.json` says it. */
const DEFAULT_MAX_TOKENS = 128;

const FLAGS = {
  model: text("DIR", "folder of a GPT-2 (default: the model that ships with Weft)"),
  "max-tokens": integer("most tokens to generate (default: the model's, else 128)", 0),
  temperature: number("below 1 likelier tokens, 0 the likeliest always", "a number >= 0", (x) => x >= 0),
  "prefill-chunk": integer("positions of the prompt at once, at most (default: all)", 1),
  "sample-on": oneOf(["device", "host"], "where tokens are drawn (default: device on graphics cards)"),
  "top-k": integer("only the N likeliest tokens (0: all)", 0),
  "top-p": number(
    "only the likeliest tokens of this probability in all (1: all)",
    "a number > 0 and <= 1",
    (x) => x > 0 && x <= 1,
  ),
  "min-p": number(
    "only tokens of this share of the likeliest's probability (0: all)",
    "a number from 0 to 1",
    (x) => x >= 0 && x <= 1,
  ),
  "repetition-penalty": number("above 1 earlier tokens are less likely", "a number > 0", (x) => x > 0),
  seed: integer("same seed, same text (default: random)", 0),
  stop: texts("TEXT", "end before this text"),
  "prompt-ids": integers("token ids in place of a text; a model without tokenizer prints ids"),
  device: oneOf(DEVICES, "where to run (default: webgpu if there is a GPU, else wasm)"),
  threads: integer("threads on wasm (default: as many as the machine has, at most 8)", 1),
  schedule: oneOf(SCHEDULE_NAMES, "schedules of the kernels (default: tuned ones, default for the rest)"),
  tuned: text("FILE", "tuned schedules, from `deno task tune` (default: the user's own)"),
  profile: text("FILE", "timeline of two steps: .svg, else for chrome://tracing; a table goes to stderr"),
  json: toggle("print one JSON object in place of the text"),
  verbose: toggle("say more: memory, kernels, seed, stack traces of errors"),
  help: toggle("print this help"),
};

type Values = FlagValues<typeof FLAGS>;

const USAGE = 'deno task generate [FLAGS] ["PROMPT"]';
const SUMMARY = "Generates text that follows the prompt, which is read from stdin where none is given.\n" +
  "The text goes to stdout, everything else to stderr. Ctrl-C ends it early. How tokens are chosen comes from the\n" +
  "model's generation_config.json, as far as no flag says otherwise.";

/** What the command stands on; tests put other things in its place. */
export interface GenerateParts {
  readonly devices: DeviceMakers;
  readonly load: typeof loadGPT2;
  readonly generate: typeof generate;
}

/** Makes the `generate` command. */
export function generateCommand(
  parts: GenerateParts = { devices: REAL_DEVICES, load: loadGPT2, generate },
): Command {
  return {
    summary: "text from a model",
    async run(args, io) {
      const { flags, positionals } = parseFlags(FLAGS, args);
      if (flags.help === true) {
        await io.out(helpText(USAGE, SUMMARY, FLAGS));
        return 0;
      }
      const prompt = await promptOf(flags, positionals, io);
      const interrupt = interruptible(io);
      try {
        const device = await openDevice(
          flags.device,
          parts.devices,
          (line) => io.err(`${line}\n`),
          flags.threads === undefined ? {} : { threads: flags.threads },
        );
        try {
          return await runOn(device, prompt, flags, io, interrupt.signal, parts);
        } finally {
          device.dispose();
        }
      } catch (error) {
        if (!interrupt.signal.aborted || error !== interrupt.signal.reason) throw error;
        io.err("interrupted before the first token\n");
        return INTERRUPTED;
      } finally {
        interrupt.dispose();
      }
    },
  };
}

/** Exit code after Ctrl-C, as shells have it: 128 and the signal's number. */
const INTERRUPTED = 130;

async function runOn(
  device: Device,
  prompt: Pick<GenerateOptions, "prompt" | "promptIds">,
  flags: Values,
  io: Io,
  signal: AbortSignal,
  parts: GenerateParts,
): Promise<number> {
  const progress = progressLine(io);
  // Who asks for a schedule gets that one.
  const tuned = flags.schedule === undefined ? openDatabase(flags.tuned ?? userDatabasePath()) : undefined;
  let model: LoadedGPT2;
  try {
    model = await parts.load(flags.model ?? SHIPPED_MODEL, {
      device,
      schedule: scheduleOf(flags.schedule ?? "default"),
      ...(tuned === undefined ? {} : { database: tuned }),
      ...(flags["prefill-chunk"] === undefined ? {} : { prefillChunk: flags["prefill-chunk"] }),
      // Kernels of later tokens need not be there before the first; who asks about them, or for a schedule that may not
      // fit them, is told before there is any text.
      ...(flags.verbose === true || flags.profile !== undefined || flags.schedule !== undefined
        ? {}
        : { lazy: ["decode"] }),
      onProgress: progress.update,
      signal,
    });
  } finally {
    progress.clear();
  }
  try {
    for (const note of [...model.config.notes, ...model.generationConfig.notes]) io.err(`note: ${note}\n`);
    let told = 0;
    const tellTuned = (): void => {
      const notes = tuned?.notes.slice(told) ?? [];
      told += notes.length;
      for (const note of notes) io.err(`note: ${note}\n`);
    };
    tellTuned();
    const sampling = samplingOf(flags, model.generationConfig);
    const maxTokens = flags["max-tokens"] ?? defaultMaxTokens(model, prompt);
    if (flags.verbose === true) {
      io.err(`${memoryLine(model)}\n`);
      io.err(`sampling: ${JSON.stringify({ maxTokens, ...sampling })}\n`);
    }
    const generation = parts.generate(model, {
      ...prompt,
      ...sampling,
      ...(flags["sample-on"] !== undefined && { sampleOn: flags["sample-on"] }),
      maxTokens,
      stop: flags.stop ?? [],
      signal,
    });
    const write = flags.json === true ? "nothing" : model.tokenizer === undefined ? "ids" : "text";
    const result = await stream(generation, io, write);
    const summary = report(result, model, device);
    if (flags.json === true) await io.out(`${JSON.stringify(summary)}\n`);
    else if (io.terminal.out) await io.out("\n");
    tellTuned(); // of what was compiled after the first token
    if (result.finishReason === "context") {
      io.err(`stopped: the model's context of ${model.config.n_positions} tokens is full\n`);
    }
    if (flags.profile !== undefined && result.finishReason !== "aborted") {
      const profiles = await profileSteps(model, result.promptIds);
      const picture = flags.profile.toLowerCase().endsWith(".svg");
      await writeFile(flags.profile, picture ? timelineSvg(profiles) : chromeTrace(profiles));
      for (const profile of profiles) io.err(profileTable(profile));
    }
    if (flags.verbose === true) detailLines(model).forEach((line) => io.err(`${line}\n`));
    io.err(`${summaryLine(summary, device)}\n`);
    return result.finishReason === "aborted" ? INTERRUPTED : 0;
  } finally {
    model[Symbol.dispose]();
  }
}

/** Runs a generation to its end and writes each piece of text as it comes; ids where there is no tokenizer. */
async function stream(
  generation: ReturnType<typeof generate>,
  io: Io,
  write: "text" | "ids" | "nothing",
): Promise<GenerateResult> {
  for (let n = 0;; n++) {
    const item = await generation.next();
    if (item.done) return item.value;
    const { id, text } = item.value;
    if (write === "text" && text !== "") await io.out(text);
    if (write === "ids") await io.out(n === 0 ? `${id}` : ` ${id}`);
    // A device that computes on this thread leaves no other moment in which Ctrl-C could be heard.
    await io.turn();
  }
}

async function promptOf(
  flags: Values,
  positionals: readonly string[],
  io: Io,
): Promise<Pick<GenerateOptions, "prompt" | "promptIds">> {
  const promptIds = flags["prompt-ids"];
  const [prompt] = positionals;
  if (positionals.length > 1) {
    throw new UsageError([
      `one prompt is needed, got ${positionals.length} arguments: put the prompt in quotes`,
    ]);
  }
  if (promptIds !== undefined) {
    if (prompt === undefined) return { promptIds };
    throw new UsageError(["give a prompt or --prompt-ids, not both"]);
  }
  if (prompt !== undefined) return { prompt };
  const none = new UsageError(["no prompt: give one in quotes, with --prompt-ids, or on stdin"]);
  if (io.terminal.in) throw none;
  let input: string;
  try {
    input = new TextDecoder("utf-8", { fatal: true }).decode(await io.input());
  } catch {
    throw new UsageError(["the prompt on stdin is not valid UTF-8"]);
  }
  // `echo` and editors put a line break at the end that nobody means.
  input = input.replace(/\r?\n$/, "");
  if (input === "") throw none;
  return { prompt: input };
}

/** How tokens are chosen: the model's suggestions, and the flags over them. */
function samplingOf(flags: Values, config: Pick<GenerationConfig, "sampler">): SamplerOptions {
  const given: SamplerOptions = {
    ...(flags.temperature !== undefined && { temperature: flags.temperature }),
    ...(flags["top-k"] !== undefined && { topK: flags["top-k"] }),
    ...(flags["top-p"] !== undefined && { topP: flags["top-p"] }),
    ...(flags["min-p"] !== undefined && { minP: flags["min-p"] }),
    ...(flags["repetition-penalty"] !== undefined && { repetitionPenalty: flags["repetition-penalty"] }),
  };
  // To restrict a random choice is to ask for one, also where the model's own suggestion is greedy.
  const restricts = given.topK !== undefined || given.topP !== undefined || given.minP !== undefined;
  const wakes = restricts && given.temperature === undefined && config.sampler.temperature === 0;
  const merged: SamplerOptions = { ...config.sampler, ...(wakes && { temperature: 1 }), ...given };
  if (merged.temperature === 0) return merged;
  return { ...merged, seed: flags.seed ?? randomSeed() };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

function defaultMaxTokens(
  { generationConfig, tokenizer }: LoadedGPT2,
  prompt: Pick<GenerateOptions, "prompt" | "promptIds">,
): number {
  const { max_new_tokens, max_length } = generationConfig;
  if (max_new_tokens !== undefined) return max_new_tokens;
  if (max_length === undefined) return DEFAULT_MAX_TOKENS;
  const ids = prompt.promptIds ?? tokenizer?.encode(prompt.prompt ?? "") ?? [];
  return Math.max(1, max_length - ids.length);
}

/** A signal that the first Ctrl-C aborts; the second ends the process. */
function interruptible(io: Io): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const off = io.onInterrupt(() => {
    if (controller.signal.aborted) io.exit(INTERRUPTED);
    controller.abort();
  });
  return { signal: controller.signal, dispose: off };
}
