/** Files that peers read, and what is made of their figures. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { ENGINES } from "../../bench/peers/engines.ts";
import { ggufGPT2, transposed } from "../../bench/peers/gguf_file.ts";
import { onnxGPT2 } from "../../bench/peers/onnx_file.ts";
import { rowOf, shareOf, spread, tableOf } from "../../bench/peers/table.ts";
import { GPT2_CONFIGS, type GPT2Config, randomGPT2Weights } from "../../models/gpt2/mod.ts";

const CONFIG: GPT2Config = {
  ...GPT2_CONFIGS.gpt2,
  vocab_size: 11,
  n_positions: 8,
  n_embd: 4,
  n_head: 2,
  n_inner: 16,
  n_layer: 2,
};
const weights = new Map(
  [...randomGPT2Weights(CONFIG)].map(([name, w]) => [name.replace(/^transformer\./, ""), w]),
);
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Fields of a protocol buffers message. */
function fields(bytes: Uint8Array): readonly (readonly [number, number | Uint8Array])[] {
  const found: (readonly [number, number | Uint8Array])[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = varint();
    if ((key & 7) === 0) found.push([key >> 3, varint()]);
    else {
      const length = (key & 7) === 5 ? 4 : varint();
      found.push([key >> 3, bytes.slice(at, at += length)]);
    }
  }
  assertEquals(at, bytes.length, "the last field is whole");
  return found;
}
const parts = (bytes: Uint8Array, field: number): readonly Uint8Array[] =>
  fields(bytes).flatMap(([f, value]) => (f === field && typeof value !== "number" ? [value] : []));
const texts = (bytes: Uint8Array, field: number): readonly string[] =>
  parts(bytes, field).map((b) => new TextDecoder().decode(b));

Deno.test("the ONNX file: what a node reads is an input, a weight or an earlier node's, and weights are where it says", () => {
  let offset = 100;
  const stored = new Map([...weights].map(([name, { shape }]) => {
    const tensor = { file: "model.safetensors", shape, offset, bytes: 4 * count(shape) };
    offset += tensor.bytes;
    return [name, tensor];
  }));
  const head = { file: "lm_head.bin", shape: [4, 11], offset: 0, bytes: 176 };
  const [graph] = parts(onnxGPT2(CONFIG, new Map([...stored, ["lm_head.weight", head]])), 7);
  assert(graph !== undefined);
  const inputs = parts(graph, 11).flatMap((v) => texts(v, 1));
  const initializers = parts(graph, 5);
  const known = new Set([...inputs, ...initializers.flatMap((t) => texts(t, 8))]);
  assertEquals(inputs, ["input_ids", "position_ids", "past_0", "past_1"]);
  for (const node of parts(graph, 1)) {
    for (const name of texts(node, 1)) {
      assert(name === "" || known.has(name), `${texts(node, 4)} reads ${name}`);
    }
    for (const name of texts(node, 2)) known.add(name);
  }
  assertEquals(parts(graph, 12).flatMap((v) => texts(v, 1)), ["logits", "present_0", "present_1"]);
  assert(["logits", "present_0", "present_1"].every((name) => known.has(name)));
  for (const t of initializers.filter((i) => parts(i, 13).length > 0)) {
    const [name = ""] = texts(t, 8);
    const at = Object.fromEntries(parts(t, 13).map((entry) => [texts(entry, 1)[0], texts(entry, 2)[0]]));
    const { file, offset, bytes, shape } = stored.get(name) ?? head;
    assertEquals(at, { location: file, offset: String(offset), length: String(bytes) });
    assertEquals(fields(t).flatMap(([f, v]) => (f === 1 ? [v] : [])), [...shape]);
  }
});

