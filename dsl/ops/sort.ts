/**
 * Order along an axis. Equal elements keep their order; NaN counts as larger than any number.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { printShape } from "../../ir/dim.ts";
import { apply, refusal } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Literal, TensorOr } from "../types/arg.ts";
import type { TopShape } from "../types/margins.ts";
import type { SoftmaxShape } from "../types/reduce.ts";
import { gatherElements } from "./gather.ts";

/** How to sort. */
export interface SortOptions {
  /** The largest first. */
  readonly descending?: boolean;
}

/** Elements in order, and where they were. */
export interface Sorted<S extends Shape, T extends DType> {
  /** The elements. */
  readonly values: Tensor<S, T>;
  /** Where each was along the axis. */
  readonly indices: Tensor<S, "i32">;
}

function places(op: string, x: Tensor, axis: number, count: Dim | undefined, options?: SortOptions): Tensor {
  const dim = count ?? x.shape.at(axis);
  if (dim === undefined) {
    throw refusal(op, `${op}: axis ${axis} is out of range for ${printShape(x.shape)}`);
  }
  return apply("argsort", [x], { axis, count: dim, descending: options?.descending ?? false });
}

function ordered(x: Tensor, indices: Tensor, axis: number): never {
  return { values: gatherElements(x, indices as Tensor<Shape, "i32">, axis), indices } as never;
}

/**
 * The indices that put the elements along an axis in order. Each element counts those before it, so the work is
 * quadratic in the length of the axis, and parallel.
 *
 * @example
 * ```ts
 * import { argsort, spec } from "@weft/weft";
 *
 * const order = argsort(spec(["b", 10], "f32"), -1, { descending: true });
 * console.log(order.shape, order.dtype); // ["b", 10] i32
 * ```
 */
export function argsort<S extends Shape, const A extends number>(
  x: Tensor<S>,
  axis: Literal<SoftmaxShape<"argsort", S, A>, A>,
  options?: SortOptions,
): Tensor<S, "i32"> {
  return places("argsort", x, axis as number, undefined, options) as never;
}

/**
 * The elements along an axis in order, and their indices before.
 *
 * @example
 * ```ts
 * import { sort, spec } from "@weft/weft";
 *
 * const { values, indices } = sort(spec(["n", 16], "f32"), -1, { descending: true });
 * console.log(values.shape, indices.dtype); // ["n", 16] i32
 * ```
 */
export function sort<S extends Shape, T extends DType, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<SoftmaxShape<"sort", S, A>, A>,
  options?: SortOptions,
): Sorted<S, T> {
  return ordered(x, places("sort", x, axis as number, undefined, options), axis as number);
}

/**
 * The `count` largest elements along an axis, the largest first, and their indices; of equal ones those with the lower
 * index. `{ smallest: true }` for the smallest.
 *
 * @example
 * ```ts
 * import { spec, topK } from "@weft/weft";
 *
 * const { values, indices } = topK(spec(["n", 50257], "f32"), 40, -1);
 * console.log(values.shape, indices.shape); // ["n", 40] ["n", 40]
 * ```
 */
export function topK<S extends Shape, T extends DType, const N extends Dim, const A extends number>(
  x: Tensor<S, T>,
  count: Literal<TopShape<"topK", S, A, N>, N>,
  axis: A,
  options?: { readonly smallest?: boolean },
): {
  readonly values: TensorOr<TopShape<"topK", S, A, N>, T>;
  readonly indices: TensorOr<TopShape<"topK", S, A, N>, "i32">;
} {
  const descending = !(options?.smallest ?? false);
  return ordered(x, places("topK", x, axis, count as Dim, { descending }), axis);
}
