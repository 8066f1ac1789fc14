/**
 * The algebra of dims for the type checker: the twin of `ir/dim.ts`, which describes the canonical form.
 *
 * A dim that is only known as `number` (or `string`) gives `number`: unknown. So does what has no exact
 * result, such as `DivD<"n_embd", "n_head">`; tracing, which knows the values, decides then. Operands are
 * canonical; {@link WrittenShape} checks that where a dim is written.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknown } from "./compare.ts";
import type { AddN, Digit, DivideN, FloorN, MultiplyN, SubtractN } from "./digits.ts";

export type { Dim, Shape };

/** `A + B`. For example `AddD<"seq", "past+1">` is `"past+seq+1"`. */
export type AddD<A extends Dim, B extends Dim> = IsUnknown<A | B> extends true ? number
  : FromTerms<AddTerms<TermsOf<A>, TermsOf<B>>>;

/** `A * B`. For example `MulD<"past+seq", 3>` is `"3*past+3*seq"`. */
export type MulD<A extends Dim, B extends Dim> = IsUnknown<A | B> extends true ? number
  : FromTerms<MultiplyTerms<TermsOf<A>, TermsOf<B>>>;

/** `A / B` where it is exact, else `number`. For example `DivD<"3*n_embd", 3>` is `"n_embd"`. */
export type DivD<A extends Dim, B extends Dim> = IsUnknown<A | B> extends true ? number
  : DivideTerms<TermsOf<A>, TermsOf<B>> extends infer Q extends Term[] ? FromTerms<Q>
  : number;

/** `A - B`, `undefined` if that has a negative coefficient, `number` if one is unknown. */
export type SubtractD<A extends Dim, B extends Dim> = IsUnknown<A | B> extends true ? number
  : SubtractTerms<TermsOf<A>, TermsOf<B>> extends infer T extends Term[] ? FromTerms<T>
  : undefined;

/** `floor(A / N)` where the terms with names can be divided by `N`, else `number`. */
export type FloorD<A extends Dim, N extends number> = IsUnknown<A | N> extends true ? number
  : FloorTerms<TermsOf<A>, `${N}`> extends infer T extends Term[] ? FromTerms<T>
  : number;

/** @internal */
type FloorTerms<T extends Term[], N extends string, Out extends Term[] = []> = T extends
  [infer X extends Term, ...infer Rest extends Term[]]
  ? X[1] extends ""
    ? FloorN<X[0], N> extends infer Q extends string
      ? FloorTerms<Rest, N, Q extends "0" ? Out : [...Out, [Q, ""]]>
    : never
  : DivideN<X[0], N> extends infer Q extends string ? FloorTerms<Rest, N, [...Out, [Q, X[1]]]>
  : undefined
  : Out;

/** Whether `A > B` for all values of the names; `false` also when it depends on them or is unknown. */
export type ExceedsD<A extends Dim, B extends Dim> = IsUnknown<A | B> extends true ? false
  : SubtractTerms<TermsOf<A>, AddTerms<TermsOf<B>, [["1", ""]]>> extends Term[] ? true
  : false;

/** The number of elements of a shape of known rank. */
export type ProductD<S extends Shape, Out extends Term[] = [["1", ""]]> = IsUnknown<S[number]> extends true
  ? number
  : S extends readonly [infer D, ...infer Rest extends Shape]
    ? ProductD<Rest, D extends 1 ? Out : MultiplyTerms<Out, TermsOf<D>>>
  : FromTerms<Out>;

/** The canonical form of a sum of products: `CanonicalD<"n_embd*3">` is `"3*n_embd"`. */
export type CanonicalD<D extends Dim> = IsUnknown<D> extends true ? D
  : D extends string ? FromTerms<SumOf<D>>
  : D;

/**
 * Replaces names by the values that the fields of `B` have, where those are dims.
 * `BindD<"3*n_embd", { n_embd: 768 }>` is `2304`; with `{ n_embd: number }` it is `number`.
 */
