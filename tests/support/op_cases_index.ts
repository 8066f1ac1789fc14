/**
 * Cases of the operators about windows, indices, order and chance (see `op_cases.ts`).
 *
 * @module
 */
import * as w from "../../dsl/mod.ts";
import * as ref from "./reference.ts";
import * as index from "./reference_index.ts";
import type { OpCase } from "./op_cases.ts";

function opCase<I extends Readonly<Record<string, w.Tensor>>>(
  c: Omit<OpCase, "inputs" | "build"> & { readonly inputs: I; readonly build: (inputs: I) => w.Tensor },
): OpCase {
  return c as unknown as OpCase;
}

const coarse = (v: number): number => Math.round(v);
const withNaN = (v: number): number => (v > 1 ? NaN : Math.round(2 * v));
/** Eighths from 0 to 7/8, a quarter of them 0: sums of them are exact. */
const eighths = (v: number): number => Math.max(Math.floor((Math.abs(v) % 1) * 10) - 2, 0) / 8;
const total = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0);
const unit = (word: number): number => Math.floor(word / 256) / 2 ** 24;
const image = w.spec([2, 2, "n", "m"], "f32");

const conv: readonly OpCase[] = [
  opCase({
    name: "conv2d in groups with margins and a bias",
    inputs: {
      x: w.spec([2, 4, "n", "m"], "f32"),
      filter: w.spec([6, 2, 3, 3], "f32"),
      bias: w.spec([6], "f32"),
    },
    build: ({ x, filter, bias }) => w.conv2d(x, filter, { padding: [1, 1, 1, 1], groups: 2, bias }),
    expected: ({ x, filter, bias }) => index.conv2d(x!, filter!, bias!, { padding: [1, 1, 1, 1], groups: 2 }),
    tolerance: 1e-4,
  }),
  opCase({
    name: "conv2d with strides and dilations",
    inputs: { x: w.spec(["b", 3, 9, 8], "f32"), filter: w.spec(["k", 3, 2, 3], "f32") },
    build: ({ x, filter }) =>
      w.conv2d(x, filter, { padding: [1, 0, 0, 2], strides: [2, 1], dilations: [1, 2] }),
    expected: ({ x, filter }) =>
      index.conv2d(x!, filter!, undefined, { padding: [1, 0, 0, 2], strides: [2, 1], dilations: [1, 2] }),
    tolerance: 1e-4,
  }),
  opCase({
    name: "averagePool2d with margins",
    inputs: { x: image },
    build: ({ x }) => w.averagePool2d(x, { window: [3, 2], padding: [1, 1, 0, 1] }),
    expected: ({ x }) => index.pool(x!, [3, 2], { padding: [1, 1, 0, 1] }, false, (v) => total(v) / v.length),
  }),
  opCase({
    name: "averagePool2d rounded up",
    inputs: { x: w.spec(["b", 2, 6, 9], "f32") },
    build: ({ x }) =>
      w.averagePool2d(x, { window: [3, 2], strides: [2, 2], dilations: [1, 3], rounding: "ceil" }),
    expected: ({ x }) =>
      index.pool(x!, [3, 2], { strides: [2, 2], dilations: [1, 3] }, true, (v) => total(v) / v.length),
  }),
  opCase({
    name: "maxPool2d rounded up",
    inputs: { x: w.spec(["b", 2, 7, 6], "f32") },
    build: ({ x }) =>
      w.maxPool2d(x, { window: [3, 3], strides: [2, 2], padding: [1, 0, 0, 1], rounding: "ceil" }),
    expected: ({ x }) =>
      index.pool(x!, [3, 3], { strides: [2, 2], padding: [1, 0, 0, 1] }, true, (v) => Math.max(...v)),
  }),
  opCase({
    name: "l2Pool2d of whole images",
    inputs: { x: w.spec(["b", 2, 5, 3], "f32") },
    build: ({ x }) => w.l2Pool2d(x),
    expected: ({ x }) => index.pool(x!, undefined, {}, false, (v) => Math.hypot(...v)),
  }),
];

