/**
 * Concatenation, for the type checker: the twin of `concatShape` and `appendShape` in `ir/shape.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisError, AxisKey, IsUnknownRank } from "./axis.ts";
import type { MayMatch, MorePrecise } from "./compare.ts";
import type { AddD } from "./dim.ts";
import type { ShowShape } from "./show.ts";

/** The shape of tensors one after the other along axis `A`, or the message. */
export type ConcatShape<List extends readonly Shape[], A extends number> = JoinShapes<"concat", List, A>;

/** The shape of a cache after `Next` is put behind `Past` along axis `A`, or the message. */
export type AppendShape<Past extends Shape, Next extends Shape, A extends number> = JoinShapes<
  "append",
  [Past, Next],
  A
>;

/** @internal */
type JoinShapes<Op extends string, List extends readonly Shape[], A extends number> = number extends
  List["length"] ? Shape
  : true extends { [I in keyof List]: IsUnknownRank<List[I]> }[number] ? Shape
  : List extends readonly [infer First extends Shape, ...infer Others extends readonly Shape[]]
    ? AxisKey<First, A> extends infer K extends string
      ? string extends K ? Shape : JoinOthers<Op, First, Others, A, K>
    : AxisError<Op, First, A>
  : `${Op}: needs at least one tensor`;

/** Joins `Others` to `First` one by one; `Out` is the shape so far. */
type JoinOthers<
  Op extends string,
  First extends Shape,
  Others extends readonly Shape[],
  A extends number,
  K extends string,
  Out extends Shape = [...First],
> = Others extends readonly [infer Next extends Shape, ...infer Rest extends readonly Shape[]]
  ? Next["length"] extends First["length"]
    ? SameOutside<Out, Next, K> extends true ? JoinOthers<Op, First, Rest, A, K, JoinTwo<Out, Next, K>>
    : `${Op}: ${ShowShape<First>} and ${ShowShape<Next>} differ outside axis ${A}`
  : `${Op}: ${ShowShape<First>} and ${ShowShape<Next>} differ in rank`
  : Out;

/** Whether two shapes of one rank match in all axes but `K`. */
export type SameOutside<A extends Shape, B extends Shape, K extends string> = false extends {
  [I in keyof A]: I extends K ? true : I extends keyof B ? MayMatch<A[I], B[I]> : false;
}[number] ? false
  : true;

type JoinTwo<A extends Shape, B extends Shape, K extends string> = {
  [I in keyof A]: I extends keyof B ? I extends K ? AddD<A[I], Extract<B[I], Dim>> : MorePrecise<A[I], B[I]>
    : A[I];
};
