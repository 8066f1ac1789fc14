/**
 * Comparison of dims, for the type checker.
 *
 * Dims are compared inside a box: TypeScript postpones `A extends B` for a type parameter until it is known,
 * but decides `Box<A> extends Box<A>` at once. So checks resolve in code that is generic in a dim.
 *
 * @module
 */

/** @internal A type in a box, as large as its content. */
export interface Box<out X> {
  readonly x: X;
}

/** @internal A type in a box that fits only a box with the same type: a union does not fit its members, nor they it. */
export interface Same<in out X> {
  readonly x: (x: X) => X;
}

/** @internal Whether a type is a union of several. */
export type IsUnion<X, Whole = X> = [X] extends [never] ? false
  : X extends unknown ? [Whole] extends [X] ? false : true
  : never;

/** @internal Whether a dim, or one of a union of dims, is unknown: `number` (or `string`), not a literal. */
export type IsUnknown<D> = number extends D ? true : string extends D ? true : false;

/** @internal Whether a number is an integer from 1 on, or unknown. */
export type IsCount<N extends number> = number extends N ? true
  : `${N}` extends "0" | `-${string}` | `${string}.${string}` ? false
  : true;

/** @internal The message for the first of some dims that is a number but no size; `never` if there is none. */
export type SizeProblem<S extends readonly unknown[]> = {
  [I in keyof S]: S[I] extends number
    ? `${S[I]}` extends `-${string}` | `${string}.${string}` ? `dim: ${S[I]} is not a non-negative integer`
    : never
    : never;
}[number];

/** @internal Whether two dims may be the same size: they are equal, or one is unknown. */
export type MayMatch<A, B> = Same<A> extends Same<B> ? true
  : IsUnknown<A> extends true ? true
  : IsUnknown<B>;

/** The one of two matching dims that says more. */
export type MorePrecise<A, B> = Box<A> extends Box<B> ? A
  : Box<B> extends Box<A> ? B
  : IsUnknown<A> extends true ? B
  : A;
