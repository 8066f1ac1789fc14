/**
 * GPT-2's `config.json`, as Hugging Face writes it: read with the same defaults, and refused where it asks for
 * something that would change the numbers and is not GPT-2.
 *
 * @module
 */

import { joinPath, toPath } from "../files.ts";
import { ConfigError } from "../../ir/errors.ts";
import {
  describe,
  isRecord,
  parseJsonRecord,
  readTextOrRefuse,
  type SettingsReader,
  settingsReader,
} from "../json_reader.ts";

/** Activation of the feed-forward layer: `gelu_new` is the tanh approximation, `gelu` the exact one (erf). */
export type Activation = "gelu_new" | "gelu" | "relu" | "tanh";

/** Shape and variant of a GPT-2, under the keys of its `config.json`. */
export interface GPT2Config {
  /** Tokens in the vocabulary. */
  readonly vocab_size: number;
  /** Longest sequence: rows of the position embedding. */
  readonly n_positions: number;
  /** Width of the residual stream. */
  readonly n_embd: number;
  /** Transformer blocks. */
  readonly n_layer: number;
  /** Attention heads; `n_embd` is a multiple of it. */
  readonly n_head: number;
  /** Width of the feed-forward layer. `null` in the file means `4 * n_embd`, which is what stands here then. */
  readonly n_inner: number;
  /** Activation of the feed-forward layer. */
  readonly activation_function: Activation;
  /** Added to the variance in every layer norm. */
  readonly layer_norm_epsilon: number;
  /** Whether the output layer is the token embedding. */
  readonly tie_word_embeddings: boolean;
  /** Whether attention scores are divided by the square root of the head size. */
  readonly scale_attn_weights: boolean;
  /** Whether attention scores are also divided by the number of the layer, counted from 1. */
  readonly scale_attn_by_inverse_layer_idx: boolean;
  /** Whether attention scores are computed in `f32` when the rest is not. */
  readonly reorder_and_upcast_attn: boolean;
  /** Token that starts a text, if there is one. */
  readonly bos_token_id: number | null;
  /** Tokens that end a text; a single one in the file is a list of one here. */
  readonly eos_token_ids: readonly number[];
  /** What was ignored in the file and might surprise: one line each. */
  readonly notes: readonly string[];
}

/** Defaults of transformers' GPT2Config, which are those of the smallest published model. */
const GPT2_SMALL: GPT2Config = {
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  n_inner: 3072,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  reorder_and_upcast_attn: false,
  bos_token_id: 50256,
  eos_token_ids: [50256],
  notes: [],
};

/** Name of a published model. */
export type GPT2Name = "gpt2" | "gpt2-medium" | "gpt2-large" | "gpt2-xl";

/** The four published models: 124, 355, 774 and 1,558 million parameters. */
export const GPT2_CONFIGS: Readonly<Record<GPT2Name, GPT2Config>> = {
  "gpt2": GPT2_SMALL,
  "gpt2-medium": { ...GPT2_SMALL, n_embd: 1024, n_layer: 24, n_head: 16, n_inner: 4096 },
  "gpt2-large": { ...GPT2_SMALL, n_embd: 1280, n_layer: 36, n_head: 20, n_inner: 5120 },
  "gpt2-xl": { ...GPT2_SMALL, n_embd: 1600, n_layer: 48, n_head: 25, n_inner: 6400 },
};

/** Names of activations in files, and what they compute: three names are in use for the tanh approximation. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu_new: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  gelu_fast: "gelu_new",
  gelu: "gelu",
  relu: "relu",
  tanh: "tanh",
};

/** Names under which transformers also accepts a key. */
const ALIASES: Readonly<Record<string, "n_embd" | "n_positions" | "n_head" | "n_layer">> = {
  hidden_size: "n_embd",
  max_position_embeddings: "n_positions",
  num_attention_heads: "n_head",
  num_hidden_layers: "n_layer",
};

