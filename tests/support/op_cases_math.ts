/**
 * Cases of activations, further reductions, normalisations and gemm (see `op_cases.ts`).
 *
 * @module
 */
import * as w from "../../dsl/mod.ts";
import { binary, bit, coarse, type OpCase, opCase, positive, total, unary } from "./op_cases.ts";
import * as ref from "./reference.ts";

const cube = { x: w.spec(["b", "n", "m"], "f32") };
const matrix = { x: w.spec(["n", "m"], "f32") };

function reduced(
  name: string,
  build: (x: typeof matrix.x) => w.Tensor,
  fold: (values: number[]) => number,
  domain?: (v: number) => number,
): OpCase {
  return opCase({
    name,
    inputs: matrix,
    build: ({ x }) => build(x),
    expected: ({ x }) => ref.reduceAxes(x!, [1], false, fold),
    ...(domain === undefined ? {} : { domain }),
  });
}

const squares = (v: number[]): number => total(v.map((e) => e * e));

/** Running sums along axis 1 of three. */
function sums(x: ref.Dense, counts: (k: number, i: number) => boolean): ref.Dense {
  const length = x.shape[1]!;
  return ref.build(x.shape, ([b, i, m]) => {
    const row = Array.from({ length }, (_, k) => (counts(k, i!) ? ref.at(x, [b!, k, m!]) : 0));
    return total(row);
  });
}

/** `(x - mean) / sqrt(variance + epsilon)` over axes. */
function normal(x: ref.Dense, axes: readonly number[], epsilon: number, centre = true): ref.Dense {
  const mean = (t: ref.Dense): ref.Dense => ref.reduceAxes(t, axes, true, (v) => total(v) / v.length);
  const centred = centre ? ref.broadcast((a, b) => a - b, x, mean(x)) : x;
  const variance = mean(ref.map(centred, (v) => v * v));
  return ref.broadcast((v, s) => v / Math.sqrt(s + epsilon), centred, variance);
}

/** A list as a column that stretches over `behind` further axes. */
const column = (v: ref.Dense, behind: number): ref.Dense => ({
  shape: [...v.shape, ...Array<number>(behind).fill(1)],
  data: v.data,
});

const scale = (x: ref.Dense, weight: ref.Dense, bias: ref.Dense): ref.Dense =>
  ref.broadcast((v, a, b) => v * a + b, x, weight, bias);

