/**
 * Sliding windows, for the type checker: the twin of `conv2dShape` and `poolShape` in `ir/shape/window.ts`. Where names
 * leave open how often a window fits, the dim is `number`: tracing with bound names finds it.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { IsCount, IsUnknown, MayMatch, SizeProblem } from "./compare.ts";
import type { AddD, DivD, FloorD, MulD, SubtractD } from "./dim.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** How a window moves. */
export interface Sliding {
  /** Rows above and below, columns left and right, that are added to the image; none by default. */
  readonly padding?: readonly [top: number, bottom: number, left: number, right: number];
  /** Steps along height and width; 1 by default. */
  readonly strides?: readonly [number, number];
  /** Distances between neighbours in the window; 1 by default. */
  readonly dilations?: readonly [number, number];
}

/** How to convolve. */
export interface Conv2dOptions extends Sliding {
  /** Input and output channels are split into so many groups that do not mix; 1 by default. */
  readonly groups?: number;
}

/** How to pool. */
export interface PoolOptions extends Sliding {
  /** Height and width of the window; the whole image by default. */
  readonly window?: readonly [Dim, Dim];
  /** Whether a last window that reaches out of the padded image counts (`"ceil"`); `"floor"` by default. */
  readonly rounding?: "floor" | "ceil";
}

/** The shape of a convolution of images `X` with filters `W`, or the message. */
export type Conv2dShape<X extends Shape, W extends Shape, O> = IsUnknownRank<X> extends true ? Shape
  : IsUnknownRank<W> extends true ? Shape
  : X extends readonly [infer N extends Dim, infer C extends Dim, infer H extends Dim, infer V extends Dim]
    ? W extends readonly [infer K extends Dim, infer I extends Dim, infer Y extends Dim, infer Z extends Dim]
      ? MulD<I, Groups<O>> extends infer Taken extends Dim
        ? MayMatch<Taken, C> extends true ? BadSteps<"conv2d", O> extends infer P extends string ? P
          : Splits<K, Groups<O>> extends true ? Slide<"conv2d", X, [N, K], [H, V], [Y, Z], O>
          : `conv2d: ${ShowDim<K>} output channels do not split into ${Groups<O>} groups`
        : `conv2d: filter ${ShowShape<W>} takes ${ShowDim<Taken>} channels, input ${ShowShape<
          X
        >} has ${ShowDim<
          C
        >}`
      : never
    : `conv2d: filter needs 4 axes [o, i, h, w], got ${ShowShape<W>}`
  : `conv2d: input needs 4 axes [n, c, h, w], got ${ShowShape<X>}`;

/** The shape of a pooling of images `X`, or the message. */
export type PoolShape<Op extends string, X extends Shape, O> = IsUnknownRank<X> extends true ? Shape
  : X extends readonly [infer N extends Dim, infer C extends Dim, infer H extends Dim, infer V extends Dim]
    ? BadSteps<Op, O> extends infer P extends string ? P
    : BadWindow<Op, Field<O, "window", [1, 1]>> extends infer P extends string ? P
    : Slide<Op, X, [N, C], [H, V], Field<O, "window", [H, V]>, O>
  : `${Op}: input needs 4 axes [n, c, h, w], got ${ShowShape<X>}`;

/** The message for strides, dilations or padding that cannot be, or `undefined`. */
type BadSteps<Op extends string, O> = BadPair<Op, "strides", Field<O, "strides", [1, 1]>> extends
  infer P extends string ? P
  : BadPair<Op, "dilations", Field<O, "dilations", [1, 1]>> extends infer P extends string ? P
  : BadPadding<Op, Field<O, "padding", [0]>>;

type BadPadding<Op extends string, L> = L extends readonly number[]
  ? [SizeProblem<L>] extends [never] ? undefined
  : `${Op}: padding must be 4 integers from 0 on, got ${ShowShape<L>}`
  : undefined;

type BadWindow<Op extends string, L> = L extends readonly [infer A extends Dim, infer B extends Dim]
  ? BadCount<A> | BadCount<B> extends false ? undefined
  : `${Op}: window must be two dims from 1 on, got ${ShowShape<[A, B]>}`
  : undefined;

type BadCount<D extends Dim> = D extends number ? IsCount<D> extends true ? false : true : false;

type BadPair<Op extends string, Name extends string, L> = L extends
  readonly [infer A extends number, infer B extends number] ? IsCount<A> | IsCount<B> extends true ? undefined
  : `${Op}: ${Name} must be 2 integers from 1 on, got [${A}, ${B}]`
  : undefined;

/** @internal */
type Groups<O> = Extract<Field<O, "groups", 1>, number>;

/** @internal */
type Splits<K extends Dim, G extends number> = IsUnknown<K | G> extends true ? true
  : IsUnknown<DivD<K, G>> extends true ? false
  : true;

/** @internal An option, or its default. */
type Field<O, K extends string, D> = O extends { readonly [P in K]: infer V } ? V : D;

/** Element `I` of an option that is a list, or `D`. */
type Item<O, K extends string, I extends string, D extends number> = Field<O, K, undefined> extends infer L
  ? I extends keyof L ? Extract<L[I], number> : D
  : never;

/** @internal */
type Slide<Op extends string, X extends Shape, Front extends Dim[], Sizes, Window, O> =
  CountOf<Sizes, Window, "0", Item<O, "padding", "0", 0>, Item<O, "padding", "1", 0>, O> extends
    infer H extends Dim | undefined
    ? CountOf<Sizes, Window, "1", Item<O, "padding", "2", 0>, Item<O, "padding", "3", 0>, O> extends
      infer V extends Dim | undefined ? H extends Dim ? V extends Dim ? [...Front, H, V]
        : `${Op}: window of ${ShowOf<Window, "1">} does not fit along axis 3 of ${ShowShape<X>}`
      : `${Op}: window of ${ShowOf<Window, "0">} does not fit along axis 2 of ${ShowShape<X>}`
    : never
    : never;

type DimOf<L, I extends string> = I extends keyof L ? Extract<L[I], Dim> : never;

type ShowOf<L, I extends string> = ShowDim<DimOf<L, I>>;

type CountOf<Sizes, Window, I extends string, Before extends number, After extends number, O> = Count<
  DimOf<Sizes, I>,
  DimOf<Window, I>,
  AddD<Before, After>,
  Item<O, "strides", I, 1>,
  Item<O, "dilations", I, 1>,
  Field<O, "rounding", "floor">
>;

/** Number of positions, `undefined` if there is none, `number` if that is open. */
type Count<
  Size extends Dim,
  Window extends Dim,
  Padding extends Dim,
  Stride extends number,
  Dilation extends number,
  Rounding,
> = IsUnknown<Size | Window | Padding | Stride | Dilation> extends true ? number
  : Padded<Size, Padding, Stride, Dilation, Rounding> extends infer Room extends Dim
    ? SubtractD<Room, AddD<MulD<Window, Dilation>, Rounding extends "ceil" ? 2 : 1>> extends infer Covered
      ? Covered extends Dim ? Positive<FloorD<Covered, Stride>> : Open<Size, Window>
    : never
  : never;

/** `Size + Padding + Dilation + Stride`, and once more the stride to round up. */
type Padded<Size extends Dim, Padding extends Dim, Stride extends number, Dilation extends number, Rounding> =
  AddD<AddD<Size, Padding>, AddD<Dilation, Rounding extends "ceil" ? AddD<Stride, Stride> : Stride>>;

type Positive<D extends Dim> = D extends 0 ? undefined : D;

type Open<Size extends Dim, Window extends Dim> = Size | Window extends number ? undefined : number;
