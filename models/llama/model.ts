/**
 * A Llama-style decoder in the language: read it top-down. Names of modules are those of published checkpoints.
 *
 * Dims: `b` batch, `s` new positions, `past` positions in the cache, `half` half a head's width (rotary positions turn
 * pairs), `kv_heads` heads of keys and values, `group` heads of queries to each of those; the rest is the config's.
 *
 * @module
 */
import {
  add,
  type AnyModule,
  append,
  arange,
  argmax,
  concat,
  cos,
  exp,
  full,
  list,
  matmul,
  type Method,
  method,
  module,
  mul,
  named,
  nn,
  permute,
  reshape,
  round,
  scaledDotProductAttention,
  sigmoid,
  sin,
  slice,
  spec,
  split,
  state,
  sub,
  type Tensor,
  transpose,
} from "../../dsl/mod.ts";
import type { LlamaConfig } from "./config.ts";

type Ids = Tensor<["b", "s"], "i32">;
type Hidden = Tensor<["b", "s", "hidden_size"], "f32">;
type Inner = Tensor<["b", "s", "intermediate_size"], "f32">;
type QueryHeads = "group*kv_heads";
type Heads<H extends "kv_heads" | QueryHeads> = Tensor<["b", H, "s", "2*half"], "f32">;
type Past = Tensor<["b", "kv_heads", "past", "2*half"], "f32">;
type Present = Tensor<["b", "kv_heads", "past+s", "2*half"], "f32">;
type Logits<S extends "s" | 1> = Tensor<["b", S, "vocab_size"], "f32">;
/** Cosine and sine of each new position's angles, one for each pair of a head. */
type Rotary = { readonly cos: Tensor<["s", "half"], "f32">; readonly sin: Tensor<["s", "half"], "f32"> };
/** Keys and values of one layer for the positions before. */
export type LlamaLayerPast = { readonly k: Past; readonly v: Past };
/** Keys and values of one layer with the new positions. */
export type LlamaLayerPresent = { readonly k: Present; readonly v: Present };

const queryHeads = (x: Tensor<["b", "s", "2*group*half*kv_heads"], "f32">): Heads<QueryHeads> =>
  permute(reshape(x, ["b", "s", "group*kv_heads", "2*half"]), [0, 2, 1, 3]);
const kvHeads = (x: Tensor<["b", "s", "2*half*kv_heads"], "f32">): Heads<"kv_heads"> =>
  permute(reshape(x, ["b", "s", "kv_heads", "2*half"]), [0, 2, 1, 3]);

/** Position `p` turns pair `i` by `p * theta^(-i/half)` (Su et al. 2021). */
const rotary = ({ rope_theta, head_dim }: LlamaConfig): Rotary => {
  const frequencies = exp(
    mul(arange("half", { dtype: "f32" }), full([1], -2 * Math.log(rope_theta) / head_dim)),
  );
  const positions = reshape(arange("s", { start: "past", dtype: "f32" }), ["s", 1]);
  // Whole turns are taken off: GPUs promise cosine and sine only near 0.
  const turns = mul(positions, mul(frequencies, full([1], 0.5 / Math.PI)));
  const angles = mul(sub(turns, round(turns)), full([1], 2 * Math.PI));
  return { cos: cos(angles), sin: sin(angles) };
};

/** Turns the pairs of each head, which are its two halves (the layout of checkpoints for transformers). */
const rotate = <H extends "kv_heads" | QueryHeads>(x: Heads<H>, { cos, sin }: Rotary): Heads<H> => {
  const [a, b] = split(x, 2, -1);
  return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], -1);
};

const silu = (x: Inner): Inner => mul(x, sigmoid(x));

const LlamaAttention = () =>
  module({
    q_proj: nn.head("hidden_size", "2*group*half*kv_heads"),
    k_proj: nn.head("hidden_size", "2*half*kv_heads"),
    v_proj: nn.head("hidden_size", "2*half*kv_heads"),
    o_proj: nn.head("2*group*half*kv_heads", "hidden_size"),
  }, ({ q_proj, k_proj, v_proj, o_proj }) =>
  (
    x: Hidden,
    turn: Rotary,
    past: LlamaLayerPast,
  ): readonly [Hidden, LlamaLayerPresent] => {
    const q = named("q", rotate(queryHeads(q_proj(x)), turn));
    const present = {
      k: append(past.k, named("k", rotate(kvHeads(k_proj(x)), turn)), 2),
      v: append(past.v, named("v", kvHeads(v_proj(x))), 2),
    };
    const y = scaledDotProductAttention(q, present.k, present.v, { causal: true });
    const merged = named("y", reshape(permute(y, [0, 2, 1, 3]), ["b", "s", "2*group*half*kv_heads"]));
    return [o_proj(merged), present];
  });

