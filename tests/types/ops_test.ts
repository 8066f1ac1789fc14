/**
 * Result types of the operators and layers: each case states shape and dtype once, for the compiler, which must find
 * exactly that type, and for the run, which must find exactly these values.
 */
import { assertEquals } from "@std/assert";
import type { Dim, DType, Shape, Tensor } from "../../dsl/mod.ts";
import * as layers from "../../dsl/nn.ts";
import * as operators from "../../dsl/ops/mod.ts";
import { param, spec } from "../../dsl/mod.ts";
import { type Equal, is } from "./expect.ts";

const used = new Set<string>();
/** The same functions; remembers which of them were called for. */
function watched<F extends object>(functions: F, prefix: string): F {
  return new Proxy({ ...functions }, {
    get(target, name, receiver) {
      used.add(`${prefix}${String(name)}`);
      return Reflect.get(target, name, receiver);
    },
  });
}
const w = watched(operators, "");
const nn = watched(layers, "nn.");

/** An input. */
function t<const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  dtype?: T,
): Tensor<S, NoInfer<T>> {
  return spec<S, T>(shape as never, (dtype ?? "f32") as T);
}

/** States what a tensor is, for the type checker and at run time. */
function gives<X extends Tensor, const S extends readonly Dim[], const D extends DType>(
  x: X,
  shape: readonly [...S],
  dtype: D,
  ...unequal: Equal<X, Tensor<S, D>> extends true ? [] : [{ got: X; expected: Tensor<S, D> }]
): void {
  assertEquals<unknown>([x.shape, x.dtype, unequal], [shape, dtype, []]);
}

const x = t(["b", "s", 768]);
const half = t(["b", "s", 768], "f16");
const ints = t(["b", "s"], "i32");
const flags = t(["b", "s"], "bool");
/** What is only known when it runs: a width, a rank, nothing at all. */
const width = t(["b", "s", 768]) as Tensor<["b", "s", number], "f32">;
const rank = t(["b", "s", 768]) as Tensor<Shape, "f32">;

