/**
 * Shapes that must be a given one, for the type checker: stretched to it, or taken for it. Twin of
 * `broadcastToShape` in `ir/shape.ts`, and of the rule of `matchShape`.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { BroadcastDims } from "./broadcast.ts";
import type { IsUnknown, Same } from "./compare.ts";
import type { ShowShape } from "./show.ts";

/** `T` if `S` stretches to it, or the message. */
export type BroadcastToShape<S extends Shape, T extends Shape> = IsUnknownRank<T> extends true ? Shape
  : IsUnknownRank<S> extends true ? [...T]
  : BroadcastDims<S, T> extends infer R extends Shape
    ? NeedsMore<R, T> extends true ? StretchError<S, T> : [...T]
  : StretchError<S, T>;

/** @internal Whether the common shape is larger than the one to stretch to. */
type NeedsMore<R extends Shape, T extends Shape> = Same<R["length"]> extends Same<T["length"]>
  ? true extends { [I in keyof R]: I extends keyof T ? Grows<R[I], T[I]> : false }[number] ? true : false
  : true;

/** Whether a dim of the common shape is not that of the target, which can then only be 1. */
type Grows<R, D> = Same<D> extends Same<1>
  ? Same<R> extends Same<1> ? false : IsUnknown<R> extends true ? false : true
  : false;

/** @internal */
type StretchError<S extends Shape, T extends Shape> = `broadcastTo: ${ShowShape<
  S
>} does not stretch to ${ShowShape<T>}`;

/** `T` if `S` may be it, or the message: other names may be the same size, other numbers and ranks are not. */
export type MatchShape<S extends Shape, T extends Shape> = IsUnknownRank<T> extends true ? Shape
  : IsUnknownRank<S> extends true ? [...T]
  : Same<S["length"]> extends Same<T["length"]>
    ? true extends { [I in keyof S]: I extends keyof T ? Differs<S[I], T[I]> : true }[number]
      ? MatchError<S, T>
    : [...T]
  : MatchError<S, T>;

/** @internal Whether two dims are different numbers. */
type Differs<A, B> = Same<A> extends Same<B> ? false
  : IsUnknown<A> extends true ? false
  : IsUnknown<B> extends true ? false
  : [A, B] extends [number, number] ? true
  : false;

/** @internal */
type MatchError<S extends Shape, T extends Shape> = `matchShape: ${ShowShape<S>} is not ${ShowShape<T>}`;
