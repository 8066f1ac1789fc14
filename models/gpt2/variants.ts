/**
 * What differs between GPT-2s of one form: sizes, activation, scale of attention.
 *
 * @module
 */
import { gelu, relu, spec, state, tanh } from "../../dsl/mod.ts";
import type { Activation, GPT2Config } from "./config.ts";
import type { GPT2Step, Inner } from "./types.ts";

/** Inputs of a step: token ids, and an empty cache for every layer. */
export function stepInputs(config: GPT2Config): GPT2Step {
  const cache = () => state(["b", "n_head", "past", "head_dim"], "f32");
  return {
    ids: spec(["b", "s"], "i32"),
    past: Array.from({ length: config.n_layer }, () => ({ k: cache(), v: cache() })),
  };
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
