/**
 * GPT-2 in the language: read it top-down. Names of modules are those of the published checkpoints.
 *
 * Dims: `b` batch, `s` new positions, `past` positions in the cache; the rest is the config's.
 *
 * @module
 */
import {
  add,
  type AnyModule,
  append,
  arange,
  argmax,
  causalMask,
  div,
  full,
  gelu,
  list,
  matmul,
  type Method,
  method,
  module,
  mul,
  named,
  nn,
  permute,
  relu,
  reshape,
  slice,
  softmax,
  spec,
  split,
  state,
  tanh,
  type Tensor,
  transpose,
  where,
} from "../../dsl/mod.ts";
import type { Activation, GPT2Config } from "./config.ts";

type Ids = Tensor<["b", "s"], "i32">;
type Hidden = Tensor<["b", "s", "n_embd"], "f32">;
type Heads = Tensor<["b", "n_head", "s", "head_dim"], "f32">;
type Inner = Tensor<["b", "s", "n_inner"], "f32">;
type Past = Tensor<["b", "n_head", "past", "head_dim"], "f32">;
type Present = Tensor<["b", "n_head", "past+s", "head_dim"], "f32">;
type Logits<S extends "s" | 1> = Tensor<["b", S, "vocab_size"], "f32">;
/** Keys and values of one layer for the positions before. */
export type LayerPast = { readonly k: Past; readonly v: Past };
/** Keys and values of one layer with the new positions. */
export type LayerPresent = { readonly k: Present; readonly v: Present };

const heads = (x: Hidden): Heads => permute(reshape(x, ["b", "s", "n_head", "head_dim"]), [0, 2, 1, 3]);

const GPT2Attention = (config: GPT2Config, layer: number) =>
  module({
    c_attn: nn.linear("n_embd", "3*n_embd"),
    c_proj: nn.linear("n_embd", "n_embd"),
  }, ({ c_attn, c_proj }) => (x: Hidden, past: LayerPast): readonly [Hidden, LayerPresent] => {
    const [q, k, v] = split(c_attn(x), 3, -1);
    const present = {
      k: append(past.k, named("k", heads(k)), 2),
      v: append(past.v, named("v", heads(v)), 2),
    };
    const scores = mul(
      matmul(named("q", heads(q)), transpose(present.k)),
      full([1], attentionScale(config, layer)),
    );
    const att = named("att", where(causalMask("s", "past+s"), scores, full([1], -Infinity)));
    const y = matmul(named("att_softmax", softmax(att, -1)), present.v);
    const merged = named("y", reshape(permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]));
    return [c_proj(merged), present];
  });

const GPT2MLP = (config: GPT2Config) =>
  module({
    c_fc: nn.linear("n_embd", "n_inner"),
    c_proj: nn.linear("n_inner", "n_embd"),
  }, ({ c_fc, c_proj }) => (x: Hidden): Hidden =>
    c_proj(named("act", ACTIVATIONS[config.activation_function](c_fc(x)))));

const GPT2Block = (config: GPT2Config, layer: number) =>
  module({
    ln_1: nn.layerNorm("n_embd", config.layer_norm_epsilon),
    attn: GPT2Attention(config, layer),
    ln_2: nn.layerNorm("n_embd", config.layer_norm_epsilon),
    mlp: GPT2MLP(config),
  }, ({ ln_1, attn, ln_2, mlp }) => (x: Hidden, past: LayerPast): readonly [Hidden, LayerPresent] => {
    const [attended, present] = attn(ln_1(x), past);
    const middle = named("middle", add(x, attended));
    return [named("out", add(middle, mlp(ln_2(middle)))), present];
  });

const GPT2Model = (config: GPT2Config) =>
  module(
    {
      wte: nn.embedding("vocab_size", "n_embd"),
      wpe: nn.embedding("n_positions", "n_embd"),
      h: list(config.n_layer, (layer) => GPT2Block(config, layer)),
      ln_f: nn.layerNorm("n_embd", config.layer_norm_epsilon),
    },
    ({ wte, wpe, h, ln_f }) =>
    (
      ids: Ids,
      past: readonly LayerPast[],
    ): readonly [Hidden, readonly LayerPresent[]] => {
      let x: Hidden = named("x", add(wte(ids), wpe(arange("s", { start: "past" }))));
      const present: LayerPresent[] = [];
      h.forEach((block, layer) => {
        const [next, kv] = block(x, past[layer]!);
        x = next;
        present.push(kv);
      });
      return [ln_f(x), present];
    },
  );

