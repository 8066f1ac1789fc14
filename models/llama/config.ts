/**
 * The `config.json` of a Llama-style decoder, as Hugging Face writes it: read with the same defaults, and refused where
 * it asks for something that would change the numbers and is not in this model.
 *
 * @module
 */
import { ConfigError } from "../../ir/errors.ts";
import { joinPath, toPath } from "../files.ts";
import {
  describe,
  isRecord,
  parseJsonRecord,
  readTextOrRefuse,
  type SettingsReader,
  settingsReader,
} from "../json_reader.ts";

/** Shape and variant of a Llama-style decoder, under the keys of its `config.json`. */
export interface LlamaConfig {
  /** Tokens in the vocabulary. */
  readonly vocab_size: number;
  /** Width of the residual stream. */
  readonly hidden_size: number;
  /** Width of the gated feed-forward layer. */
  readonly intermediate_size: number;
  /** Decoder layers. */
  readonly num_hidden_layers: number;
  /** Heads of the queries: a multiple of `num_key_value_heads`. */
  readonly num_attention_heads: number;
  /** Heads of keys and values, each of which serves a group of neighbouring heads of the queries. */
  readonly num_key_value_heads: number;
  /** Width of a head, even. `hidden_size / num_attention_heads` where the file has none. */
  readonly head_dim: number;
  /** Longest sequence that the model was made for. */
  readonly max_position_embeddings: number;
  /** Added to the mean of squares in every norm. */
  readonly rms_norm_eps: number;
  /** Base of the wavelengths of the rotary positions. */
  readonly rope_theta: number;
  /** Whether the output layer is the token embedding. */
  readonly tie_word_embeddings: boolean;
}

/** Keys of what this model does not have, with the values at which they change nothing. */
const NOT_HERE: Readonly<Record<string, { readonly harmless: readonly unknown[]; readonly what: string }>> = {
  attention_bias: { harmless: [false], what: "biases of attention" },
  mlp_bias: { harmless: [false], what: "biases of the feed-forward layer" },
  sliding_window: { harmless: [], what: "attention limited to a window" },
  partial_rotary_factor: { harmless: [1], what: "heads that are rotated in part" },
  quantization_config: { harmless: [], what: "quantized weights" },
  num_local_experts: { harmless: [0, 1], what: "a mixture of experts" },
  auto_map: { harmless: [], what: "model code of its own" },
};

/**
 * Reads the parsed JSON of a `config.json`.
 *
 * @param json the value `JSON.parse` gave
 * @param source what to call the file in errors
 * @throws {ConfigError} if a value is of a wrong type or out of range, or asks for what the model has not; all at once
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { parseLlamaConfig } from "@weft/weft/models/llama";
 *
 * const tiny = parseLlamaConfig({ hidden_size: 24, num_attention_heads: 6, num_key_value_heads: 2 }, "config.json");
 * assertEquals([tiny.head_dim, tiny.rope_theta], [4, 10000]);
 * assertThrows(() => parseLlamaConfig({ rope_scaling: { rope_type: "yarn", factor: 4 } }, "config.json"));
 * ```
 */
export function parseLlamaConfig(json: unknown, source: string): LlamaConfig {
  if (!isRecord(json)) {
    throw new ConfigError(`Cannot use ${source}: expected a JSON object, got ${describe(json)}.`);
  }
  const read = settingsReader(json);
  const type = read.field("model_type");
  if (type !== undefined && type !== "llama") read.problem("model_type", 'must be "llama"');
  if ((read.field("hidden_act") ?? "silu") !== "silu") read.problem("hidden_act", 'must be "silu"');
  for (const [key, { harmless, what }] of Object.entries(NOT_HERE)) {
    const value = read.field(key);
    if (value == null || harmless.includes(value)) continue;
    read.problem(key, `is not part of this model (${what})`);
  }
  const config: LlamaConfig = {
    ...readHeads(read),
    vocab_size: read.integer("vocab_size", 32000, { min: 1 }),
    intermediate_size: read.integer("intermediate_size", 11008, { min: 1 }),
    num_hidden_layers: read.integer("num_hidden_layers", 32, { min: 1 }),
    max_position_embeddings: read.integer("max_position_embeddings", 2048, { min: 1 }),
    rms_norm_eps: read.number("rms_norm_eps", 1e-6, { min: 0, aboveMin: true }),
    rope_theta: readTheta(read),
    tie_word_embeddings: read.boolean("tie_word_embeddings", false),
  };
  read.finish(`Cannot use ${source} as a Llama configuration`);
  return config;
}

/**
 * Reads `config.json` of a folder.
 *
 * @param location the folder, as path or `file:` URL
 * @throws {ConfigError} if the file is missing, is no JSON or does not describe a model that this one can be
 */
export async function readLlamaConfig(location: string | URL): Promise<LlamaConfig> {
  const path = joinPath(await toPath(location), "config.json");
  const text = await readTextOrRefuse(path);
  if (text === undefined) throw new ConfigError(`Cannot read ${path}: there is no such file.`);
  return parseLlamaConfig(parseJsonRecord(text, path), path);
}

type Heads = Pick<LlamaConfig, "hidden_size" | "num_attention_heads" | "num_key_value_heads" | "head_dim">;

function readHeads(read: SettingsReader): Heads {
  const hidden_size = read.integer("hidden_size", 4096, { min: 1 });
  const heads = read.integer("num_attention_heads", 32, { min: 1 });
  const kvHeads = read.field("num_key_value_heads") == null
    ? heads
    : read.integer("num_key_value_heads", heads, { min: 1 });
  if (!read.failed("num_key_value_heads") && heads % kvHeads !== 0) {
    read.problem("num_key_value_heads", `must divide num_attention_heads, ${heads}`);
  }
  const given = read.field("head_dim") != null;
  const head_dim = given ? read.integer("head_dim", 2, { min: 2 }) : hidden_size / heads;
  const sizesFailed = read.failed("hidden_size") || read.failed("num_attention_heads");
  if (given && !read.failed("head_dim") && head_dim % 2 !== 0) read.problem("head_dim", "must be even");
  if (!given && !sizesFailed && head_dim % 2 !== 0) {
    read.problem("hidden_size", `must be an even multiple of num_attention_heads, ${heads}`);
  }
  return { hidden_size, num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim };
}

/** The base of rotary positions: at the top level, or under `rope_parameters`; none but the plain kind is known. */
function readTheta(read: SettingsReader): number {
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const value = read.field(key);
    if (value == null) continue;
    const kind = isRecord(value) ? value["rope_type"] ?? value["type"] : undefined;
    if (!isRecord(value) || (kind ?? "default") !== "default") {
      read.problem(key, 'must have the rope_type "default"');
      continue;
    }
    const nested = value["rope_theta"];
    if (nested === undefined) continue;
    if (typeof nested === "number" && nested > 0 && Number.isFinite(nested)) return nested;
    read.problem(key, "must have a rope_theta that is a number above 0");
  }
  return read.number("rope_theta", 10000, { min: 0, aboveMin: true });
}
