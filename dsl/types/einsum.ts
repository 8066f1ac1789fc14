/**
 * Axes by name, for the type checker: the twin of `einsumShape` and `rearrangeShape` in `ir/shape/einsum.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { IsUnknown, MayMatch, MorePrecise } from "./compare.ts";
import type { DivD, ProductD } from "./dim.ts";
import type { IsName } from "./name.ts";
import type { ReshapeShape } from "./reshape.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** The shape of `einsum("t h d, s h d -> h t s", ...)` of tensors of the shapes `L`, or the message. */
export type EinsumShape<E extends string, L extends readonly Shape[]> = string extends E ? Shape
  : E extends `${infer Left}->${infer Right}`
    ? Right extends `${string}->${string}` ? `einsum: "${E}" has not one ->`
    : BadName<`${Left}->${Right}`> extends infer Bad extends string ? `einsum: "${Bad}" is no name of an axis`
    : Operands<Left> extends infer Names extends readonly (readonly string[])[]
      ? number extends L["length"] ? AllUnknown<Words<Right>>
      : Names["length"] extends L["length"]
        ? Sizes<Names, L> extends infer S ? S extends string ? S : Picked<Words<Right>, S>
        : never
      : `einsum: "${E}" is of ${Names["length"]} tensors, got ${L["length"]}`
    : never
  : `einsum: "${E}" has not one ->`;

/** @internal The words of a text. */
type Words<T extends string, Out extends string[] = []> = T extends `${infer W} ${infer Rest}`
  ? Words<Rest, W extends "" ? Out : [...Out, W]>
  : T extends "" ? Out
  : [...Out, T];

type Operands<T extends string, Out extends string[][] = []> = T extends `${infer A},${infer Rest}`
  ? Operands<Rest, [...Out, Words<A>]>
  : [...Out, Words<T>];

/** @internal The first word between the separators `,` and `->` that is no name; `undefined` if there is none. */
type BadName<T extends string> = T extends `${infer A}->${infer B}`
  ? BadName<A> extends infer Bad extends string ? Bad : BadName<B>
  : T extends `${infer A},${infer B}` ? BadName<A> extends infer Bad extends string ? Bad : BadName<B>
  : FirstBad<Words<T>>;

type FirstBad<W extends string[]> = W extends [infer A extends string, ...infer Rest extends string[]]
  ? IsName<A> extends true ? FirstBad<Rest> : A
  : undefined;

/** @internal The size of every name, or the message. */
type Sizes<
  Names extends readonly (readonly string[])[],
  L extends readonly Shape[],
  Known extends Readonly<Record<string, Dim>> = Record<never, never>,
> = Names extends
  readonly [infer W extends readonly string[], ...infer More extends readonly (readonly string[])[]]
  ? L extends readonly [infer S extends Shape, ...infer Rest extends readonly Shape[]]
    ? (IsUnknownRank<S> extends true ? Unknowns<W, Known>
      : W["length"] extends S["length"] ? Bound<W, S, Known>
      : `einsum: "${Joined<W>}" is of other rank than ${ShowShape<S>}`) extends infer K
      ? K extends string ? K : K extends Readonly<Record<string, Dim>> ? Sizes<More, Rest, K> : never
    : never
  : never
  : Known;

type Unknowns<W extends readonly string[], Known> =
  & Known
  & { readonly [N in Exclude<W[number], keyof Known>]: number };

type Bound<W extends readonly string[], S extends Shape, Known> = W extends
  readonly [infer N extends string, ...infer More extends readonly string[]]
  ? S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
    ? N extends keyof Known
      ? Known[N] extends infer K extends Dim
        ? MayMatch<K, D> extends true
          ? Bound<More, Rest, Omit<Known, N> & { readonly [X in N]: MorePrecise<K, D> }>
        : `einsum: ${N} is ${ShowDim<K>} and ${ShowDim<D>}`
      : never
    : Bound<More, Rest, Known & { readonly [X in N]: D }>
  : Known
  : Known;

type Joined<W extends readonly string[], Out extends string = ""> = W extends
  readonly [infer A extends string, ...infer Rest extends readonly string[]]
  ? Joined<Rest, Out extends "" ? A : `${Out} ${A}`>
  : Out;

