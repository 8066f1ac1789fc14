/**
 * The text of shapes in messages, for the type checker. Used only where a message is made: it costs more than
 * the checks.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknown } from "./compare.ts";

/** @internal The text of a dim; `?` if it is unknown. */
export type ShowDim<D extends Dim> = IsUnknown<D> extends true ? "?" : ShowUnion<D>;

/** @internal The text of a literal, or of a union of several: `768 | 3072`. */
export type ShowUnion<X extends string | number, Out extends string = ""> = [X] extends [never] ? Out
  : LastOf<X> extends infer Last extends X
    ? ShowUnion<Exclude<X, Last>, Out extends "" ? `${Last}` : `${Last} | ${Out}`>
  : never;

/** The last member of a union: an intersection of functions is called as its last overload. */
type LastOf<X> = (X extends unknown ? (f: (x: X) => void) => void : never) extends
  (f: infer F extends (x: never) => void) => void ? F extends (x: infer L) => void ? L : never
  : never;

/** @internal The text of a shape: `[b, s, 768]`. */
export type ShowShape<S extends Shape> = `[${JoinDims<S>}]`;

type JoinDims<S extends Shape, Out extends string = ""> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? JoinDims<Rest, Out extends "" ? ShowDim<D> : `${Out}, ${ShowDim<D>}`>
  : Out;
