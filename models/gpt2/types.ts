/**
 * The tensors of GPT-2, and its entry points.
 *
 * @module
 */
import type { Embedding, Head, LayerNorm, Linear, Method, ModuleOf, Tensor } from "../../dsl/mod.ts";

/** Token ids of the new positions. */
export type Ids = Tensor<["b", "s"], "i32">;
/** The residual stream. */
export type Hidden = Tensor<["b", "s", "n_embd"], "f32">;
/** The residual stream by heads. */
export type Heads = Tensor<["b", "n_head", "s", "head_dim"], "f32">;
/** Between the two layers of the feed-forward part. */
export type Inner = Tensor<["b", "s", "n_inner"], "f32">;
/** Keys or values of one layer for the positions before. */
export type Past = Tensor<["b", "n_head", "past", "head_dim"], "f32">;
/** Keys or values of one layer with the new positions. */
export type Present = Tensor<["b", "n_head", "past+s", "head_dim"], "f32">;
/** A number for each token of the vocabulary, for every new position or the last. */
export type Logits<S extends "s" | 1> = Tensor<["b", S, "vocab_size"], "f32">;
/** Keys and values of one layer for the positions before. */
export type LayerPast = { readonly k: Past; readonly v: Past };
/** Keys and values of one layer with the new positions. */
export type LayerPresent = { readonly k: Present; readonly v: Present };

/** What attention and blocks give: the residual stream, and keys and values with the new positions. */
export type Attended = readonly [Hidden, LayerPresent];

/** Inputs of a step: token ids, and the cache of every layer. */
export type GPT2Step = {
  readonly ids: Ids;
  readonly past: readonly LayerPast[];
};
/** A step of a batch of texts of several lengths: each row begins at `start`, after what fills it up on the left. */
export type RaggedStep = GPT2Step & { readonly start: Tensor<["b"], "i32"> };
/** One of both. */
export type AnyStep = GPT2Step & { readonly start?: Tensor<["b"], "i32"> };
/** Which positions each new one looks at, and the score of others. */
export type Mask = { readonly seen: Tensor<["b", 1, "s", "past+s"], "bool">; readonly hidden: number };
/** What a step gives: logits of the last position, the likeliest token, and the cache with the new positions. */
export type GPT2Next = {
  readonly logits: Logits<1>;
  readonly next: Tensor<["b", 1], "i32">;
  readonly past: readonly LayerPresent[];
};

/** Weights of a block. */
export type GPT2BlockParams = {
  readonly ln_1: LayerNorm<"n_embd">;
  readonly attn: ModuleOf<{
    readonly c_attn: Linear<"n_embd", "3*n_embd">;
    readonly c_proj: Linear<"n_embd", "n_embd">;
  }>;
  readonly ln_2: LayerNorm<"n_embd">;
  readonly mlp: ModuleOf<{
    readonly c_fc: Linear<"n_embd", "n_inner">;
    readonly c_proj: Linear<"n_inner", "n_embd">;
  }>;
};
/** Weights of {@linkcode GPT2LMHeadModel}; those with tied embeddings have no `lm_head`. */
export type GPT2Params = {
  readonly transformer: ModuleOf<{
    readonly wte: Embedding<"vocab_size", "n_embd">;
    readonly wpe: Embedding<"n_positions", "n_embd">;
    readonly h: readonly ModuleOf<GPT2BlockParams>[];
    readonly ln_f: LayerNorm<"n_embd">;
  }>;
  readonly lm_head?: Head<"n_embd", "vocab_size"> | undefined;
};

/** Entry points of {@linkcode GPT2LMHeadModel}. */
export interface GPT2Methods {
  /** Logits of every position of a text that begins here: trace it with `past: 0`. */
  readonly forward: Method<{ readonly ids: Ids }, { readonly logits: Logits<"s"> }>;
  /** A step of any number of new positions. */
  readonly prefill: Method<GPT2Step, GPT2Next>;
  /** A step of one new position: trace it with `s: 1`. */
  readonly decode: Method<GPT2Step, GPT2Next>;
  /** The same of a batch whose rows are of several lengths, filled up on the left. */
  readonly prefillRagged: Method<RaggedStep, GPT2Next>;
  /** The same of one new position a row: trace it with `s: 1`. */
  readonly decodeRagged: Method<RaggedStep, GPT2Next>;
  /** Probabilities of the next token. */
  readonly softmaxWithTemperature: Method<
    { readonly logits: Logits<1>; readonly temperature: Tensor<[1], "f32"> },
    { readonly probabilities: Logits<1> }
  >;
}
