/**
 * The tensors of a Llama-style decoder, its weights and its entry points.
 *
 * @module
 */
import type { Embedding, Head, Method, ModuleOf, RMSNorm, Tensor } from "../../dsl/mod.ts";

/** Token ids of the new positions. */
export type Ids = Tensor<["b", "s"], "i32">;
/** The residual stream. */
export type Hidden = Tensor<["b", "s", "hidden_size"], "f32">;
/** Between the layers of the feed-forward part. */
export type Inner = Tensor<["b", "s", "intermediate_size"], "f32">;
/** Heads of queries. */
export type QueryHeads = "group*kv_heads";
/** Queries, keys or values by heads. */
export type Heads<H extends "kv_heads" | QueryHeads> = Tensor<["b", H, "s", "2*half"], "f32">;
/** Keys or values of one layer for the positions before. */
export type Past = Tensor<["b", "kv_heads", "past", "2*half"], "f32">;
/** Keys or values of one layer with the new positions. */
export type Present = Tensor<["b", "kv_heads", "past+s", "2*half"], "f32">;
/** A number for each token of the vocabulary, for every new position or the last. */
export type Logits<S extends "s" | 1> = Tensor<["b", S, "vocab_size"], "f32">;
/** Cosine and sine of each new position's angles, one for each pair of a head. */
export type Rotary = {
  readonly cos: Tensor<["s", "half"], "f32">;
  readonly sin: Tensor<["s", "half"], "f32">;
};
/** Keys and values of one layer for the positions before. */
export type LlamaLayerPast = { readonly k: Past; readonly v: Past };
/** Keys and values of one layer with the new positions. */
export type LlamaLayerPresent = { readonly k: Present; readonly v: Present };

/** Inputs of a step: token ids, and the cache of every layer. */
export type LlamaStep = { readonly ids: Ids; readonly past: readonly LlamaLayerPast[] };
/** What a step gives: logits of the last position, the likeliest token, and the cache with the new positions. */
export type LlamaNext = {
  readonly logits: Logits<1>;
  readonly next: Tensor<["b", 1], "i32">;
  readonly past: readonly LlamaLayerPresent[];
};

/** Entry points of {@linkcode LlamaForCausalLM}. */
export interface LlamaMethods {
  /** Logits of every position of a text that begins here: trace it with `past: 0`. */
  readonly forward: Method<{ readonly ids: Ids }, { readonly logits: Logits<"s"> }>;
  /** A step of any number of new positions. */
  readonly prefill: Method<LlamaStep, LlamaNext>;
  /** A step of one new position: trace it with `s: 1`. */
  readonly decode: Method<LlamaStep, LlamaNext>;
}

/** Weights of a decoder layer. */
export type LlamaLayerParams = {
  readonly input_layernorm: RMSNorm<"hidden_size">;
  readonly self_attn: ModuleOf<{
    readonly q_proj: Head<"hidden_size", "2*group*half*kv_heads">;
    readonly k_proj: Head<"hidden_size", "2*half*kv_heads">;
    readonly v_proj: Head<"hidden_size", "2*half*kv_heads">;
    readonly o_proj: Head<"2*group*half*kv_heads", "hidden_size">;
  }>;
  readonly post_attention_layernorm: RMSNorm<"hidden_size">;
  readonly mlp: ModuleOf<{
    readonly gate_proj: Head<"hidden_size", "intermediate_size">;
    readonly up_proj: Head<"hidden_size", "intermediate_size">;
    readonly down_proj: Head<"intermediate_size", "hidden_size">;
  }>;
};
/** Weights of {@linkcode LlamaForCausalLM}; those with tied embeddings have no `lm_head`. */
export type LlamaParams = {
  readonly model: ModuleOf<{
    readonly embed_tokens: Embedding<"vocab_size", "hidden_size">;
    readonly layers: readonly ModuleOf<LlamaLayerParams>[];
    readonly norm: RMSNorm<"hidden_size">;
  }>;
  readonly lm_head?: Head<"hidden_size", "vocab_size"> | undefined;
};
