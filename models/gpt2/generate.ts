/**
 * Text from a model: prefill, then one token at a time, until something ends it.
 *
 * @module
 */
import type { DeviceTensor, InputTensor } from "../../backends/runtime/executable.ts";
import type { State } from "../../backends/runtime/state.ts";
import { InputError } from "../../ir/errors.ts";
import { sampler, type SamplerOptions } from "../sampler.ts";
import { stopMatcher } from "../stop_matcher.ts";
import { createSession, type Session } from "./session.ts";
import { deviceSampler } from "./device_sampler.ts";
import type { LoadedGPT2 } from "./load.ts";

/** What to generate from, and how. */
export interface GenerateOptions extends SamplerOptions {
  /** Text to go on from; needs the model's tokenizer. */
  readonly prompt?: string;
  /** Token ids in place of a text. */
  readonly promptIds?: readonly number[];
  /** Most tokens to generate; by default what the context has room for. */
  readonly maxTokens?: number;
  /** Texts that end the generation; none of them is part of the result. */
  readonly stop?: readonly string[];
  /**
   * What was computed before: positions that its tokens and the prompt begin with alike are not computed again, and it
   * holds those of this generation afterwards. One generation at a time may use it.
   */
  readonly session?: Session;
  /** Ends it early, with the reason `"aborted"`, between pieces of the prompt too. */
  readonly signal?: AbortSignal;
  /**
   * Most steps that run before the first of their tokens has come to the host (default 8 on WebGPU, else 1): a step
   * takes the token of the one before on the device. Only where tokens are chosen on the device. The text does not
   * depend on it; up to `inFlight - 1` steps past its end are dropped.
   */
  readonly inFlight?: number;
  /**
   * Where tokens are chosen: on the device only their ids come back. By default there on graphics cards, else on the
   * host, which has the logits anyway. The likeliest token (temperature 0, no penalty) is always found on the device.
   */
  readonly sampleOn?: "device" | "host";
}

/**
 * Why a generation ended: the model's end token, a stop string, as many tokens as were asked for, a full context, or
 * the caller.
 */
export type FinishReason = "eos" | "stop" | "length" | "context" | "aborted";

/** A piece of a generation: a token, and the text that it makes certain (empty while a character is incomplete). */
export interface GenerateEvent {
  readonly id: number;
  readonly text: string;
}

/** A finished generation. */
export interface GenerateResult {
  /** Text without the prompt and without a stop string. */
  readonly text: string;
  /** Token ids without the prompt and without an end token. */
  readonly ids: readonly number[];
  readonly promptIds: readonly number[];
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  /** Tokens of the prompt that the session held already. */
  readonly reusedTokens: number;
  readonly generatedTokens: number;
  /** Prompt tokens that were computed over the time from the start to the first token. */
  readonly prefillTokensPerSecond: number;
  /** Tokens after the first over the time they took; 0 where there is none. */
  readonly decodeTokensPerSecond: number;
  readonly timeToFirstTokenMs: number;
}

/**
 * Generates from a loaded model. Iterate for the text as it comes; the generator's return value is the whole result.
 *
 * Throws {@linkcode InputError} for an empty prompt, ids outside the vocabulary, a prompt longer than the context, or
 * options out of range.
 *
 * @example
 * ```ts
 * import { jsDevice } from "@weft/weft/backends/js";
 * import { collect, generate, loadGPT2 } from "@weft/weft/models/gpt2";
 *
 * using model = await loadGPT2(new URL("../weights/stories/", import.meta.url), { device: jsDevice() });
 * const { text } = await collect(generate(model, { prompt: "Once upon a time", maxTokens: 2, temperature: 0 }));
 * console.log(text); // " there was"
 * ```
 */
