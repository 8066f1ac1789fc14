/**
 * What differs between GPT-2s of one form: sizes, activation, scale of attention.
 *
 * @module
 */
import {
  arange,
  broadcastTo,
  causalMask,
  type Embedding,
  full,
  gelu,
  greaterEqual,
  logicalAnd,
  maximum,
  relu,
  reshape,
  spec,
  state,
  sub,
  tanh,
  type Tensor,
  unsqueeze,
} from "../../dsl/mod.ts";
import type { Activation, GPT2Config } from "./config.ts";
import type { AnyStep, GPT2Step, Inner, Mask, RaggedStep } from "./types.ts";

/** Inputs of a step: token ids, an empty cache for every layer, and where rows begin, if they are of several lengths. */
export function stepInputs(config: GPT2Config): GPT2Step;
/** The same for rows of several lengths. */
export function stepInputs(config: GPT2Config, ragged: true): RaggedStep;
export function stepInputs(config: GPT2Config, ragged?: true): GPT2Step {
  const cache = () => state(["b", "n_head", "past", "head_dim"], "f32");
  return {
    ids: spec(["b", "s"], "i32"),
    past: Array.from({ length: config.n_layer }, () => ({ k: cache(), v: cache() })),
    ...(ragged === true ? { start: spec(["b"], "i32") } : {}),
  };
}

/** Embeddings of the new positions, numbered from where each row begins. */
export function positions(
  wpe: Embedding<"n_positions", "n_embd">,
  start: AnyStep["start"],
): Tensor<["b", "s", "n_embd"], "f32"> {
  const all = arange("s", { start: "past" });
  if (start === undefined) return broadcastTo(wpe(all), ["b", "s", "n_embd"]);
  return wpe(maximum(sub(all, unsqueeze(start, -1)), full([1], 0, "i32")));
}

/** Lowest score: for what a row is filled up with, where a softmax of nothing but -Infinity would give NaN. */
const HIDDEN = -1e30;

/** Each position looks at itself and those before it in its row. */
export function maskOf(start: AnyStep["start"]): Mask {
  const causal = broadcastTo(causalMask("s", "past+s"), ["b", 1, "s", "past+s"]);
  if (start === undefined) return { seen: causal, hidden: -Infinity };
  const begins = reshape(start, ["b", 1, 1, 1]);
  return { seen: logicalAnd(causal, greaterEqual(arange("past+s"), begins)), hidden: HIDDEN };
}

/** Values of the dims that a config fixes, for a batch of `b`. */
export function gpt2Dims(config: GPT2Config, b: number = 1): Readonly<Record<string, number>> {
  const { n_embd, n_head, n_inner, n_positions, vocab_size } = config;
  return { b, n_embd, n_head, n_inner, n_positions, vocab_size, head_dim: n_embd / n_head };
}

/** What attention scores are multiplied with. */
export function attentionScale(config: GPT2Config, layer: number): number {
  const byHead = config.scale_attn_weights ? (config.n_embd / config.n_head) ** -0.5 : 1;
  return config.scale_attn_by_inverse_layer_idx ? byHead / (layer + 1) : byHead;
}

/** What the feed-forward part applies, by its name in a config. */
export const ACTIVATIONS: Readonly<Record<Activation, (x: Inner) => Inner>> = {
  gelu_new: (x) => gelu(x, "tanh"),
  gelu: (x) => gelu(x),
  relu: (x) => relu(x),
  tanh: (x) => tanh(x),
};
