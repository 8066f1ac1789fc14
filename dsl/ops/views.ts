/**
 * Moving elements: other orders of axes, other shapes, parts and joins.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply, refusal } from "../apply.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import { bindShape } from "../scope.ts";
import { printShape } from "../../ir/dim.ts";
import type { Arg, Literal, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { AppendShape, ConcatShape } from "../types/join.ts";
import type { PermuteShape, TransposeShape } from "../types/layout.ts";
import type { BroadcastToShape, MatchShape } from "../types/match.ts";
import type { SliceShape, SplitShape } from "../types/part.ts";
import type { ReshapeShape } from "../types/reshape.ts";

/**
 * Axis `i` of the result is axis `axes[i]` of `x`.
 *
 * @example
 * ```ts
 * import { permute, spec } from "@weft/weft";
 *
 * const y = permute(spec(["b", "s", "h", 64], "f32"), [0, 2, 1, 3]);
 * console.log(y.shape); // ["b", "h", "s", 64]
 * ```
 */
export function permute<S extends Shape, T extends DType, const A extends readonly number[]>(
  x: Tensor<S, T>,
  axes: Literal<PermuteShape<S, A>, A>,
): TensorOr<PermuteShape<S, A>, T> {
  return apply("permute", [x], { axes: [...axes as readonly number[]] }) as never;
}

/**
 * The last two axes swapped: `[..., m, n]` gives `[..., n, m]`.
 *
 * @example
 * ```ts
 * import { spec, transpose } from "@weft/weft";
 *
 * console.log(transpose(spec(["h", "s", 64], "f32")).shape); // ["h", 64, "s"]
 * ```
 */
export function transpose<S extends Shape, T extends DType>(
  x: Arg<TransposeShape<S>, S, T>,
): TensorOr<TransposeShape<S>, T> {
  const t = x as Tensor;
  const n = t.shape.length;
  if (n < 2) throw refusal("transpose", `transpose: needs rank >= 2, got ${printShape(t.shape)}`);
  return apply("permute", [t], { axes: [...Array(n - 2).keys(), n - 1, n - 2] }) as never;
}

/**
 * The same elements, in row-major order, in another shape. One `-1` stands for what is left.
 *
 * @example
 * ```ts
 * import { reshape, spec } from "@weft/weft";
 *
 * const heads = reshape(spec(["b", "s", 768], "f32"), ["b", "s", 12, -1]);
 * console.log(heads.shape); // ["b", "s", 12, 64]
 * ```
 */
export function reshape<S extends Shape, T extends DType, const N extends Shape>(
  x: Tensor<S, T>,
  shape: Literal<ReshapeShape<S, N>, readonly [...N]>,
): TensorOr<ReshapeShape<S, N>, T> {
  return apply("reshape", [x], { shape: [...shape as readonly Dim[]] }) as never;
}

/**
 * `parts` equal parts along an axis.
 *
 * @example
 * ```ts
 * import { spec, split } from "@weft/weft";
 *
 * const [q, k, v] = split(spec(["s", "3*n"], "f32"), 3, -1);
 * console.log(q.shape, k.shape, v.shape); // ["s", "n"] ["s", "n"] ["s", "n"]
 * ```
 */
export function split<S extends Shape, T extends DType, const N extends number, const A extends number>(
  x: Tensor<S, T>,
  parts: Literal<SplitShape<S, N, A>, N>,
  axis: A,
): Parts<TensorOr<SplitShape<S, N, A>, T>, N> {
  const count = parts as number;
  if (!Number.isInteger(count) || count < 1) {
    throw refusal("split", `split: needs a whole number of parts from 1, got ${count}`);
  }
  return Array.from(
    { length: count },
    (_, index) => apply("split", [x], { parts: count, axis, index }),
  ) as never;
}

/** A tuple of `N` values `X`, for `N` up to 8; a list of unknown length beyond. */
export type Parts<X, N extends number, Out extends readonly X[] = []> = number extends N ? readonly X[]
  : Out["length"] extends N ? Out
  : Out["length"] extends 8 ? readonly X[]
  : Parts<X, N, readonly [...Out, X]>;

/**
 * The tensors one after the other along an axis, whose dims are added; all others are the same.
 *
 * @example
 * ```ts
 * import { concat, spec } from "@weft/weft";
 *
 * console.log(concat([spec(["a", 4], "f32"), spec(["b", 4], "f32")], 0).shape); // ["a+b", 4]
 * ```
 */
