/**
 * The general matrix product, for the type checker: the twin of `gemmShape` in `ir/shape/gemm.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { MayMatch } from "./compare.ts";
import type { BroadcastToShape } from "./match.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** The shape of a product of matrices, of which `TA` and `TB` say whether they are transposed; or the message. */
export type GemmShape<A extends Shape, B extends Shape, TA extends boolean, TB extends boolean> =
  IsUnknownRank<A> extends true ? Shape
    : IsUnknownRank<B> extends true ? Shape
    : boolean extends TA ? Shape
    : boolean extends TB ? Shape
    : A extends readonly [infer A0 extends Dim, infer A1 extends Dim]
      ? B extends readonly [infer B0 extends Dim, infer B1 extends Dim]
        ? TA extends true ? TB extends true ? Product<A1, A0, B1, B0> : Product<A1, A0, B0, B1>
        : TB extends true ? Product<A0, A1, B1, B0>
        : Product<A0, A1, B0, B1>
      : `gemm: right operand needs rank 2, got ${ShowShape<B>}`
    : `gemm: left operand needs rank 2, got ${ShowShape<A>}`;

/** `C` itself if it stretches to the product's shape `R`, or the message. Where `R` is one, `b` reports that. */
export type GemmAddend<R, C extends Shape> = [R] extends [infer S extends Shape]
  ? BroadcastToShape<C, S> extends string
    ? `gemm: c is ${ShowShape<C>}, which does not stretch to ${ShowShape<S>}`
  : C
  : C;

type Product<M extends Dim, K extends Dim, K2 extends Dim, N extends Dim> = MayMatch<K, K2> extends true
  ? [M, N]
  : `gemm: inner dims ${ShowDim<K>} and ${ShowDim<K2>} differ: ${ShowShape<[M, K]>} x ${ShowShape<[K2, N]>}`;
