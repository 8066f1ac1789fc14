/**
 * jax-js on WebAssembly: a GPT-2 in its numpy, jitted as a whole for a step and layer by layer for a prompt, with keys and
 * values in buffers of a fixed length, as its own example of a language model has them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { GPT2_CONFIGS, randomGPT2Weights } from "../../models/gpt2/mod.ts";
import { transposed } from "./gguf_file.ts";
import { argmax, type Engine, measure, report, task } from "./loop.ts";

/** An array; operations take it, `ref` keeps it. */
interface Arr {
  readonly ref: Arr;
  readonly shape: readonly number[];
  add(other: Arr | number): Arr;
  sub(other: Arr | number): Arr;
  mul(other: Arr | number): Arr;
  div(other: Arr | number): Arr;
  mean(axis: number, options: { readonly keepdims: boolean }): Arr;
  reshape(shape: readonly number[]): Arr;
  slice(...at: readonly (Arr | readonly number[])[]): Arr;
  equal(other: Arr): Arr;
  less(other: Arr): Arr;
  transpose(): Arr;
  data(): Promise<Float32Array>;
}

/** What is used of the package. */
interface Jax {
  init(device: string): Promise<readonly string[]>;
  defaultDevice(device: string): void;
  jit<F>(f: F): F;
  blockUntilReady(tree: unknown): Promise<unknown>;
  readonly tree: { readonly ref: <T>(tree: T) => T; dispose(tree: unknown): void };
  readonly nn: {
    gelu(x: Arr, options: { readonly approximate: boolean }): Arr;
    dotProductAttention(
      q: Arr,
      k: Arr,
      v: Arr,
      options: { readonly isCausal?: boolean; readonly mask?: Arr },
    ): Arr;
  };
  readonly numpy: {
    readonly float32: unknown;
    readonly int32: unknown;
    array(
      data: ArrayLike<number> | number,
      options: { readonly shape?: readonly number[]; readonly dtype: unknown },
    ): Arr;
    arange(count: number): Arr;
    dot(a: Arr, b: Arr): Arr;
    pad(x: Arr, widths: Readonly<Record<number, readonly [number, number]>>): Arr;
    split(x: Arr, parts: number, axis: number): readonly Arr[];
    sqrt(x: Arr): Arr;
    tile(x: Arr, counts: readonly number[]): Arr;
    where(cond: Arr, a: Arr, b: Arr): Arr;
  };
}

interface Linear {
  readonly w: Arr;
  readonly b: Arr;
}

interface Layer {
  readonly ln1: Linear;
  readonly attn: Linear;
  readonly proj: Linear;
  readonly ln2: Linear;
  readonly fc: Linear;
  readonly out: Linear;
}

interface Model {
  readonly wte: Arr;
  readonly wpe: Arr;
  readonly layers: readonly Layer[];
  readonly lnf: Linear;
}

interface Cache {
  readonly k: Arr;
  readonly v: Arr;
}

const given = task();
const dir = join(given.packages, "node_modules", "@jax-js", "jax");
const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as {
  readonly version: string;
};
const jax = await import(pathToFileURL(join(dir, "dist", "index.js")).href) as Jax;
const { numpy: np, nn, tree, jit } = jax;
const config = GPT2_CONFIGS.gpt2;
const { n_head: heads, n_embd: width, vocab_size: vocabulary, layer_norm_epsilon: epsilon } = config;
const length = given.prompt.length + given.steps + 1;

await jax.init("wasm");
jax.defaultDevice("wasm");
const weights = randomGPT2Weights(config);

async function numbers(
  name: string,
): Promise<{ readonly data: Float32Array; readonly shape: readonly number[] }> {
  const weight = weights.get(name) ?? weights.get(`transformer.${name}`);
  if (weight === undefined) throw new TypeError(`there is no ${name}`);
  const bytes = new Uint8Array(weight.shape.reduce((a, b) => a * b, 4));
  await weight.stream((chunk, offset) => bytes.set(chunk, offset));
  return { data: new Float32Array(bytes.buffer), shape: weight.shape };
}
async function plain(name: string): Promise<Arr> {
  const { data, shape } = await numbers(name);
  return np.array(data, { shape, dtype: np.float32 });
}
const norm = async (name: string): Promise<Linear> => ({
  w: await plain(`${name}.weight`),
  b: await plain(`${name}.bias`),
});
/** As [out, in], which jax-js multiplies a row with faster. */
async function linear(name: string): Promise<Linear> {
  const { data, shape: [rows = 1, columns = 1] } = await numbers(`${name}.weight`);
  const w = np.array(transposed(data, rows, columns), { shape: [columns, rows], dtype: np.float32 });
  return { w, b: await plain(`${name}.bias`) };
}
const layers: Layer[] = [];
for (let i = 0; i < config.n_layer; i++) {
  const h = `h.${i}`;
  layers.push({
    ln1: await norm(`${h}.ln_1`),
    attn: await linear(`${h}.attn.c_attn`),
    proj: await linear(`${h}.attn.c_proj`),
    ln2: await norm(`${h}.ln_2`),
    fc: await linear(`${h}.mlp.c_fc`),
    out: await linear(`${h}.mlp.c_proj`),
  });
}
const model: Model = {
  wte: await plain("wte.weight"),
  wpe: await plain("wpe.weight"),
  layers,
  lnf: await norm("ln_f"),
};
await jax.blockUntilReady(tree.ref(model));