export type BindD<D extends Dim, B> = D extends number ? D
  : D extends keyof B ? B[D] extends Dim ? B[D] : D
  : D extends string ? IsUnknown<D> extends true ? number : BindSum<D, B>
  : never;

/** @internal */
type BindSum<D extends string, B, Out extends Dim = 0> = D extends `${infer T}+${infer Rest}`
  ? BindProduct<T, B> extends infer P extends Dim ? BindSum<Rest, B, AddD<Out, P>> : never
  : BindProduct<D, B> extends infer P extends Dim ? AddD<Out, P>
  : never;

type BindProduct<T extends string, B, Out extends Dim = 1> = T extends `${infer F}*${infer Rest}`
  ? BindFactor<F, B> extends infer V extends Dim ? BindProduct<Rest, B, MulD<Out, V>> : never
  : BindFactor<T, B> extends infer V extends Dim ? MulD<Out, V>
  : never;

type BindFactor<F extends string, B> = F extends keyof B ? B[F] extends Dim ? B[F] : F
  : F extends `${infer N extends number}` ? N
  : F;

/** @internal A coefficient and the names it multiplies, joined by `*`; `""` for the constant. */
export type Term = [coefficient: string, names: string];

/** @internal The terms of a dim, in order; none for 0, and none for an unknown dim. */
export type TermsOf<D> = IsUnknown<D> extends true ? []
  : D extends number ? D extends 0 ? [] : [[`${D}`, ""]]
  : D extends `${infer T}+${infer Rest}` ? [TermOf<T>, ...TermsOf<Rest>]
  : D extends string ? [TermOf<D>]
  : [];

type TermOf<T extends string> = T extends `${Digit}${string}`
  ? T extends `${infer C}*${infer Names}` ? [C, Names] : [T, ""]
  : ["1", T];

/** @internal The dim with the given terms. */
export type FromTerms<T extends Term[], Out extends string = ""> = T extends
  [infer X extends Term, ...infer Rest extends Term[]]
  ? FromTerms<Rest, Out extends "" ? PrintTerm<X> : `${Out}+${PrintTerm<X>}`>
  : Out extends "" ? 0
  : Out extends `${infer N extends number}` ? N
  : Out;

type PrintTerm<X extends Term> = X[1] extends "" ? X[0] : X[0] extends "1" ? X[1] : `${X[0]}*${X[1]}`;

/** @internal The terms of a sum in any order, with factors in any order. */
type SumOf<D extends string, Out extends Term[] = []> = D extends `${infer T}+${infer Rest}`
  ? SumOf<Rest, AddTerms<Out, ProductOf<T>>>
  : AddTerms<Out, ProductOf<D>>;

type ProductOf<T extends string, Out extends Term[] = [["1", ""]]> = T extends `${infer F}*${infer Rest}`
  ? ProductOf<Rest, MultiplyTerms<Out, FactorOf<F>>>
  : MultiplyTerms<Out, FactorOf<T>>;

type FactorOf<F extends string> = F extends "0" ? [] : [TermOf<F>];

/** @internal Merges two lists of terms. */
type AddTerms<A extends Term[], B extends Term[], Out extends Term[] = []> = A extends
  [infer X extends Term, ...infer P extends Term[]]
  ? B extends [infer Y extends Term, ...infer Q extends Term[]]
    ? X[1] extends Y[1] ? AddTerms<P, Q, [...Out, [AddN<X[0], Y[0]>, X[1]]]>
    : IsBefore<X[1], Y[1]> extends true ? AddTerms<P, B, [...Out, X]>
    : AddTerms<A, Q, [...Out, Y]>
  : [...Out, ...A]
  : [...Out, ...B];

