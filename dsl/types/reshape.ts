/**
 * Reshape, for the type checker: the twin of `reshapeShape` in `ir/shape.ts`, whose rules are described
 * there. Where that refuses a `-1` that does not follow, the type has `number`: tracing with bound names may
 * find it.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { IsUnknown } from "./compare.ts";
import type { DivideN, MultiplyN } from "./digits.ts";
import type { DivD, ProductD, Term, TermsOf } from "./dim.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** `T` with its `-1` worked out, or the message why `S` has no such shape. */
export type ReshapeShape<S extends Shape, T extends Shape> = IsUnknownRank<T> extends true ? Shape
  : WithoutHoles<T> extends [infer Known extends Shape, infer Holes extends readonly -1[]]
    ? Holes extends [-1, -1, ...-1[]] ? `reshape: more than one -1 in ${ShowShape<T>}`
    : IsUnknownRank<S> extends true ? FillHole<T, number>
    : IsUnknown<S[number] | T[number]> extends true ? FillHole<T, number>
    : Cancel<FactorsOf<S>, FactorsOf<Known>> extends [infer F extends Factors, infer G extends Factors]
      ? Holes extends [] ? CheckCount<S, T, F, G> : InferHole<S, T, F, G>
    : never
  : never;

/** @internal The dims of `T` other than `-1`, and the `-1`s. */
type WithoutHoles<T extends Shape, Known extends Dim[] = [], Holes extends -1[] = []> = T extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? D extends -1 ? WithoutHoles<Rest, Known, [...Holes, -1]> : WithoutHoles<Rest, [...Known, D], Holes>
  : [Known, Holes];

/** @internal */
type FillHole<T extends Shape, D extends Dim> = { -readonly [I in keyof T]: T[I] extends -1 ? D : T[I] };

/** @internal */
type CheckCount<S extends Shape, T extends Shape, F extends Factors, G extends Factors> =
  MayBeEqual<F, G> extends true ? [...T]
    : `reshape: ${ShowShape<S>} has ${ShowDim<ProductD<S>>} elements, ${ShowShape<T>} has ${ShowDim<
      ProductD<T>
    >}`;

/** @internal */
type InferHole<S extends Shape, T extends Shape, F extends Factors, G extends Factors> =
  DivD<Product<F>, Product<G>> extends infer Q extends Dim
    ? IsUnknown<Q> extends true
      ? [F[1], G[1]] extends [[], []] ? `reshape: ${ShowShape<S>} cannot be viewed as ${ShowShape<T>}`
      : FillHole<T, number>
    : FillHole<T, Q>
    : never;

/** @internal A product taken apart: a literal, and names or sums of several terms. */
type Factors = [literal: string, symbols: string[]];

/** @internal */
type FactorsOf<S extends Shape, Literal extends string = "1", Symbols extends string[] = []> = S extends
  readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? TermsOf<D> extends infer Terms extends Term[]
    ? Terms extends [infer X extends Term]
      ? FactorsOf<Rest, MultiplyN<Literal, X[0]>, [...Symbols, ...SplitNames<X[1]>]>
    : Terms extends [] ? FactorsOf<Rest, "0", Symbols>
    : FactorsOf<Rest, Literal, [...Symbols, `${D}`]>
  : never
  : [Literal, Symbols];

type SplitNames<Names extends string, Out extends string[] = []> = Names extends "" ? Out
  : Names extends `${infer N}*${infer Rest}` ? SplitNames<Rest, [...Out, N]>
  : [...Out, Names];

/** @internal Takes the symbols that both products have out of both. */
type Cancel<A extends Factors, B extends Factors> = CancelSymbols<A[1], B[1]> extends
  [infer OnlyA extends string[], infer OnlyB extends string[]] ? [[A[0], OnlyA], [B[0], OnlyB]]
  : never;

type CancelSymbols<A extends string[], B extends string[], OnlyA extends string[] = []> = A extends
  [infer X extends string, ...infer Rest extends string[]]
  ? Remove<B, X> extends infer Less extends string[] ? CancelSymbols<Rest, Less, OnlyA>
  : CancelSymbols<Rest, B, [...OnlyA, X]>
  : [OnlyA, B];

/** `List` without the first `X`, or `undefined` if there is none. */
type Remove<List extends string[], X extends string, Seen extends string[] = []> = List extends
  [infer Y extends string, ...infer Rest extends string[]]
  ? Y extends X ? [...Seen, ...Rest] : Remove<Rest, X, [...Seen, Y]>
  : undefined;

/** @internal */
type Product<F extends Factors> = F[0] extends `${infer N extends number}` ? ProductD<[N, ...F[1]]> : number;

/** Whether some values of the symbols, none of them 1, make two products equal (or nobody can tell). */
type MayBeEqual<F extends Factors, G extends Factors> = F[1] extends []
  ? G[1] extends [] ? F[0] extends G[0] ? true : false
  : IsProperMultiple<F[0], G[0]>
  : G[1] extends [] ? IsProperMultiple<G[0], F[0]>
  : true;

type IsProperMultiple<N extends string, Of extends string> = N extends "0" ? true
  : N extends Of ? false
  : DivideN<N, Of> extends string ? true
  : false;