export async function* generate(
  model: LoadedGPT2,
  options: GenerateOptions,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const { config, tokenizer, executable } = model;
  const choose = sampler(samplerOptions(options));
  // The likeliest token is found on the device, so that four bytes come back and not the logits.
  const greedy = choose.options.temperature === 0 && choose.options.repetitionPenalty === 1;
  const { target } = executable.device;
  const sampleOn = options.sampleOn ?? (target.kind === "webgpu" && !target.software ? "device" : "host");
  const promptIds = promptOf(model, options);
  const maxTokens = options.maxTokens ?? config.n_positions;
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new InputError(`maxTokens must be an integer >= 0, got ${maxTokens}`);
  }
  const inFlight = options.inFlight ?? (target.kind === "webgpu" ? 8 : 1);
  if (!Number.isInteger(inFlight) || inFlight < 1) {
    throw new InputError(`inFlight must be an integer >= 1, got ${inFlight}`);
  }
  const ends = new Set([...config.eos_token_ids, ...model.generationConfig.eos_token_ids ?? []]);
  const decoder = tokenizer?.stream({ skipSpecialTokens: true });
  const matcher = stopMatcher(options.stop ?? []);
  const history = [...promptIds];
  const ids: number[] = [];
  let text = "";
  let finishReason: FinishReason = "length";

  using drawing = greedy || sampleOn === "host"
    ? undefined
    : await deviceSampler(model, choose.options, promptIds);
  using own = options.session === undefined ? createSession(model) : undefined;
  const session = options.session ?? own;
  if (session === undefined) throw new InputError("There is no session"); // one of both is there
  const { state, reused } = session.begin(promptIds);
  const started = performance.now();
  let firstAt = started;
  let lastAt = started;
  let preparedMs = 0;
  /** Steps whose tokens are on their way, the oldest first. */
  const flying: Step[] = [];
  const submit = (): void => {
    // The first token is waited for alone: nothing is queued in front of it.
    const most = Math.min(
      (greedy || drawing !== undefined) && ids.length > 0 ? inFlight : 1,
      maxTokens - ids.length,
    );
    while (flying.length < most) {
      const newest = flying.at(-1)?.next;
      // Another generation has used the entry point: go on from the host when all tokens are here.
      if (newest?.replaced) return;
      const input = ids.length === 0 ? promptIds.slice(state.length("past")) : history.slice(-1);
      const given = newest ?? idsTensor(input);
      if (state.length("past") + given.shape[1]! > config.n_positions) return;
      const { logits, next: likeliest } = step(model, given, state);
      const next = drawing?.next(logits, ids.length + flying.length) ?? likeliest;
      const id = greedy || drawing !== undefined
        ? next.read().then(({ data }) => idOf(Number(data[0])))
        : logits.read().then(({ data }) => choose.next(data as Float32Array, history, ids.length));
      id.catch(() => {}); // it may fail before it is its turn to be waited for
      flying.push({ id, next });
    }
  };
  try {
    while (ids.length < maxTokens) {
      if (options.signal?.aborted) {
        finishReason = "aborted";
        break;
      }
      // All pieces of the prompt but the last.
      const at = state.length("past");
      if (ids.length === 0 && promptIds.length - at > model.prefillChunk) {
        await step(model, idsTensor(promptIds.slice(at, at + model.prefillChunk)), state).next.read();
        continue;
      }
      const waitedFrom = performance.now();
      await executable.prepare(ids.length > 0 || promptIds.length - at === 1 ? "decode" : "prefill");
      // Kernels are no part of a step.
      if (ids.length > 0) preparedMs += performance.now() - waitedFrom;
      submit();
      const oldest = flying.shift();
      if (oldest === undefined) {
        finishReason = "context";
        break;
      }
      const id = await oldest.id;
      lastAt = performance.now();
      if (ids.length === 0) firstAt = lastAt;
      if (ends.has(id)) {
        finishReason = "eos";
        break;
      }
      ids.push(id);
      history.push(id);
      const piece = matcher.push(decoder?.push(id) ?? "");
      text += piece.text;
      yield { id, text: piece.text };
      if (piece.stop !== undefined) {
        finishReason = "stop";
        break;
      }
    }
  } finally {
    await Promise.allSettled(flying.map(({ id }) => id));
    session.end(history);
  }
  if (finishReason !== "stop") {
    // What was held back: half a character, or the beginning of a stop string that did not come.
    const held = matcher.push(decoder?.end() ?? "");
    const rest = held.text + (held.stop === undefined ? matcher.end() : "");
    if (held.stop !== undefined) finishReason = "stop";
    text += rest;
    if (rest !== "") yield { id: ids.at(-1) ?? -1, text: rest };
  }
  const prefillMs = firstAt - started;
  const decodeMs = lastAt - firstAt - preparedMs;
  const decoded = ids.length - 1 + (finishReason === "eos" ? 1 : 0);
  return {
    text,
    ids,
    promptIds,
    finishReason,
    promptTokens: promptIds.length,
    reusedTokens: reused,
    generatedTokens: ids.length,
    prefillTokensPerSecond: prefillMs > 0 ? (promptIds.length - reused) / prefillMs * 1000 : 0,
    decodeTokensPerSecond: decoded > 0 && decodeMs > 0 ? decoded / decodeMs * 1000 : 0,
    timeToFirstTokenMs: prefillMs,
  };
}

