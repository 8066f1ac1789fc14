/**
 * A GPT-2 with weights that are a function of each tensor's name alone, so that any engine can be given the same
 * model and greedy tokens can be compared.
 *
 * @module
 */
import { memoryWeight, type Weight, type Weights } from "../../backends/runtime/weights.ts";
import type { GPT2Config } from "./config.ts";

const TABLE_SIZE = 65536;
let table: Float32Array | undefined;

/** Standard normal numbers by Box and Muller over a linear congruential generator. */
function normals(): Float32Array {
  if (table !== undefined) return table;
  table = new Float32Array(TABLE_SIZE);
  let state = 12345;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  for (let i = 0; i < TABLE_SIZE; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    table[i] = radius * Math.cos(angle);
    table[i + 1] = radius * Math.sin(angle);
  }
  return table;
}

/** One step of Marsaglia's 32-bit xorshift. */
function xorshift(x: number): number {
  x ^= x << 13;
  x ^= x >>> 17;
  return x ^ (x << 5);
}

/** FNV-1a of a name; never 0, where xorshift would stay. */
function seedOf(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return h | 0 || 1;
}

/** Weights of a tensor by its name without the `transformer.` prefix: normal with deviation 0.02, norms around 1. */
export function randomWeight(name: string, elements: number): Float32Array<ArrayBuffer> {
  const numbers = normals();
  const mean = /ln_.*weight$/.test(name) ? 1 : 0;
  const out = new Float32Array(elements);
  let x = seedOf(name);
  for (let i = 0; i < elements; i++) {
    x = xorshift(x);
    out[i] = mean + 0.02 * numbers[(x >>> 8) & (TABLE_SIZE - 1)]!;
  }
  return out;
}

/** A fixed prompt of ordinary ids. */
export function fixedPrompt(length: number, vocabulary: number): number[] {
  let x = 88172645;
  return Array.from({ length }, () => {
    x = xorshift(x);
    return (x >>> 0) % vocabulary;
  });
}

/**
 * Random weights of a GPT-2, for measuring speed where there is no checkpoint. An output head that is not tied gets
 * none.
 *
 * @example
 * ```ts
 * import { GPT2_CONFIGS, randomGPT2Weights } from "@weft/weft/models/gpt2";
 *
 * const weights = randomGPT2Weights(GPT2_CONFIGS["gpt2"]);
 * console.log(weights.get("transformer.wte.weight")!.shape); // [50257, 768]
 * ```
 */
export function randomGPT2Weights(config: GPT2Config): Weights {
  return new Map([...tensorShapes(config)].map(([name, shape]) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    // Made when it is asked for, so that only one is in memory at a time.
    const stream: Weight["stream"] = (sink) =>
      memoryWeight("f32", shape, randomWeight(name, elements)).stream(sink);
    return [`transformer.${name}`, { dtype: "f32", shape, stream }];
  }));
}

/** Names and shapes of a GPT-2's tensors in the bare layout of published checkpoints (Conv1D weights `[in, out]`). */
export function* tensorShapes(
  config: GPT2Config,
): Generator<readonly [name: string, shape: readonly number[]]> {
  const { n_embd: c, n_inner: inner, n_layer, n_positions, vocab_size } = config;
  yield ["wte.weight", [vocab_size, c]];
  yield ["wpe.weight", [n_positions, c]];
  for (let i = 0; i < n_layer; i++) {
    for (const norm of ["ln_1", "ln_2"]) {
      yield [`h.${i}.${norm}.weight`, [c]];
      yield [`h.${i}.${norm}.bias`, [c]];
    }
    for (
      const [layer, rows, columns] of [
        ["attn.c_attn", c, 3 * c],
        ["attn.c_proj", c, c],
        ["mlp.c_fc", c, inner],
        ["mlp.c_proj", inner, c],
      ] as const
    ) {
      yield [`h.${i}.${layer}.weight`, [rows, columns]];
      yield [`h.${i}.${layer}.bias`, [columns]];
    }
  }
  yield ["ln_f.weight", [c]];
  yield ["ln_f.bias", [c]];
}