Deno.test("types: one operand keeps its shape and dtype", () => {
  gives(w.ceil(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.ceil(width));
  gives(w.floor(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.floor(width));
  gives(w.round(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.round(width));
  gives(w.exp(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.exp(width));
  gives(w.log(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.log(width));
  gives(w.sqrt(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.sqrt(width));
  gives(w.rsqrt(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.rsqrt(width));
  gives(w.sin(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.sin(width));
  gives(w.cos(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.cos(width));
  gives(w.tan(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.tan(width));
  gives(w.tanh(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.tanh(width));
  gives(w.erf(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.erf(width));
  gives(w.reciprocal(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.reciprocal(width));
  gives(w.sigmoid(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.sigmoid(width));
  gives(w.softplus(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.softplus(width));
  gives(w.softsign(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.softsign(width));
  gives(w.hardSwish(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.hardSwish(width));
  gives(w.neg(ints), ["b", "s"], "i32");
  gives(w.neg(x), ["b", "s", 768], "f32");
  gives(w.abs(ints), ["b", "s"], "i32");
  gives(w.abs(x), ["b", "s", 768], "f32");
  gives(w.sign(ints), ["b", "s"], "i32");
  gives(w.sign(x), ["b", "s", 768], "f32");
  gives(w.relu(ints), ["b", "s"], "i32");
  gives(w.relu(x), ["b", "s", 768], "f32");
  gives(w.identity(ints), ["b", "s"], "i32");
  gives(w.identity(x), ["b", "s", 768], "f32");
  gives(w.exp(half), ["b", "s", 768], "f16");
  is<Tensor<Shape, "f32">>()(w.exp(rank));
  gives(w.gelu(x), ["b", "s", 768], "f32");
  gives(w.gelu(half, "tanh"), ["b", "s", 768], "f16");
  gives(w.elu(x, 2), ["b", "s", 768], "f32");
  gives(w.leakyRelu(x), ["b", "s", 768], "f32");
  gives(w.hardSigmoid(x), ["b", "s", 768], "f32");
  gives(w.clamp(ints, { min: 0 }), ["b", "s"], "i32");
  gives(w.logicalNot(flags), ["b", "s"], "bool");
  gives(w.isNaN(x), ["b", "s", 768], "bool");
  gives(w.cast(x, "i8"), ["b", "s", 768], "i8");
  is<Tensor<["b", "s", number], "bool">>()(w.cast(width, "bool"));
});

Deno.test("types: operators generic in dims, ranks and dtypes can be called from code that is", () => {
  const twice = <T extends "f32" | "f16", N extends Dim>(y: Tensor<["b", N], T>): Tensor<["b", N], T> =>
    w.add(w.exp(y), y);
  gives(twice(t(["b", 4], "f16")), ["b", 4], "f16");
  const attend = <Q extends Dim, K extends Dim>(
    q: Tensor<["h", Q, 64], "f32">,
    k: Tensor<["h", K, 64], "f32">,
  ): Tensor<["h", Q, K], "f32"> => w.softmax(w.matmul(q, w.transpose(k)), -1);
  gives(attend(t(["h", "s", 64]), t(["h", 5, 64])), ["h", "s", 5], "f32");
  const halves = <H extends Dim>(y: Tensor<["b", H, "2*n"], "f32">): Tensor<["b", H, "2*n"], "f32"> => {
    const [a, b] = w.split(y, 2, -1);
    return w.concat([w.neg(b), w.mul(a, a)], -1);
  };
  gives(halves(t(["b", 4, "2*n"])), ["b", 4, "2*n"], "f32");
  const shift = <S extends Shape>(y: Tensor<S, "f32">): Tensor<S, "f32"> => w.tanh(w.exp(y));
  gives(shift(x), ["b", "s", 768], "f32");
});

Deno.test("types: two operands broadcast", () => {
  const row = t([768]);
  gives(w.add(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.add(width, row));
  is<Tensor<Shape, "f32">>()(w.add(rank, row));
  gives(w.sub(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.sub(width, row));
  is<Tensor<Shape, "f32">>()(w.sub(rank, row));
  gives(w.mul(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.mul(width, row));
  is<Tensor<Shape, "f32">>()(w.mul(rank, row));
  gives(w.div(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.div(width, row));
  is<Tensor<Shape, "f32">>()(w.div(rank, row));
  gives(w.maximum(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.maximum(width, row));
  is<Tensor<Shape, "f32">>()(w.maximum(rank, row));
  gives(w.minimum(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.minimum(width, row));
  is<Tensor<Shape, "f32">>()(w.minimum(rank, row));
  gives(w.pow(x, row), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", 768], "f32">>()(w.pow(width, row));
  is<Tensor<Shape, "f32">>()(w.pow(rank, row));
  gives(w.equal(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.equal(width, row));
  gives(w.notEqual(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.notEqual(width, row));
  gives(w.less(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.less(width, row));
  gives(w.lessEqual(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.lessEqual(width, row));
  gives(w.greater(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.greater(width, row));
  gives(w.greaterEqual(x, row), ["b", "s", 768], "bool");
  is<Tensor<["b", "s", 768], "bool">>()(w.greaterEqual(width, row));
  gives(w.logicalAnd(flags, t(["s"], "bool")), ["b", "s"], "bool");
  gives(w.logicalOr(flags, t(["s"], "bool")), ["b", "s"], "bool");
  gives(w.logicalXor(flags, t(["s"], "bool")), ["b", "s"], "bool");
  gives(w.add(t(["b", 1, 4]), t(["s", 1])), ["b", "s", 4], "f32");
  gives(w.mul(ints, w.full([], 2, "i32")), ["b", "s"], "i32");
  is<Tensor<Shape, "f32">>()(w.add(row, rank));
  gives(w.prelu(x, row), ["b", "s", 768], "f32");
  gives(
    w.where(t(["s", "s"], "bool"), t(["h", "s", "s"], "f16"), w.full([1], 0, "f16")),
    ["h", "s", "s"],
    "f16",
  );
  gives(w.where(t(["t", 1], "bool"), t([5]), t([])), ["t", 5], "f32");
});

Deno.test("types: an unknown dtype fits any, and is refuted by none", () => {
  const any = x as Tensor<["b", "s", 768]>;
  is<Tensor<["b", "s", 768], "bool">>()(w.equal(any, x));
  is<Tensor<["b", "s", 768], "bool">>()(w.equal(x, any));
  is<Tensor<["b", "s", 768], "f32">>()(w.where(t([1], "bool"), x, any));
});

Deno.test("types: products", () => {
  gives(w.matmul(x, t([768, 3072])), ["b", "s", 3072], "f32");
  gives(w.matmul(t(["b", 1, "s", 64]), t([12, 64, "t"])), ["b", 12, "s", "t"], "f32");
  is<Tensor<["b", "s", 3072], "f32">>()(w.matmul(width, t([768, 3072])));
  is<Tensor<Shape, "f32">>()(w.matmul(rank, t([768, 3072])));
  gives(w.linear(x, t([768, "n"]), t(["n"])), ["b", "s", "n"], "f32");
  gives(w.linear(t([4], "bf16"), t([4, 2], "bf16")), [2], "bf16");
  is<Tensor<["b", "s", 10], "f32">>()(w.linear(width, t([768, 10])));
  is<Tensor<Shape, "f32">>()(w.linear(rank, t([768, 10])));
  gives(w.gemm(t(["n", 3]), t([4, "n"]), { transposeA: true, transposeB: true, c: t([4]) }), [3, 4], "f32");
  gives(w.gemm(t([2, 3], "f16"), t([3, "m"], "f16")), [2, "m"], "f16");
});

Deno.test("types: reductions drop axes, or keep them 1 long", () => {
  gives(w.sum(x, -1), ["b", "s"], "f32");
  gives(w.sum(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.prod(x, -1), ["b", "s"], "f32");
  gives(w.prod(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.max(x, -1), ["b", "s"], "f32");
  gives(w.max(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.min(x, -1), ["b", "s"], "f32");
  gives(w.min(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.mean(x, -1), ["b", "s"], "f32");
  gives(w.mean(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.l1(x, -1), ["b", "s"], "f32");
  gives(w.l1(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.l2(x, -1), ["b", "s"], "f32");
  gives(w.l2(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.sumSquare(x, -1), ["b", "s"], "f32");
  gives(w.sumSquare(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.logSum(x, -1), ["b", "s"], "f32");
  gives(w.logSum(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.logSumExp(x, -1), ["b", "s"], "f32");
  gives(w.logSumExp(x, [0, -1], { keepDims: true }), [1, "s", 1], "f32");
  gives(w.sum(x), [], "f32");
  gives(w.mean(half, [0, 2]), ["s"], "f16");
  is<Tensor<["b"], "f32">>()(w.sum(width, [1, 2]));
  is<Tensor<Shape, "f32">>()(w.max(rank, 1));
  is<Tensor<Shape, "f32">>()(w.max(x, 1 as number));
  is<Tensor<Shape, "f32">>()(w.max(x, 1, { keepDims: true as boolean }));
  is<Tensor<["s", 768] | ["b", 768], "f32">>()(w.sum(x, 0 as 0 | 1));
  gives(w.argmax(x, -1), ["b", "s"], "i32");
  gives(w.argmin(ints, 0, { keepDims: true }), [1, "s"], "i32");
  gives(w.any(flags, 1), ["b"], "bool");
  gives(w.all(flags), [], "bool");
});

Deno.test("types: operators along an axis, and normalisations", () => {
  gives(w.softmax(x, -1), ["b", "s", 768], "f32");
  gives(w.logSoftmax(half, 0), ["b", "s", 768], "f16");
  gives(w.cumsum(ints, 1, { exclusive: true }), ["b", "s"], "i32");
  gives(w.reverse(x, [1, -1]), ["b", "s", 768], "f32");
  gives(w.layerNorm(x, t([768]), t([768])), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.layerNorm(width, t([768]), t([768])));
  gives(w.normalize(t(["b", 3, 4]), [1, 2], { weight: t([3, 4]), epsilon: 1 }), ["b", 3, 4], "f32");
  gives(w.rmsNorm(x, t([768])), ["b", "s", 768], "f32");
  const image = t(["n", 6, "h", "w"]);
  gives(w.instanceNorm(image, { bias: t([6]) }), ["n", 6, "h", "w"], "f32");
  gives(w.groupNorm(image, 2, { weight: t([6]) }), ["n", 6, "h", "w"], "f32");
  gives(w.batchNorm(image, t([6]), t([6])), ["n", 6, "h", "w"], "f32");
});

Deno.test("types: other orders and shapes", () => {
  gives(w.permute(x, [2, 0, 1]), [768, "b", "s"], "f32");
  is<Tensor<[number, "b", "s"], "f32">>()(w.permute(width, [-1, 0, 1]));
  is<Tensor<Shape, "f32">>()(w.permute(x, [2, 0, 1] as number[]));
  gives(w.transpose(x), ["b", 768, "s"], "f32");
  is<Tensor<Shape, "f32">>()(w.transpose(rank));
  gives(w.reshape(x, ["b", "s", 12, -1]), ["b", "s", 12, 64], "f32");
  gives(w.reshape(x, [-1]), ["768*b*s"], "f32");
  is<Tensor<["b", "s", 12, 64], "f32">>()(w.reshape(width, ["b", "s", 12, 64]));
  is<Tensor<["b", "s", 12, number], "f32">>()(w.reshape(width, ["b", "s", 12, -1]));
  is<Tensor<["b*s", number], "f32">>()(w.reshape(rank, ["b*s", -1]));
  gives(w.squeeze(t(["b", 1, 768, 1])), ["b", 768], "f32");
  gives(w.squeeze(t(["b", 1, 768, 1]), 1), ["b", 768, 1], "f32");
  gives(w.unsqueeze(t(["b", 768]), -1), ["b", 768, 1], "f32");
  gives(w.broadcastTo(t([1, 768]), ["b", "s", 768]), ["b", "s", 768], "f32");
  gives(w.expand(t([], "bool"), [2, "n"]), [2, "n"], "bool");
  is<Tensor<["b", "s", 768], "f32">>()(w.broadcastTo(width, ["b", "s", 768]));
  is<Tensor<["b", "s", 768], "f32">>()(w.broadcastTo(rank, ["b", "s", 768]));
  gives(w.matchShape(width, ["b", "s", 768]), ["b", "s", 768], "f32");
  gives(w.matchShape(rank, ["b", "s", 768]), ["b", "s", 768], "f32");
});

Deno.test("types: parts and joins", () => {
  const [q, k, v] = w.split(t(["b", "s", "3*n_embd"]), 3, -1);
  for (const part of [q, k, v]) gives(part, ["b", "s", "n_embd"], "f32");
  gives(w.split(x, 12, 2)[11]!, ["b", "s", 64], "f32");
  is<Tensor<["b", "s", number], "f32">>()(w.split(width, 2, -1)[1]);
  gives(w.concat([x, t(["b", 1, 768]), x], 1), ["b", "2*s+1", 768], "f32");
  is<Tensor<["b", number, 768], "f32">>()(
    w.concat([x, t(["b", 1, 768]) as Tensor<["b", number, 768], "f32">], 1),
  );
  is<Tensor<Shape, "f32">>()(w.concat([x, rank], 1));
  gives(w.slice(x, 1, -1, 1), ["b", 1, 768], "f32");
  gives(w.slice(x, 2, 0, "n"), ["b", "s", "n"], "f32");
  gives(w.append(t(["h", "past", 64]), t(["h", "s", 64]), 1), ["h", "past+s", 64], "f32");
  gives(w.take(t([50257, 768]), ints), ["b", "s", 768], "f32");
  gives(w.gather(x, t(["k"], "u32"), 1), ["b", "k", 768], "f32");
  gives(w.gatherElements(t(["n", 9]), t(["n", 2], "i32"), 1), ["n", 2], "f32");
  gives(w.gatherND(t([4, 5, 6]), t(["n", 2], "i32")), ["n", 6], "f32");
  gives(w.scatterElements(t(["n", 9]), t(["n", 2], "i32"), t(["n", 2]), 1), ["n", 9], "f32");
  gives(w.scatterND(t([4, 5, 6]), t(["n", 1], "i32"), t(["n", 5, 6])), [4, 5, 6], "f32");
  gives(w.pad(t([2, "n"]), [1, 0], [0, 3]), [3, "n+3"], "f32");
  gives(w.tile(t([2, "n"]), [2, 3]), [4, "3*n"], "f32");
  gives(w.triangular(t([4, 4])), [4, 4], "f32");
});

Deno.test("types: axes by name", () => {
  const [q, k] = [t(["t", 12, 64]), t(["s", 12, 64])];
  gives(w.einsum("t h d, s h d -> h t s", q, k), [12, "t", "s"], "f32");
  gives(w.einsum("b s -> s b", ints), ["s", "b"], "i32");
  is<Tensor<["b", number], "f32">>()(w.einsum("b s d -> b d", width));
  is<Tensor<[number, number], "f32">>()(w.einsum("b s d, b s e -> d e", rank, rank));
  gives(w.rearrange(x, "b s (h d) -> b h s d", { h: 12 }), ["b", 12, "s", 64], "f32");
  gives(w.rearrange(half, "b s d -> (b s) d"), ["b*s", 768], "f16");
  is<Tensor<["b", "s", 12, number], "f32">>()(w.rearrange(width, "b s (h d) -> b s h d", { h: 12 }));
});

Deno.test("types: order", () => {
  const { values, indices } = w.topK(x, 5, -1);
  gives(values, ["b", "s", 5], "f32");
  gives(indices, ["b", "s", 5], "i32");
  gives(w.sort(half, -1).values, ["b", "s", 768], "f16");
  gives(w.sort(half, -1).indices, ["b", "s", 768], "i32");
  gives(w.argsort(x, 0), ["b", "s", 768], "i32");
});

Deno.test("types: windows and attention", () => {
  const image = t(["n", 3, 224, 224]);
  gives(w.conv2d(image, t([768, 3, 16, 16]), { strides: [16, 16] }), ["n", 768, 14, 14], "f32");
  gives(w.averagePool2d(image), ["n", 3, 1, 1], "f32");
  gives(w.maxPool2d(image, { window: [2, 2], strides: [2, 2] }), ["n", 3, 112, 112], "f32");
  gives(w.l2Pool2d(image, { window: [2, 2] }), ["n", 3, 223, 223], "f32");
  const q = t(["b", 12, "s", 64]);
  gives(
    w.scaledDotProductAttention(q, t(["b", 4, "t", 64]), t(["b", 4, "t", 32])),
    ["b", 12, "s", 32],
    "f32",
  );
});

Deno.test("types: tensors from nothing", () => {
  gives(w.full(["n", 2], 0), ["n", 2], "f32");
  gives(w.full([], 1, "i8"), [], "i8");
  gives(w.arange("s"), ["s"], "i32");
  gives(w.arange(5, { start: "past", dtype: "f32" }), [5], "f32");
  gives(w.causalMask("s", "past+s"), ["s", "past+s"], "bool");
  const key = w.randomKey(7);
  gives(w.foldIn(key, 3), [2], "u32");
  gives(w.randomBits(key, ["n"]), ["n"], "u32");
  gives(w.uniform(key, ["n", 2]), ["n", 2], "f32");
  gives(w.normal(key, [3]), [3], "f32");
  gives(w.sample(t(["b", 10]), t(["b"])), ["b"], "i32");
  w.categorical(key, t(["b", 10]));
  // Where a dtype is expected the default does not change.
  const list: readonly Tensor[] = [w.full([1], 0), w.arange(2)];
  assertEquals(list.map((y) => y.dtype), ["f32", "i32"]);
});

Deno.test("types: layers, and their weights", () => {
  const up = nn.linear("n", "4*n");
  gives(up.params.weight, ["n", "4*n"], "f32");
  gives(up.params.bias, ["4*n"], "f32");
  gives(up(t(["b", "s", "n"])), ["b", "s", "4*n"], "f32");
  gives(up(t(["n"])), ["4*n"], "f32");
  is<Tensor<["b", "s", 10], "f32">>()(nn.linear(768, 10)(width));
  is<Tensor<Shape, "f32">>()(nn.linear(768, 10)(rank));
  const head = nn.head("n", "v");
  gives(head.params.weight, ["v", "n"], "f32");
  gives(head(t(["b", "n"])), ["b", "v"], "f32");
  gives(head(t(["n"])), ["v"], "f32");
  const norm = nn.layerNorm(768);
  gives(norm.params.weight, [768], "f32");
  gives(norm(x), ["b", "s", 768], "f32");
  is<Tensor<["b", "s", number], "f32">>()(norm(width));
  const rms = nn.rmsNorm("n");
  gives(rms.params.weight, ["n"], "f32");
  gives(rms(t(["b", "n"])), ["b", "n"], "f32");
  const table = nn.embedding(50257, "n");
  gives(table.params.weight, [50257, "n"], "f32");
  gives(table(ints), ["b", "s", "n"], "f32");
  gives(table(t([3], "u8")), [3, "n"], "f32");
  gives(param(["n", 3], "bf16"), ["n", 3], "bf16");
});

Deno.test("types: a mistake gives a tensor that fits anywhere, so that it is one error", () => {
  // @ts-expect-error inner dims 768 and 3 differ
  const wrong = () => w.matmul(x, t([3, 4]));
  is<Tensor<never, "f32">>()(null as never as ReturnType<typeof wrong>);
  const next = (y: ReturnType<typeof wrong>): Tensor<["b", "s", 9], "f32"> => w.softmax(w.add(y, t([9])), 1);
  assertEquals(typeof next, "function");
});

Deno.test("types: every operator and layer has a case above", () => {
  const functions = (of: object, prefix: string): readonly string[] =>
    Object.entries(of).filter(([, f]) => typeof f === "function").map(([name]) => `${prefix}${name}`);
  const missing = [...functions(operators, ""), ...functions(layers, "nn.")].filter((name) =>
    !used.has(name)
  );
  assertEquals(missing, [], "without a case");
});