Deno.test("the GGUF file: every tensor is where its header says, linear layers turned", async () => {
  const arrays = new Map<string, Float32Array>();
  for (const [name, { shape, stream }] of weights) {
    const bytes = new Uint8Array(4 * count(shape));
    await stream((chunk, offset) => bytes.set(chunk, offset));
    arrays.set(name, new Float32Array(bytes.buffer));
  }
  const tensors = new Map(
    [...weights].map((
      [name, { shape }],
    ) => [name, { shape, data: () => Promise.resolve(arrays.get(name)!) }]),
  );
  const tokens = Array.from({ length: 11 }, (_, i) => `t${i}`);
  const pieces: Uint8Array[] = [];
  for await (const piece of ggufGPT2(CONFIG, { tokens, merges: ["a b"] }, tensors)) pieces.push(piece);
  const file = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const view = new DataView(file.buffer);
  let at = 8;
  const u32 = (): number => view.getUint32((at += 4) - 4, true);
  const u64 = (): number => Number(view.getBigUint64((at += 8) - 8, true));
  const string = (): string => {
    const length = u64();
    return new TextDecoder().decode(file.slice(at, at += length));
  };
  const skip = (type: number): void => {
    if (type === 8) string();
    else if (type === 9) {
      const of = u32();
      for (let n = u64(); n > 0; n--) skip(of);
    } else at += type === 7 ? 1 : 4;
  };
  assertEquals(new TextDecoder().decode(file.slice(0, 4)), "GGUF");
  const [all, keys] = [u64(), u64()];
  assertEquals(all, weights.size);
  for (let i = 0; i < keys; i++) {
    string();
    skip(u32());
  }
  const infos = Array.from({ length: all }, () => {
    const name = string();
    const axes = Array.from({ length: u32() }, u64);
    return { name, axes, type: u32(), offset: u64() };
  });
  const data = Math.ceil(at / 32) * 32;
  const numbers = (name: string): readonly number[] => {
    const info = infos.find((i) => i.name === name);
    assert(info !== undefined && info.type === 0 && info.offset % 32 === 0, name);
    return [...new Float32Array(file.buffer, data + info.offset, count(info.axes))];
  };
  assertEquals(numbers("token_embd.weight"), [...arrays.get("wte.weight")!]);
  assertEquals(numbers("blk.1.ffn_up.weight"), [...transposed(arrays.get("h.1.mlp.c_fc.weight")!, 4, 16)]);
  assertEquals(infos.find((i) => i.name === "blk.1.ffn_up.weight")?.axes, [4, 16]);
  assertEquals(numbers("output_norm.bias"), [...arrays.get("ln_f.bias")!]);
  assertEquals(file.length % 32, 0);
});

Deno.test("a matrix transposed twice is the matrix", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }), (rows, columns) => {
    const matrix = Float32Array.from({ length: rows * columns }, (_, i) => i);
    const turned = transposed(matrix, rows, columns);
    assertEquals(turned[(columns - 1) * rows], columns - 1);
    assertEquals(transposed(turned, columns, rows), matrix);
  }));
});

Deno.test("rows: medians over all processes, other tokens and missing engines are told", () => {
  const [first] = ENGINES.filter((e) => e.name === "weft");
  const result = { version: "1.2", prefill: [400, 300], decode: [50, 61.234], tokens: [1, 2] };
  const rows = [
    rowOf(first!, [result, { ...result, prefill: [500], decode: [70] }, "exit 1"], [1, 2]),
    rowOf(first!, [result, { ...result, tokens: [1, 3] }], [1, 2]),
    rowOf(first!, ["npm: not found"], [1, 2]),
  ];
  assertEquals(spread([3, 1, 2, 10]), { median: 2.5, least: 1, most: 10 });
  const table = tableOf(rows, 128);
  assertStringIncludes(table, "| Weft, Deno 1.2 | f32 | 400 (300 to 500) | 61.2 (50 to 70) | yes |");
  assertStringIncludes(table, "| no |");
  assertStringIncludes(table, "| npm: not found |");
  const memory = { readGBytes: 40, weightGBytes: 0.5 };
  const shared = tableOf(rows, 128, memory);
  assertStringIncludes(shared, "| 61.2 (50 to 70) | 77 % | yes |");
  for (const t of [table, shared]) {
    const columns = t.split("\n").map((line) => line.split("|").length);
    assertEquals(new Set(columns).size, 1, t);
  }
  const decode = spread([40]);
  assertEquals(shareOf({ decode, dtype: "f32" }, memory), 50);
  assertEquals(shareOf({ decode, dtype: "f16" }, memory), 25, "half of the bytes");
});
