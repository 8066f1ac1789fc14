/**
 * Shapes and messages by hand: each case states the type and the run-time result at once. Most of this file
 * is checked by the compiler.
 */
import { assertEquals } from "@std/assert";
import type {
  AddD,
  AppendShape,
  Arg,
  BindD,
  BindShape,
  BroadcastShape,
  CanonicalD,
  ConcatShape,
  Dim,
  DivD,
  ExceedsD,
  LastAxisShape,
  LinearShape,
  MatmulShape,
  MulD,
  PermuteShape,
  ProductD,
  ReduceShape,
  ReshapeShape,
  SetLast,
  Shape,
  SliceShape,
  SoftmaxShape,
  SplitShape,
  TakeShape,
  TensorOr,
  TransposeShape,
  WhereShape,
  WrittenShape,
} from "../../dsl/types/mod.ts";
import type { Tensor } from "../../dsl/tensor.ts";
import { addDim, canonicalDim, divDim, mulDim, productDim, substituteDim } from "../../ir/dim.ts";
import {
  appendShape,
  broadcastShape,
  concatShape,
  lastAxisShape,
  linearShape,
  matmulShape,
  permuteShape,
  reduceShape,
  reshapeShape,
  sliceShape,
  softmaxShape,
  splitShape,
  takeShape,
  transposeShape,
  whereShape,
} from "../../ir/shape.ts";
import { type Equal, type Expect, is } from "./expect.ts";

/**
 * States what a shape function gives, for the type checker and at run time: `agree<MatmulShape<A,
 * B>>()(expected, matmulShape(a, b))`. The first must be the type exactly (checked by the compiler), the
 * second must equal it.
 */
function agree<T>(): <const E extends string | number | Dim[]>(
  expected: E,
  found: Dim | Shape | undefined,
  ...unequal: Equal<T, E> extends true ? [] : [{ type: T; expected: E }]
) => void {
  return (...[expected, found]: readonly unknown[]) => assertEquals(found, expected);
}

/** Compiles only if every element is `true`. */
type All<T extends readonly true[]> = T;

Deno.test("types: dims", () => {
  agree<AddD<"seq", "past+1">>()("past+seq+1", addDim("seq", "past+1"));
  agree<AddD<768, 999999>>()(1000767, addDim(768, 999999));
  agree<MulD<"past+seq", 3>>()("3*past+3*seq", mulDim("past+seq", 3));
  agree<MulD<50257, 768>>()(38597376, mulDim(50257, 768));
  agree<MulD<94906265, 94906265>>()(9007199136250225, mulDim(94906265, 94906265));
  agree<MulD<"a+b", "a+b">>()("a*a+2*a*b+b*b", mulDim("a+b", "a+b"));
  agree<MulD<"n", 0>>()(0, mulDim("n", 0));
  agree<DivD<"3*n_embd", 3>>()("n_embd", divDim("3*n_embd", 3));
  agree<DivD<38597376, 768>>()(50257, divDim(38597376, 768));
  agree<DivD<"a*b+a*c+b*b+b*c", "b+c">>()("a+b", divDim("a*b+a*c+b*b+b*c", "b+c"));
  agree<CanonicalD<"seq+n*3+past*2*past">>()("3*n+2*past*past+seq", canonicalDim("seq+n*3+past*2*past"));
  agree<ProductD<["b", "s", 768, 12]>>()("9216*b*s", productDim(["b", "s", 768, 12]));
  agree<BindD<"3*n_embd+past", { n_embd: 768; past: "seq" }>>()(
    "seq+2304",
    substituteDim("3*n_embd+past", { n_embd: 768, past: "seq" }),
  );
});

