/**
 * Broadcasting, for the type checker: the twin of `broadcastShape` and `whereShape` in `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { Box, MayMatch, MorePrecise } from "./compare.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** The shape of an elementwise operator of two operands, or the message why they do not broadcast. */
export type BroadcastShape<Op extends string, A extends Shape, B extends Shape> = BroadcastDims<A, B> extends
  infer R ? R extends string ? `${Op}: cannot broadcast ${ShowShape<A>} with ${ShowShape<B>}: ${R}` : R
  : never;

/**
 * The shape of `where(cond, a, b)`, or the message. {@link BroadcastShape} of `"where"` checks `cond` with
 * `a` alone.
 */
export type WhereShape<C extends Shape, A extends Shape, B extends Shape> =
  BroadcastShape<"where", C, A> extends infer R extends Shape ? BroadcastShape<"where", R, B>
    : BroadcastShape<"where", C, A>;

/** @internal The common shape, or the rightmost pair of dims that do not fit: `"768 vs 3072"`. */
export type BroadcastDims<A extends Shape, B extends Shape> = IsUnknownRank<A> extends true ? Shape
  : IsUnknownRank<B> extends true ? Shape
  : AlignDims<A, B>;

type AlignDims<A extends Shape, B extends Shape, Out extends Dim[] = []> = A extends
  readonly [...infer P extends Dim[], infer X extends Dim]
  ? B extends readonly [...infer Q extends Dim[], infer Y extends Dim]
    ? BroadcastDim<X, Y> extends [infer D extends Dim] ? AlignDims<P, Q, [D, ...Out]>
    : `${ShowDim<X>} vs ${ShowDim<Y>}`
  : [...A, ...Out]
  : [...B, ...Out];

/** The common dim, in a tuple so that it can be told from `false` while it is a type parameter. */
type BroadcastDim<X extends Dim, Y extends Dim> = Facing<X, Y> extends Facing<Y, unknown> | Facing<X, 1> ? [X]
  : Box<X> extends Box<1> ? [Y]
  : MayMatch<X, Y> extends true ? [MorePrecise<X, Y>]
  : false;

/**
 * A dim and the one it faces. One comparison asks for "exactly the same, or the other is 1": two in a row
 * would leave open a type parameter that faces 1, or itself.
 */
interface Facing<in out X, out Y> {
  readonly own: (x: X) => X;
  readonly other: Y;
}