const look: readonly OpCase[] = [
  opCase({
    name: "gather along an inner axis",
    inputs: { x: w.spec(["b", "n", 3], "f32"), ids: w.spec(["k", 2], "i32") },
    build: ({ x, ids }) => w.gather(x, ids, 1),
    expected: ({ x, ids }) => {
      const [b, n] = x!.shape as [number, number];
      return ref.build([b, ...ids!.shape, 3], ([i, k, l, m]) => {
        const from = index.place(ref.at(ids!, [k!, l!]), n);
        return n === 0 ? 0 : ref.at(x!, [i!, from, m!]);
      });
    },
  }),
  opCase({
    name: "gather by a scalar",
    inputs: { x: w.spec([4, "m"], "f32"), ids: w.spec([], "i32") },
    build: ({ x, ids }) => w.gather(x, ids),
    expected: ({ x, ids }) =>
      ref.build([x!.shape[1]!], ([m]) => ref.at(x!, [index.place(ids!.data[0]!, 4), m!])),
  }),
  opCase({
    name: "gatherElements",
    inputs: { x: w.spec(["n", 5], "f32"), ids: w.spec(["n", "m"], "i32") },
    build: ({ x, ids }) => w.gatherElements(x, ids, -1),
    expected: ({ x, ids }) =>
      ref.build(ids!.shape, ([i, j]) => ref.at(x!, [i!, index.place(ref.at(ids!, [i!, j!]), 5)])),
  }),
  opCase({
    name: "gatherND",
    inputs: { x: w.spec([4, "n", "m"], "f32"), ids: w.spec(["k", 2], "i32") },
    build: ({ x, ids }) => w.gatherND(x, ids),
    expected: ({ x, ids }) => {
      const [, n, m] = x!.shape as [number, number, number];
      return ref.build([ids!.shape[0]!, m], ([k, j]) => {
        if (n === 0) return 0;
        const [a, b] = [0, 1].map((d) => index.place(ref.at(ids!, [k!, d]), x!.shape[d]!));
        return ref.at(x!, [a!, b!, j!]);
      });
    },
  }),
  opCase({
    name: "scatterElements",
    inputs: {
      x: w.spec(["n", 3], "f32"),
      ids: w.spec(["k", 3], "i32"),
      updates: w.spec(["k", 3], "f32"),
    },
    build: ({ x, ids, updates }) => w.scatterElements(x, ids, updates, 0),
    expected: ({ x, ids, updates }) => index.scatter(x!, ids!, updates!, 0),
  }),
  opCase({
    name: "scatterND",
    inputs: {
      x: w.spec([5, 3, "m"], "f32"),
      ids: w.spec(["k", 2, 2], "i32"),
      updates: w.spec(["k", 2, "m"], "f32"),
    },
    build: ({ x, ids, updates }) => w.scatterND(x, ids, updates),
    expected: ({ x, ids, updates }) => index.scatterND(x!, ids!, updates!),
  }),
];

const margins: readonly OpCase[] = [
  ...(["constant", "edge", "reflection", "symmetric"] as const).map((mode) =>
    opCase({
      name: `pad, ${mode}`,
      inputs: { x: w.spec(["n", 3, "m"], "f32") },
      build: ({ x }) => w.pad(x, [2, 0, 5], [0, 0, 3], { mode, value: 1.5 }),
      expected: ({ x }) => index.pad(x!, [2, 0, 5], [0, 0, 3], mode, 1.5),
    })
  ),
  opCase({
    name: "pad with -infinity",
    inputs: { x: w.spec(["n"], "f32") },
    build: ({ x }) => w.pad(x, [1], ["n"], { value: -Infinity }),
    expected: ({ x }) => index.pad(x!, [1], x!.shape, "constant", -Infinity),
  }),
  opCase({
    name: "tile",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => w.tile(x, [2, 3]),
    expected: ({ x }) => {
      const [n, m] = x!.shape as [number, number];
      return ref.build([2 * n, 3 * m], ([i, j]) => ref.at(x!, [i! % n, j! % m]));
    },
  }),
  opCase({
    name: "expand",
    inputs: { x: w.spec(["n", 1], "f32") },
    build: ({ x }) => w.expand(x, [2, "n", 3]),
    expected: ({ x }) => ref.build([2, x!.shape[0]!, 3], ([, i]) => ref.at(x!, [i!, 0])),
  }),
  opCase({
    name: "reverse of some axes",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.reverse(x, [0, -1]),
    expected: ({ x }) => {
      const [b, , m] = x!.shape as [number, number, number];
      return ref.build(x!.shape, ([i, j, k]) => ref.at(x!, [b - 1 - i!, j!, m - 1 - k!]));
    },
  }),
  ...([[true, 1], [false, -2]] as const).map(([upper, diagonal]) =>
    opCase({
      name: `triangular, ${upper ? "upper" : "lower"}`,
      inputs: { x: w.spec(["b", "n", "m"], "f32") },
      build: ({ x }) => w.triangular(x, { upper, diagonal }),
      expected: ({ x }) =>
        ref.build(x!.shape, ([b, i, j]) => {
          const kept = upper ? j! - i! >= diagonal : j! - i! <= diagonal;
          return kept ? ref.at(x!, [b!, i!, j!]) : 0;
        }),
    })
  ),
];