Deno.test("types: broadcast and where", () => {
  agree<BroadcastShape<"add", ["b", "s", 768], [768]>>()(
    ["b", "s", 768],
    broadcastShape("add", ["b", "s", 768], [768]),
  );
  agree<BroadcastShape<"add", ["b", 1, 768], ["s", 1]>>()(
    ["b", "s", 768],
    broadcastShape("add", ["b", 1, 768], ["s", 1]),
  );
  agree<BroadcastShape<"add", ["b", "s", 768], [3072]>>()(
    "add: cannot broadcast [b, s, 768] with [3072]: 768 vs 3072",
    broadcastShape("add", ["b", "s", 768], [3072]),
  );
  agree<BroadcastShape<"mul", ["b", "s", "t"], ["b", "s", "past+s"]>>()(
    "mul: cannot broadcast [b, s, t] with [b, s, past+s]: t vs past+s",
    broadcastShape("mul", ["b", "s", "t"], ["b", "s", "past+s"]),
  );
  agree<WhereShape<["s", "s"], ["b", "h", "s", "s"], [1]>>()(
    ["b", "h", "s", "s"],
    whereShape(["s", "s"], ["b", "h", "s", "s"], [1]),
  );
  agree<WhereShape<["s", "s"], ["b", "h", "s", "s"], [2, 1, 1, 1]>>()(
    "where: cannot broadcast [b, h, s, s] with [2, 1, 1, 1]: b vs 2",
    whereShape(["s", "s"], ["b", "h", "s", "s"], [2, 1, 1, 1]),
  );
});

Deno.test("types: matmul and linear", () => {
  agree<MatmulShape<["b", 12, "s", 64], ["b", 12, 64, "t"]>>()(
    ["b", 12, "s", "t"],
    matmulShape(["b", 12, "s", 64], ["b", 12, 64, "t"]),
  );
  agree<MatmulShape<["b", "s", 768], [768, 3072]>>()(
    ["b", "s", 3072],
    matmulShape(["b", "s", 768], [768, 3072]),
  );
  agree<MatmulShape<["b", "s", 768], [3072, 768]>>()(
    "matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]",
    matmulShape(["b", "s", 768], [3072, 768]),
  );
  agree<MatmulShape<["b", 12, "s", 64], ["b", 16, 64, "t"]>>()(
    "matmul: batch dims do not broadcast: [b, 12, s, 64] x [b, 16, 64, t]",
    matmulShape(["b", 12, "s", 64], ["b", 16, 64, "t"]),
  );
  agree<MatmulShape<[768], [768, 2]>>()(
    "matmul: left operand needs rank >= 2, got [768]",
    matmulShape([768], [768, 2]),
  );
  agree<MatmulShape<["b", 768], [768]>>()(
    "matmul: right operand needs rank >= 2, got [768]",
    matmulShape(["b", 768], [768]),
  );
  agree<LinearShape<["b", "s", "n"], ["n", "3*n"]>>()(
    ["b", "s", "3*n"],
    linearShape(["b", "s", "n"], ["n", "3*n"]),
  );
  agree<LinearShape<["b", "s", "4*n"], ["3*n", "n"]>>()(
    "linear: last axis of [b, s, 4*n] is 4*n, expected 3*n",
    linearShape(["b", "s", "4*n"], ["3*n", "n"]),
  );
  agree<LinearShape<[], ["n", "n"]>>()("linear: input needs rank >= 1, got []", linearShape([], ["n", "n"]));
  agree<LinearShape<["n"], ["n"]>>()("linear: weight needs rank 2, got [n]", linearShape(["n"], ["n"]));
  agree<LastAxisShape<"layerNorm", ["b", "n"], 768>>()(
    "layerNorm: last axis of [b, n] is n, expected 768",
    lastAxisShape("layerNorm", ["b", "n"], 768),
  );
});

