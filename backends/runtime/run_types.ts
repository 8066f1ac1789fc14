/**
 * What the type of a program says of the tensors that go into its entry points and come out of them.
 *
 * @module
 */
import type { ArrayTypes } from "../../ir/data.ts";
import type { DType } from "../../ir/dtype.ts";
import type { EntryTypes } from "../../ir/graph.ts";

/** A tensor in the program's memory: row-major elements. */
export interface HostTensor<out T extends DType = DType> {
  readonly dtype: T;
  readonly shape: readonly number[];
  /** Elements; f16 and bf16 as their bits, bool as 0 and 1. */
  readonly data: ArrayTypes[T];
}

/** A result that is still on the device. An input of a later run may be one: it does not come to the host then. */
export interface DeviceTensor<out T extends DType = DType> {
  readonly dtype: T;
  readonly shape: readonly number[];
  /** Whether a later run of the same entry point has replaced it: it can no longer be read or be an input. */
  readonly replaced: boolean;
  /** Copies it back. Refuses once a later run of the same entry point has replaced it. */
  read(): Promise<HostTensor<T>>;
}

/** What a run takes: a tensor of the host, or a result of an earlier run on the same device. */
export type InputTensor<T extends DType = DType> = HostTensor<T> | DeviceTensor<T>;

/**
 * What an entry point is given with a call. A path that is an output, too, is (as a rule) a state, which is not given:
 * it is optional.
 */
export type RunInputs<X extends EntryTypes> = string extends keyof X["inputs"]
  ? Readonly<Record<string, InputTensor>>
  :
    & {
      readonly [N in keyof X["inputs"] as N extends keyof X["outputs"] ? never : N]: InputTensor<
        X["inputs"][N]["dtype"]
      >;
    }
    & { readonly [N in keyof X["inputs"] as N extends keyof X["outputs"] ? N : never]?: InputTensor };

/** What an entry point gives. Next values of states stay in the state. */
export type RunOutputs<X extends EntryTypes> = string extends keyof X["outputs"]
  ? Readonly<Record<string, DeviceTensor>>
  :
    & {
      readonly [N in keyof X["outputs"] as N extends keyof X["inputs"] ? never : N]: DeviceTensor<
        X["outputs"][N]["dtype"]
      >;
    }
    & { readonly [N in keyof X["outputs"] as N extends keyof X["inputs"] ? N : never]?: DeviceTensor };

/**
 * `I` if it has the inputs of an entry point `K` with types `X`, or the message about one that is unknown, missing or
 * of another type.
 */
export type CheckedInputs<K extends string, X extends EntryTypes, I> = string extends keyof X["inputs"] ? I
  : [Unknown<K, X, I>] extends [never] ? [Problem<K, X, I>] extends [never] ? I : OneOf<Problem<K, X, I>>
  : OneOf<Unknown<K, X, I>>;

type Unknown<K extends string, X extends EntryTypes, I> = Exclude<keyof I & string, keyof X["inputs"]> extends
  infer N ? N extends string ? `${K}: there is no input ${N}` : never
  : never;

/** States are not given: what is an output, too, may be missing, as may elements of a list, whose length is not known. */
type Problem<K extends string, X extends EntryTypes, I> =
  | {
    [N in Exclude<keyof X["inputs"] & string, keyof X["outputs"] | keyof I>]: Record<never, never> extends
      { [P in N]: unknown } ? never : `${K}: input ${N} is missing`;
  }[Exclude<keyof X["inputs"] & string, keyof X["outputs"] | keyof I>]
  | {
    [N in keyof I & string]: N extends keyof X["outputs"] ? never
      : N extends keyof X["inputs"] ? Misfit<`${K}: ${N}`, X["inputs"][N]["dtype"], I[N]>
      : never;
  }[keyof I & string];

type Misfit<At extends string, T extends DType, V> = V extends { readonly dtype: infer D extends DType }
  ? [D] extends [T] ? V extends DeviceTensor ? never
    : V extends { readonly data: infer A } ? A extends ArrayTypes[T] ? never : WrongData<At, T, A>
    : WrongData<At, T, undefined>
  : `${At} is ${D}, expected ${T}`
  : `${At} is undefined, expected ${T}`;

type WrongData<At extends string, T extends DType, A> =
  `${At} is ${T}, its data must be ${ArrayTypes[T][typeof Symbol.toStringTag]}, is ${A extends
    { readonly [Symbol.toStringTag]: infer Name extends string } ? Name : "undefined"}`;

/** One member of a union: an intersection of functions is called as its last overload. */
type OneOf<U> = (U extends unknown ? (f: (x: U) => void) => void : never) extends
  (f: infer F extends (x: never) => void) => void ? F extends (x: infer L) => void ? L : never : never;
