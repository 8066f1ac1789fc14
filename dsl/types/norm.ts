/**
 * Weights and biases of normalisations, for the type checker: the twin of the checks in `ir/ops/norm.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { AxisKey, IsUnknownRank } from "./axis.ts";
import type { IsUnknown, MayMatch } from "./compare.ts";
import type { DivD } from "./dim.ts";
import type { ShowShape } from "./show.ts";

/** `S` itself if it may be the shape `E`, or the message about the operand `What`. */
export type ExactShape<Op extends string, What extends string, S extends Shape, E extends Shape> =
  IsUnknownRank<S> extends true ? S
    : IsUnknownRank<E> extends true ? S
    : S["length"] extends E["length"]
      ? false extends { [I in keyof S]: I extends keyof E ? MayMatch<S[I], E[I]> : false }[number]
        ? ExactError<Op, What, S, E>
      : S
    : ExactError<Op, What, S, E>;

/** The message of {@linkcode ExactShape}. */
export type ExactError<Op extends string, What extends string, S extends Shape, E extends Shape> =
  `${Op}: ${What} is ${ShowShape<S>}, expected ${ShowShape<E>}`;

/** The dims of `S` at some axes, in their order; `Shape` if an axis is unknown or there is none. */
export type AxesDims<S extends Shape, A extends readonly number[], Out extends Dim[] = []> =
  IsUnknownRank<S> extends true ? Shape
    : number extends A["length"] ? Shape
    : A extends readonly [infer First extends number, ...infer Rest extends readonly number[]]
      ? AxisKey<S, First> extends infer K extends keyof S & string
        ? AxesDims<S, Rest, [...Out, Extract<S[K], Dim>]>
      : Shape
    : Out;

/** The shape of weights that channels have, axis 1 of `S`: `[c]`. */
export type ChannelDims<S extends Shape> = AxesDims<S, [1]>;

/** `S` itself if it has channels, or the message. */
export type ChannelShape<Op extends string, S extends Shape> = IsUnknownRank<S> extends true ? S
  : S extends readonly [unknown, unknown, ...unknown[]] ? S
  : `${Op}: needs rank >= 2, got ${ShowShape<S>}`;

/** `S` itself if its channels may come in `N` groups, or the message. */
export type GroupsShape<S extends Shape, N extends number> = IsUnknownRank<S> extends true ? S
  : number extends N ? S
  : ChannelDims<S> extends readonly [infer C extends Dim] ? IsUnknown<C> extends true ? S
    : C extends number
      ? IsUnknown<DivD<C, N>> extends true
        ? `groupNorm: axis 1 of ${ShowShape<S>} is ${C}, not divisible by ${N}`
      : S
    : S
  : S;