Deno.test("types: reduce and softmax", () => {
  agree<ReduceShape<"sum", ["b", "s", 768], -1, true>>()(
    ["b", "s", 1],
    reduceShape("sum", ["b", "s", 768], -1, true),
  );
  agree<ReduceShape<"sum", ["b", "s", 768], [0, -1]>>()(["s"], reduceShape("sum", ["b", "s", 768], [0, -1]));
  agree<ReduceShape<"sum", ["b", "s"], undefined>>()([], reduceShape("sum", ["b", "s"], undefined));
  agree<ReduceShape<"sum", ["b", "s"], undefined, true>>()(
    [1, 1],
    reduceShape("sum", ["b", "s"], undefined, true),
  );
  agree<ReduceShape<"mean", ["b", "s", 768], [0, -3]>>()(
    "mean: axis -3 of [b, s, 768] is given twice",
    reduceShape("mean", ["b", "s", 768], [0, -3]),
  );
  agree<ReduceShape<"max", ["b", "s", 768], 3>>()(
    "max: axis 3 is out of range for [b, s, 768]",
    reduceShape("max", ["b", "s", 768], 3),
  );
  agree<SoftmaxShape<"softmax", ["b", "s"], -2>>()(["b", "s"], softmaxShape("softmax", ["b", "s"], -2));
  agree<SoftmaxShape<"softmax", ["b", "s"], -3>>()(
    "softmax: axis -3 is out of range for [b, s]",
    softmaxShape("softmax", ["b", "s"], -3),
  );
});

Deno.test("types: permute and transpose", () => {
  agree<PermuteShape<["b", "s", "h", 64], [0, 2, 1, -1]>>()(
    ["b", "h", "s", 64],
    permuteShape(["b", "s", "h", 64], [0, 2, 1, -1]),
  );
  agree<PermuteShape<["b", "s", 768], [0, 2, 2]>>()(
    "permute: [0, 2, 2] is not a permutation of the axes of [b, s, 768]",
    permuteShape(["b", "s", 768], [0, 2, 2]),
  );
  agree<PermuteShape<["b", "s", 768], [0, 1]>>()(
    "permute: [0, 1] is not a permutation of the axes of [b, s, 768]",
    permuteShape(["b", "s", 768], [0, 1]),
  );
  agree<TransposeShape<["b", "s", 768]>>()(["b", 768, "s"], transposeShape(["b", "s", 768]));
  agree<TransposeShape<[768]>>()("transpose: needs rank >= 2, got [768]", transposeShape([768]));
});

Deno.test("types: reshape", () => {
  agree<ReshapeShape<["b", "s", 768], ["b", "s", 12, 64]>>()(
    ["b", "s", 12, 64],
    reshapeShape(["b", "s", 768], ["b", "s", 12, 64]),
  );
  agree<ReshapeShape<["b", "s", 768], ["b", "s", -1, 64]>>()(
    ["b", "s", 12, 64],
    reshapeShape(["b", "s", 768], ["b", "s", -1, 64]),
  );
  agree<ReshapeShape<["b", "s", "n_embd"], ["b", "s", "n_head", "head_dim"]>>()(
    ["b", "s", "n_head", "head_dim"],
    reshapeShape(["b", "s", "n_embd"], ["b", "s", "n_head", "head_dim"]),
  );
  agree<ReshapeShape<["b", "past+seq", 768], [-1, 768]>>()(
    ["b*past+b*seq", 768],
    reshapeShape(["b", "past+seq", 768], [-1, 768]),
  );
  agree<ReshapeShape<["b", "s", 768], ["b", "s", 12, 60]>>()(
    "reshape: [b, s, 768] has 768*b*s elements, [b, s, 12, 60] has 720*b*s",
    reshapeShape(["b", "s", 768], ["b", "s", 12, 60]),
  );
  agree<ReshapeShape<["b", 768], ["b", "s", 768]>>()(
    "reshape: [b, 768] has 768*b elements, [b, s, 768] has 768*b*s",
    reshapeShape(["b", 768], ["b", "s", 768]),
  );
  agree<ReshapeShape<["b", "s", 768], ["b", "s", 5, -1]>>()(
    "reshape: [b, s, 768] cannot be viewed as [b, s, 5, -1]",
    reshapeShape(["b", "s", 768], ["b", "s", 5, -1]),
  );
  agree<ReshapeShape<["b", "s"], [-1, -1]>>()(
    "reshape: more than one -1 in [-1, -1]",
    reshapeShape(["b", "s"], [-1, -1]),
  );
  agree<ReshapeShape<[0, 3], [5, -1]>>()([5, 0], reshapeShape([0, 3], [5, -1]));
});