/** Keys that describe other models, with the values at which they change nothing. */
const NOT_GPT2: Readonly<Record<string, { readonly harmless: readonly unknown[]; readonly what: string }>> = {
  add_cross_attention: { harmless: [false], what: "cross-attention to an encoder" },
  is_encoder_decoder: { harmless: [false], what: "an encoder" },
  quantization_config: { harmless: [], what: "quantized weights" },
  pruned_heads: { harmless: [], what: "removed attention heads" },
  position_embedding_type: { harmless: ["absolute"], what: "other position embeddings" },
  rope_theta: { harmless: [], what: "rotary position embeddings" },
  rope_scaling: { harmless: [], what: "rotary position embeddings" },
  rope_parameters: { harmless: [], what: "rotary position embeddings" },
  rotary_dim: { harmless: [], what: "rotary position embeddings" },
  alibi: { harmless: [false], what: "ALiBi position biases" },
  sliding_window: { harmless: [], what: "attention limited to a window" },
  attention_types: { harmless: [], what: "attention that differs by layer" },
  num_key_value_heads: { harmless: [], what: "grouped key and value heads" },
  multi_query: { harmless: [false], what: "shared key and value heads" },
  parallel_residual: { harmless: [false], what: "parallel attention and feed-forward" },
  use_parallel_residual: { harmless: [false], what: "parallel attention and feed-forward" },
  rms_norm_eps: { harmless: [], what: "RMS norms" },
  num_experts: { harmless: [0, 1], what: "a mixture of experts" },
  num_local_experts: { harmless: [0, 1], what: "a mixture of experts" },
  bias: { harmless: [true], what: "layers without biases" },
  auto_map: { harmless: [], what: "model code of its own" },
};

/** Keys that say nothing about what the model computes from given weights. */
const IGNORED = new Set(
  ("_name_or_path name_or_path _commit_hash _attn_implementation attn_implementation architectures attn_pdrop " +
    "embd_pdrop resid_pdrop initializer_range n_ctx use_cache torch_dtype dtype transformers_version pad_token_id " +
    "sep_token_id decoder_start_token_id task_specific_params summary_type summary_use_proj summary_activation " +
    "summary_proj_to_labels summary_first_dropout gradient_checkpointing predict_special_tokens is_decoder id2label " +
    "label2id num_labels problem_type finetuning_task output_hidden_states output_attentions return_dict " +
    "return_dict_in_generate output_scores torchscript tokenizer_class prefix chunk_size_feed_forward " +
    "tie_encoder_decoder use_bfloat16 tf_legacy_loss max_length min_length do_sample early_stopping num_beams " +
    "num_beam_groups diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty " +
    "no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences forced_bos_token_id " +
    "forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens " +
    "begin_suppress_tokens").split(" "),
);

/**
 * Reads the parsed JSON of a `config.json`.
 *
 * @param json the value `JSON.parse` gave
 * @param source what to call the file in errors
 * @throws {ConfigError} if a value is of a wrong type or out of range, or asks for what is not GPT-2; all at once
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { parseGPT2Config } from "./config.ts";
 *
 * const tiny = parseGPT2Config({ model_type: "gpt2", n_embd: 48, n_head: 3, n_layer: 2 }, "config.json");
 * assertEquals([tiny.n_inner, tiny.n_positions], [192, 1024]);
 * assertThrows(() => parseGPT2Config({ n_embd: 50, n_head: 3 }, "config.json"));
 * ```
 */