export function concat<const L extends readonly Tensor[], const A extends number>(
  tensors: L,
  axis: Literal<SameDTypes<"concat", L, ConcatShape<Shapes<L>, A>>, A>,
): TensorOr<ConcatShape<Shapes<L>, A>, L[0]["dtype"]> {
  // A kernel can read only so many buffers: join many tensors in groups.
  const join = (list: readonly Tensor[]): Tensor => {
    if (list.length <= MOST_JOINED) return apply("concat", list, { axis: axis as number });
    const groups = Array.from({ length: Math.ceil(list.length / MOST_JOINED) }, (_, g) => {
      const group = list.slice(g * MOST_JOINED, (g + 1) * MOST_JOINED);
      return group.length === 1 && group[0] !== undefined ? group[0] : join(group);
    });
    return join(groups);
  };
  return join(tensors) as never;
}

const MOST_JOINED = 6;

/** Shapes of a list of tensors. */
export type Shapes<L extends readonly Tensor[]> = { readonly [I in keyof L]: L[I]["shape"] };

/** `R` if the tensors of a list have the same dtype, or the message. */
export type SameDTypes<Op extends string, L extends readonly Tensor[], R> = L extends
  readonly [infer A extends Tensor, infer B extends Tensor, ...infer Rest extends readonly Tensor[]]
  ? SameDType<Op, A["dtype"], B["dtype"], true> extends infer M extends string ? M
  : SameDTypes<Op, readonly [A, ...Rest], R>
  : R;

/**
 * `length` positions from `start` on along an axis; a negative start counts from the end.
 *
 * @example
 * ```ts
 * import { slice, spec } from "@weft/weft";
 *
 * const last = slice(spec(["b", "s", 768], "f32"), 1, -1, 1);
 * console.log(last.shape); // ["b", 1, 768]
 * ```
 */
export function slice<
  S extends Shape,
  T extends DType,
  const A extends number,
  const F extends Dim,
  const N extends Dim,
>(
  x: Tensor<S, T>,
  axis: Literal<SliceShape<S, A, F, N>, A>,
  start: F,
  length: N,
): TensorOr<SliceShape<S, A, F, N>, T> {
  return apply("slice", [x], { axis: axis as number, start, length }) as never;
}

/**
 * `past` with `next` behind it along an axis: how a KV cache grows. Where `past` is {@linkcode state}, the compiler
 * writes only the new part, in place.
 *
 * @example
 * ```ts
 * import { append, spec, state } from "@weft/weft";
 *
 * const keys = append(state([12, "past", 64], "f32"), spec([12, "s", 64], "f32"), 1);
 * console.log(keys.shape); // [12, "past+s", 64]
 * ```
 */
export function append<
  P extends Shape,
  N extends Shape,
  T extends DType,
  U extends DType,
  const A extends number,
>(
  past: Tensor<P, T>,
  next: Arg<SameDType<"append", T, U, AppendShape<P, N, A>>, N, U>,
  axis: A,
): TensorOr<AppendShape<P, N, A>, T> {
  return apply("append", [past, next as Tensor], { axis }) as never;
}

/**
 * `x` stretched to a shape: axes of 1 grow, missing axes are put in front.
 *
 * @example
 * ```ts
 * import { broadcastTo, spec } from "@weft/weft";
 *
 * console.log(broadcastTo(spec([768], "f32"), ["b", "s", 768]).shape); // ["b", "s", 768]
 * ```
 */
export function broadcastTo<S extends Shape, T extends DType, const N extends Shape>(
  x: Tensor<S, T>,
  shape: Literal<BroadcastToShape<S, N>, readonly [...N]>,
): TensorOr<BroadcastToShape<S, N>, T> {
  return apply("broadcastTo", [x], { shape: [...shape as readonly Dim[]] }) as never;
}

/**
 * Takes `x` to have `shape`: where types cannot follow (an unknown rank or dim, a product of names) and the author
 * knows. Checked when the model is traced.
 *
 * @example
 * ```ts
 * import { matchShape, spec } from "@weft/weft";
 *
 * const widths: number[] = [3, 4]; // read from a file, say
 * const x = matchShape(spec(widths, "f32"), [3, 4]);
 * console.log(x.shape); // [3, 4]
 * ```
 */
export function matchShape<S extends Shape, T extends DType, const N extends Shape>(
  x: Tensor<S, T>,
  shape: Literal<MatchShape<S, N>, readonly [...N]>,
): TensorOr<MatchShape<S, N>, T> {
  const want = bindShape(shape as Shape);
  if (printShape(x.shape) !== printShape(want)) {
    throw refusal("matchShape", `matchShape: ${printShape(x.shape)} is not ${printShape(want)}`);
  }
  return makeTensor(want, x.dtype, x.source) as never;
}