/** Inputs of a step: token ids, and the cache of every layer. */
export type GPT2Step = { readonly ids: Ids; readonly past: readonly LayerPast[] };
/** What a step gives: logits of the last position, the likeliest token, and the cache with the new positions. */
export type GPT2Next = {
  readonly logits: Logits<1>;
  readonly next: Tensor<["b", 1], "i32">;
  readonly past: readonly LayerPresent[];
};

/** Entry points of {@linkcode GPT2LMHeadModel}. */
export interface GPT2Methods {
  /** Logits of every position of a text that begins here: trace it with `past: 0`. */
  readonly forward: Method<{ readonly ids: Ids }, { readonly logits: Logits<"s"> }>;
  /** A step of any number of new positions. */
  readonly prefill: Method<GPT2Step, GPT2Next>;
  /** A step of one new position: trace it with `s: 1`. */
  readonly decode: Method<GPT2Step, GPT2Next>;
  /** Probabilities of the next token. */
  readonly softmax_with_temperature: Method<
    { readonly logits: Logits<1>; readonly temperature: Tensor<[1], "f32"> },
    { readonly probabilities: Logits<1> }
  >;
}

/**
 * GPT-2 with its language-model head (Radford et al. 2019), for any config.
 *
 * @example
 * ```ts
 * import { trace } from "@weft/weft";
 * import { GPT2_CONFIGS, gpt2Dims, GPT2LMHeadModel } from "@weft/weft/models/gpt2";
 *
 * const config = GPT2_CONFIGS["gpt2"];
 * const program = trace(GPT2LMHeadModel(config), {
 *   dims: gpt2Dims(config),
 *   bounds: { s: 1024, past: 1024, "past+s": 1024 },
 *   methods: { prefill: {}, decode: { s: 1 } },
 * });
 * console.log(program.graphs.decode!.nodes.length);
 * ```
 */
export function GPT2LMHeadModel(config: GPT2Config): AnyModule & GPT2Methods {
  return module({
    transformer: GPT2Model(config),
    ...(config.tie_word_embeddings ? {} : { lm_head: nn.head("n_embd", "vocab_size") }),
  }, ({ transformer, lm_head }) => {
    const { weight } = (lm_head ?? transformer.params.wte).params;
    const logitsOf = <S extends "s" | 1>(x: Tensor<["b", S, "n_embd"], "f32">): Logits<S> =>
      named("logits", matmul(x, transpose(weight)));
    const step = ({ ids, past }: GPT2Step): GPT2Next => {
      const [x, present] = transformer(ids, past);
      const logits = logitsOf(slice(x, 1, -1, 1));
      return { logits, next: argmax(logits, -1), past: present };
    };
    return {
      forward: method({ ids: spec(["b", "s"], "i32") }, ({ ids }) => {
        const none = full(["b", "n_head", "past", "head_dim"], 0);
        const [x] = transformer(ids, Array.from({ length: config.n_layer }, () => ({ k: none, v: none })));
        return { logits: logitsOf(x) };
      }),
      prefill: method(stepInputs(config), step),
      decode: method(stepInputs(config), step),
      softmax_with_temperature: method(
        { logits: spec(["b", 1, "vocab_size"], "f32"), temperature: spec([1], "f32") },
        ({ logits, temperature }) => ({ probabilities: softmax(div(logits, temperature), -1) }),
      ),
    };
  });
}

const stepInputs = (config: GPT2Config): GPT2Step => {
  const cache = () => state(["b", "n_head", "past", "head_dim"], "f32");
  return {
    ids: spec(["b", "s"], "i32"),
    past: Array.from({ length: config.n_layer }, () => ({ k: cache(), v: cache() })),
  };
};

/** Values of the dims that a config fixes, for a batch of `b`. */
export function gpt2Dims(config: GPT2Config, b: number = 1): Readonly<Record<string, number>> {
  const { n_embd, n_head, n_inner, n_positions, vocab_size } = config;
  return { b, n_embd, n_head, n_inner, n_positions, vocab_size, head_dim: n_embd / n_head };
}

/** What attention scores are multiplied with. */
function attentionScale(config: GPT2Config, layer: number): number {
  const byHead = config.scale_attn_weights ? (config.n_embd / config.n_head) ** -0.5 : 1;
  return config.scale_attn_by_inverse_layer_idx ? byHead / (layer + 1) : byHead;
}

const ACTIVATIONS: Readonly<Record<Activation, (x: Inner) => Inner>> = {
  gelu_new: (x) => gelu(x, "tanh"),
  gelu: (x) => gelu(x),
  relu: (x) => relu(x),
  tanh: (x) => tanh(x),
};
