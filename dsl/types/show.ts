/**
 * The text of shapes in messages, for the type checker. Used only where a message is made: it costs more than
 * the checks.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknown } from "./compare.ts";

/** The text of a dim; `?` if it is unknown. */
export type ShowDim<D extends Dim> = IsUnknown<D> extends true ? "?" : `${D}`;

/** The text of a shape: `[b, s, 768]`. */
export type ShowShape<S extends Shape> = `[${JoinDims<S>}]`;

type JoinDims<S extends Shape, Out extends string = ""> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? JoinDims<Rest, Out extends "" ? ShowDim<D> : `${Out}, ${ShowDim<D>}`>
  : Out;