Deno.test("types: split, concat, append, slice, take", () => {
  agree<SplitShape<["b", "s", "3*n_embd"], 3, -1>>()(
    ["b", "s", "n_embd"],
    splitShape(["b", "s", "3*n_embd"], 3, -1),
  );
  agree<SplitShape<["b", "s", 768], 5, -1>>()(
    "split: axis -1 of [b, s, 768] is 768, not divisible by 5",
    splitShape(["b", "s", 768], 5, -1),
  );
  agree<ConcatShape<[["b", "past", 64], ["b", "seq", 64], ["b", 1, 64]], 1>>()(
    ["b", "past+seq+1", 64],
    concatShape([["b", "past", 64], ["b", "seq", 64], ["b", 1, 64]], 1),
  );
  agree<ConcatShape<[["b", "s", 768], ["b", "t", 768]], -1>>()(
    "concat: [b, s, 768] and [b, t, 768] differ outside axis -1",
    concatShape([["b", "s", 768], ["b", "t", 768]], -1),
  );
  agree<ConcatShape<[["b", "s"], ["b"]], 0>>()(
    "concat: [b, s] and [b] differ in rank",
    concatShape([["b", "s"], ["b"]], 0),
  );
  agree<ConcatShape<[], 0>>()("concat: needs at least one tensor", concatShape([], 0));
  agree<AppendShape<["b", 12, "past", 64], ["b", 12, "seq", 64], 2>>()(
    ["b", 12, "past+seq", 64],
    appendShape(["b", 12, "past", 64], ["b", 12, "seq", 64], 2),
  );
  agree<AppendShape<["b", 12, "past", 64], ["b", 16, "seq", 64], 2>>()(
    "append: [b, 12, past, 64] and [b, 16, seq, 64] differ outside axis 2",
    appendShape(["b", 12, "past", 64], ["b", 16, "seq", 64], 2),
  );
  agree<SliceShape<["b", "s", 768], 1, -1, 1>>()(["b", 1, 768], sliceShape(["b", "s", 768], 1, -1, 1));
  agree<SliceShape<["b", 768], -1, 700, 100>>()(
    "slice: axis -1 of [b, 768] is 768, no room for 100 from 700",
    sliceShape(["b", 768], -1, 700, 100),
  );
  agree<SliceShape<["b", 768], -1, -3, 5>>()(
    "slice: axis -1 of [b, 768] is 768, no room for 5 from -3",
    sliceShape(["b", 768], -1, -3, 5),
  );
  agree<SliceShape<["b", "s"], -1, 1, "s">>()(
    "slice: axis -1 of [b, s] is s, no room for s from 1",
    sliceShape(["b", "s"], -1, 1, "s"),
  );
  agree<SliceShape<["b", 768], -1, undefined, 800>>()(
    "slice: axis -1 of [b, 768] is 768, no room for 800",
    sliceShape(["b", 768], -1, undefined, 800),
  );
  agree<TakeShape<"take", ["vocab", 768], ["b", "s"]>>()(
    ["b", "s", 768],
    takeShape("take", ["vocab", 768], ["b", "s"]),
  );
  agree<TakeShape<"embedding", [], ["b", "s"]>>()(
    "embedding: table needs rank >= 1, got []",
    takeShape("embedding", [], ["b", "s"]),
  );
});

