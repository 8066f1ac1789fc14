/**
 * Padding, repeating, mirroring and ordering, for the type checker: the twin of `ir/shape/layout.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank, ReplaceAxis } from "./axis.ts";
import type { SizeProblem } from "./compare.ts";
import type { AddD, ExceedsD, MulD } from "./dim.ts";
import type { ReduceShape } from "./reduce.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** `X` with margins `B` in front of and `E` behind each axis, or the message. */
export type PadShape<X extends Shape, B extends Shape, E extends Shape> = IsUnknownRank<X> extends true
  ? Shape
  : IsUnknownRank<B> extends true ? { -readonly [I in keyof X]: number }
  : IsUnknownRank<E> extends true ? { -readonly [I in keyof X]: number }
  : B["length"] extends X["length"]
    ? E["length"] extends X["length"]
      ? [SizeProblem<[...B, ...E]>] extends [never]
        ? { -readonly [I in keyof X]: AddD<AddD<DimAt<B, I>, X[I]>, DimAt<E, I>> }
      : SizeProblem<[...B, ...E]>
    : `pad: ${ShowShape<E>} for ${ShowShape<X>}: give one width an axis`
  : `pad: ${ShowShape<B>} for ${ShowShape<X>}: give one width an axis`;

/** `X` with each axis repeated, or the message. */
export type TileShape<X extends Shape, R extends Shape> = IsUnknownRank<X> extends true ? Shape
  : IsUnknownRank<R> extends true ? { -readonly [I in keyof X]: number }
  : R["length"] extends X["length"]
    ? [SizeProblem<R>] extends [never] ? { -readonly [I in keyof X]: MulD<X[I], DimAt<R, I>> }
    : SizeProblem<R>
  : `tile: ${ShowShape<R>} for ${ShowShape<X>}: give one number an axis`;

/** @internal */
type DimAt<S extends Shape, I> = I extends keyof S ? Extract<S[I], Dim> : never;

/** `X` itself, if it has the axes `A`, or the message. */
export type ReverseShape<X extends Shape, A extends readonly number[]> = ReduceShape<"reverse", X, A> extends
  infer R ? R extends string ? R : X
  : never;

/** `X` itself, if it has rows and columns, or the message. */
export type TriangularShape<X extends Shape> = IsUnknownRank<X> extends true ? X
  : X extends readonly [unknown, unknown, ...unknown[]] ? X
  : `triangular: needs rank >= 2, got ${ShowShape<X>}`;

/** `X` with only the first `N` along axis `A`, or the message. */
export type TopShape<Op extends string, X extends Shape, A extends number, N extends Dim> =
  IsUnknownRank<X> extends true ? Shape
    : AxisKey<X, A> extends infer K extends string ? string extends K ? Shape
      : K extends keyof X ? TopAxis<Op, X, A, N, K, Extract<X[K], Dim>>
      : never
    : AxisError<Op, X, A>;

/** @internal */
type TopAxis<
  Op extends string,
  X extends Shape,
  A extends number,
  N extends Dim,
  K extends string,
  D extends Dim,
> = [SizeProblem<[N]>] extends [never]
  ? ExceedsD<N, D> extends true
    ? `${Op}: axis ${A} of ${ShowShape<X>} is ${ShowDim<D>}, less than ${ShowDim<N>}`
  : ReplaceAxis<X, K, N>
  : SizeProblem<[N]>;