const sorted: readonly OpCase[] = [
  opCase({
    name: "values of topK",
    inputs: { x: w.spec(["n", 7], "f32") },
    build: ({ x }) => w.topK(x, 3, -1).values,
    expected: ({ x }) => index.lines(x!, 1, (v) => index.order(v, true).slice(0, 3).map((i) => v[i]!)),
    domain: coarse,
  }),
  opCase({
    name: "indices of topK, the smallest",
    inputs: { x: w.spec(["n", 7, "m"], "f32") },
    build: ({ x }) => w.topK(x, 4, 1, { smallest: true }).indices,
    expected: ({ x }) => index.lines(x!, 1, (v) => index.order(v, false).slice(0, 4)),
    domain: coarse,
  }),
  opCase({
    name: "sort of a symbolic axis with NaN",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => w.sort(x, 0).values,
    expected: ({ x }) => index.lines(x!, 0, (v) => index.order(v, false).map((i) => v[i]!)),
    domain: withNaN,
  }),
  opCase({
    name: "argsort, descending, with NaN",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => w.argsort(x, -1, { descending: true }),
    expected: ({ x }) => index.lines(x!, 1, (v) => index.order(v, true)),
    domain: withNaN,
  }),
];

const key = [0, 12345] as const;

const chance: readonly OpCase[] = [
  opCase({
    name: "uniform",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) =>
      w.add(w.uniform(w.randomKey(12345), ["n", "m"], { low: -1, high: 3 }), w.mul(x, w.full([], 0))),
    expected: ({ x }) => index.random(key, x!.shape, (a) => unit(a) * 4 - 1),
  }),
  opCase({
    name: "normal of a folded key",
    inputs: { x: w.spec(["n", 3], "f32") },
    build: ({ x }) =>
      w.add(
        w.normal(w.foldIn(w.randomKey(12345), 7), ["n", 3], { mean: 2, deviation: 3 }),
        w.mul(x, w.full([], 0)),
      ),
    expected: ({ x }) =>
      index.random(
        index.threefry(key, [1, 7]),
        x!.shape,
        (a, b) => 2 + 3 * Math.sqrt(-2 * Math.log(1 - unit(a))) * Math.cos(2 * Math.PI * unit(b)),
      ),
    tolerance: 1e-3,
  }),
  ...(["n", 600] as const).map((n) =>
    opCase({
      name: `sample from ${n}`,
      inputs: { weights: w.spec(["b", n], "f32"), u: w.spec(["b"], "f32") },
      build: ({ weights, u }) => w.sample(weights as w.Tensor<["b", 600], "f32">, u),
      expected: ({ weights, u }) =>
        ref.build(u!.shape, ([b]) => {
          const n = weights!.shape[1]!;
          return index.sampleLine(weights!.data.slice(b! * n, (b! + 1) * n), u!.data[b!]!);
        }),
      domain: eighths,
    })
  ),
];

const attention: readonly OpCase[] = [
  opCase({
    name: "causal attention with shared keys",
    inputs: {
      q: w.spec([2, 4, "n", 8], "f32"),
      k: w.spec([2, 2, "m", 8], "f32"),
      v: w.spec([2, 2, "m", 3], "f32"),
    },
    build: ({ q, k, v }) => w.scaledDotProductAttention(q, k, v, { causal: true }),
    expected: ({ q, k, v }) => {
      const behind = k!.shape[2]! - q!.shape[2]!;
      return index.attention(q!, k!, v!, 1 / Math.sqrt(8), (i, j) => j <= i + behind);
    },
    tolerance: 1e-4,
  }),
  opCase({
    name: "attention with a mask",
    inputs: {
      q: w.spec([3, "n", 4], "f32"),
      k: w.spec([3, "m", 4], "f32"),
      v: w.spec([3, "m", 4], "f32"),
      chosen: w.spec(["n", "m"], "f32"),
    },
    build: ({ q, k, v, chosen }) =>
      w.scaledDotProductAttention(q, k, v, { mask: w.greater(chosen, w.full([], 0.5)), scale: 0.3 }),
    expected: ({ q, k, v, chosen }) =>
      index.attention(q!, k!, v!, 0.3, (i, j) => ref.at(chosen!, [i, j]) > 0.5),
    tolerance: 1e-4,
  }),
];

/** Cases of windows, look-ups, margins, order, chance and attention. */
export const INDEX_OP_CASES: readonly OpCase[] = [conv, look, margins, sorted, chance, attention].flat();
