/**
 * Reductions and operators along an axis, for the type checker: the twin of `reduceShape` and `softmaxShape`
 * in `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank } from "./axis.ts";
import type { ShowShape } from "./show.ts";

/** One axis, several, or (`undefined`) all. */
export type Axes = number | readonly number[] | undefined;

/** The shape of a reduction over `A`, where the reduced axes become 1 if `Keep`, or the message. */
export type ReduceShape<Op extends string, S extends Shape, A extends Axes, Keep extends boolean = false> =
  IsUnknownRank<S> extends true ? Shape
    : boolean extends Keep ? Shape
    : A extends number ? ReduceKeys<Op, S, [A], Keep>
    : A extends readonly number[] ? number extends A["length"] ? Shape : ReduceKeys<Op, S, A, Keep>
    : WithoutAxes<S, string, Keep>;

/** @internal Finds the keys of the axes one by one; `Keys` are those found. */
type ReduceKeys<
  Op extends string,
  S extends Shape,
  A extends readonly number[],
  Keep extends boolean,
  Keys extends string = never,
> = A extends readonly [infer First extends number, ...infer Rest extends readonly number[]]
  ? AxisKey<S, First> extends infer K extends string ? string extends K ? Shape
    : K extends Keys ? `${Op}: axis ${First} of ${ShowShape<S>} is given twice`
    : ReduceKeys<Op, S, Rest, Keep, Keys | K>
  : AxisError<Op, S, First>
  : WithoutAxes<S, Keys, Keep>;

/** @internal */
type WithoutAxes<S extends Shape, Keys extends string, Keep extends boolean> = Keep extends true
  ? { -readonly [I in keyof S]: I extends Keys ? 1 : S[I] }
  : DropAxes<S, Keys>;

/** Drops the axes with the given keys; `Seen` counts those behind. */
type DropAxes<S extends Shape, Keys extends string, Seen extends 0[] = [], Out extends Dim[] = []> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? DropAxes<Rest, Keys, [...Seen, 0], `${Seen["length"]}` extends Keys ? Out : [...Out, D]>
  : Out;

/** `S` itself if it has the axis along which `Op` runs, or the message. */
export type SoftmaxShape<Op extends string, S extends Shape, A extends number> = IsUnknownRank<S> extends true
  ? S
  : AxisKey<S, A> extends string ? S
  : AxisError<Op, S, A>;