/** What the type checker alone knows: dims and ranks that are not known are never wrong. */
export type Unknowns = All<[
  Equal<AddD<"n", number>, number>,
  Equal<MulD<string, 2>, number>,
  Equal<DivD<"n_embd", "n_head">, number>,
  Equal<DivD<768, 0>, number>,
  Equal<MulD<9007199254740991, 3>, number>,
  Equal<ExceedsD<number, 5>, false>,
  Equal<BroadcastShape<"add", ["b", number], [768]>, ["b", 768]>,
  Equal<BroadcastShape<"add", ["b", number], [1]>, ["b", number]>,
  Equal<BroadcastShape<"add", Shape, ["b"]>, Shape>,
  Equal<MatmulShape<["b", number], [768, 5]>, ["b", 5]>,
  Equal<MatmulShape<Shape, [768, 5]>, Shape>,
  Equal<LinearShape<["b", number], ["n", "m"]>, ["b", "m"]>,
  Equal<LinearShape<Dim[], ["n", "m"]>, Shape>,
  Equal<ReduceShape<"sum", ["b", "s"], number[]>, Shape>,
  Equal<ReduceShape<"sum", ["b", "s"], number>, Shape>,
  Equal<ReduceShape<"sum", ["b", "s"], 0, boolean>, Shape>,
  Equal<PermuteShape<["b", "s"], number[]>, Shape>,
  Equal<ReshapeShape<["b", number], ["b", 12, 64]>, ["b", 12, 64]>,
  Equal<ReshapeShape<["b", "n_embd"], ["b", "n_head", -1]>, ["b", "n_head", number]>,
  Equal<ReshapeShape<Shape, [-1, 64]>, [number, 64]>,
  Equal<ReshapeShape<["b", "s"], Dim[]>, Shape>,
  Equal<SplitShape<["b", "n"], 3, -1>, ["b", number]>,
  Equal<SplitShape<["b", number], 3, -1>, ["b", number]>,
  Equal<ConcatShape<[["b", number], [number, 5]], 1>, ["b", number]>,
  Equal<ConcatShape<[["b", number], [2, 5]], 1>, "concat: [b, ?] and [2, 5] differ outside axis 1">,
  Equal<ConcatShape<Shape[], 1>, Shape>,
  Equal<SliceShape<["b", 768], 1, number, 64>, ["b", 64]>,
  Equal<SliceShape<["b", number], 1, 0, 64>, ["b", 64]>,
  Equal<SoftmaxShape<"softmax", ["b"], number>, ["b"]>,
  Equal<TakeShape<"take", Shape, ["b"]>, Shape>,
  Equal<BindShape<["b", "3*n", number, 7], { n: 768; b: number; verbose: true }>, [number, 2304, number, 7]>,
  Equal<BindShape<Shape, { n: 768 }>, Shape>,
]>;

/** Inputs written `as const` give shapes without `readonly`; other helpers. */
export type Helpers = All<[
  Equal<MatmulShape<readonly ["b", 768], readonly [768, 5]>, ["b", 5]>,
  Equal<ReshapeShape<readonly ["b", 768], readonly ["b", 12, -1]>, ["b", 12, 64]>,
  Equal<ReduceShape<"sum", readonly ["b", 768], readonly [0], true>, [1, 768]>,
  Equal<SetLast<["b", "s", 768], "vocab">, ["b", "s", "vocab"]>,
  Equal<SetLast<Shape, "vocab">, Shape>,
  Equal<WrittenShape<"spec", ["b", "3*n", 768, number]>, ["b", "3*n", 768, number]>,
  Equal<WrittenShape<"spec", ["b", "n*3"]>, "spec: write the dim n*3 as 3*n">,
  Equal<WrittenShape<"spec", [2, 1.5]>, "spec: 1.5 is not a size; sizes are integers from 0">,
  Equal<WrittenShape<"spec", Shape>, Shape>,
  Equal<Arg<["b"], [1], "f32">, Tensor<[1], "f32">>,
  Equal<Arg<"message", [1], "f32">, "message">,
  Equal<TensorOr<["b"], "f32">, Tensor<["b"], "f32">>,
  Equal<TensorOr<"message", "f32">, Tensor<never, "f32">>,
]>;

