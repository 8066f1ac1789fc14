/**
 * GPT-2 in the language: read it top-down. Names of modules are those of the published checkpoints.
 *
 * Dims: `b` batch, `s` new positions, `past` positions in the cache; the rest is the config's.
 *
 * @module
 */
import { list, method, module, type ModuleOf, named, nn, spec, type Tensor } from "../../dsl/mod.ts";
import * as op from "../../dsl/ops/mod.ts";
import type { GPT2Config } from "./config.ts";
import type * as T from "./types.ts";
import { ACTIVATIONS, attentionScale, maskOf, positions, stepInputs } from "./variants.ts";

const heads = (x: T.Hidden): T.Heads =>
  op.permute(op.reshape(x, ["b", "s", "n_head", "head_dim"]), [0, 2, 1, 3]);

const GPT2Attention = (config: GPT2Config, layer: number) =>
  module({
    c_attn: nn.linear("n_embd", "3*n_embd"),
    c_proj: nn.linear("n_embd", "n_embd"),
  }, ({ c_attn, c_proj }) => (x: T.Hidden, past: T.LayerPast, mask: T.Mask): T.Attended => {
    const [q, k, v] = op.split(c_attn(x), 3, -1);
    const present = {
      k: op.append(past.k, named("k", heads(k)), 2),
      v: op.append(past.v, named("v", heads(v)), 2),
    };
    const scores = op.mul(
      op.matmul(named("q", heads(q)), op.transpose(present.k)),
      op.full([1], attentionScale(config, layer)),
    );
    const att = named("att", op.where(mask.seen, scores, op.full([1], mask.hidden)));
    const y = op.matmul(named("att_softmax", op.softmax(att, -1)), present.v);
    const merged = named("y", op.reshape(op.permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]));
    return [c_proj(merged), present];
  });

const GPT2MLP = (config: GPT2Config) =>
  module({
    c_fc: nn.linear("n_embd", "n_inner"),
    c_proj: nn.linear("n_inner", "n_embd"),
  }, ({ c_fc, c_proj }) => (x: T.Hidden): T.Hidden =>
    c_proj(named("act", ACTIVATIONS[config.activation_function](c_fc(x)))));

const GPT2Block = (config: GPT2Config, layer: number) =>
  module({
    ln_1: nn.layerNorm("n_embd", config.layer_norm_epsilon),
    attn: GPT2Attention(config, layer),
    ln_2: nn.layerNorm("n_embd", config.layer_norm_epsilon),
    mlp: GPT2MLP(config),
  }, ({ ln_1, attn, ln_2, mlp }) => (x: T.Hidden, past: T.LayerPast, mask: T.Mask): T.Attended => {
    const [attended, present] = attn(ln_1(x), past, mask);
    const middle = named("middle", op.add(x, attended));
    return [named("out", op.add(middle, mlp(ln_2(middle)))), present];
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
    ({ ids, past, start }: T.AnyStep): readonly [T.Hidden, readonly T.LayerPresent[]] => {
      let x: T.Hidden = named("x", op.add(wte(ids), positions(wpe, start)));
      const present: T.LayerPresent[] = [];
      for (const [layer, block] of h.entries()) [x, present[layer]] = block(x, past[layer]!, maskOf(start));
      return [ln_f(x), present];
    },
  );

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
export function GPT2LMHeadModel(config: GPT2Config): ModuleOf<T.GPT2Params> & T.GPT2Methods {
  return module({
    transformer: GPT2Model(config),
    ...(config.tie_word_embeddings ? {} : { lm_head: nn.head("n_embd", "vocab_size") }),
  }, ({ transformer, lm_head }) => {
    const { weight } = (lm_head ?? transformer.params.wte).params;
    const logitsOf = <S extends "s" | 1>(x: Tensor<["b", S, "n_embd"], "f32">): T.Logits<S> =>
      named("logits", op.matmul(x, op.transpose(weight)));
    const step = (given: T.AnyStep): T.GPT2Next => {
      const [x, present] = transformer(given);
      const logits = logitsOf(op.slice(x, 1, -1, 1));
      return { logits, next: op.argmax(logits, -1), past: present };
    };
    return {
      forward: method({ ids: spec(["b", "s"], "i32") }, ({ ids }) => {
        const none = op.full(["b", "n_head", "past", "head_dim"], 0);
        const past = Array.from({ length: config.n_layer }, () => ({ k: none, v: none }));
        const [x] = transformer({ ids, past });
        return { logits: logitsOf(x) };
      }),
      prefill: method(stepInputs(config), step),
      decode: method(stepInputs(config), step),
      prefillRagged: method(stepInputs(config, true), step),
      decodeRagged: method(stepInputs(config, true), step),
      softmaxWithTemperature: method(
        { logits: spec(["b", 1, "vocab_size"], "f32"), temperature: spec([1], "f32") },
        ({ logits, temperature }) => ({ probabilities: op.softmax(op.div(logits, temperature), -1) }),
      ),
    };
  });
}
