/**
 * Look-ups by index tensors, for the type checker: the twin of `ir/shape/gather.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank } from "./axis.ts";
import type { IsUnknown } from "./compare.ts";
import type { ExceedsD } from "./dim.ts";
import type { SameOutside } from "./join.ts";
import type { ShowShape } from "./show.ts";

/** `X` with axis `A` replaced by the axes of `I`, or the message. */
export type GatherShape<X extends Shape, I extends Shape, A extends number> = IsUnknownRank<X> extends true
  ? Shape
  : IsUnknownRank<I> extends true ? Shape
  : AxisKey<X, A> extends infer K extends string ? string extends K ? Shape : Splice<X, K, I>
  : AxisError<"gather", X, A>;

/** @internal `S` with the axis of key `K` replaced by `Inner`. */
type Splice<S extends Shape, K extends string, Inner extends Shape, Out extends Dim[] = []> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? `${Out["length"]}` extends K ? [...Out, ...Inner, ...Rest] : Splice<Rest, K, Inner, [...Out, D]>
  : Out;

/** The shape of the indices, if they match `X` outside axis `A`, or the message. */
export type GatherElementsShape<X extends Shape, I extends Shape, A extends number> = Along<
  "gatherElements",
  X,
  I,
  A,
  I
>;

/** `X` itself, if indices and updates have one shape that matches it outside axis `A`, or the message. */
export type ScatterElementsShape<X extends Shape, I extends Shape, U extends Shape, A extends number> =
  Along<"scatterElements", X, I, A, X> extends infer R ? R extends string ? R
    : SameShape<I, U> extends true ? X
    : `scatterElements: updates are ${ShowShape<U>}, expected ${ShowShape<I>}`
    : never;

/** @internal */
type Along<Op extends string, X extends Shape, I extends Shape, A extends number, Result extends Shape> =
  IsUnknownRank<X> extends true ? Result
    : AxisKey<X, A> extends infer K extends string ? string extends K ? Result
      : IsUnknownRank<I> extends true ? Result
      : I["length"] extends X["length"] ? SameOutside<I, X, K> extends true ? Result
        : `${Op}: indices ${ShowShape<I>} and input ${ShowShape<X>} differ outside axis ${A}`
      : `${Op}: indices ${ShowShape<I>} and input ${ShowShape<X>} differ in rank`
    : AxisError<Op, X, A>;

/** The shape of the parts of `X` that the vectors along the last axis of `I` name, or the message. */
export type GatherNDShape<X extends Shape, I extends Shape> = Places<"gatherND", X, I>;

/** `X` itself, if `U` is the shape of the parts that `I` names, or the message. */
export type ScatterNDShape<X extends Shape, I extends Shape, U extends Shape> =
  Places<"scatterND", X, I> extends infer R
    ? R extends Shape
      ? SameShape<R, U> extends true ? X : `scatterND: updates are ${ShowShape<U>}, expected ${ShowShape<R>}`
    : R
    : never;

/** @internal */
type Places<Op extends string, X extends Shape, I extends Shape> = IsUnknownRank<I> extends true ? Shape
  : I extends readonly [...infer Batch extends Dim[], infer Depth extends Dim]
    ? IsUnknown<Depth> extends true ? Shape
    : IsUnknownRank<X> extends true ? Shape
    : Depth extends number
      ? ExceedsD<Depth, X["length"]> extends true
        ? `${Op}: indices name ${Depth} axes, input ${ShowShape<X>} has ${X["length"]}`
      : [...Batch, ...After<X, Depth>]
    : `${Op}: last axis of indices ${ShowShape<I>} must be a number`
  : `${Op}: indices need rank >= 1, got []`;

/** `S` without its first `N` axes. */
type After<S extends Shape, N extends number, Seen extends 0[] = []> = Seen["length"] extends N ? S
  : S extends readonly [unknown, ...infer Rest extends Shape] ? After<Rest, N, [...Seen, 0]>
  : [];

/** @internal Whether two shapes may be the same. */
type SameShape<A extends Shape, B extends Shape> = IsUnknownRank<A> extends true ? true
  : IsUnknownRank<B> extends true ? true
  : A["length"] extends B["length"] ? SameOutside<A, B, never>
  : false;

/** One draw from each distribution along the last axis of `P`, if `U` has a number for each, or the message. */
export type SampleShape<P extends Shape, U extends Shape> = IsUnknownRank<P> extends true ? U
  : P extends readonly [...infer Batch extends Dim[], unknown] ? SameShape<Batch, U> extends true ? Batch
    : `sample: numbers are ${ShowShape<U>}, expected ${ShowShape<Batch>}`
  : "sample: probabilities need rank >= 1, got []";