const LlamaMLP = () =>
  module({
    gate_proj: nn.head("hidden_size", "intermediate_size"),
    up_proj: nn.head("hidden_size", "intermediate_size"),
    down_proj: nn.head("intermediate_size", "hidden_size"),
  }, ({ gate_proj, up_proj, down_proj }) => (x: Hidden): Hidden =>
    down_proj(named("act", mul(silu(gate_proj(x)), up_proj(x)))));

const LlamaDecoderLayer = (config: LlamaConfig) =>
  module(
    {
      input_layernorm: nn.rmsNorm("hidden_size", config.rms_norm_eps),
      self_attn: LlamaAttention(),
      post_attention_layernorm: nn.rmsNorm("hidden_size", config.rms_norm_eps),
      mlp: LlamaMLP(),
    },
    ({ input_layernorm, self_attn, post_attention_layernorm, mlp }) =>
    (
      x: Hidden,
      turn: Rotary,
      past: LlamaLayerPast,
    ): readonly [Hidden, LlamaLayerPresent] => {
      const [attended, present] = self_attn(input_layernorm(x), turn, past);
      const middle = named("middle", add(x, attended));
      return [named("out", add(middle, mlp(post_attention_layernorm(middle)))), present];
    },
  );

const LlamaModel = (config: LlamaConfig) =>
  module(
    {
      embed_tokens: nn.embedding("vocab_size", "hidden_size"),
      layers: list(config.num_hidden_layers, () => LlamaDecoderLayer(config)),
      norm: nn.rmsNorm("hidden_size", config.rms_norm_eps),
    },
    ({ embed_tokens, layers, norm }) =>
    (
      ids: Ids,
      past: readonly LlamaLayerPast[],
    ): readonly [Hidden, readonly LlamaLayerPresent[]] => {
      const turn = rotary(config);
      let x: Hidden = embed_tokens(ids);
      const present: LlamaLayerPresent[] = [];
      layers.forEach((layer, i) => {
        const [next, kv] = layer(x, turn, past[i]!);
        x = next;
        present.push(kv);
      });
      return [norm(x), present];
    },
  );

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

/**
 * A Llama-style decoder with its language-model head (Touvron et al. 2023), for any config.
 *
 * @example
 * ```ts
 * import { trace } from "@weft/weft";
 * import { llamaDims, LlamaForCausalLM, parseLlamaConfig } from "@weft/weft/models/llama";
 *
 * const config = parseLlamaConfig({ num_hidden_layers: 2, num_key_value_heads: 8 }, "my config");
 * const program = trace(LlamaForCausalLM(config), {
 *   dims: llamaDims(config),
 *   bounds: { s: 2048, past: 2048, "past+s": 2048 },
 *   methods: { prefill: {}, decode: { s: 1 } },
 * });
 * console.log(program.graphs.decode!.nodes.length);
 * ```
 */
export function LlamaForCausalLM(config: LlamaConfig): AnyModule & LlamaMethods {
  return module({
    model: LlamaModel(config),
    ...(config.tie_word_embeddings ? {} : { lm_head: nn.head("hidden_size", "vocab_size") }),
  }, ({ model, lm_head }) => {
    const { weight } = (lm_head ?? model.params.embed_tokens).params;
    const logitsOf = <S extends "s" | 1>(x: Tensor<["b", S, "hidden_size"], "f32">): Logits<S> =>
      named("logits", matmul(x, transpose(weight)));
    const step = ({ ids, past }: LlamaStep): LlamaNext => {
      const [x, present] = model(ids, past);
      const logits = logitsOf(slice(x, 1, -1, 1));
      return { logits, next: argmax(logits, -1), past: present };
    };
    return {
      forward: method({ ids: spec(["b", "s"], "i32") }, ({ ids }) => {
        const none = full(["b", "kv_heads", "past", "2*half"], 0);
        const [x] = model(
          ids,
          Array.from({ length: config.num_hidden_layers }, () => ({ k: none, v: none })),
        );
        return { logits: logitsOf(x) };
      }),
      prefill: method(stepInputs(config), step),
      decode: method(stepInputs(config), step),
    };
  });
}

const stepInputs = (config: LlamaConfig): LlamaStep => {
  const cache = () => state(["b", "kv_heads", "past", "2*half"], "f32");
  return {
    ids: spec(["b", "s"], "i32"),
    past: Array.from({ length: config.num_hidden_layers }, () => ({ k: cache(), v: cache() })),
  };
};

/** Values of the dims that a config fixes, for a batch of `b`. */
export function llamaDims(config: LlamaConfig, b: number = 1): Readonly<Record<string, number>> {
  const { hidden_size, intermediate_size, vocab_size, num_attention_heads, num_key_value_heads } = config;
  return {
    b,
    hidden_size,
    intermediate_size,
    vocab_size,
    kv_heads: num_key_value_heads,
    group: num_attention_heads / num_key_value_heads,
    half: config.head_dim / 2,
  };
}
