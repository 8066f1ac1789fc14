/**
 * Parts of a tensor, for the type checker: the twin of `splitShape`, `sliceShape` and `takeShape` in
 * `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank, ReplaceAxis } from "./axis.ts";
import type { IsCount, IsUnknown, SizeProblem } from "./compare.ts";
import type { AddD, DivD, ExceedsD } from "./dim.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/**
 * The shape of one of `N` equal parts along axis `A`, or the message. A part of a dim that is not known to be
 * divisible is `number`; tracing refuses it unless the names are bound.
 */
export type SplitShape<S extends Shape, N extends number, A extends number> = IsUnknownRank<S> extends true
  ? Shape
  : IsCount<N> extends false ? `split: needs a whole number of parts from 1, got ${N}`
  : AxisKey<S, A> extends infer K extends string ? string extends K ? Shape
    : K extends keyof S ? SplitAxis<S, N, A, K, Extract<S[K], Dim>>
    : never
  : AxisError<"split", S, A>;

/** @internal */
type SplitAxis<S extends Shape, N extends number, A extends number, K extends string, D extends Dim> =
  DivD<D, N> extends infer Part extends Dim
    ? IsUnknown<Part> extends true ? IsUnknown<D | N> extends true ? ReplaceAxis<S, K, number>
      : D extends number ? `split: axis ${A} of ${ShowShape<S>} is ${D}, not divisible by ${N}`
      : ReplaceAxis<S, K, number>
    : ReplaceAxis<S, K, Part>
    : never;

/**
 * The shape of `Length` elements from `Start` on along axis `A`, or the message. A negative `Start` counts
 * from the end; `undefined` (or `number`) is one that only the run knows.
 */
export type SliceShape<S extends Shape, A extends number, Start extends Dim | undefined, Length extends Dim> =
  IsUnknownRank<S> extends true ? Shape
    : AxisKey<S, A> extends infer K extends string ? string extends K ? Shape
      : K extends keyof S ? SliceAxis<S, A, Start, Length, K, Extract<S[K], Dim>>
      : never
    : AxisError<"slice", S, A>;

/** @internal */
type SliceAxis<
  S extends Shape,
  A extends number,
  Start extends Dim | undefined,
  Length extends Dim,
  K extends string,
  D extends Dim,
> = [SizeProblem<[Length]>] extends [never]
  ? true extends ReachesBeyond<Start, Length, D>
    ? `slice: axis ${A} of ${ShowShape<S>} is ${ShowDim<D>}, no room for ${ShowDim<Length>}${ShowStart<
      Start
    >}`
  : ReplaceAxis<S, K, Length>
  : SizeProblem<[Length]>;

type ReachesBeyond<Start extends Dim | undefined, Length extends Dim, D extends Dim> = undefined extends Start
  ? ExceedsD<Length, D>
  : Start extends Dim ? IsUnknown<Start> extends true ? ExceedsD<Length, D>
    : `${Start}` extends `-${infer FromEnd extends number}` ? ExceedsD<FromEnd, D> | ExceedsD<Length, FromEnd>
    : ExceedsD<AddD<Start, Length>, D>
  : never;

type ShowStart<Start extends Dim | undefined> = undefined extends Start ? ""
  : Start extends Dim ? IsUnknown<Start> extends true ? "" : ` from ${Start}`
  : never;

/** The shape of rows of a table by their numbers, or the message. */
export type TakeShape<Op extends string, Table extends Shape, Ids extends Shape> =
  IsUnknownRank<Table> extends true ? Shape
    : IsUnknownRank<Ids> extends true ? Shape
    : Table extends readonly [unknown, ...infer Row extends Dim[]] ? [...Ids, ...Row]
    : `${Op}: table needs rank >= 1, got []`;
