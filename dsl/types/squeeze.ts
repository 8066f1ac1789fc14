/**
 * Taking axes of 1 out and putting them in, for the type checker: the twin of `squeezeShape` and `unsqueezeShape` in
 * `ir/shape/squeeze.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank } from "./axis.ts";
import type { Box, IsUnknown } from "./compare.ts";
import type { Axes } from "./reduce.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** `S` without the axes `A`, which are 1 long; without all that are if `A` is `undefined`; or the message. */
export type SqueezeShape<S extends Shape, A extends Axes> = IsUnknownRank<S> extends true ? Shape
  : A extends number ? SqueezeKeys<S, [A]>
  : A extends readonly number[] ? number extends A["length"] ? Shape : SqueezeKeys<S, A>
  : IsUnknown<S[number]> extends true ? Shape
  : WithoutOnes<S>;

/** @internal Finds the keys of the axes one by one; `Keys` are those found. */
type SqueezeKeys<S extends Shape, A extends readonly number[], Keys extends string = never> = A extends
  readonly [infer First extends number, ...infer Rest extends readonly number[]]
  ? AxisKey<S, First> extends infer K extends string ? string extends K ? Shape
    : K extends Keys ? `squeeze: axis ${First} of ${ShowShape<S>} is given twice`
    : K extends keyof S ? IsOne<S[K]> extends true ? SqueezeKeys<S, Rest, Keys | K>
      : `squeeze: axis ${First} of ${ShowShape<S>} is ${ShowDim<Extract<S[K], Dim>>}, not 1`
    : never
  : AxisError<"squeeze", S, First>
  : WithoutKeys<S, Keys>;

type IsOne<D> = Box<D> extends Box<1> ? true : IsUnknown<D>;

type WithoutKeys<S extends Shape, Keys extends string, Seen extends 0[] = [], Out extends Dim[] = []> =
  S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
    ? WithoutKeys<Rest, Keys, [...Seen, 0], `${Seen["length"]}` extends Keys ? Out : [...Out, D]>
    : Out;

/** @internal */
type WithoutOnes<S extends Shape, Out extends Dim[] = []> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? WithoutOnes<Rest, Box<D> extends Box<1> ? Out : [...Out, D]>
  : Out;

/** `S` with an axis of 1, which is axis `A` of the result; or the message. */
export type UnsqueezeShape<S extends Shape, A extends number> = IsUnknownRank<S> extends true ? Shape
  : AxisKey<[...S, 1], A> extends infer K extends string ? string extends K ? Shape : InsertOne<S, K>
  : `unsqueeze: axis ${A} is out of range for a new axis of ${ShowShape<S>}`;

/** @internal Puts 1 in where as many dims are behind as the key says. */
type InsertOne<S extends Shape, K extends string, Out extends Dim[] = []> = `${Out["length"]}` extends K
  ? [...Out, 1, ...S]
  : S extends readonly [infer D extends Dim, ...infer Rest extends Shape] ? InsertOne<Rest, K, [...Out, D]>
  : Out;
