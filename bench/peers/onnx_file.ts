/**
 * A GPT-2 as an ONNX file, in the operators that ONNX Runtime's own optimizer makes of it (`Attention` with past keys and
 * values, `SkipLayerNormalization`, `FastGelu`). Weights stay in the checkpoint's file, which the graph points into; the
 * output layer, which wants them turned, gets a file of its own.
 *
 * @module
 */
import type { GPT2Config } from "../../models/gpt2/mod.ts";

/** Where a tensor is: in which file, from which byte on. */
export interface StoredTensor {
  readonly file: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** Bytes of a protocol buffers message: numbers of fields are those of `onnx.proto`. */
type Message = readonly Uint8Array[];

const text = new TextEncoder();

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}

const joined = (parts: Message): Uint8Array => {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const integer = (field: number, value: number): Message => [varint(field << 3), varint(value)];
const bytes = (field: number, value: Uint8Array): Message => [
  varint(field << 3 | 2),
  varint(value.length),
  value,
];
const string = (field: number, value: string): Message => bytes(field, text.encode(value));
const message = (field: number, ...parts: readonly Message[]): Message => bytes(field, joined(parts.flat()));
const float = (field: number, value: number): Message => [
  varint(field << 3 | 5),
  new Uint8Array(Float32Array.of(value).buffer),
];

const [FLOAT, INT64] = [1, 7] as const;

function external(name: string, { file, shape, offset, bytes: length }: StoredTensor): Message {
  const entry = (key: string, value: string): Message => message(13, string(1, key), string(2, value));
  return message(
    5,
    shape.flatMap((size) => integer(1, size)),
    integer(2, FLOAT),
    string(8, name),
    entry("location", file),
    entry("offset", String(offset)),
    entry("length", String(length)),
    integer(14, 1),
  );
}

function integers(name: string, values: readonly number[]): Message {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return message(5, integer(1, values.length), integer(2, INT64), string(8, name), bytes(9, data));
}

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Numbers with a fraction are floats. */
  readonly attributes?: Readonly<Record<string, number>>;
  /** An operator of ONNX Runtime's own. */
  readonly own?: boolean;
}

function nodeMessage({ op, inputs, outputs, attributes = {}, own }: Node): Message {
  return message(
    1,
    inputs.flatMap((name) => string(1, name)),
    outputs.flatMap((name) => string(2, name)),
    string(3, outputs[0] ?? op),
    string(4, op),
    Object.entries(attributes).flatMap(([name, value]) =>
      Number.isInteger(value)
        ? message(5, string(1, name), integer(3, value), integer(20, 2))
        : message(5, string(1, name), float(2, value), integer(20, 1))
    ),
    own ? string(7, "com.microsoft") : [],
  );
}

function valueMessage(
  field: 11 | 12,
  name: string,
  type: number,
  shape: readonly (number | string)[],
): Message {
  const dims = shape.map((size) => message(1, typeof size === "string" ? string(2, size) : integer(1, size)));
  return message(field, string(1, name), message(2, message(1, integer(1, type), message(2, ...dims))));
}

/**
 * The file. `tensors` has the weights by their names in a checkpoint, and `lm_head.weight` as [n_embd, vocab_size].
 * Inputs are `input_ids`, `position_ids` and `past_0`, ... as [2, 1, heads, past, width]; outputs `logits` of the last
 * position and `present_0`, ...
 */
export function onnxGPT2(config: GPT2Config, tensors: ReadonlyMap<string, StoredTensor>): Uint8Array {
  const { n_layer: layers, n_head: heads, n_embd: width, layer_norm_epsilon: epsilon, vocab_size } = config;
  const nodes: Node[] = [];
  const node = (op: string, inputs: readonly string[], own = false, attributes = {}): string => {
    const output = `${op}_${nodes.length}`;
    nodes.push({ op, inputs, outputs: [output], own, attributes });
    return output;
  };
  /** The sum of two streams and a bias, and its normalized form. */
  const normalized = (a: string, b: string, norm: string, bias?: string): readonly [string, string] => {
    const outputs = [`norm_${nodes.length}`, "", "", `sum_${nodes.length}`];
    const inputs = [a, b, `${norm}.weight`, `${norm}.bias`, ...(bias === undefined ? [] : [bias])];
    nodes.push({ op: "SkipLayerNormalization", inputs, outputs, own: true, attributes: { epsilon } });
    return [outputs[0] ?? "", outputs[3] ?? ""];
  };
  const tokens = node("Gather", ["wte.weight", "input_ids"]);
  const positions = node("Gather", ["wpe.weight", "position_ids"]);
  let [norm, stream] = normalized(tokens, positions, "h.0.ln_1");
  for (let i = 0; i < layers; i++) {
    const [attn, mlp] = [`h.${i}.attn`, `h.${i}.mlp`];
    const outputs = [`attention_${i}`, `present_${i}`];
    const inputs = [norm, `${attn}.c_attn.weight`, `${attn}.c_attn.bias`, "", `past_${i}`];
    nodes.push({
      op: "Attention",
      inputs,
      outputs,
      own: true,
      attributes: { num_heads: heads, unidirectional: 1 },
    });
    const projected = node("MatMul", [outputs[0] ?? "", `${attn}.c_proj.weight`]);
    [norm, stream] = normalized(stream, projected, `h.${i}.ln_2`, `${attn}.c_proj.bias`);
    const wide = node("MatMul", [norm, `${mlp}.c_fc.weight`]);
    const gelu = node("FastGelu", [wide, `${mlp}.c_fc.bias`], true);
    const narrow = node("MatMul", [gelu, `${mlp}.c_proj.weight`]);
    const next = i + 1 < layers ? `h.${i + 1}.ln_1` : "ln_f";
    [norm, stream] = normalized(stream, narrow, next, `${mlp}.c_proj.bias`);
  }
  const last = node("Slice", [norm, "from", "to", "axis"]);
  nodes.push({ op: "MatMul", inputs: [last, "lm_head.weight"], outputs: ["logits"] });
  const state = (length: string): readonly (number | string)[] => [2, 1, heads, length, width / heads];
  const layerOf = Array.from({ length: layers }, (_, i) => i);
  const graph = message(
    7,
    ...nodes.map(nodeMessage),
    string(2, "gpt2"),
    ...[...tensors].map(([name, stored]) => external(name, stored)),
    integers("from", [-1]),
    integers("to", [2 ** 31 - 1]),
    integers("axis", [1]),
    valueMessage(11, "input_ids", INT64, [1, "s"]),
    valueMessage(11, "position_ids", INT64, [1, "s"]),
    ...layerOf.map((i) => valueMessage(11, `past_${i}`, FLOAT, state("past"))),
    valueMessage(12, "logits", FLOAT, [1, 1, vocab_size]),
    ...layerOf.map((i) => valueMessage(12, `present_${i}`, FLOAT, state("total"))),
  );
  const opset = (domain: string, version: number): Message =>
    message(8, string(1, domain), integer(2, version));
  return joined([
    ...integer(1, 9),
    ...string(2, "weft"),
    ...opset("", 20),
    ...opset("com.microsoft", 1),
    ...graph,
  ]);
}