type Picked<W extends readonly string[], S, Seen extends string = never, Out extends Dim[] = []> = W extends
  readonly [infer N extends string, ...infer Rest extends readonly string[]]
  ? N extends keyof S ? N extends Seen ? `einsum: ${N} is twice in the result`
    : S[N] extends infer D extends Dim ? Picked<Rest, S, Seen | N, [...Out, D]>
    : never
  : `einsum: ${N} is in the result and in no tensor`
  : Out;

type AllUnknown<W extends readonly string[]> = { -readonly [I in keyof W]: number };

/**
 * The shape of `rearrange(x, "b s (h d) -> b h s d", { h: 12 })`, or the message. A size that does not follow exactly
 * is `number`; tracing, which may know values of names, decides then.
 */
export type RearrangeShape<X extends Shape, P extends string, Z extends Readonly<Record<string, Dim>>> =
  string extends P ? Shape
    : P extends `${infer Left}->${infer Right}`
      ? Right extends `${string}->${string}` ? `rearrange: "${P}" has not one ->`
      : GroupsOf<Left> extends infer From ? From extends string ? From
        : GroupsOf<Right> extends infer To ? To extends string ? To
          : From extends readonly (readonly string[])[]
            ? To extends readonly (readonly string[])[] ? Moved<X, P, Z, From, To> : never
          : never
        : never
      : never
    : `rearrange: "${P}" has not one ->`;

type Moved<
  X extends Shape,
  P extends string,
  Z extends Readonly<Record<string, Dim>>,
  From extends readonly (readonly string[])[],
  To extends readonly (readonly string[])[],
> = Twice<Flat<From>> extends infer A extends string ? `rearrange: ${A} is twice on one side`
  : Twice<Flat<To>> extends infer A extends string ? `rearrange: ${A} is twice on one side`
  : Lone<Flat<From>, Flat<To>[number]> extends infer A extends string ? `rearrange: ${A} is on one side only`
  : Lone<Flat<To>, Flat<From>[number]> extends infer A extends string ? `rearrange: ${A} is on one side only`
  : [Exclude<keyof Z & string, Flat<From>[number]>] extends [never]
    ? IsUnknownRank<X> extends true ? ApartUnknown<From, Z> extends infer S ? JoinAll<To, S> : never
    : From["length"] extends X["length"] ? Apart<From, X, Z> extends infer S ? S extends string ? S
        : ReshapeShape<X, SizesOf<Flat<From>, S>> extends infer R ? R extends string ? R : JoinAll<To, S>
        : never
      : never
    : `rearrange: "${P}" is of other rank than ${ShowShape<X>}`
  : `rearrange: there is no ${Exclude<keyof Z & string, Flat<From>[number]>} in "${P}"`;

/** @internal */
type GroupsOf<T extends string> = Grouped<Words<Spaced<T>>, Trim<T>>;

type Spaced<T extends string> = T extends `${infer A}(${infer B}` ? `${SpacedClose<A>} ( ${Spaced<B>}`
  : SpacedClose<T>;
type SpacedClose<T extends string> = T extends `${infer A})${infer B}` ? `${A} ) ${SpacedClose<B>}` : T;
type Trim<T extends string> = T extends ` ${infer A}` ? Trim<A> : T extends `${infer A} ` ? Trim<A> : T;

type Grouped<
  W extends readonly string[],
  T extends string,
  Open extends readonly string[] | undefined = undefined,
  Out extends readonly (readonly string[])[] = [],
> = W extends readonly [infer A extends string, ...infer Rest extends readonly string[]]
  ? A extends "(" ? Open extends undefined ? Grouped<Rest, T, [], Out> : Unmatched<T>
  : A extends ")"
    ? Open extends readonly string[] ? Grouped<Rest, T, undefined, [...Out, Open]> : Unmatched<T>
  : IsName<A> extends true ? Open extends readonly string[] ? Grouped<Rest, T, [...Open, A], Out>
    : Grouped<Rest, T, undefined, [...Out, [A]]>
  : `rearrange: "${A}" is no name of an axis`
  : Open extends undefined ? Out
  : Unmatched<T>;

