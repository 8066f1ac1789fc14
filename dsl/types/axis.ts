/**
 * Axes by number, for the type checker. Axes are counted from the end if negative, up to rank 8.
 *
 * Patterns here and in the shape functions match a dim with `unknown` or `infer D extends Dim`, never with
 * `Dim`: TypeScript postpones the latter for a dim that is a type parameter.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnion } from "./compare.ts";
import type { ShowShape } from "./show.ts";

/** @internal Whether the rank of a shape is unknown: `Shape` itself, or an array that is not a tuple. */
export type IsUnknownRank<S extends Shape> = number extends S["length"] ? true : false;

/** As many axes as follow (and include) the axis counted from the end. */
interface FromEnd {
  "-1": [unknown];
  "-2": [unknown, unknown];
  "-3": [unknown, unknown, unknown];
  "-4": [unknown, unknown, unknown, unknown];
  "-5": [unknown, unknown, unknown, unknown, unknown];
  "-6": [unknown, unknown, unknown, unknown, unknown, unknown];
  "-7": [unknown, unknown, unknown, unknown, unknown, unknown, unknown];
  "-8": [unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown];
}

/**
 * The key of an axis in a shape of known rank: `AxisKey<["b", "s", 768], -1>` is `"2"`. `undefined` if there
 * is no such axis, `string` if the axis is only known as `number` or one of several.
 *
 * @internal
 */
export type AxisKey<S extends Shape, A extends number> = number extends A ? string
  : IsUnion<A> extends true ? string
  : `${A}` extends keyof FromEnd
    ? S extends readonly [...infer Before extends Dim[], ...FromEnd[`${A}`]] ? `${Before["length"]}`
    : undefined
  : `${A}` extends keyof S ? `${A}`
  : undefined;

/** @internal The message for an axis that a shape does not have. */
export type AxisError<Op extends string, S extends Shape, A extends number> =
  `${Op}: axis ${A} is out of range for ${ShowShape<S>}`;

/** `S` with the dim at the axis with key `K` replaced by `D`. */
export type ReplaceAxis<S extends Shape, K extends string, D extends Dim> = {
  -readonly [I in keyof S]: I extends K ? D : S[I];
};

/** `S` with its last dim replaced by `D`. */
export type SetLast<S extends Shape, D extends Dim> = IsUnknownRank<S> extends true ? Shape
  : S extends readonly [...infer Before extends Dim[], unknown] ? [...Before, D]
  : [];