/** Activations, reductions, normalisations and gemm. */
export const MATH_CASES: readonly OpCase[] = [
  unary("reciprocal", w.reciprocal, (v) => 1 / v, positive),
  unary("sigmoid", w.sigmoid, (v) => 1 / (1 + Math.exp(-v)), (v) => 8 * v),
  unary("softplus", w.softplus, (v) => Math.log1p(Math.exp(v)), (v) => 8 * v),
  unary("softsign", w.softsign, (v) => v / (1 + Math.abs(v))),
  unary("elu", (x) => w.elu(x, 1.5), (v) => (v < 0 ? 1.5 * Math.expm1(v) : v), (v) => 4 * v),
  unary("leakyRelu", (x) => w.leakyRelu(x, 0.1), (v) => (v < 0 ? 0.1 * v : v)),
  unary("hardSigmoid", w.hardSigmoid, (v) => Math.min(Math.max(0.2 * v + 0.5, 0), 1), (v) => 4 * v),
  unary("hardSwish", w.hardSwish, (v) => v * Math.min(Math.max(v + 3, 0), 6) / 6, (v) => 4 * v),
  unary("identity", w.identity, (v) => v),
  unary("clamp", (x) => w.clamp(x, { min: -0.5, max: 1 }), (v) => Math.min(Math.max(v, -0.5), 1)),
  unary("clamp from below", (x) => w.clamp(x, { min: 0.25 }), (v) => Math.max(v, 0.25)),
  unary(
    "clamp of integers",
    (x) => w.clamp(w.cast(x, "i32"), { min: -1.5, max: 2.5 }),
    (v) => Math.min(Math.max(v, -1), 2),
    (v) => Math.round(3 * v),
  ),
  unary("isNaN", (x) => w.isNaN(w.sqrt(x)), (v) => bit(v < 0)),
  binary("prelu", w.prelu, (a, b) => (a < 0 ? a * b : a)),
  binary(
    "logicalXor",
    (a, b) => w.logicalXor(w.cast(a, "bool"), w.cast(b, "bool")),
    (a, b) => bit((a !== 0) !== (b !== 0)),
    coarse,
  ),
  reduced("l1", (x) => w.l1(x, 1), (v) => total(v.map(Math.abs))),
  reduced("l2", (x) => w.l2(x, -1), (v) => Math.sqrt(squares(v))),
  reduced("sumSquare", (x) => w.sumSquare(x, 1), squares),
  reduced("logSum", (x) => w.logSum(x, 1), (v) => Math.log(total(v)), positive),
  reduced("logSumExp", (x) => w.logSumExp(x, 1), (v) => Math.log(total(v.map(Math.exp))), (v) => 5 * v),
  reduced("any", (x) => w.any(w.cast(x, "bool"), 1), (v) => bit(v.some((e) => e !== 0)), coarse),
  reduced("all", (x) => w.all(w.cast(x, "bool"), 1), (v) => bit(v.every((e) => e !== 0)), coarse),
  opCase({
    name: "l1 of unsigned integers",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => w.cast(w.l1(w.cast(x, "u8"), 1), "f32"),
    expected: ({ x }) => ref.reduceAxes(x!, [1], false, total),
    domain: (v) => Math.floor(Math.abs(v)),
  }),
  opCase({
    name: "signs of unsigned integers",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => {
      const u = w.cast(x, "u32");
      return w.cast(w.add(w.mul(w.abs(u), w.sign(u)), w.add(w.relu(u), w.prelu(u, u))), "f32");
    },
    expected: ({ x }) => ref.map(x!, (v) => 3 * v),
    domain: (v) => Math.floor(5 * Math.abs(v)),
  }),
  opCase({
    name: "l1 over no axes",
    inputs: matrix,
    build: ({ x }) => w.l1(x, []),
    expected: ({ x }) => ref.map(x!, Math.abs),
  }),
  opCase({
    name: "logSumExp over several axes, kept",
    inputs: cube,
    build: ({ x }) => w.logSumExp(x, [0, 2], { keepDims: true }),
    expected: ({ x }) => ref.reduceAxes(x!, [0, 2], true, (v) => Math.log(total(v.map(Math.exp)))),
  }),
  opCase({
    name: "argmin",
    inputs: { x: w.spec(["n", 5], "f32") },
    build: ({ x }) => w.argmin(x, -1),
    expected: ({ x }) => ref.reduceAxes(x!, [1], false, (v) => v.indexOf(Math.min(...v))),
    domain: coarse,
  }),
  opCase({
    name: "cumsum",
    inputs: cube,
    build: ({ x }) => w.cumsum(x, 1),
    expected: ({ x }) => sums(x!, (k, i) => k <= i),
  }),
  opCase({
    name: "cumsum reversed, exclusive",
    inputs: cube,
    build: ({ x }) => w.cumsum(x, -2, { reversed: true, exclusive: true }),
    expected: ({ x }) => sums(x!, (k, i) => k > i),
  }),
  opCase({
    name: "logSoftmax",
    inputs: cube,
    build: ({ x }) => w.logSoftmax(x, 1),
    expected: ({ x }) => ref.map(ref.softmax(x!, 1), Math.log),
  }),
  opCase({
    name: "layerNorm over several axes",
    inputs: { ...cube, weight: w.spec(["m", "b"], "f32") },
    build: ({ x, weight }) => w.normalize(x, [2, 0], { weight, epsilon: 0.01 }),
    expected: ({ x, weight }) => {
      const normed = normal(x!, [0, 2], 0.01);
      return ref.build(x!.shape, ([b, n, m]) => ref.at(normed, [b!, n!, m!]) * ref.at(weight!, [m!, b!]));
    },
    tolerance: 1e-4,
  }),
  opCase({
    name: "layerNorm with only a bias",
    inputs: { ...matrix, bias: w.spec(["m"], "f32") },
    build: ({ x, bias }) => w.normalize(x, [-1], { bias, epsilon: 0.01 }),
    expected: ({ x, bias }) => ref.broadcast((a, b) => a + b, normal(x!, [1], 0.01), bias!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "rmsNorm",
    inputs: { ...matrix, weight: w.spec(["m"], "f32") },
    build: ({ x, weight }) => w.rmsNorm(x, weight, 0.01),
    expected: ({ x, weight }) => ref.broadcast((a, b) => a * b, normal(x!, [1], 0.01, false), weight!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "instanceNorm",
    inputs: {
      x: w.spec(["b", "n", "m", "k"], "f32"),
      weight: w.spec(["n"], "f32"),
      bias: w.spec(["n"], "f32"),
    },
    build: ({ x, weight, bias }) => w.instanceNorm(x, { weight, bias, epsilon: 0.01 }),
    expected: ({ x, weight, bias }) => scale(normal(x!, [2, 3], 0.01), column(weight!, 2), column(bias!, 2)),
    tolerance: 1e-4,
  }),
  opCase({
    name: "groupNorm",
    inputs: { x: w.spec(["b", 6, "m"], "f32"), weight: w.spec([6], "f32"), bias: w.spec([6], "f32") },
    build: ({ x, weight, bias }) => w.groupNorm(x, 2, { weight, bias, epsilon: 0.01 }),
    expected: ({ x, weight, bias }) => {
      const [b, , m] = x!.shape;
      const grouped = normal({ shape: [b!, 2, 3, m!], data: x!.data }, [2, 3], 0.01);
      return scale({ shape: x!.shape, data: grouped.data }, column(weight!, 1), column(bias!, 1));
    },
    tolerance: 1e-4,
  }),
  opCase({
    name: "batchNorm",
    inputs: {
      ...cube,
      mean: w.spec(["n"], "f32"),
      variance: w.spec(["n"], "f32"),
      weight: w.spec(["n"], "f32"),
    },
    build: ({ x, mean, variance, weight }) => w.batchNorm(x, mean, w.mul(variance, variance), { weight }),
    expected: ({ x, mean, variance, weight }) =>
      ref.broadcast(
        (v, m, s, a) => (v - m) / Math.sqrt(s * s + 1e-5) * a,
        x!,
        column(mean!, 1),
        column(variance!, 1),
        column(weight!, 1),
      ),
    tolerance: 1e-4,
  }),
  opCase({
    name: "gemm",
    inputs: { a: w.spec(["n", "k"], "f32"), b: w.spec(["k", "m"], "f32") },
    build: ({ a, b }) => w.gemm(a, b),
    expected: ({ a, b }) => ref.matmul(a!, b!),
  }),
  opCase({
    name: "gemm of transposed matrices with an addend",
    inputs: { a: w.spec(["k", "n"], "f32"), b: w.spec(["m", "k"], "f32"), c: w.spec(["n", 1], "f32") },
    build: ({ a, b, c }) => w.gemm(a, b, { c, alpha: 0.5, beta: 2, transposeA: true, transposeB: true }),
    expected: ({ a, b, c }) =>
      ref.broadcast(
        (p, q) => 0.5 * p + 2 * q,
        ref.matmul(ref.permute(a!, [1, 0]), ref.permute(b!, [1, 0])),
        c!,
      ),
  }),
  opCase({
    name: "matchShape",
    inputs: { x: w.spec(["n", "m"], "f32") },
    // Of a tensor whose rank the types do not know.
    build: ({ x }) => w.neg(w.matchShape(w.exp(x) as w.Tensor<w.Shape, "f32">, ["n", "m"])),
    expected: ({ x }) => ref.map(x!, (v) => -Math.exp(v)),
  }),
  opCase({
    name: "squeeze and unsqueeze",
    inputs: { x: w.spec(["n", 1, "m"], "f32") },
    build: ({ x }) => w.unsqueeze(w.squeeze(x, 1), -1),
    expected: ({ x }) => ({ shape: [x!.shape[0]!, x!.shape[2]!, 1], data: x!.data }),
  }),
];
