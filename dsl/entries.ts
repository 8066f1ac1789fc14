/**
 * What the type of a traced program says of its entry points.
 *
 * @module
 */
import type { Shape } from "../ir/dim.ts";
import type { DType } from "../ir/dtype.ts";
import type { EntryTypes } from "../ir/graph.ts";
import type { InputTree, Method } from "./spec.ts";
import type { Tensor } from "./tensor.ts";
import type { BindShape } from "./types/bind.ts";

/**
 * The entry points of a model `M` that is traced with options `O`: paths, shapes with the dims put in, and dtypes.
 *
 * @example
 * ```ts
 * import { method, neg, type Program, spec, trace } from "@weft/weft";
 *
 * const f = method({ x: spec(["b", "n"], "f32") }, ({ x }) => ({ y: neg(x) }));
 * const program = trace({ f }, { dims: { n: 4 } });
 * type F = NonNullable<(typeof program)["entries"]>["f"];
 * const shape: F["outputs"]["y"]["shape"] = ["b", 4];
 * ```
 */
export type EntriesOf<M, O> = {
  readonly [K in EntryNames<M, O>]: K extends keyof M ? M[K] extends Method<infer I, infer R> ? {
        readonly inputs: LeafTypes<I, "input", BoundDims<O, K>>;
        readonly outputs: LeafTypes<R, "output", BoundDims<O, K>> & TapTypes<O>;
      }
    : EntryTypes
    : EntryTypes;
};

/** The message for an entry point among the options `O` that the model `M` does not have; `never` if it has all. */
export type TraceProblem<M, O> = EntryNames<O, O> extends infer N
  ? N extends string ? string extends N ? never
    : N extends EntryNames<M, unknown> ? never
    : string extends keyof M ? never
    : `trace: the model has no entry point ${N}`
  : never
  : never;

type EntryNames<M, O> = O extends { readonly methods: infer R }
  ? R extends readonly (infer N extends string)[] ? N : keyof R & string
  : { [K in keyof M & string]: M[K] extends Method ? K : never }[keyof M & string];

/** Values of dims of one entry point: those of the program, and its own. */
type BoundDims<O, K> =
  & (O extends { readonly dims: infer D } ? D : unknown)
  & (O extends { readonly methods: { readonly [N in K & string]: infer D } } ? D : unknown);

/** Taps are further outputs, under names that only the trace knows. */
type TapTypes<O> = O extends { readonly taps: unknown } ? EntryTypes["outputs"] : unknown;

/** Tensors of a tree by path; a tensor alone has a name of its own. Of a tree of any form nothing is known. */
type LeafTypes<Tree, Alone extends string, B> = unknown extends Tree ? EntryTypes["inputs"]
  : InputTree extends Tree ? EntryTypes["inputs"]
  : Tree extends Tensor ? { readonly [K in Alone]: Bound<Tree, B> }
  : {
    readonly [L in Leaf<Tree, ""> as L extends readonly [infer P extends string, unknown] ? P : never]:
      L extends readonly [string, infer X] ? Bound<X, B> : never;
  };

/** Pairs of path and tensor, eight levels deep at most. */
type Leaf<Tree, Under extends string, Depth extends 0[] = []> = Depth["length"] extends 8 ? never
  : Tree extends readonly (infer X)[] ? LeafOf<X, `${Under}${number}`, Depth>
  : Tree extends object
    ? { [K in keyof Tree & string]: LeafOf<Tree[K], `${Under}${K}`, Depth> }[keyof Tree & string]
  : never;

type LeafOf<X, Path extends string, Depth extends 0[]> = X extends Tensor ? readonly [Path, X]
  : Leaf<X, `${Path}.`, [...Depth, 0]>;

type Bound<X, B> = X extends Tensor<infer S extends Shape, infer T extends DType>
  ? { readonly shape: BindShape<S, B>; readonly dtype: T }
  : never;