export function parseGPT2Config(json: unknown, source: string): GPT2Config {
  if (!isRecord(json)) {
    throw new ConfigError(`Cannot use ${source}: expected a JSON object, got ${describe(json)}.`);
  }
  const notes: string[] = [];
  const read = settingsReader(withoutAliases(json));
  const type = read.field("model_type");
  if (type !== undefined && type !== "gpt2") read.problem("model_type", 'must be "gpt2"');
  for (const [key, { harmless, what }] of Object.entries(NOT_GPT2)) {
    const value = read.field(key);
    if (isEmpty(value) || harmless.includes(value)) continue;
    if (key === "num_key_value_heads" && value === read.field("n_head")) continue;
    read.problem(key, `is not part of GPT-2 (${what})`);
  }
  for (const [alias, key] of Object.entries(ALIASES)) {
    if (read.field(alias) !== undefined) {
      read.problem(alias, `must be equal to ${key}, ${describe(read.field(key))}`);
    }
  }
  const shape = readShape(read);
  const activation = read.field("activation_function") ?? GPT2_SMALL.activation_function;
  if (typeof activation !== "string" || !Object.hasOwn(ACTIVATIONS, activation)) {
    read.problem("activation_function", `must be one of ${Object.keys(ACTIVATIONS).join(", ")}`);
  }
  const config: GPT2Config = {
    ...shape,
    activation_function: ACTIVATIONS[activation as string]!,
    layer_norm_epsilon: read.number("layer_norm_epsilon", GPT2_SMALL.layer_norm_epsilon, {
      min: 0,
      aboveMin: true,
    }),
    tie_word_embeddings: read.boolean("tie_word_embeddings", true),
    scale_attn_weights: read.boolean("scale_attn_weights", true),
    scale_attn_by_inverse_layer_idx: read.boolean("scale_attn_by_inverse_layer_idx", false),
    reorder_and_upcast_attn: read.boolean("reorder_and_upcast_attn", false),
    bos_token_id: readTokens(read, "bos_token_id", shape.vocab_size, notes)[0] ?? null,
    eos_token_ids: readTokens(read, "eos_token_id", shape.vocab_size, notes),
    notes,
  };
  for (const key of read.unread()) {
    if (!IGNORED.has(key)) notes.push(`${source}: unknown setting ${JSON.stringify(key)} ignored`);
  }
  read.finish(`Cannot use ${source} as a GPT-2 configuration`);
  return config;
}

/**
 * Reads `config.json` of a folder.
 *
 * @param location the folder, as path or `file:` URL
 * @throws {ConfigError} if the file is missing, is no JSON or does not describe a GPT-2
 */
export async function readGPT2Config(location: string | URL): Promise<GPT2Config> {
  const path = joinPath(await toPath(location), "config.json");
  const text = await readTextOrRefuse(path);
  if (text === undefined) throw new ConfigError(`Cannot read ${path}: there is no such file.`);
  return parseGPT2Config(parseJsonRecord(text, path), path);
}

type Shape = Pick<GPT2Config, "vocab_size" | "n_positions" | "n_embd" | "n_layer" | "n_head" | "n_inner">;

function readShape(read: SettingsReader): Shape {
  const size = (key: Exclude<keyof Shape, "n_inner">) => read.integer(key, GPT2_SMALL[key], { min: 1 });
  const n_embd = size("n_embd");
  const n_head = size("n_head");
  const known = !read.failed("n_embd") && !read.failed("n_head");
  if (known && n_embd % n_head !== 0) {
    read.problem(
      "n_head",
      `must divide n_embd, ${n_embd}${read.field("n_head") === undefined ? `; it is ${n_head}` : ""}`,
    );
  }
  const n_inner = read.field("n_inner") == null ? 4 * n_embd : read.integer("n_inner", 0, { min: 1 });
  return {
    vocab_size: size("vocab_size"),
    n_positions: size("n_positions"),
    n_embd,
    n_layer: size("n_layer"),
    n_head,
    n_inner,
  };
}

/** Token ids at `key`: a number, a list or null. Ids outside the vocabulary can never be met and are left out. */
function readTokens(
  read: SettingsReader,
  key: string,
  vocabSize: number,
  notes: string[],
): readonly number[] {
  const ids = read.tokenIds(key, [50256]);
  const kept = ids.filter((id) => id < vocabSize);
  if (kept.length < ids.length && read.field(key) !== undefined) {
    notes.push(
      `${key} ${ids.filter((id) => id >= vocabSize).join(", ")} is outside the vocabulary of ${vocabSize}`,
    );
  }
  return kept;
}

/** `json` with the other names of sizes replaced; one that contradicts the usual name keeps its own, to be refused. */
function withoutAliases(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const fields = { ...json };
  for (const [alias, key] of Object.entries(ALIASES)) {
    if (!Object.hasOwn(fields, alias) || Object.hasOwn(fields, key) && fields[key] !== fields[alias]) {
      continue;
    }
    fields[key] = fields[alias];
    delete fields[alias];
  }
  return fields;
}

function isEmpty(value: unknown): boolean {
  return value == null || typeof value === "object" && Object.keys(value).length === 0;
}