/** Shapes with a dim that is a type parameter: the checks must be decided where the function is written. */
export function generic<Q extends Dim, K extends Dim>(
  scores: MatmulShape<["b", "h", Q, 64], ["b", "h", 64, K]>,
  values: MatmulShape<["b", "h", Q, K], ["b", "h", K, 64]>,
  sum: BroadcastShape<"add", ["b", Q, 768], [768]>,
  same: BroadcastShape<"add", ["b", Q], ["b", Q]>,
  scaled: BroadcastShape<"mul", ["b", Q], [1]>,
  projected: LinearShape<["b", Q], [Q, K]>,
  reduced: ReduceShape<"sum", ["b", Q, K], -1, true>,
  permuted: PermuteShape<["b", Q, K], [0, 2, 1]>,
  sliced: SliceShape<["b", K, Q], 0, undefined, 3>,
  batched: MatmulShape<[Q, "s", 64], [Q, 64, "t"]>,
  kept: LastAxisShape<"layerNorm", ["b", Q], Q>,
  taken: TakeShape<"take", ["vocab", Q], [K, "s"]>,
  last: SetLast<["b", Q, K], 3>,
  chosen: WhereShape<[Q, K], ["b", "h", Q, K], [1]>,
  soft: SoftmaxShape<"softmax", ["b", Q, K], -1>,
  joined: ConcatShape<[["b", Q, 3], ["b", Q, 4]], -1>,
  transposed: TransposeShape<["b", Q, K]>,
): void {
  is<["b", "h", Q, K]>()(scores);
  is<["b", "h", Q, 64]>()(values);
  is<["b", Q, 768]>()(sum);
  is<["b", Q]>()(same);
  is<["b", Q]>()(scaled);
  is<["b", K]>()(projected);
  is<["b", Q, 1]>()(reduced);
  is<["b", K, Q]>()(permuted);
  is<[3, K, Q]>()(sliced);
  is<[Q, "s", "t"]>()(batched);
  is<["b", Q]>()(kept);
  is<[K, "s", Q]>()(taken);
  is<["b", Q, 3]>()(last);
  is<["b", "h", Q, K]>()(chosen);
  is<["b", Q, K]>()(soft);
  is<["b", Q, 7]>()(joined);
  is<["b", K, Q]>()(transposed);
}

declare function matmul<A extends Shape, B extends Shape>(
  a: Tensor<A, "f32">,
  b: Arg<MatmulShape<A, B>, B, "f32">,
): TensorOr<MatmulShape<A, B>, "f32">;

/** The same for operators: attention over dims that are type parameters. */
export function attend<Q extends Dim, K extends Dim>(
  q: Tensor<["b", "h", Q, 64], "f32">,
  kT: Tensor<["b", "h", 64, K], "f32">,
  v: Tensor<["b", "h", K, 64], "f32">,
): Tensor<["b", "h", Q, 64], "f32"> {
  return matmul(matmul(q, kT), v);
}

/** Operators written with `Arg` infer both shapes, and report a mistake as the operand's type. */
export function operators(
  x: Tensor<["b", "s", 768], "f32">,
  w: Tensor<[768, 3072], "f32">,
  open: Tensor<Shape, "f32">,
): void {
  is<Tensor<["b", "s", 3072], "f32">>()(matmul(x, w));
  is<Tensor<Shape, "f32">>()(matmul(x, open));
  // @ts-expect-error inner dims differ
  matmul(w, w);
  // The assertions themselves fail where they should.
  // @ts-expect-error not the shape
  is<Tensor<["b", "s", 768], "f32">>()(matmul(x, w));
  // @ts-expect-error `number` is not 768
  type _1 = Expect<Equal<AddD<767, 1>, number>>;
}
