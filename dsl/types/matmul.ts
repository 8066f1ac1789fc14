/**
 * Matrix products, for the type checker: the twin of `matmulShape`, `linearShape` and `lastAxisShape` in
 * `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { BroadcastDims } from "./broadcast.ts";
import type { MayMatch } from "./compare.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** The shape of `[..., m, k] x [..., k, n]`, or the message. */
export type MatmulShape<A extends Shape, B extends Shape> = IsUnknownRank<A> extends true ? Shape
  : IsUnknownRank<B> extends true ? Shape
  : A extends readonly [...infer P extends Dim[], infer M extends Dim, infer K extends Dim]
    ? B extends readonly [...infer Q extends Dim[], infer K2 extends Dim, infer N extends Dim]
      ? MayMatch<K, K2> extends true
        ? BroadcastDims<P, Q> extends infer Batch extends Shape ? [...Batch, M, N]
        : `matmul: batch dims do not broadcast: ${ShowShape<A>} x ${ShowShape<B>}`
      : `matmul: inner dims ${ShowDim<K>} and ${ShowDim<K2>} differ: ${ShowShape<A>} x ${ShowShape<B>}`
    : `matmul: right operand needs rank >= 2, got ${ShowShape<B>}`
  : `matmul: left operand needs rank >= 2, got ${ShowShape<A>}`;

/** The shape of `[..., i] x [i, o]`, or the message. */
export type LinearShape<X extends Shape, W extends Shape> = IsUnknownRank<W> extends true ? Shape
  : W extends readonly [infer I extends Dim, infer O extends Dim] ? IsUnknownRank<X> extends true ? Shape
    : X extends readonly [...infer Before extends Dim[], infer Last extends Dim]
      ? MayMatch<Last, I> extends true ? [...Before, O] : LastAxisError<"linear", X, Last, I>
    : "linear: input needs rank >= 1, got []"
  : `linear: weight needs rank 2, got ${ShowShape<W>}`;

/** `X` itself if its last axis is `D`, or the message. */
export type LastAxisShape<Op extends string, X extends Shape, D extends Dim> = IsUnknownRank<X> extends true
  ? Shape
  : X extends readonly [...unknown[], infer Last extends Dim]
    ? MayMatch<Last, D> extends true ? X : LastAxisError<Op, X, Last, D>
  : `${Op}: input needs rank >= 1, got []`;

/**
 * `W` itself if it is a weight or bias (`What`) with one element for each of the last axis of `X`, or the message.
 * Where `X` is a message, another operand reports that.
 */
export type WeightShape<Op extends string, What extends string, X, W extends Shape> = [X] extends
  [infer S extends Shape] ? IsUnknownRank<S> extends true ? W
  : IsUnknownRank<W> extends true ? W
  : S extends readonly [...unknown[], infer D extends Dim]
    ? W extends readonly [infer E extends Dim] ? MayMatch<E, D> extends true ? W : WeightError<Op, What, W, D>
    : WeightError<Op, What, W, D>
  : `${Op}: needs at least one axis, got []`
  : W;

/** @internal */
type WeightError<Op extends string, What extends string, W extends Shape, D extends Dim> =
  `${Op}: ${What} is ${ShowShape<W>}, expected [${ShowDim<D>}]`;

/** @internal */
type LastAxisError<Op extends string, X extends Shape, Last extends Dim, D extends Dim> =
  `${Op}: last axis of ${ShowShape<X>} is ${ShowDim<Last>}, expected ${ShowDim<D>}`;
