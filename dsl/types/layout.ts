/**
 * Permutations of axes, for the type checker: the twin of `permuteShape` and `transposeShape` in
 * `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisKey, IsUnknownRank } from "./axis.ts";
import type { ShowShape } from "./show.ts";

/** The shape whose axis `i` is axis `A[i]` of `S`, or the message. */
export type PermuteShape<S extends Shape, A extends readonly number[]> = IsUnknownRank<S> extends true ? Shape
  : IsUnknownRank<A> extends true ? Shape
  : PickAxes<S, A> extends infer R
    ? R extends string ? `permute: ${ShowShape<A>} is not a permutation of the axes of ${ShowShape<S>}` : R
  : never;

/** @internal */
type PickAxes<
  S extends Shape,
  A extends readonly number[],
  Keys extends string = never,
  Out extends unknown[] = [],
> = A extends readonly [infer First extends number, ...infer Rest extends readonly number[]]
  ? AxisKey<S, First> extends infer K extends string ? string extends K ? Shape
    : K extends Keys ? "repeated"
    : PickAxes<S, Rest, Keys | K, [...Out, DimAt<S, K>]>
  : "out of range"
  : Out["length"] extends S["length"] ? Out
  : "too few";

/** @internal */
type DimAt<S extends Shape, K extends string> = K extends keyof S ? S[K] : never;

/** `S` with its last two axes swapped, or the message. */
export type TransposeShape<S extends Shape> = IsUnknownRank<S> extends true ? Shape
  : S extends readonly [...infer Before extends Dim[], infer M extends Dim, infer N extends Dim]
    ? [...Before, N, M]
  : `transpose: needs rank >= 2, got ${ShowShape<S>}`;
