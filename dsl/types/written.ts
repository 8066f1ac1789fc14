/**
 * Shapes as they are written out, for the type checker: the twin of `checkShape` in `dsl/scope.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { IsUnknown } from "./compare.ts";
import type { CanonicalD } from "./dim.ts";
import type { IsInteger, IsName } from "./name.ts";

/** `S` if each of its dims is a size, or a text in the form that dims are printed in; or the message. */
export type WrittenShape<Op extends string, S extends Shape> = IsUnknownRank<S> extends true ? S
  : DimProblem<Op, S[number]> extends infer P ? [P] extends [never] ? S : P
  : never;

/** The message for each dim of a union that is not right; `never` if all are. */
export type DimProblem<Op extends string, D extends Dim> = D extends unknown
  ? IsUnknown<D> extends true ? never
  : D extends string ? Unreadable<D, D> extends infer P extends string ? P
    : D extends CanonicalD<D> ? never
    : `${Op}: write the dim ${D} as ${CanonicalD<D>}`
  : `${D}` extends `-${string}` | `${string}.${string}`
    ? `${Op}: ${D} is not a size; sizes are integers from 0`
  : never
  : never;

/** The message for the first factor that cannot be read, or `undefined`. */
type Unreadable<D extends string, Whole extends string> = D extends `${infer T}+${infer Rest}`
  ? UnreadableTerm<T, Whole> extends infer P extends string ? P : Unreadable<Rest, Whole>
  : UnreadableTerm<D, Whole>;

type UnreadableTerm<T extends string, Whole extends string> = T extends `${infer F}*${infer Rest}`
  ? UnreadableFactor<F, Whole> extends infer P extends string ? P : UnreadableTerm<Rest, Whole>
  : UnreadableFactor<T, Whole>;

type UnreadableFactor<F extends string, Whole extends string> = true extends IsName<F> | IsInteger<F>
  ? undefined
  : DimError<Whole, F extends "" ? "a factor is missing" : Neither<F>>;

type Neither<F extends string> = `"${F}" is neither a name nor an integer`;

type DimError<Whole extends string, Found extends string> =
  `dim: cannot read "${Whole}": ${Found}; write names, integers, + and * (no spaces)`;