type Unmatched<T extends string> = `rearrange: parentheses of "${T}" do not match`;

type Flat<G extends readonly (readonly string[])[], Out extends readonly string[] = []> = G extends
  readonly [infer A extends readonly string[], ...infer Rest extends readonly (readonly string[])[]]
  ? Flat<Rest, [...Out, ...A]>
  : Out;

type Twice<W extends readonly string[], Seen extends string = never> = W extends
  readonly [infer A extends string, ...infer Rest extends readonly string[]]
  ? A extends Seen ? A : Twice<Rest, Seen | A>
  : undefined;

type Lone<W extends readonly string[], Other extends string> = W extends
  readonly [infer A extends string, ...infer Rest extends readonly string[]]
  ? A extends Other ? Lone<Rest, Other> : A
  : undefined;

/** @internal The size of every name, or the message. */
type Apart<
  G extends readonly (readonly string[])[],
  X extends Shape,
  Z extends Readonly<Record<string, Dim>>,
  Out = unknown,
> = G extends
  readonly [infer A extends readonly string[], ...infer Rest extends readonly (readonly string[])[]]
  ? X extends readonly [infer D extends Dim, ...infer More extends Shape]
    ? GroupSizes<A, D, Z> extends infer S ? S extends string ? S : Apart<Rest, More, Z, Out & S> : never
  : Out
  : Out;

type GroupSizes<A extends readonly string[], D extends Dim, Z extends Readonly<Record<string, Dim>>> =
  Given<A, Z> extends [infer Known extends Dim[], infer Open extends string[]]
    ? Open extends [] ? MayMatch<ProductD<Known>, D> extends true ? { readonly [N in A[number]]: Z[N] }
      : `rearrange: (${Joined<A>}) is ${ShowDim<ProductD<Known>>}, its axis is ${ShowDim<D>}`
    : Open extends [infer N extends string]
      ? DivD<D, ProductD<Known>> extends infer Q extends Dim
        ? IsUnknown<Q> extends true
          ? [D, ProductD<Known>] extends [number, number]
            ? IsUnknown<D | Known[number]> extends true ? Sized<A, Z, N, number>
            : `rearrange: ${N} of (${Joined<A>}) is ${ShowDim<D>} / ${ShowDim<
              ProductD<Known>
            >}, which is no size`
          : Sized<A, Z, N, number>
        : Sized<A, Z, N, Q>
      : never
    : Open extends [infer N extends string, infer M extends string, ...string[]]
      ? `rearrange: sizes of ${N} and ${M} are not given`
    : never
    : never;

type Sized<
  A extends readonly string[],
  Z extends Readonly<Record<string, Dim>>,
  N extends string,
  Q extends Dim,
> =
  & { readonly [X in Exclude<A[number], N>]: Z[X] }
  & { readonly [X in N]: Q };

type Given<
  A extends readonly string[],
  Z extends Readonly<Record<string, Dim>>,
  Known extends Dim[] = [],
  Open extends string[] = [],
> = A extends readonly [infer N extends string, ...infer Rest extends readonly string[]]
  ? N extends keyof Z ? Given<Rest, Z, [...Known, Z[N]], Open> : Given<Rest, Z, Known, [...Open, N]>
  : [Known, Open];

type ApartUnknown<G extends readonly (readonly string[])[], Z extends Readonly<Record<string, Dim>>> = {
  readonly [N in Flat<G>[number]]: N extends keyof Z ? Z[N] : number;
};

type SizesOf<W extends readonly string[], S, Out extends Dim[] = []> = W extends
  readonly [infer N extends string, ...infer Rest extends readonly string[]]
  ? N extends keyof S ? S[N] extends infer D extends Dim ? SizesOf<Rest, S, [...Out, D]> : never : never
  : Out;

type JoinAll<G extends readonly (readonly string[])[], S, Out extends Dim[] = []> = G extends
  readonly [infer A extends readonly string[], ...infer Rest extends readonly (readonly string[])[]]
  ? ProductD<SizesOf<A, S>> extends infer D extends Dim ? JoinAll<Rest, S, [...Out, D]> : never
  : Out;
