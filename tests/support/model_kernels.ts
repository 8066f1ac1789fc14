/**
 * Every distinct kernel of small models, of the same structure as large ones.
 *
 * @module
 */
import { jsDevice } from "../../backends/js/mod.ts";
import { lower } from "../../compile.ts";
import { type Program, trace } from "../../dsl/mod.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import { type GPT2Config, parseGPT2Config, traceGPT2 } from "../../models/gpt2/mod.ts";
import { llamaDims, LlamaForCausalLM, parseLlamaConfig } from "../../models/llama/mod.ts";
import { fallback } from "../../schedule/mod.ts";

const METHODS = { prefill: {}, decode: { s: 1 } };

/** Sizes of GPT-2 without its parts: every axis of another length. */
export function smallGPT2(sizes: Partial<GPT2Config> = {}): Program {
  const json = { model_type: "gpt2", n_embd: 24, n_head: 2, n_layer: 1, n_positions: 1024, vocab_size: 40 };
  return traceGPT2({ ...parseGPT2Config(json, "a small GPT-2"), ...sizes }, METHODS);
}

/** A Llama with heads of queries in groups. */
export function smallLlama(num_hidden_layers: number = 1): Program {
  const config = parseLlamaConfig({
    model_type: "llama",
    vocab_size: 40,
    hidden_size: 24,
    intermediate_size: 36,
    num_hidden_layers,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 1024,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
  }, "a small Llama");
  const n = config.max_position_embeddings;
  return trace(LlamaForCausalLM(config), {
    dims: llamaDims(config),
    bounds: { s: n, past: n, "past+s": n },
    methods: METHODS,
  });
}

/** The kernels of a program as they are lowered for a target, before schedules: one by one, and put together. */
export function kernelsOf(program: Program, target: Target = jsDevice().target): readonly PrimFunc[] {
  const kernels = [{ schedule: fallback() }, {}].flatMap((options) => [
    ...lower(program, target, options).kernels,
  ]);
  return [...new Map(kernels).values()].map((k) => k.func);
}
