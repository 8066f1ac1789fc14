/**
 * A Llama-style decoder in the language: read it top-down. Names of modules are those of published checkpoints.
 *
 * Dims: `b` batch, `s` new positions, `past` positions in the cache, `half` half a head's width (rotary positions turn
 * pairs), `kv_heads` heads of keys and values, `group` heads of queries to each of those; the rest is the config's.
 *
 * @module
 */
import { list, method, module, type ModuleOf, named, nn, spec, state, type Tensor } from "../../dsl/mod.ts";
import * as op from "../../dsl/ops/mod.ts";
import type { LlamaConfig } from "./config.ts";
import type * as T from "./types.ts";

const queryHeads = (x: Tensor<["b", "s", "2*group*half*kv_heads"], "f32">): T.Heads<T.QueryHeads> =>
  op.permute(op.reshape(x, ["b", "s", "group*kv_heads", "2*half"]), [0, 2, 1, 3]);
const kvHeads = (x: Tensor<["b", "s", "2*half*kv_heads"], "f32">): T.Heads<"kv_heads"> =>
  op.permute(op.reshape(x, ["b", "s", "kv_heads", "2*half"]), [0, 2, 1, 3]);

/** Position `p` turns pair `i` by `p * theta^(-i/half)` (Su et al. 2021). */
const rotary = ({ rope_theta, head_dim }: LlamaConfig): T.Rotary => {
  const frequencies = op.exp(
    op.mul(op.arange("half", { dtype: "f32" }), op.full([1], -2 * Math.log(rope_theta) / head_dim)),
  );
  const positions = op.reshape(op.arange("s", { start: "past", dtype: "f32" }), ["s", 1]);
  // Whole turns are taken off: GPUs promise cosine and sine only near 0.
  const turns = op.mul(positions, op.mul(frequencies, op.full([1], 0.5 / Math.PI)));
  const angles = op.mul(op.sub(turns, op.round(turns)), op.full([1], 2 * Math.PI));
  return { cos: op.cos(angles), sin: op.sin(angles) };
};

/** Turns the pairs of each head, which are its two halves (the layout of checkpoints for transformers). */
const rotate = <H extends "kv_heads" | T.QueryHeads>(x: T.Heads<H>, { cos, sin }: T.Rotary): T.Heads<H> => {
  const [a, b] = op.split(x, 2, -1);
  return op.concat([op.sub(op.mul(a, cos), op.mul(b, sin)), op.add(op.mul(b, cos), op.mul(a, sin))], -1);
};

const silu = (x: T.Inner): T.Inner => op.mul(x, op.sigmoid(x));

const LlamaAttention = () =>
  module(
    {
      q_proj: nn.head("hidden_size", "2*group*half*kv_heads"),
      k_proj: nn.head("hidden_size", "2*half*kv_heads"),
      v_proj: nn.head("hidden_size", "2*half*kv_heads"),
      o_proj: nn.head("2*group*half*kv_heads", "hidden_size"),
    },
    ({ q_proj, k_proj, v_proj, o_proj }) =>
    (
      x: T.Hidden,
      turn: T.Rotary,
      past: T.LlamaLayerPast,
    ): readonly [T.Hidden, T.LlamaLayerPresent] => {
      const q = named("q", rotate(queryHeads(q_proj(x)), turn));
      const present = {
        k: op.append(past.k, named("k", rotate(kvHeads(k_proj(x)), turn)), 2),
        v: op.append(past.v, named("v", kvHeads(v_proj(x))), 2),
      };
      const y = op.scaledDotProductAttention(q, present.k, present.v, { causal: true });
      const merged = named("y", op.reshape(op.permute(y, [0, 2, 1, 3]), ["b", "s", "2*group*half*kv_heads"]));
      return [o_proj(merged), present];
    },
  );

const LlamaMLP = () =>
  module({
    gate_proj: nn.head("hidden_size", "intermediate_size"),
    up_proj: nn.head("hidden_size", "intermediate_size"),
    down_proj: nn.head("intermediate_size", "hidden_size"),
  }, ({ gate_proj, up_proj, down_proj }) => (x: T.Hidden): T.Hidden =>
    down_proj(named("act", op.mul(silu(gate_proj(x)), up_proj(x)))));

const LlamaDecoderLayer = (config: LlamaConfig) =>
  module(
    {
      input_layernorm: nn.rmsNorm("hidden_size", config.rms_norm_eps),
      self_attn: LlamaAttention(),
      post_attention_layernorm: nn.rmsNorm("hidden_size", config.rms_norm_eps),
      mlp: LlamaMLP(),
    },
    ({ input_layernorm, self_attn, post_attention_layernorm, mlp }) =>
    (x: T.Hidden, turn: T.Rotary, past: T.LlamaLayerPast): readonly [T.Hidden, T.LlamaLayerPresent] => {
      const [attended, present] = self_attn(input_layernorm(x), turn, past);
      const middle = named("middle", op.add(x, attended));
      return [named("out", op.add(middle, mlp(post_attention_layernorm(middle)))), present];
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
    (ids: T.Ids, past: readonly T.LlamaLayerPast[]): readonly [T.Hidden, readonly T.LlamaLayerPresent[]] => {
      const turn = rotary(config);
      let x: T.Hidden = embed_tokens(ids);
      const present: T.LlamaLayerPresent[] = [];
      for (const [i, layer] of layers.entries()) [x, present[i]] = layer(x, turn, past[i]!);
      return [norm(x), present];
    },
  );

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
export function LlamaForCausalLM(config: LlamaConfig): ModuleOf<T.LlamaParams> & T.LlamaMethods {
  return module({
    model: LlamaModel(config),
    ...(config.tie_word_embeddings ? {} : { lm_head: nn.head("hidden_size", "vocab_size") }),
  }, ({ model, lm_head }) => {
    const { weight } = (lm_head ?? model.params.embed_tokens).params;
    const logitsOf = <S extends "s" | 1>(x: Tensor<["b", S, "hidden_size"], "f32">): T.Logits<S> =>
      named("logits", op.matmul(x, op.transpose(weight)));
    const step = ({ ids, past }: T.LlamaStep): T.LlamaNext => {
      const [x, present] = model(ids, past);
      const logits = logitsOf(op.slice(x, 1, -1, 1));
      return { logits, next: op.argmax(logits, -1), past: present };
    };
    return {
      forward: method({ ids: spec(["b", "s"], "i32") }, ({ ids }) => {
        const none = op.full(["b", "kv_heads", "past", "2*half"], 0);
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

const stepInputs = (config: LlamaConfig): T.LlamaStep => {
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
