/**
 * Attention, composed of other operators.
 *
 * @module
 */
import { type Dim, divDim, type Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { ShapeError } from "../../ir/errors.ts";
import { sameDType } from "../../ir/ops/op.ts";
import { attentionShape, maskShape } from "../../ir/shape/attention.ts";
import { apply, located } from "../apply.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { AttentionShape, MaskShape } from "../types/attention.ts";
import type { Float } from "./unary.ts";

/** How to attend queries `Q` to keys `K` of dtype `T`, with a mask `M` of dtype `U`. */
export interface AttentionOptions<
  Q extends Shape = Shape,
  K extends Shape = Shape,
  T extends DType = Float,
  M extends Shape = Shape,
  U extends DType = DType,
> {
  /**
   * Which keys each query may look at (`bool`), or what is added to the scores (their dtype): stretches to
   * `[..., heads, queries, keys]`.
   */
  readonly mask?: Arg<
    [U] extends ["bool"] ? MaskShape<Q, K, M> : SameDType<"attention", T, U, MaskShape<Q, K, M>>,
    M,
    U
  >;
  /** Each query sees the keys up to its own place, the last query all of them. */
  readonly causal?: boolean;
  /** What scores are multiplied with; `1 / sqrt(d)` by default. */
  readonly scale?: number;
}

/**
 * `softmax(q k^T * scale) v`: for queries `[..., h, s, d]`, keys `[..., h, t, d]` and values `[..., h, t, e]`, gives
 * `[..., h, s, e]`. Keys and values may have fewer heads, each of which serves a group of neighbouring heads of the
 * queries. A query that may look at nothing gives 0.
 *
 * @example
 * ```ts
 * import { scaledDotProductAttention, spec } from "@weft/weft";
 *
 * const q = spec(["b", 12, "s", 64], "f32");
 * const k = spec(["b", 4, "t", 64], "f32"); // 3 heads of q share one of k
 * const y = scaledDotProductAttention(q, k, k, { causal: true });
 * console.log(y.shape); // ["b", 12, "s", 64]
 * ```
 */
export function scaledDotProductAttention<
  Q extends Shape,
  K extends Shape,
  V extends Shape,
  T extends Float,
  U extends DType,
  W extends DType,
  M extends Shape,
  X extends DType,
>(
  q: Tensor<Q, T>,
  k: Arg<SameDType<"attention", T, U, K>, K, U>,
  v: Arg<SameDType<"attention", T, W, AttentionShape<Q, K, V>>, V, W>,
  options?: AttentionOptions<Q, K, T, M, X>,
): TensorOr<AttentionShape<Q, K, V>, T> {
  return located(
    scope().path,
    () => attend(q, k as Tensor, v as Tensor, (options ?? {}) as never),
  ) as never;
}

function attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  sameDType("attention", [q, k, v]);
  const shape = attentionShape(q.shape, k.shape, v.shape);
  if (typeof shape === "string") throw new ShapeError("attention", shape);
  const [heads, groups] = [q.shape.at(-3), k.shape.at(-3)];
  const [queries, keys] = [dimAt(q, -2), dimAt(k, -2)];
  const share = heads === undefined || groups === undefined ? 1 : divDim(heads, groups) ?? 1;
  /** `[..., h, x, y]` with the heads in groups: `[..., g, n, x, y]`. */
  const inGroups = (t: Tensor, own: Dim): Tensor =>
    share === 1 ? t : reshape(t, [...t.shape.slice(0, -3), dimAt(k, -3), own, ...t.shape.slice(-2)]);
  const rank = share === 1 ? q.shape.length : q.shape.length + 1;

  const scale = options.scale ?? 1 / Math.sqrt(headSize(q, options));
  // Scores are scaled in the kernel that makes them, except in f16, where they might be out of range before.
  const scaled = (t: Tensor, now: boolean): Tensor => now ? apply("mul", [t, full(q.dtype, scale)]) : t;
  const early = q.dtype === "f16";
  const keyColumns = apply("permute", [inGroups(k, 1)], {
    axes: [...Array(rank - 2).keys(), rank - 1, rank - 2],
  });
  let scores = scaled(apply("matmul", [scaled(inGroups(q, share), early), keyColumns]), !early);
  const allowed: Tensor[] = options.causal === true
    ? [apply("causalMask", [], { rows: queries, cols: keys })]
    : [];
  if (options.mask !== undefined) {
    const given = options.mask as Tensor;
    const fits = maskShape(q.shape, k.shape, given.shape);
    if (typeof fits === "string") throw new ShapeError("attention", fits);
    if (given.dtype !== "bool") sameDType("attention", [q, given]);
    const mask = share === 1 ? given : maskInGroups(given, dimAt(k, -3), share);
    if (mask.dtype === "bool") allowed.push(mask);
    else scores = apply("add", [scores, mask]);
  }
  const weights = softmaxOf(scores, allowed);
  const mixed = apply("matmul", [weights, inGroups(v, 1)]);
  return share === 1 ? mixed : reshape(mixed, shape);
}

/** Softmax where only some scores count; all 0 where none does. */
function softmaxOf(scores: Tensor, allowed: readonly Tensor[]): Tensor {
  const [first, ...others] = allowed;
  if (first === undefined) return apply("softmax", [scores], { axis: -1 });
  const counts = others.reduce((a, b) => apply("logicalAnd", [a, b]), first);
  const masked = apply("where", [counts, scores, full(scores.dtype, LOWEST[scores.dtype] ?? -Infinity)]);
  return apply("where", [counts, apply("softmax", [masked], { axis: -1 }), full(scores.dtype, 0)]);
}

/** The lowest finite numbers: infinite scores would make a row of nothing but them NaN. */
const LOWEST: Readonly<Partial<Record<DType, number>>> = {
  f32: -3.4028234663852886e38,
  bf16: -3.3895313892515355e38,
  f16: -65504,
};

/** A mask over `[..., h, s, t]` for scores over `[..., g, n, s, t]`. */
function maskInGroups(mask: Tensor, groups: Dim, share: Dim): Tensor {
  const heads = mask.shape.at(-3);
  if (heads === undefined) return mask;
  const own = heads === 1 ? [1, 1] : [groups, share];
  return reshape(mask, [...mask.shape.slice(0, -3), ...own, ...mask.shape.slice(-2)]);
}

function headSize(q: Tensor, options: AttentionOptions): number {
  const size = q.shape.at(-1);
  if (typeof size === "number") return size;
  if (options.scale !== undefined) return 1;
  throw new ShapeError("attention", `attention: the last axis of q is ${size}; bind it or give a scale`);
}

function dimAt(t: Tensor, axis: number): Dim {
  return t.shape.at(axis) ?? 1;
}

function reshape(t: Tensor, shape: Shape): Tensor {
  return apply("reshape", [t], { shape: [...shape] });
}

function full(dtype: DType, value: number): Tensor {
  return apply("full", [], { shape: [], value, dtype });
}
