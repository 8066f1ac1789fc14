/**
 * Wrong programs, and what the compiler says about each: its message without the frame that TypeScript puts around it
 * (`Argument of type ... is not assignable to parameter of type '"MESSAGE"'`), or where a message is TypeScript's own,
 * all of it. What is refused here is refused when it runs, too, in the same words, unless a second line says otherwise.
 *
 * This file is checked with all others, so no mistake in it can come to be accepted; `errors_test.ts` compares the
 * messages, and runs the programs.
 *
 * @module
 */
import { jsDevice } from "../../backends/js/mod.ts";
import { compile } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import type { Dim, DType, Tensor } from "../../dsl/mod.ts";
import type { HostTensor } from "../../backends/runtime/executable.ts";

const { nn } = w;
const t = <const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  dtype?: T,
): Tensor<S, NoInfer<T>> => w.spec<S, T>(shape as never, (dtype ?? "f32") as T);

const x = t(["b", "s", 768]);
const table = t([768, 3072]);
const q = t(["b", "h", "s", 64]);
const keys = t(["b", "h", "past+s", 64]);
const past = t(["b", "h", "past", 64]);
const cube = t(["b", 3, 4]);
const image = t(["n", 6, 8, 8]);
const row = t(["n"]);
const counts = t(["n"], "i32");
// What a condition decides: two lengths, two dtypes. The values are of the second and the first.
const either = t(["b", "s", 3072]) as Tensor<["b", "s", number], "f32"> as Tensor<
  ["b", "s", 768 | 3072],
  "f32"
>;
const undecided = x as Tensor<["b", "s", 768], "f32" | "f16">;

const mlp = w.module(
  { up: nn.linear(768, 3072), down: nn.linear(3072, 768) },
  ({ up, down }) => (y: Tensor<["b", 768], "f32">) => down(w.gelu(up(y))),
);
const step = w.method({ ids: w.spec(["b", "s"], "i32") }, ({ ids }) => ({ sums: w.sum(ids, -1) }));
const run = await compile(w.trace({ step }, { dims: { b: 1, s: 2 } }), { device: jsDevice() });
const ids: HostTensor<"i32"> = { dtype: "i32", shape: [1, 2], data: Int32Array.of(3, 4) };
const floats: HostTensor<"f32"> = { dtype: "f32", shape: [1, 2], data: Float32Array.of(3, 4) };