const times = ({ w, b }: Linear, x: Arr): Arr => np.dot(x, w.transpose()).add(b);
function normalized({ w, b }: Linear, x: Arr): Arr {
  const mean = x.ref.mean(-1, { keepdims: true });
  const centered = x.sub(mean);
  const variance = centered.ref.mul(centered.ref).mean(-1, { keepdims: true });
  return centered.div(np.sqrt(variance.add(epsilon))).mul(w).add(b);
}
const mlp = (l: Layer, x: Arr): Arr => times(l.out, nn.gelu(times(l.fc, x), { approximate: true }));
function split(l: Layer, x: Arr): readonly [Arr, Arr, Arr] {
  const rows = x.shape[0] ?? 1;
  const [q, k, v] = np.split(times(l.attn, normalized(l.ln1, x)), 3, -1)
    .map((part) => part.reshape([rows, heads, width / heads]));
  return [q!, k!, v!];
}
function prompted(l: Layer, x: Arr): readonly [Arr, Cache] {
  const rows = x.shape[0] ?? 1;
  const [q, k, v] = split(l, x.ref);
  const seen = nn.dotProductAttention(q, k.ref, v.ref, { isCausal: true }).reshape([rows, width]);
  const sum = x.add(times(l.proj, seen));
  const full = (part: Arr): Arr => np.pad(part, { 0: [0, length - rows] });
  return [sum.ref.add(mlp(l, normalized(l.ln2, sum))), { k: full(k), v: full(v) }];
}
function stepped(l: Layer, cache: Cache, x: Arr, position: Arr): readonly [Arr, Cache] {
  const [q, k, v] = split(l, x.ref);
  const here = np.arange(length).equal(position.ref).reshape([length, 1, 1]);
  const all = (part: Arr): Arr => np.tile(part, [length, 1, 1]);
  const keys = np.where(here.ref, all(k), cache.k);
  const values = np.where(here, all(v), cache.v);
  const mask = np.arange(length).less(position.add(1));
  const seen = nn.dotProductAttention(q, keys.ref, values.ref, { mask }).reshape([1, width]);
  const sum = x.add(times(l.proj, seen));
  return [sum.ref.add(mlp(l, normalized(l.ln2, sum))), { k: keys, v: values }];
}
const head = ({ wte, lnf }: Pick<Model, "wte" | "lnf">, x: Arr): Arr =>
  np.dot(normalized(lnf, x.slice([-1])), wte.transpose()).reshape([vocabulary]);
const embed = jit(({ wte, wpe }: Pick<Model, "wte" | "wpe">, ids: Arr, positions: Arr): Arr =>
  wte.slice(ids).add(wpe.slice(positions))
);
const [layerOfPrompt, headOfPrompt] = [jit(prompted), jit(head)];
const step = jit(
  (m: Model, caches: readonly Cache[], id: Arr, position: Arr): readonly [Arr, readonly Cache[]] => {
    let x = m.wte.ref.slice(id).add(m.wpe.slice(position.ref.reshape([1])));
    const next: Cache[] = [];
    m.layers.forEach((l, i) => {
      const [y, cache] = stepped(l, caches[i]!, x, i + 1 < m.layers.length ? position.ref : position);
      x = y;
      next.push(cache);
    });
    return [head({ wte: m.wte, lnf: m.lnf }, x), next];
  },
);

const integers = (list: readonly number[]): Arr => np.array(Int32Array.from(list), { dtype: np.int32 });
let caches: readonly Cache[] | undefined;
const engine: Engine = {
  reset(): void {
    if (caches !== undefined) tree.dispose(caches);
    caches = undefined;
  },
  async prefill(ids): Promise<number> {
    const { wte, wpe, lnf } = model;
    let x = embed({ wte: wte.ref, wpe: wpe.ref }, integers(ids), integers(ids.map((_, i) => i)));
    const made: Cache[] = [];
    for (const l of model.layers) {
      const [y, cache] = layerOfPrompt(tree.ref(l), x);
      x = y;
      made.push(cache);
    }
    caches = made;
    return argmax(await headOfPrompt({ wte: wte.ref, lnf: tree.ref(lnf) }, x).data());
  },
  async decode(token, position): Promise<number> {
    const [logits, next] = step(
      tree.ref(model),
      caches ?? [],
      integers([token]),
      np.array(position, { dtype: np.int32 }),
    );
    caches = next;
    return argmax(await logits.data());
  },
};
await engine.decode(await engine.prefill([1, 2, 3]), 3);
report({ version, ...await measure(engine, given) });