/** @internal `A - B`, or `undefined` if a coefficient would be negative. */
type SubtractTerms<A extends Term[], B extends Term[], Out extends Term[] = []> = B extends
  [infer Y extends Term, ...infer Q extends Term[]]
  ? A extends [infer X extends Term, ...infer P extends Term[]]
    ? X[1] extends Y[1]
      ? SubtractN<X[0], Y[0]> extends infer C extends string
        ? SubtractTerms<P, Q, C extends "0" ? Out : [...Out, [C, X[1]]]>
      : undefined
    : IsBefore<X[1], Y[1]> extends true ? SubtractTerms<P, B, [...Out, X]>
    : undefined
  : undefined
  : [...Out, ...A];

/** @internal */
type MultiplyTerms<A extends Term[], B extends Term[], Out extends Term[] = []> = A extends
  [infer X extends Term, ...infer P extends Term[]] ? MultiplyTerms<P, B, AddTerms<Out, MultiplyTerm<X, B>>>
  : Out;

/**
 * One term times a sum: the order of the sum's terms does not change. `infer` keeps the checker from working
 * out what a product may be before its factors are known.
 */
type MultiplyTerm<X extends Term, B extends Term[]> = {
  [I in keyof B]: MultiplyN<X[0], B[I][0]> extends infer C extends string
    ? JoinNames<X[1], B[I][1]> extends infer Names extends string ? [C, Names] : never
    : never;
};

/**
 * Long division of sums: the leading term of what is left, over the leading term of `B`, is the next term of
 * the quotient. `undefined` if there is none.
 *
 * @internal
 */
type DivideTerms<A extends Term[], B extends Term[], Out extends Term[] = []> = A extends
  [infer X extends Term, ...Term[]]
  ? B extends [infer Y extends Term, ...Term[]]
    ? DivideTerm<X, Y> extends infer Q extends Term
      ? SubtractTerms<A, MultiplyTerm<Q, B>> extends infer Rest extends Term[]
        ? DivideTerms<Rest, B, [...Out, Q]>
      : undefined
    : undefined
  : undefined
  : B extends [] ? undefined
  : Out;

type DivideTerm<X extends Term, Y extends Term> = DivideN<X[0], Y[0]> extends infer C extends string
  ? WithoutNames<X[1], Y[1]> extends infer Names extends string ? [C, Names] : undefined
  : undefined;

/** Merges two products of names. */
type JoinNames<A extends string, B extends string, Out extends string = ""> = A extends "" ? Prefix<Out, B>
  : B extends "" ? Prefix<Out, A>
  : IsBefore<Head<A>, Head<B>> extends true ? JoinNames<Tail<A>, B, Prefix<Out, Head<A>>>
  : JoinNames<A, Tail<B>, Prefix<Out, Head<B>>>;

/** `A` without the names of `B`, or `undefined` if it does not have them all. */
type WithoutNames<A extends string, B extends string, Out extends string = ""> = B extends "" ? Prefix<Out, A>
  : A extends "" ? undefined
  : Head<A> extends Head<B> ? WithoutNames<Tail<A>, Tail<B>, Out>
  : WithoutNames<Tail<A>, B, Prefix<Out, Head<A>>>;

type Prefix<Out extends string, Names extends string> = Out extends "" ? Names
  : Names extends "" ? Out
  : `${Out}*${Names}`;

type Head<Names extends string> = Names extends `${infer N}*${string}` ? N : Names;

type Tail<Names extends string> = Names extends `${string}*${infer Rest}` ? Rest : "";

/** The characters of names, in order; `*` and the end of a text come before them. */
type Characters = "*+0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/** Whether the names `A` come before other names `B` in a sum. The constant is last. */
type IsBefore<A extends string, B extends string> = A extends "" ? false
  : B extends "" ? true
  : IsBeforeText<`${A}+`, `${B}+`>;

type IsBeforeText<A extends string, B extends string> = A extends `${infer X}${infer P}`
  ? B extends `${infer Y}${infer Q}` ? X extends Y ? IsBeforeText<P, Q>
    : Characters extends `${string}${X}${string}${Y}${string}` ? true
    : false
  : false
  : false;
