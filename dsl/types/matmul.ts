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

/** The shape of a layer normalisation of `X` with a weight `W`: `X` itself, or the message. */
export type LayerNormShape<X extends Shape, W extends Shape> = IsUnknownRank<W> extends true ? X
  : W extends readonly [infer D extends Dim] ? LastAxisShape<"layerNorm", X, D>
  : `layerNorm: weight needs rank 1, got ${ShowShape<W>}`;

/**
 * `B` itself if it is a bias for the last axis of a result `R`, or the message. Where `R` is a message, another
 * operand reports that.
 */
export type BiasShape<Op extends string, R, B extends Shape> = [R] extends
  [readonly [...unknown[], infer D extends Dim]] ? IsUnknownRank<B> extends true ? B
  : B extends readonly [infer E extends Dim] ? MayMatch<E, D> extends true ? B : BiasError<Op, B, D>
  : BiasError<Op, B, D>
  : B;

type BiasError<Op extends string, B extends Shape, D extends Dim> = `${Op}: bias is ${ShowShape<
  B
>}, expected [${ShowDim<D>}]`;

type LastAxisError<Op extends string, X extends Shape, Last extends Dim, D extends Dim> =
  `${Op}: last axis of ${ShowShape<X>} is ${ShowDim<Last>}, expected ${ShowDim<D>}`;
