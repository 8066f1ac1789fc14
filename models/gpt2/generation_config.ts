/**
 * `generation_config.json`: how the authors of a model suggest to generate with it.
 *
 * @module
 */

import { ConfigError } from "../../ir/errors.ts";
import { joinPath, toPath } from "../files.ts";
import { describe, isRecord, parseJsonRecord, readTextOrRefuse, settingsReader } from "../json_reader.ts";
import type { SamplerOptions } from "../sampler.ts";

/** Suggestions for generating; what the file does not say is absent. */
export interface GenerationConfig {
  /** Options of the sampler. Temperature 0, always the likeliest token, where the file does not ask to sample. */
  readonly sampler: SamplerOptions;
  /** Tokens that end a text. Absent: those of the model's configuration count. */
  readonly eos_token_ids?: readonly number[];
  /** Most tokens to generate after the prompt. */
  readonly max_new_tokens?: number;
  /** Most tokens in all, prompt included. */
  readonly max_length?: number;
  /** What was ignored in the file and changes the output: one line each. */
  readonly notes: readonly string[];
}

/** What transformers takes for `top_k` where a file that asks to sample does not name it. */
const DEFAULT_TOP_K = 50;

/** Ways of generating that are not supported, with the values at which they change nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  penalty_alpha: [0],
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  diversity_penalty: [0],
  no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  encoder_no_repeat_ngram_size: [0],
  length_penalty: [1],
  bad_words_ids: [],
  force_words_ids: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  sequence_bias: [],
  guidance_scale: [1],
  min_length: [0],
  min_new_tokens: [0],
  exponential_decay_length_penalty: [],
  num_return_sequences: [1],
};

/**
 * Reads the parsed JSON of a `generation_config.json`. As in transformers, `temperature`, `top_k`, `top_p` and
 * `min_p` count only with `do_sample`, and `top_k` is 50 then where the file does not name it (`null` is off).
 *
 * @param json the value `JSON.parse` gave
 * @param source what to call the file in errors
 * @throws {ConfigError} if values are of a wrong type or out of range; all at once
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseGenerationConfig } from "./generation_config.ts";
 *
 * const config = parseGenerationConfig({ do_sample: true, temperature: 0.7, eos_token_id: 2 }, "generation_config.json");
 * assertEquals(config.sampler, { temperature: 0.7, topK: 50 });
 * assertEquals(config.eos_token_ids, [2]);
 * ```
 */
export function parseGenerationConfig(json: unknown, source: string): GenerationConfig {
  if (!isRecord(json)) {
    throw new ConfigError(`Cannot use ${source}: expected a JSON object, got ${describe(json)}.`);
  }
  // null means "not set" everywhere in this file, except that a null eos_token_id means "none"
  const read = settingsReader(
    Object.fromEntries(Object.entries(json).filter(([k, v]) => v !== null || k === "eos_token_id")),
  );
  const given = <T>(key: string, value: () => T): T | undefined =>
    read.field(key) === undefined ? undefined : value();
  const samples = read.boolean("do_sample", false);
  const temperature = read.number("temperature", 1, { min: 0 });
  const topK = "top_k" in json ? given("top_k", () => read.integer("top_k", 0, { min: 0 })) : DEFAULT_TOP_K;
  const topP = given("top_p", () => read.number("top_p", 1, { min: 0, max: 1, aboveMin: true }));
  const minP = given("min_p", () => read.number("min_p", 0, { min: 0, max: 1 }));
  const penalty = given(
    "repetition_penalty",
    () => read.number("repetition_penalty", 1, { min: 0, aboveMin: true }),
  );
  const eos = given("eos_token_id", () => read.tokenIds("eos_token_id", []));
  const maxNew = given("max_new_tokens", () => read.integer("max_new_tokens", 1, { min: 1 }));
  const maxLength = given("max_length", () => read.integer("max_length", 1, { min: 1 }));
  read.finish(`Cannot use ${source}`);
  return {
    sampler: {
      temperature: samples ? temperature : 0,
      ...(samples && topK !== undefined && { topK }),
      ...(samples && topP !== undefined && { topP }),
      ...(samples && minP !== undefined && { minP }),
      ...(penalty !== undefined && { repetitionPenalty: penalty }),
    },
    ...(eos !== undefined && { eos_token_ids: eos }),
    ...(maxNew !== undefined && { max_new_tokens: maxNew }),
    ...(maxLength !== undefined && { max_length: maxLength }),
    notes: Object.entries(UNSUPPORTED).flatMap(([key, harmless]) => {
      const value = read.field(key);
      const isEmpty = value === undefined || typeof value === "object" && Object.keys(value!).length === 0;
      if (isEmpty || value === false || harmless.includes(value)) return [];
      return [`${source}: ${key} = ${describe(value)} is not supported and ignored`];
    }),
  };
}

/**
 * Reads `generation_config.json` of a folder; where there is none, the result asks for the likeliest token always.
 *
 * @param location the folder, as path or `file:` URL
 * @throws {ConfigError} if the file cannot be read, is no JSON or has values that cannot be used
 */
export async function readGenerationConfig(location: string | URL): Promise<GenerationConfig> {
  const path = joinPath(await toPath(location), "generation_config.json");
  const text = await readTextOrRefuse(path);
  return parseGenerationConfig(text === undefined ? {} : parseJsonRecord(text, path), path);
}
