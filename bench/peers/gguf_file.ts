/**
 * A GPT-2 as a GGUF file, the format of llama.cpp.
 *
 * @module
 */
import type { GPT2Config } from "../../models/gpt2/mod.ts";

/** A tokenizer's tables as GPT-2 has them: texts by id, and pairs in the order in which they are joined. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly merges: readonly string[];
}

/** A tensor of a checkpoint. */
export interface CheckpointTensor {
  readonly shape: readonly number[];
  readonly data: () => Promise<Float32Array>;
}

/** Types of values in the format. */
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

type Value =
  | { readonly type: "u32" | "f32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "array"; readonly of: "string"; readonly value: readonly string[] }
  | { readonly type: "array"; readonly of: "i32"; readonly value: readonly number[] };

class Writer {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get parts(): readonly Uint8Array[] {
    return this.#parts;
  }

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  u32(value: number): void {
    this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: number): void {
    this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    this.raw(bytes);
  }

  value(v: Value): void {
    switch (v.type) {
      case "u32":
        return this.u32(v.value);
      case "f32":
        return this.raw(new Uint8Array(Float32Array.of(v.value).buffer));
      case "bool":
        return this.raw(Uint8Array.of(v.value ? 1 : 0));
      case "string":
        return this.string(v.value);
      case "array":
        this.u32(TYPES[v.of]);
        this.u64(v.value.length);
        for (const one of v.value) typeof one === "string" ? this.string(one) : this.u32(one);
        return;
      default:
        return v satisfies never;
    }
  }
}

const ALIGNMENT = 32;
const aligned = (n: number): number => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** Names of tensors in the format. */
const NAMES: readonly (readonly [string, string])[] = [
  ["ln_1", "attn_norm"],
  ["attn.c_attn", "attn_qkv"],
  ["attn.c_proj", "attn_output"],
  ["ln_2", "ffn_norm"],
  ["mlp.c_fc", "ffn_up"],
  ["mlp.c_proj", "ffn_down"],
];

/** Pieces of the file, f32, in order. Weights of linear layers are turned to [out, in]. */
export async function* ggufGPT2(
  config: GPT2Config,
  vocabulary: Vocabulary,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): AsyncGenerator<Uint8Array> {
  const { tokens, merges } = vocabulary;
  const end = tokens.length - 1;
  const keys: readonly (readonly [string, Value])[] = [
    ["general.architecture", { type: "string", value: "gpt2" }],
    ["general.name", { type: "string", value: "gpt2" }],
    ["general.file_type", { type: "u32", value: 0 }],
    ["gpt2.context_length", { type: "u32", value: config.n_positions }],
    ["gpt2.embedding_length", { type: "u32", value: config.n_embd }],
    ["gpt2.block_count", { type: "u32", value: config.n_layer }],
    ["gpt2.feed_forward_length", { type: "u32", value: config.n_inner }],
    ["gpt2.attention.head_count", { type: "u32", value: config.n_head }],
    ["gpt2.attention.layer_norm_epsilon", { type: "f32", value: config.layer_norm_epsilon }],
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: "gpt-2" }],
    ["tokenizer.ggml.tokens", { type: "array", of: "string", value: tokens }],
    ["tokenizer.ggml.token_type", {
      type: "array",
      of: "i32",
      value: tokens.map((_, i) => (i === end ? 3 : 1)),
    }],
    ["tokenizer.ggml.merges", { type: "array", of: "string", value: merges }],
    ["tokenizer.ggml.bos_token_id", { type: "u32", value: end }],
    ["tokenizer.ggml.eos_token_id", { type: "u32", value: end }],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
  ];
  const names: (readonly [string, string])[] = [
    ["wte.weight", "token_embd.weight"],
    ["wpe.weight", "position_embd.weight"],
    ["ln_f.weight", "output_norm.weight"],
    ["ln_f.bias", "output_norm.bias"],
  ];
  for (let i = 0; i < config.n_layer; i++) {
    for (const [from, to] of NAMES) {
      for (const part of ["weight", "bias"]) names.push([`h.${i}.${from}.${part}`, `blk.${i}.${to}.${part}`]);
    }
  }
  const out = new Writer();
  out.raw(new TextEncoder().encode("GGUF"));
  out.u32(3);
  out.u64(names.length);
  out.u64(keys.length);
  for (const [key, value] of keys) {
    out.string(key);
    out.u32(TYPES[value.type]);
    out.value(value);
  }
  let offset = 0;
  for (const [from, to] of names) {
    const shape = tensors.get(from)?.shape ?? [];
    // The innermost axis comes first: a linear layer's inputs.
    const axes = isLinear(from) ? shape : shape.toReversed();
    out.string(to);
    out.u32(axes.length);
    for (const size of axes) out.u64(size);
    out.u32(0); // f32
    out.u64(offset);
    offset += aligned(4 * shape.reduce((a, b) => a * b, 1));
  }
  yield* out.parts;
  yield new Uint8Array(aligned(out.bytes) - out.bytes);
  for (const [from] of names) {
    const tensor = tensors.get(from);
    if (tensor === undefined) throw new TypeError(`there is no tensor ${from}`);
    const data = await tensor.data();
    const [rows = 1, columns = 1] = tensor.shape;
    const turned = isLinear(from) ? transposed(data, rows, columns) : data;
    const bytes = new Uint8Array(turned.buffer, turned.byteOffset, turned.byteLength);
    yield bytes;
    yield new Uint8Array(aligned(bytes.length) - bytes.length);
  }
}

const isLinear = (name: string): boolean => /\.c_\w+\.weight$/.test(name);

/** A matrix with its axes swapped. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  const side = 32;
  for (let r0 = 0; r0 < rows; r0 += side) {
    for (let c0 = 0; c0 < columns; c0 += side) {
      for (let r = r0; r < Math.min(rows, r0 + side); r++) {
        for (let c = c0; c < Math.min(columns, c0 + side); c++) {
          out[c * rows + r] = data[r * columns + c] ?? 0;
        }
      }
    }
  }
  return out;
}
