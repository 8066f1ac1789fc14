/**
 * Wrong programs about arithmetic, products, reductions, normalisations and layers (see `errors_test.ts`).
 *
 * @module
 */
import type { Wrong } from "./wrong_index.ts";

const x = `t(["b", "s", 768])`;
const q = `t(["b", "h", "s", 64])`;
const keys = `t(["b", "h", "past+s", 64])`;
const past = `t(["b", "h", "past", 64])`;
const table = `t([768, 3072])`;
/** A tensor whose last dim is one of two, and its value of the second. */
const either = `(x3072 as Tensor<["b", "s", 768 | 3072], "f32">)`;
const undecided = `(x as Tensor<["b", "s", 768], "f32" | "f16">)`;

/** The programs, by what is wrong. */
export const WRONG_MATH: Readonly<Record<string, Wrong>> = {
  "matmul: inner dims": {
    code: `w.matmul(${x}, t([3072, 768]))`,
    says: "matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]",
  },
  "matmul: names that differ": {
    code: `w.matmul(t(["s", "n_embd"]), t(["n_inner", "n_embd"]))`,
    says: "matmul: inner dims n_embd and n_inner differ: [s, n_embd] x [n_inner, n_embd]",
  },
  "matmul: batch dims": {
    code: `w.matmul(t(["b", 12, "s", 64]), t(["b", 16, 64, "t"]))`,
    says: "matmul: batch dims do not broadcast: [b, 12, s, 64] x [b, 16, 64, t]",
  },
  "matmul: a vector on the right": {
    code: `w.matmul(${x}, t([768]))`,
    says: "matmul: right operand needs rank >= 2, got [768]",
  },
  "matmul: a vector on the left": {
    code: `w.matmul(t([768]), ${table})`,
    says: "matmul: left operand needs rank >= 2, got [768]",
  },
  "matmul: dtypes": {
    code: `w.matmul(${x}, t([768, 768], "f16"))`,
    says: "matmul: operands are f32 and f16; cast one of them",
  },
  "matmul: a dim that may be right": {
    code: `w.matmul(${either}, t([768, 3072]))`,
    says: "matmul: inner dims 768 | 3072 and 768 differ: [b, s, 768 | 3072] x [768, 3072]",
    runs: "matmul: inner dims 3072 and 768 differ: [b, s, 3072] x [768, 3072]",
  },
  "matmul: keys that are not transposed": {
    code: `w.matmul(${q}, ${keys})`,
    says: "matmul: inner dims 64 and past+s differ: [b, h, s, 64] x [b, h, past+s, 64]",
  },
  "add: widths": {
    code: `w.add(${x}, t([3072]))`,
    says: "add: cannot broadcast [b, s, 768] with [3072]: 768 vs 3072",
  },
  "add: a name is not 1": {
    code: `w.add(${q}, ${keys})`,
    says: "add: cannot broadcast [b, h, s, 64] with [b, h, past+s, 64]: s vs past+s",
  },
  "add: dtypes": {
    code: `w.add(${x}, t(["b", "s", 768], "f16"))`,
    says: "add: operands are f32 and f16; cast one of them",
  },
  "add: a dtype that may be right": {
    code: `w.add(${undecided}, ${x})`,
    says: "add: operands are f32 | f16 and f32; cast one of them",
    runs: null,
  },
  "add: a dim that may be right": {
    code: `w.add(${either}, t([768]))`,
    says: "add: cannot broadcast [b, s, 768 | 3072] with [768]: 768 | 3072 vs 768",
    runs: "add: cannot broadcast [b, s, 3072] with [768]: 3072 vs 768",
  },
  "sub: both at once": {
    code: `w.sub(${x}, t([3072], "i32"))`,
    says: "sub: operands are f32 and i32; cast one of them",
  },
  "less: widths": {
    code: `w.less(t(["s", 2]), t(["s", 3]))`,
    says: "less: cannot broadcast [s, 2] with [s, 3]: 2 vs 3",
  },
  "logicalAnd: numbers": {
    code: `w.logicalAnd(t(["s"], "bool"), t(["s"]))`,
    says: "logicalAnd: operands are bool and f32; cast one of them",
  },
  "logicalNot: numbers": {
    code: `w.logicalNot(${x})`,
    says: "logicalNot: does not apply to f32, it takes bool tensors",
  },
  "where: a condition of numbers": {
    code: `w.where(${q}, ${q}, ${q})`,
    says: "where: does not apply to f32, it takes bool tensors",
  },
  "where: the mask of another length": {
    code: `w.where(w.causalMask("s", "s"), t(["h", "s", "past+s"]), w.full([1], -Infinity))`,
    says: "where: cannot broadcast [s, s] with [h, s, past+s]: s vs past+s",
  },
  "where: the other value": {
    code: `w.where(w.causalMask("s", "s"), t(["h", "s", "s"]), t([2]))`,
    says: "where: cannot broadcast [h, s, s] with [2]: s vs 2",
  },
  "where: dtypes": {
    code: `w.where(w.causalMask("s", "s"), t(["s", "s"]), w.full([1], 0, "i32"))`,
    says: "where: operands are f32 and i32; cast one of them",
  },
  "transpose: a vector": {
    code: `w.transpose(t([768]))`,
    says: "transpose: needs rank >= 2, got [768]",
  },
  "permute: an axis twice": {
    code: `w.permute(${x}, [0, 2, 2])`,
    says: "permute: [0, 2, 2] is not a permutation of the axes of [b, s, 768]",
  },
  "permute: an axis forgotten": {
    code: `w.permute(${x}, [1, 0])`,
    says: "permute: [1, 0] is not a permutation of the axes of [b, s, 768]",
  },
  "reshape: another number of elements": {
    code: `w.reshape(${x}, ["b", "s", 12, 60])`,
    says: "reshape: [b, s, 768] has 768*b*s elements, [b, s, 12, 60] has 720*b*s",
  },
  "reshape: -1 does not come out even": {
    code: `w.reshape(${x}, ["b", "s", 5, -1])`,
    says: "reshape: [b, s, 768] cannot be viewed as [b, s, 5, -1]",
  },
  "reshape: -1 twice": {
    code: `w.reshape(${x}, [-1, -1])`,
    says: "reshape: more than one -1 in [-1, -1]",
  },
  "split: does not come out even": {
    code: `w.split(${x}, 5, -1)`,
    says: "split: axis -1 of [b, s, 768] is 768, not divisible by 5",
  },
  "split: no such axis": {
    code: `w.split(${x}, 3, 3)`,
    says: "split: axis 3 is out of range for [b, s, 768]",
  },
  "concat: other dims": {
    code: `w.concat([${x}, t(["b", "t", 768])], -1)`,
    says: "concat: [b, s, 768] and [b, t, 768] differ outside axis -1",
  },
  "concat: ranks": {
    code: `w.concat([${x}, t([768])], 0)`,
    says: "concat: [b, s, 768] and [768] differ in rank",
  },
  "concat: dtypes": {
    code: `w.concat([${x}, ${x}, t(["b", "s", 768], "f16")], 1)`,
    says: "concat: operands are f32 and f16; cast one of them",
  },
  "concat: nothing": {
    code: `w.concat([], 0)`,
    says: "concat: needs at least one tensor",
  },
  "slice: beyond the end": {
    code: `w.slice(${x}, 2, 700, 100)`,
    says: "slice: axis 2 of [b, s, 768] is 768, no room for 100 from 700",
  },
  "softmax: no such axis": {
    code: `w.softmax(${x}, 3)`,
    says: "softmax: axis 3 is out of range for [b, s, 768]",
  },
  "sum: no such axis": {
    code: `w.sum(${x}, -4)`,
    says: "sum: axis -4 is out of range for [b, s, 768]",
  },
  "mean: an axis twice": {
    code: `w.mean(${x}, [0, -3])`,
    says: "mean: axis -3 of [b, s, 768] is given twice",
  },
  "argmax: no such axis": {
    code: `w.argmax(${x}, 7)`,
    says: "argmax: axis 7 is out of range for [b, s, 768]",
  },
  "append: dims swapped": {
    code: `w.append(${past}, t(["b", "s", "h", 64]), 2)`,
    says: "append: [b, h, past, 64] and [b, s, h, 64] differ outside axis 2",
  },
  "append: the wrong axis": {
    code: `w.append(${past}, ${q}, 1)`,
    says: "append: [b, h, past, 64] and [b, h, s, 64] differ outside axis 1",
  },
  "append: dtypes": {
    code: `w.append(${past}, t(["b", "h", "s", 64], "f16"), 2)`,
    says: "append: operands are f32 and f16; cast one of them",
  },
  "take: a scalar as the table": {
    code: `w.take(t([]), t(["b", "s"], "i32"))`,
    says: "take: table needs rank >= 1, got []",
  },
  "take: fractions as numbers": {
    code: `w.take(${table}, t(["b", "s"]))`,
    says: "take: does not apply to f32, it takes signed or unsigned tensors",
  },
  "linear: width": {
    code: `w.linear(${x}, t([3072, 768]))`,
    says: "linear: last axis of [b, s, 768] is 768, expected 3072",
  },
  "linear: weight of rank 3": {
    code: `w.linear(${x}, t([12, 768, 64]))`,
    says: "linear: weight needs rank 2, got [12, 768, 64]",
  },
  "linear: bias of the input's width": {
    code: `w.linear(${x}, ${table}, t([768]))`,
    says: "linear: bias is [768], expected [3072]",
  },
  "linear: bias of rank 2": {
    code: `w.linear(${x}, ${table}, t([1, 3072]))`,
    says: "linear: bias is [1, 3072], expected [3072]",
  },
  "linear: bias of another dtype": {
    code: `w.linear(${x}, ${table}, t([3072], "f16"))`,
    says: "linear: operands are f32 and f16; cast one of them",
  },
  "layerNorm: weight": {
    code: `w.layerNorm(${x}, t([3072]), t([3072]))`,
    says: "layerNorm: weight is [3072], expected [768]",
  },
  "layerNorm: bias": {
    code: `w.layerNorm(${x}, t([768]), t([3072]))`,
    says: "layerNorm: bias is [3072], expected [768]",
  },
  "layerNorm: a scalar": {
    code: `w.layerNorm(t([]), t([1]), t([1]))`,
    says: "layerNorm: needs at least one axis, got []",
  },
  "broadcastTo: a dim that is not 1": {
    code: `w.broadcastTo(${x}, ["b", "s", 3072])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [b, s, 3072]",
  },
  "broadcastTo: fewer axes": {
    code: `w.broadcastTo(${x}, ["s", 768])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [s, 768]",
  },
  "broadcastTo: smaller": {
    code: `w.broadcastTo(${x}, ["b", 1, 768])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [b, 1, 768]",
  },
  "matchShape: another number": {
    code: `w.matchShape(${x}, ["b", "s", 3072])`,
    says: "matchShape: [b, s, 768] is not [b, s, 3072]",
  },
  "normalize: weight": {
    code: `w.normalize(t(["b", 3, 4]), [1, 2], { weight: t([4, 3]) })`,
    says: "layerNorm: weight is [4, 3], expected [3, 4]",
  },
  "normalize: dtype of the bias": {
    code: `w.normalize(t(["b", 3, 4]), [1, 2], { weight: t([3, 4]), bias: t([3, 4], "f16") })`,
    says: "layerNorm: operands are f32 and f16; cast one of them",
  },
  "normalize: no such axis": {
    code: `w.normalize(t(["b", 3, 4]), [1, 3])`,
    says: "layerNorm: axis 3 is out of range for [b, 3, 4]",
  },
  "rmsNorm: weight": {
    code: `w.rmsNorm(t(["b", 3, 4]), t([3]))`,
    says: "rmsNorm: weight is [3], expected [4]",
  },
  "rmsNorm: weight of rank 2": {
    code: `w.rmsNorm(t(["b", 3, 4]), t([3, 4]))`,
    says: "rmsNorm: weight is [3, 4], expected [4]",
  },
  "rmsNorm: dtype": {
    code: `w.rmsNorm(t(["b", 3, 4]), t([4], "f16"))`,
    says: "rmsNorm: operands are f32 and f16; cast one of them",
  },
  "instanceNorm: weight": {
    code: `w.instanceNorm(t(["n", 6, 8, 8]), { weight: t([8]) })`,
    says: "instanceNorm: weight is [8], expected [6]",
  },
  "instanceNorm: no channels": {
    code: `w.instanceNorm(t([3]))`,
    says: "instanceNorm: needs rank >= 2, got [3]",
  },
  "groupNorm: does not come out even": {
    code: `w.groupNorm(t(["n", 6, 8, 8]), 4)`,
    says: "groupNorm: axis 1 of [n, 6, 8, 8] is 6, not divisible by 4",
  },
  "groupNorm: no channels": {
    code: `w.groupNorm(t([3]), 4)`,
    says: "groupNorm: needs rank >= 2, got [3]",
  },
  "groupNorm: bias": {
    code: `w.groupNorm(t(["n", 6, 8, 8]), 2, { bias: t([2]) })`,
    says: "groupNorm: bias is [2], expected [6]",
  },
  "batchNorm: mean": {
    code: `w.batchNorm(t(["n", 6, 8, 8]), t([8]), t([6]))`,
    says: "batchNorm: mean is [8], expected [6]",
  },
  "batchNorm: variance": {
    code: `w.batchNorm(t(["n", 6, 8, 8]), t([6]), t([8]))`,
    says: "batchNorm: variance is [8], expected [6]",
  },
  "batchNorm: another axis": {
    code: `w.batchNorm(t(["n", 6, 8, 8]), t([6]), t([6]), { axis: 2 })`,
    says: "batchNorm: mean is [6], expected [8]",
  },
  "batchNorm: weight": {
    code: `w.batchNorm(t(["n", 6, 8, 8]), t([6]), t([6]), { weight: t([8]) })`,
    says: "batchNorm: weight is [8], expected [6]",
  },
  "gemm: inner dims": {
    code: `w.gemm(t([2, 3]), t([4, 3]))`,
    says: "gemm: inner dims 3 and 4 differ: [2, 3] x [4, 3]",
  },
  "gemm: dtypes": {
    code: `w.gemm(t([2, 3]), t([3, 4], "f16"))`,
    says: "gemm: operands are f32 and f16; cast one of them",
  },
  "gemm: addend": {
    code: `w.gemm(t([2, 3]), t([3, 4]), { c: t([3]) })`,
    says: "gemm: c is [3], which does not stretch to [2, 4]",
  },
  "gemm: dtype of the addend": {
    code: `w.gemm(t([2, 3]), t([3, 4]), { c: t([4], "f16") })`,
    says: "gemm: operands are f32 and f16; cast one of them",
  },
  "gemm: rank": {
    code: `w.gemm(t([2, 3, 4]), t([3, 4]))`,
    says: "gemm: left operand needs rank 2, got [2, 3, 4]",
  },
  "prelu: slopes": {
    code: `w.prelu(t(["b", 3, 4]), t([3]))`,
    says: "prelu: cannot broadcast [b, 3, 4] with [3]: 4 vs 3",
  },
  "prelu: dtypes": {
    code: `w.prelu(t(["b", 3, 4]), t([4], "f16"))`,
    says: "prelu: operands are f32 and f16; cast one of them",
  },
  "logicalXor: numbers": {
    code: `w.logicalXor(t(["s"], "bool"), t(["s"]))`,
    says: "logicalXor: operands are bool and f32; cast one of them",
  },
  "any: numbers": {
    code: `w.any(t(["b", 3, 4]))`,
    says: "any: does not apply to f32, it takes bool tensors",
  },
  "any: no such axis": {
    code: `w.any(t([2], "bool"), 3)`,
    says: "any: axis 3 is out of range for [2]",
  },
  "expand: a dim that is not 1": {
    code: `w.expand(t(["b", 3, 4]), ["b", 3, 5])`,
    says: "broadcastTo: [b, 3, 4] does not stretch to [b, 3, 5]",
  },
  "squeeze: an axis that is not 1": {
    code: `w.squeeze(t(["b", 3, 4]), 1)`,
    says: "squeeze: axis 1 of [b, 3, 4] is 3, not 1",
  },
  "unsqueeze: no such axis": {
    code: `w.unsqueeze(t(["b", 3, 4]), 5)`,
    says: "unsqueeze: axis 5 is out of range for a new axis of [b, 3, 4]",
  },
  "cumsum: no such axis": {
    code: `w.cumsum(t(["b", 3, 4]), 3)`,
    says: "cumsum: axis 3 is out of range for [b, 3, 4]",
  },
  "logSoftmax: no such axis": {
    code: `w.logSoftmax(t(["b", 3, 4]), 3)`,
    says: "logSoftmax: axis 3 is out of range for [b, 3, 4]",
  },
  "argmin: no such axis": {
    code: `w.argmin(t(["b", 3, 4]), 3)`,
    says: "argmin: axis 3 is out of range for [b, 3, 4]",
  },
  "l2: no such axis": {
    code: `w.l2(t(["b", 3, 4]), 3)`,
    says: "l2: axis 3 is out of range for [b, 3, 4]",
  },
  "nn.linear: width": {
    code: `nn.linear(768, 3072)(t(["b", "s", 3072]))`,
    says: "linear: last axis of [b, s, 3072] is 3072, expected 768",
  },
  "nn.linear: dtype": {
    code: `nn.linear(768, 3072)(t(["b", "s", 768], "f16"))`,
    says: "linear: operands are f16 and f32; cast one of them",
  },
  "nn.layerNorm: width": {
    code: `nn.layerNorm(3072)(${x})`,
    says: "layerNorm: weight is [3072], expected [768]",
  },
  "nn.head: width": {
    code: `nn.head("n_inner", "vocab")(t(["b", "s", "n_embd"]))`,
    says: "linear: last axis of [b, s, n_embd] is n_embd, expected n_inner",
  },
  "nn.embedding: fractions as numbers": {
    code: `nn.embedding(50257, 768)(${x})`,
    says: "take: does not apply to f32, it takes signed or unsigned tensors",
  },
};