/** Runs a generation to its end. */
export async function collect(
  generation: AsyncGenerator<GenerateEvent, GenerateResult, void>,
): Promise<GenerateResult> {
  for (;;) {
    const item = await generation.next();
    if (item.done) return item.value;
  }
}

/** A step that was submitted. */
interface Step {
  readonly id: Promise<number>;
  /** The same on the device, where it was chosen there. */
  readonly next: DeviceTensor;
}

function idsTensor(ids: readonly number[]): InputTensor<"i32"> {
  return { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) };
}

/** The token that was chosen on the device. */
function idOf(id: number): number {
  if (id >= 0) return id;
  throw new InputError(
    "Cannot choose a token: a logit is NaN or Infinity, or all are -Infinity; the model computed garbage.",
  );
}

function step(model: LoadedGPT2, ids: InputTensor<"i32"> | DeviceTensor, state: State): {
  readonly logits: DeviceTensor;
  readonly next: DeviceTensor;
} {
  const outputs = model.executable.run(ids.shape[1] === 1 ? "decode" : "prefill", { ids }, { state });
  const { logits, next } = outputs;
  if (logits === undefined || next === undefined) {
    throw new InputError("The model has no outputs logits and next");
  }
  return { logits, next };
}

function promptOf(model: LoadedGPT2, options: GenerateOptions): readonly number[] {
  const { config, tokenizer } = model;
  if (options.promptIds === undefined && options.prompt !== undefined && tokenizer === undefined) {
    throw new InputError("Cannot read a text: the model's folder has no tokenizer.json; give promptIds");
  }
  const ids = options.promptIds ?? tokenizer?.encode(options.prompt ?? "") ?? [];
  if (ids.length === 0) {
    const start = tokenizer?.bosId === undefined
      ? ""
      : `, or start from nothing with promptIds [${tokenizer.bosId}]`;
    throw new InputError(`Cannot generate from an empty prompt: give at least one token${start}`);
  }
  ids.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= config.vocab_size) {
      throw new InputError(
        `Cannot use token id ${id} at position ${i}: the vocabulary has ids 0 to ${config.vocab_size - 1}`,
      );
    }
  });
  if (ids.length > config.n_positions) {
    throw new InputError(
      `Cannot generate from ${ids.length} tokens: the model's context is ${config.n_positions}; shorten the prompt by ` +
        `${ids.length - config.n_positions} tokens`,
    );
  }
  return ids;
}

function samplerOptions(options: GenerateOptions): SamplerOptions {
  const { temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  const given = { temperature, topK, topP, minP, repetitionPenalty, seed };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