/** The programs. The comment above each is read by the test. */
export const WRONG: readonly (() => unknown)[] = [
  // Arithmetic, products, reductions, normalisations, windows, look-ups, attention.
  // @ts-expect-error matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]
  () => w.matmul(x, t([3072, 768])),
  // @ts-expect-error matmul: inner dims n_embd and n_inner differ: [s, n_embd] x [n_inner, n_embd]
  () => w.matmul(t(["s", "n_embd"]), t(["n_inner", "n_embd"])),
  // @ts-expect-error matmul: batch dims do not broadcast: [b, 12, s, 64] x [b, 16, 64, t]
  () => w.matmul(t(["b", 12, "s", 64]), t(["b", 16, 64, "t"])),
  // @ts-expect-error matmul: right operand needs rank >= 2, got [768]
  () => w.matmul(x, t([768])),
  // @ts-expect-error matmul: left operand needs rank >= 2, got [768]
  () => w.matmul(t([768]), table),
  // @ts-expect-error matmul: operands are f32 and f16; cast one of them
  () => w.matmul(x, t([768, 768], "f16")),
  // @ts-expect-error matmul: inner dims 768 | 3072 and 768 differ: [b, s, 768 | 3072] x [768, 3072]
  // At run time: matmul: inner dims 3072 and 768 differ: [b, s, 3072] x [768, 3072]
  () => w.matmul(either, table),
  // @ts-expect-error matmul: inner dims 64 and past+s differ: [b, h, s, 64] x [b, h, past+s, 64]
  () => w.matmul(q, keys),
  // @ts-expect-error add: cannot broadcast [b, s, 768] with [3072]: 768 vs 3072
  () => w.add(x, t([3072])),
  // @ts-expect-error add: cannot broadcast [b, h, s, 64] with [b, h, past+s, 64]: s vs past+s
  () => w.add(q, keys),
  // @ts-expect-error add: operands are f32 and f16; cast one of them
  () => w.add(x, t(["b", "s", 768], "f16")),
  // @ts-expect-error add: operands are f32 | f16 and f32; cast one of them
  // At run time: nothing
  () => w.add(undecided, x),
  // @ts-expect-error add: cannot broadcast [b, s, 768 | 3072] with [768]: 768 | 3072 vs 768
  // At run time: add: cannot broadcast [b, s, 3072] with [768]: 3072 vs 768
  () => w.add(either, t([768])),
  // @ts-expect-error sub: operands are f32 and i32; cast one of them
  () => w.sub(x, t([3072], "i32")),
  // @ts-expect-error less: cannot broadcast [s, 2] with [s, 3]: 2 vs 3
  () => w.less(t(["s", 2]), t(["s", 3])),
  // @ts-expect-error logicalAnd: operands are bool and f32; cast one of them
  () => w.logicalAnd(t(["s"], "bool"), t(["s"])),
  // @ts-expect-error logicalNot: does not apply to f32, it takes bool tensors
  () => w.logicalNot(x),
  // @ts-expect-error where: does not apply to f32, it takes bool tensors
  () => w.where(q, q, q),
  // @ts-expect-error where: cannot broadcast [s, s] with [h, s, past+s]: s vs past+s
  () => w.where(w.causalMask("s", "s"), t(["h", "s", "past+s"]), w.full([1], -Infinity)),
  // @ts-expect-error where: cannot broadcast [h, s, s] with [2]: s vs 2
  () => w.where(w.causalMask("s", "s"), t(["h", "s", "s"]), t([2])),
  // @ts-expect-error where: operands are f32 and i32; cast one of them
  () => w.where(w.causalMask("s", "s"), t(["s", "s"]), w.full([1], 0, "i32")),
  // @ts-expect-error transpose: needs rank >= 2, got [768]
  () => w.transpose(t([768])),
  // @ts-expect-error permute: [0, 2, 2] is not a permutation of the axes of [b, s, 768]
  () => w.permute(x, [0, 2, 2]),
  // @ts-expect-error permute: [1, 0] is not a permutation of the axes of [b, s, 768]
  () => w.permute(x, [1, 0]),
  // @ts-expect-error reshape: [b, s, 768] has 768*b*s elements, [b, s, 12, 60] has 720*b*s
  () => w.reshape(x, ["b", "s", 12, 60]),
  // @ts-expect-error reshape: [b, s, 768] cannot be viewed as [b, s, 5, -1]
  () => w.reshape(x, ["b", "s", 5, -1]),
  // @ts-expect-error reshape: more than one -1 in [-1, -1]
  () => w.reshape(x, [-1, -1]),
  // @ts-expect-error split: axis -1 of [b, s, 768] is 768, not divisible by 5
  () => w.split(x, 5, -1),
  // @ts-expect-error split: axis 3 is out of range for [b, s, 768]
  () => w.split(x, 3, 3),
  // @ts-expect-error concat: [b, s, 768] and [b, t, 768] differ outside axis -1
  () => w.concat([x, t(["b", "t", 768])], -1),
  // @ts-expect-error concat: [b, s, 768] and [768] differ in rank
  () => w.concat([x, t([768])], 0),
  // @ts-expect-error concat: operands are f32 and f16; cast one of them
  () => w.concat([x, x, t(["b", "s", 768], "f16")], 1),
  // @ts-expect-error concat: needs at least one tensor
  () => w.concat([], 0),
  // @ts-expect-error slice: axis 2 of [b, s, 768] is 768, no room for 100 from 700
  () => w.slice(x, 2, 700, 100),
  // @ts-expect-error softmax: axis 3 is out of range for [b, s, 768]
  () => w.softmax(x, 3),
  // @ts-expect-error sum: axis -4 is out of range for [b, s, 768]
  () => w.sum(x, -4),
  // @ts-expect-error mean: axis -3 of [b, s, 768] is given twice
  () => w.mean(x, [0, -3]),
  // @ts-expect-error argmax: axis 7 is out of range for [b, s, 768]
  () => w.argmax(x, 7),
  // @ts-expect-error append: [b, h, past, 64] and [b, s, h, 64] differ outside axis 2
  () => w.append(past, t(["b", "s", "h", 64]), 2),
  // @ts-expect-error append: [b, h, past, 64] and [b, h, s, 64] differ outside axis 1
  () => w.append(past, q, 1),
  // @ts-expect-error append: operands are f32 and f16; cast one of them
  () => w.append(past, t(["b", "h", "s", 64], "f16"), 2),
  // @ts-expect-error take: table needs rank >= 1, got []
  () => w.take(t([]), t(["b", "s"], "i32")),
  // @ts-expect-error take: does not apply to f32, it takes signed or unsigned tensors
  () => w.take(table, t(["b", "s"])),
  // @ts-expect-error linear: last axis of [b, s, 768] is 768, expected 3072
  () => w.linear(x, t([3072, 768])),
  // @ts-expect-error linear: weight needs rank 2, got [12, 768, 64]
  () => w.linear(x, t([12, 768, 64])),
  // @ts-expect-error linear: bias is [768], expected [3072]
  () => w.linear(x, table, t([768])),
  // @ts-expect-error linear: bias is [1, 3072], expected [3072]
  () => w.linear(x, table, t([1, 3072])),
  // @ts-expect-error linear: operands are f32 and f16; cast one of them
  () => w.linear(x, table, t([3072], "f16")),
  // @ts-expect-error layerNorm: weight is [3072], expected [768]
  () => w.layerNorm(x, t([3072]), t([3072])),
  // @ts-expect-error layerNorm: bias is [3072], expected [768]
  () => w.layerNorm(x, t([768]), t([3072])),
  // @ts-expect-error layerNorm: needs at least one axis, got []
  () => w.layerNorm(t([]), t([1]), t([1])),
  // @ts-expect-error broadcastTo: [b, s, 768] does not stretch to [b, s, 3072]
  () => w.broadcastTo(x, ["b", "s", 3072]),
  // @ts-expect-error broadcastTo: [b, s, 768] does not stretch to [s, 768]
  () => w.broadcastTo(x, ["s", 768]),
  // @ts-expect-error broadcastTo: [b, s, 768] does not stretch to [b, 1, 768]
  () => w.broadcastTo(x, ["b", 1, 768]),
  // @ts-expect-error matchShape: [b, s, 768] is not [b, s, 3072]
  () => w.matchShape(x, ["b", "s", 3072]),
  // @ts-expect-error layerNorm: weight is [4, 3], expected [3, 4]
  () => w.normalize(cube, [1, 2], { weight: t([4, 3]) }),
  // @ts-expect-error layerNorm: operands are f32 and f16; cast one of them
  () => w.normalize(cube, [1, 2], { weight: t([3, 4]), bias: t([3, 4], "f16") }),
  // @ts-expect-error layerNorm: axis 3 is out of range for [b, 3, 4]
  () => w.normalize(cube, [1, 3]),
  // @ts-expect-error rmsNorm: weight is [3], expected [4]
  () => w.rmsNorm(cube, t([3])),
  // @ts-expect-error rmsNorm: weight is [3, 4], expected [4]
  () => w.rmsNorm(cube, t([3, 4])),
  // @ts-expect-error rmsNorm: operands are f32 and f16; cast one of them
  () => w.rmsNorm(cube, t([4], "f16")),
  // @ts-expect-error instanceNorm: weight is [8], expected [6]
  () => w.instanceNorm(image, { weight: t([8]) }),
  // @ts-expect-error instanceNorm: needs rank >= 2, got [3]
  () => w.instanceNorm(t([3])),
  // @ts-expect-error groupNorm: axis 1 of [n, 6, 8, 8] is 6, not divisible by 4
  () => w.groupNorm(image, 4),
  // @ts-expect-error groupNorm: needs rank >= 2, got [3]
  () => w.groupNorm(t([3]), 4),
  // @ts-expect-error groupNorm: bias is [2], expected [6]
  () => w.groupNorm(image, 2, { bias: t([2]) }),
  // @ts-expect-error batchNorm: mean is [8], expected [6]
  () => w.batchNorm(image, t([8]), t([6])),
  // @ts-expect-error batchNorm: variance is [8], expected [6]
  () => w.batchNorm(image, t([6]), t([8])),
  // @ts-expect-error batchNorm: mean is [6], expected [8]
  () => w.batchNorm(image, t([6]), t([6]), { axis: 2 }),
  // @ts-expect-error batchNorm: weight is [8], expected [6]
  () => w.batchNorm(image, t([6]), t([6]), { weight: t([8]) }),
  // @ts-expect-error gemm: inner dims 3 and 4 differ: [2, 3] x [4, 3]
  () => w.gemm(t([2, 3]), t([4, 3])),
  // @ts-expect-error gemm: operands are f32 and f16; cast one of them
  () => w.gemm(t([2, 3]), t([3, 4], "f16")),
  // @ts-expect-error gemm: c is [3], which does not stretch to [2, 4]
  () => w.gemm(t([2, 3]), t([3, 4]), { c: t([3]) }),
  // @ts-expect-error gemm: operands are f32 and f16; cast one of them
  () => w.gemm(t([2, 3]), t([3, 4]), { c: t([4], "f16") }),
  // @ts-expect-error gemm: left operand needs rank 2, got [2, 3, 4]
  () => w.gemm(t([2, 3, 4]), t([3, 4])),
  // @ts-expect-error prelu: cannot broadcast [b, 3, 4] with [3]: 4 vs 3
  () => w.prelu(cube, t([3])),
  // @ts-expect-error prelu: operands are f32 and f16; cast one of them
  () => w.prelu(cube, t([4], "f16")),
  // @ts-expect-error logicalXor: operands are bool and f32; cast one of them
  () => w.logicalXor(t(["s"], "bool"), t(["s"])),
  // @ts-expect-error any: does not apply to f32, it takes bool tensors
  () => w.any(cube),
  // @ts-expect-error any: axis 3 is out of range for [2]
  () => w.any(t([2], "bool"), 3),
  // @ts-expect-error broadcastTo: [b, 3, 4] does not stretch to [b, 3, 5]
  () => w.expand(cube, ["b", 3, 5]),
  // @ts-expect-error squeeze: axis 1 of [b, 3, 4] is 3, not 1
  () => w.squeeze(cube, 1),
  // @ts-expect-error unsqueeze: axis 5 is out of range for a new axis of [b, 3, 4]
  () => w.unsqueeze(cube, 5),
  // @ts-expect-error cumsum: axis 3 is out of range for [b, 3, 4]
  () => w.cumsum(cube, 3),
  // @ts-expect-error logSoftmax: axis 3 is out of range for [b, 3, 4]
  () => w.logSoftmax(cube, 3),
  // @ts-expect-error argmin: axis 3 is out of range for [b, 3, 4]
  () => w.argmin(cube, 3),
  // @ts-expect-error l2: axis 3 is out of range for [b, 3, 4]
  () => w.l2(cube, 3),
  // @ts-expect-error linear: last axis of [b, s, 3072] is 3072, expected 768
  () => nn.linear(768, 3072)(t(["b", "s", 3072])),
  // @ts-expect-error linear: operands are f16 and f32; cast one of them
  () => nn.linear(768, 3072)(t(["b", "s", 768], "f16")),
  // @ts-expect-error layerNorm: weight is [3072], expected [768]
  () => nn.layerNorm(3072)(x),
  // @ts-expect-error linear: last axis of [b, s, n_embd] is n_embd, expected n_inner
  () => nn.head("n_inner", "vocab")(t(["b", "s", "n_embd"])),
  // @ts-expect-error take: does not apply to f32, it takes signed or unsigned tensors
  () => nn.embedding(50257, 768)(x),
  // @ts-expect-error conv2d: filter [8, 4, 3, 3] takes 4 channels, input [n, 3, 32, 32] has 3
  () => w.conv2d(t(["n", 3, 32, 32]), t([8, 4, 3, 3])),
  // @ts-expect-error conv2d: window of 3 does not fit along axis 3 of [n, 3, 32, 2]
  () => w.conv2d(t(["n", 3, 32, 2]), t([8, 3, 3, 3])),
  // @ts-expect-error conv2d: filter [3, 3, 8, 16] takes 3 channels, input [n, 8, h, w] has 8
  () => w.conv2d(t(["n", 8, "h", "w"]), t([3, 3, 8, 16]), { padding: [1, 1, 1, 1] }),
  // @ts-expect-error maxPool2d: input needs 4 axes [n, c, h, w], got [16, 32, 32]
  () => w.maxPool2d(t([16, 32, 32]), { window: [2, 2] }),
  // @ts-expect-error averagePool2d: does not apply to i32, it takes float tensors
  () => w.averagePool2d(t(["n", 16, 32, 32], "i32")),
  // @ts-expect-error gather: axis 2 is out of range for [768, 3072]
  () => w.gather(table, t(["n"], "i32"), 2),
  // @ts-expect-error gather: does not apply to f32, it takes signed or unsigned tensors
  () => w.gather(table, t(["n"])),
  // @ts-expect-error gatherElements: indices [n] and input [n, 50257] differ in rank
  () => w.gatherElements(t(["n", 50257]), t(["n"], "i32"), 1),
  // @ts-expect-error gatherElements: indices [m, 1] and input [n, 50257] differ outside axis 1
  () => w.gatherElements(t(["n", 50257]), t(["m", 1], "i32"), 1),
  // @ts-expect-error gatherND: indices name 3 axes, input [768, 3072] has 2
  () => w.gatherND(table, t(["n", 3], "i32")),
  // @ts-expect-error scatterElements: updates are [n, 1], expected [n, 2]
  () => w.scatterElements(t(["n", 4]), t(["n", 2], "i32"), t(["n", 1]), 1),
  // @ts-expect-error scatterND: updates are [n, 768], expected [n, 3072]
  () => w.scatterND(table, t(["n", 1], "i32"), t(["n", 768])),
  // @ts-expect-error scatterND: operands are f32 and f16; cast one of them
  () => w.scatterND(table, t(["n", 1], "i32"), t(["n", 3072], "f16")),
  // @ts-expect-error pad: [1] for [768, 3072]: give one width an axis
  () => w.pad(table, [1], [1, 0]),
  // @ts-expect-error tile: [2, 3] for [b, s, 768]: give one number an axis
  () => w.tile(x, [2, 3]),
  // @ts-expect-error reverse: axis -2 of [b, s, 768] is given twice
  () => w.reverse(x, [1, -2]),
  // @ts-expect-error triangular: needs rank >= 2, got [n]
  () => w.triangular(t(["n"])),
  // @ts-expect-error topK: axis -1 of [n, 10] is 10, less than 40
  () => w.topK(t(["n", 10]), 40, -1),
  // @ts-expect-error sample: numbers are [1], expected [b]
  () => w.sample(t(["b", 50257]), t([1])),
  // @ts-expect-error attention: q [b, h, s, 64] and k [b, h, t, 32] differ in their last axis
  () => w.scaledDotProductAttention(q, t(["b", "h", "t", 32]), t(["b", "h", "t", 32])),
  // @ts-expect-error attention: k [b, h, past+s, 64] and v [b, h, past, 64] differ outside their last axis
  () => w.scaledDotProductAttention(q, keys, past),
  // @ts-expect-error attention: 12 heads of q [b, 12, s, 64] are no multiple of the 5 of k [b, 5, s, 64]
  () => w.scaledDotProductAttention(t(["b", 12, "s", 64]), t(["b", 5, "s", 64]), t(["b", 5, "s", 64])),
  // Layers and weights.
  // @ts-expect-error linear: last axis of [b, s, 3072] is 3072, expected 768
  () => w.linear(t(["b", "s", 3072]), t([768, 3072])),
  // @ts-expect-error withParams: the model has no weight bais
  // At run time: withParams: the model has no weight bais; did you mean bias?
  () => w.withParams(nn.linear("n", 10), { bais: t([10]) }),
  // @ts-expect-error withParams: bias is f32[11], the model has f32[10]
  () => w.withParams(nn.linear("n", 10), { weight: t(["n", 10]), bias: t([11]) }),
  // @ts-expect-error withParams: bias is f16[10], the model has f32[10]
  () => w.withParams(nn.linear("n", 10), { bias: t([10], "f16") }),
  // @ts-expect-error withParams: the model has no weight up.weigth
  // At run time: withParams: the model has no weight up.weigth; did you mean up.weight?
  () => w.withParams(mlp, { "up.weigth": t([768, 3072]) }),
  // @ts-expect-error TS2551: Property 'up.weigth' does not exist on type '{ readonly "up.bias": Param<[3072], "f32">; readonly "up.weight": Param<[768, 3072], "f32">; readonly "down.bias": Param<[768], "f32">; readonly "down.weight": Param<[3072, 768], "f32">; }'. Did you mean 'up.weight'?
  () => w.stateDict(mlp)["up.weigth"],
  // @ts-expect-error TS2339: Property 'down' does not exist on type '{ readonly up: Linear<4, 8>; }'.
  () => w.module({ up: nn.linear(4, 8) }, ({ down }) => (y: Tensor<["b", 4], "f32">) => down(y)),
  // @ts-expect-error linear: last axis of [b, 8] is 8, expected 4
  // At run time: nothing
  () => w.module({ up: nn.linear(4, 8) }, ({ up }) => (y: Tensor<["b", 8], "f32">) => up(y)),
  // @ts-expect-error TS2322: Type 'number' is not assignable to type 'AnyModule'.
  () => w.module({ h: [nn.linear(4, 8), 3] }, ({ h }) => () => h),
  // @ts-expect-error TS2339: Property 'donw' does not exist on type '{ readonly up: Linear<768, 3072>; readonly down: Linear<3072, 768>; }'.
  () => mlp.params.donw,
  // @ts-expect-error TS2345: Argument of type 'Tensor<["b", 3072], "f32">' is not assignable to parameter of type 'Tensor<["b", 768], "f32">'.
  () => mlp(t(["b", 3072])),
  // @ts-expect-error TS2345: Argument of type 'Tensor<["b", 768], "f16">' is not assignable to parameter of type 'Tensor<["b", 768], "f32">'.
  () => mlp(t(["b", 768], "f16")),
  // @ts-expect-error TS2554: Expected 1 arguments, but got 2.
  () => mlp(x, x),
  // @ts-expect-error take: does not apply to f32, it takes signed or unsigned tensors
  () => nn.embedding(50257, 768)(t(["b"], "f32")),
  // @ts-expect-error rmsNorm: weight is [768], expected [3072]
  () => nn.rmsNorm(768)(t(["b", 3072])),
  // Kernels of one's own.
  // @ts-expect-error TS2339: Property 'j' does not exist on type 'Readonly<Record<"i", Scalar<"i32">>>'.
  () => w.compute("f", [["i", "n"]], ({ j }, { at }) => at(row, j)),
  // @ts-expect-error TS2345: Argument of type 'Scalar<"i32">' is not assignable to parameter of type 'Operand<"f32">'.
  () => w.compute("f", [["i", "n"]], ({ i }, { at }) => at(row, i).add(at(counts, i))),
  // @ts-expect-error TS2339: Property 'j' does not exist on type 'Readonly<Record<"k", Scalar<"i32">>>'.
  () => w.compute("f", [["i", "n"]], (_, { at, sum }) => sum({ k: 4 }, ({ j }) => at(row, j))),
  // @ts-expect-error TS2740: Type 'Tensor<["n"], "f32">' is missing the following properties from type 'Scalar<ScalarType>': expr, add, sub, mul, and 22 more.
  () => w.compute("f", [["i", "n"]], () => row),
  // @ts-expect-error TS2551: Property 'exp' does not exist on type 'Scalar<"i32">'. Did you mean 'expr'?
  () => w.compute("f", [["i", "n"]], ({ i }) => i.exp()),
  // Dtypes and options.
  // @ts-expect-error TS2345: Argument of type 'number' is not assignable to parameter of type 'Tensor<Shape, DType>'.
  () => w.mul(x, 0.125),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "i32">' is not assignable to parameter of type 'Tensor<[4], Float>'.
  () => w.gelu(t([4], "i32")),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "i32">' is not assignable to parameter of type 'Tensor<[4], Float>'.
  () => w.exp(t([4], "i32")),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "u32">' is not assignable to parameter of type 'Tensor<[4], Signed>'.
  () => w.neg(t([4], "u32")),
  // @ts-expect-error TS2345: Argument of type '"tahn"' is not assignable to parameter of type '"tanh" | "none" | undefined'.
  () => w.gelu(x, "tahn"),
  // @ts-expect-error TS2345: Argument of type '"float32"' is not assignable to parameter of type 'DType'.
  () => w.cast(x, "float32"),
  // @ts-expect-error TS2353: Object literal may only specify known properties, and 'minimum' does not exist in type 'ClampOptions'.
  () => w.clamp(x, { minimum: 0 }),
  // @ts-expect-error TS2554: Expected 2 arguments, but got 1.
  () => w.add(x),
  // @ts-expect-error TS2345: Argument of type '"f23"' is not assignable to parameter of type 'DType'.
  () => w.spec([4], "f23"),
  // @ts-expect-error TS2345: Argument of type '"float"' is not assignable to parameter of type 'DType | undefined'.
  () => w.full([4], 1, "float"),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "i32">' is not assignable to parameter of type 'Tensor<[4], Float>'.
  () => w.isNaN(t([4], "i32")),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "bool">' is not assignable to parameter of type 'Tensor<[4], Numeric>'.
  () => w.less(t([4], "bool"), t([4], "bool")),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[2], "i32">' is not assignable to parameter of type 'Tensor<[2], Float>'.
  () => w.pow(t([2], "i32"), t([2], "i32")),
  // @ts-expect-error TS2561: Object literal may only specify known properties, but 'keepdim' does not exist in type 'ReduceOptions<false>'. Did you mean to write 'keepDims'?
  () => w.sum(x, -1, { keepdim: true }),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "bool">' is not assignable to parameter of type 'Tensor<[4], Numeric>'.
  () => w.sum(t([4], "bool"), 0),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "i32">' is not assignable to parameter of type 'Tensor<[4], Float>'.
  () => w.mean(t([4], "i32"), 0),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[4], "i32">' is not assignable to parameter of type 'Tensor<[4], Float>'.
  () => w.softmax(t([4], "i32"), 0),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[2, 3], "bool">' is not assignable to parameter of type 'Tensor<[2, 3], Numeric>'.
  () => w.matmul(t([2, 3], "bool"), t([3, 2], "bool")),
  // Parts, order and axes.
  // @ts-expect-error reshape: [b, s, 768] has 768*b*s elements, [b, 768] has 768*b
  () => w.reshape(x, ["b", 768]),
  // @ts-expect-error reshape: [b, s, 768] has 768*b*s elements, [b, s, 768, n] has 768*b*n*s
  () => w.reshape(t(["b", "s", 768]), ["b", "s", 768, "n"]),
  // @ts-expect-error slice: axis 3 is out of range for [b, s, 768]
  () => w.slice(x, 3, 0, 1),
  // @ts-expect-error slice: axis 2 of [b, s, 768] is 768, no room for 1 from 768
  () => w.slice(x, 2, 768, 1),
  // @ts-expect-error slice: axis -1 of [b, s, 768] is 768, no room for 769 from 0
  () => w.slice(x, -1, 0, 769),
  // @ts-expect-error permute: [0, 1, 3, 4] is not a permutation of the axes of [b, h, s, 64]
  () => w.permute(q, [0, 1, 3, 4]),
  // @ts-expect-error TS2554: Expected 1 arguments, but got 3.
  () => w.transpose(x, 1, 2),
  // @ts-expect-error unsqueeze: axis -5 is out of range for a new axis of [b, s, 768]
  () => w.unsqueeze(x, -5),
  // @ts-expect-error squeeze: axis 3 is out of range for [b, s, 768]
  () => w.squeeze(x, 3),
  // @ts-expect-error TS2345: Argument of type 'Tensor<["b", "s", 768], "f32">' is not assignable to parameter of type 'readonly Tensor<Shape, DType>[]'.
  () => w.concat(x, -1),
  // @ts-expect-error concat: axis 3 is out of range for [b, s, 768]
  () => w.concat([x, x], 3),
  // @ts-expect-error append: axis 4 is out of range for [b, h, past, 64]
  () => w.append(past, q, 4),
  // @ts-expect-error take: does not apply to bool, it takes signed or unsigned tensors
  () => w.take(table, t(["b"], "bool")),
  // @ts-expect-error gather: axis -3 is out of range for [768, 3072]
  () => w.gather(table, t(["n"], "i32"), -3),
  // @ts-expect-error topK: axis 2 is out of range for [n, 10]
  () => w.topK(t(["n", 10]), 3, 2),
  // @ts-expect-error sort: axis 2 is out of range for [n, 10]
  () => w.sort(t(["n", 10]), 2),
  // @ts-expect-error argsort: axis -3 is out of range for [n, 10]
  () => w.argsort(t(["n", 10]), -3),
  // @ts-expect-error conv2d: filter [8, 3, 3, 3] takes 12 channels, input [n, 6, 8, 8] has 6
  () => w.conv2d(image, t([8, 3, 3, 3]), { groups: 4 }),
  // @ts-expect-error conv2d: operands are f32 and f16; cast one of them
  () => w.conv2d(image, t([8, 6, 3, 3], "f16")),
  // @ts-expect-error conv2d: filter needs 4 axes [o, i, h, w], got [8, 6, 3]
  () => w.conv2d(image, t([8, 6, 3])),
  // @ts-expect-error conv2d: strides must be 2 integers from 1 on, got [0, 1]
  () => w.conv2d(image, t([8, 6, 3, 3]), { strides: [0, 1] }),
  // @ts-expect-error maxPool2d: dilations must be 2 integers from 1 on, got [1, 1.5]
  // At run time: maxPool2d: attribute dilations must be a list of integers, got [1,1.5]
  () => w.maxPool2d(image, { window: [2, 2], dilations: [1, 1.5] }),
  // @ts-expect-error TS2322: Type '[number, number]' is not assignable to type 'readonly [top: number, bottom: number, left: number, right: number]'.
  () => w.conv2d(image, t([8, 6, 3, 3]), { padding: [1, 1] }),
  // @ts-expect-error TS2561: Object literal may only specify known properties, but 'stride' does not exist in type 'Conv2dOptions & { readonly bias?: Tensor<Shape, DType>; }'. Did you mean to write 'strides'?
  () => w.conv2d(image, t([8, 6, 3, 3]), { stride: [2, 2] }),
  // @ts-expect-error conv2d: bias is [6], expected [8]
  () => w.conv2d(image, t([8, 6, 3, 3]), { bias: t([6]) }),
  // @ts-expect-error averagePool2d: window of 9 does not fit along axis 2 of [n, 6, 8, 8]
  () => w.averagePool2d(image, { window: [9, 2] }),
  // @ts-expect-error l2Pool2d: input needs 4 axes [n, c, h, w], got [n, 6, 8]
  () => w.l2Pool2d(t(["n", 6, 8])),
  // @ts-expect-error pad: [0, 0, 0, 1] for [b, 3, 4]: give one width an axis
  () => w.pad(cube, [0, 0, 0, 1], [0, 0, 0]),
  // @ts-expect-error triangular: needs rank >= 2, got [3]
  () => w.triangular(t([3]), { upper: true }),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[3], "bool">' is not assignable to parameter of type 'Tensor<[3], Numeric>'.
  () => w.cumsum(t([3], "bool"), 0),
  // @ts-expect-error TS2559: Type '"bool"' has no properties in common with type '{ readonly start?: Dim; readonly dtype?: "i32"; }'.
  () => w.arange("n", "bool"),
  // @ts-expect-error TS2554: Expected 2 arguments, but got 1.
  () => w.causalMask("s"),
  // @ts-expect-error TS2345: Argument of type 'number' is not assignable to parameter of type 'RandomKey'.
  () => w.uniform(3, [4]),
  // @ts-expect-error TS2345: Argument of type 'Tensor<[], "f32">' is not assignable to parameter of type 'RandomKey'.
  () => w.categorical(t([]), w.randomKey(1)),
  // @ts-expect-error attention: operands are f32 and f16; cast one of them
  () => w.scaledDotProductAttention(q, keys, t(["b", "h", "past+s", 64], "f16")),
  // @ts-expect-error TS2561: Object literal may only specify known properties, but 'casual' does not exist in type 'AttentionOptions<["b", "h", "s", 64], ["b", "h", "past+s", 64], "f32", Shape, DType>'. Did you mean to write 'causal'?
  () => w.scaledDotProductAttention(q, keys, keys, { casual: true }),
  // @ts-expect-error attention: q needs rank >= 2, got [64]
  () => w.scaledDotProductAttention(t([64]), keys, keys),
  // @ts-expect-error attention: mask [s, s] does not stretch to [b, h, s, past+s]
  () => w.scaledDotProductAttention(q, keys, keys, { mask: w.causalMask("s", "s") }),
  // @ts-expect-error attention: operands are f32 and f16; cast one of them
  () => w.scaledDotProductAttention(q, keys, keys, { mask: t(["s", "past+s"], "f16") }),
  // @ts-expect-error split: needs a whole number of parts from 1, got 0
  () => w.split(x, 0, -1),
  // @ts-expect-error batchNorm: axis 9 is out of range for [n, 6, 8, 8]
  () => w.batchNorm(image, t([6]), t([6]), { axis: 9 }),
  // @ts-expect-error TS2554: Expected 4 arguments, but got 2.
  () => w.compute("f", [["i", "n"]], ({ i }, { at }) => at(cube, i)),
  // @ts-expect-error TS2554: Expected 2 arguments, but got 3.
  () => w.compute("f", [["i", "n"]], ({ i }, { at }) => at(row, i, i)),
  // @ts-expect-error spec: write the dim s+past as past+s
  () => w.spec(["s+past"], "f32"),
  // @ts-expect-error spec: write the dim n*3 as 3*n
  () => w.spec(["b", "n*3"], "f32"),
  // @ts-expect-error dim: cannot read "n - 1": "n - 1" is neither a name nor an integer; write names, integers, + and * (no spaces)
  () => w.spec(["n - 1"], "f32"),
  // @ts-expect-error spec: -3 is not a size; sizes are integers from 0
  () => w.spec([-3], "f32"),
  // @ts-expect-error spec: 0.5 is not a size; sizes are integers from 0
  () => w.spec(["b", 0.5], "f32"),
  // @ts-expect-error dim: cannot read "2past": "2past" is neither a name nor an integer; write names, integers, + and * (no spaces)
  () => w.state(["b", "2past"], "f32"),
  // @ts-expect-error dim: -1 is not a non-negative integer
  () => w.slice(x, 2, 0, -1),
  // @ts-expect-error dim: 2.5 is not a non-negative integer
  () => w.topK(t(["n", 10]), 2.5, -1),
  // @ts-expect-error dim: -2 is not a non-negative integer
  () => w.tile(x, [1, 1, -2]),
  // @ts-expect-error dim: -1 is not a non-negative integer
  () => w.pad(x, [0, 0, -1], [0, 0, 0]),
  // @ts-expect-error maxPool2d: window must be two dims from 1 on, got [0, 2]
  () => w.maxPool2d(image, { window: [0, 2] }),
  // @ts-expect-error conv2d: padding must be 4 integers from 0 on, got [0, 0, -1, 0]
  () => w.conv2d(image, t([8, 6, 3, 3]), { padding: [0, 0, -1, 0] }),
  // @ts-expect-error einsum: "b h t d" is of other rank than [b, 3, 4]
  () => w.einsum("b h s d, b h t d -> b h s t", q, cube),
  // @ts-expect-error einsum: s is s and past+s
  () => w.einsum("b h s d, b h s d -> b h s", q, keys),
  // @ts-expect-error einsum: "b h s d, b h t d" has not one ->
  () => w.einsum("b h s d, b h t d", q, keys),
  // @ts-expect-error einsum: "b h s d -> b h s" is of 1 tensors, got 2
  () => w.einsum("b h s d -> b h s", q, keys),
  // @ts-expect-error einsum: e is in the result and in no tensor
  () => w.einsum("b s d -> b s e", x),
  // @ts-expect-error einsum: operands are f32 and f16; cast one of them
  () => w.einsum("b s d, d e -> b s e", x, t([768, 768], "f16")),
  // @ts-expect-error rearrange: sizes of h and d are not given
  () => w.rearrange(x, "b s (h d) -> b h s d"),
  // @ts-expect-error rearrange: d of (h d) is 768 / 5, which is no size
  () => w.rearrange(x, "b s (h d) -> b h s d", { h: 5 }),
  // @ts-expect-error rearrange: (b s) is 768, its axis is 384
  () => w.rearrange(t([384, 768], "f32"), "(b s) (h d) -> b h s d", { b: 8, s: 96, h: 6, d: 64 }),
  // @ts-expect-error rearrange: d is on one side only
  () => w.rearrange(x, "b s (h d) -> b h s", { h: 12 }),
  // @ts-expect-error rearrange: "b s d -> b d s" is of other rank than [b, h, s, 64]
  () => w.rearrange(q, "b s d -> b d s"),
  // Programs and their inputs.
  // @ts-expect-error TS2339: Property 'x' does not exist on type '{ y: Tensor<[4], "f32">; }'.
  () => w.trace({ step: w.method({ y: t([4]) }, ({ x }) => w.neg(x)) }),
  // @ts-expect-error TS2322: Type '"every"' is not assignable to type 'readonly string[] | "all" | undefined'.
  () => w.trace({ step }, { taps: "every" }),
  // @ts-expect-error trace: the model has no entry point stap
  // At run time: Cannot trace method "stap": the model has none of that name; did you mean "step"?
  () => w.trace({ step }, { methods: ["stap"] }),
  // @ts-expect-error trace: the model has no entry point decode
  // At run time: Cannot trace method "decode": the model has none of that name (it has step)
  () => w.trace({ step }, { methods: { step: {}, decode: {} } }),
  // @ts-expect-error TS2322: Type '() => number' is not assignable to type 'Method<InputTree, unknown>'.
  () => w.trace({ step: () => 1 }),
  // @ts-expect-error TS2554: Expected 2 arguments, but got 1.
  () => w.state(["b", "past", "n"]),
  // @ts-expect-error TS2345: Argument of type '"stap"' is not assignable to parameter of type '"step"'.
  () => run.run("stap", { ids }),
  // @ts-expect-error step: there is no input idx
  // At run time: step: there is no input idx, there are ids
  () => run.run("step", { idx: ids }),
  // @ts-expect-error step: input ids is missing
  () => run.run("step", {}),
  // @ts-expect-error step: ids is f32, expected i32
  () => run.run("step", { ids: floats }),
  // @ts-expect-error step: there is no input mask
  // At run time: step: there is no input mask, there are ids
  () => run.run("step", { ids, mask: ids }),
  // @ts-expect-error step: ids is i32, its data must be Int32Array, is Float32Array
  () => run.run("step", { ids: { dtype: "i32", shape: [1, 2], data: Float32Array.of(3, 4) } }),
  // @ts-expect-error TS2554: Expected 2-3 arguments, but got 1.
  () => run.run("step"),
  // @ts-expect-error TS2339: Property 'products' does not exist on type '{ readonly sums: DeviceTensor<"i32">; } & {}'.
  () => run.run("step", { ids }).products,
  // @ts-expect-error step: ids is i32, its data must be Int32Array, is undefined
  () => run.run("step", { ids: w.spec([1, 2], "i32") }),
  // @ts-expect-error step: ids is undefined, expected i32
  () => run.run("step", { ids: [3, 4] }),
];
