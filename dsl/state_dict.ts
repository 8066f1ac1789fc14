/**
 * The weights of a model by path: as a type, as a value, and put in anew.
 *
 * @module
 */
import { printShape, type Shape } from "../ir/dim.ts";
import type { DType } from "../ir/dtype.ts";
import { WeightsError } from "../ir/errors.ts";
import { suggest } from "../ir/suggest.ts";
import { type AnyModule, type Child, type Children, isModule, MODULE, module } from "./module.ts";
import type { Literal } from "./types/arg.ts";
import { joinPath } from "./scope.ts";
import { isTensor, type Tensor } from "./tensor.ts";
import type { Same } from "./types/compare.ts";
import type { ShowShape, ShowUnion } from "./types/show.ts";

/**
 * The weights of a module by their paths in a checkpoint. Elements of a list, whose length the type does not know,
 * are under `h.${number}`, and may be missing.
 *
 * @example
 * ```ts
 * import { list, module, nn, type StateDict, type Tensor } from "@weft/weft";
 *
 * const m = module({ h: list(2, () => nn.layerNorm("n")) }, ({ h }) => ({ h }));
 * const weight = (w: StateDict<typeof m>): Tensor<["n"], "f32"> => w["h.0.weight"]!;
 * ```
 */
export type StateDict<M extends AnyModule> = M extends { readonly params: infer C }
  ? { readonly [E in Entries<C, ""> as E[0]]: E[1] }
  : Readonly<Record<string, Tensor>>;

/** @internal Pairs of path and tensor, of children under a path. */
export type Entries<C, Under extends string> = {
  readonly [K in keyof C & string]-?: EntriesOf<C[K], `${Under}${K}`>;
}[keyof C & string];

type EntriesOf<X, Path extends string> = X extends Tensor ? readonly [Path, X]
  : X extends readonly (infer M)[] ? EntriesOf<M, `${Path}.${number}`>
  : X extends { readonly params: infer C } ? Entries<C, `${Path}.`>
  : X extends AnyModule ? readonly [`${Path}.${string}`, Tensor]
  : never;

/** The message for every key of `W` that is no weight of `M`, or another shape or dtype; `never` if all fit. */
export type WeightProblems<M extends AnyModule, W> = {
  [K in keyof W & string]: K extends keyof StateDict<M> ? Misfit<K, StateDict<M>[K], W[K]>
    : `withParams: the model has no weight ${K}`;
}[keyof W & string];

type Misfit<K extends string, Want, Got> = Want extends Tensor<infer S, infer T>
  ? Got extends Tensor<infer R, infer U>
    ? Same<R> extends Same<S> ? Same<U> extends Same<T> ? never : MisfitText<K, R, U, S, T>
    : Got extends Want ? never
    : MayFit<R, U, S, T> extends true ? never
    : MisfitText<K, R, U, S, T>
  : `withParams: ${K} is not a tensor`
  : never;

/** Whether nothing is known of a shape or dtype: then the run decides. */
type MayFit<R extends Shape, U extends DType, S extends Shape, T extends DType> = number extends R["length"]
  ? true
  : number extends S["length"] ? true
  : [DType] extends [U] ? Same<R> extends Same<S> ? true : false
  : [DType] extends [T] ? Same<R> extends Same<S> ? true : false
  : false;

type MisfitText<K extends string, R extends Shape, U extends DType, S extends Shape, T extends DType> =
  `withParams: ${K} is ${ShowUnion<U>}${ShowShape<R>}, the model has ${ShowUnion<T>}${ShowShape<S>}`;

/**
 * The weights of a module by path, as they stand in it.
 *
 * @example
 * ```ts
 * import { nn, stateDict } from "@weft/weft";
 *
 * console.log(stateDict(nn.linear("n", 10)).bias.shape); // [10]
 * ```
 */
export function stateDict<M extends AnyModule>(m: M): StateDict<M> {
  const found: Record<string, Tensor> = {};
  const walk = (child: Child, path: string): void => {
    if (isTensor(child)) found[path] = child;
    else if (isModule(child)) {
      for (const [key, c] of Object.entries(child[MODULE].children)) walk(c, joinPath(path, key));
    } else child.forEach((c, i) => walk(c, joinPath(path, String(i))));
  };
  walk(m, "");
  return found as never;
}

/**
 * The model with other tensors in place of some of its weights; the model itself stays as it is. A `param()` is loaded
 * under the path where it is put; any other expression (`full(...)`) is computed and no longer loaded.
 *
 * Throws {@linkcode WeightsError} for a path that is no weight of the model, and for another shape or dtype than there.
 *
 * @example
 * ```ts
 * import { full, nn, parameters, withParams } from "@weft/weft";
 *
 * const m = withParams(nn.linear("n", 10), { bias: full([10], 0) });
 * console.log(parameters(m).map((p) => p.name)); // ["weight"]
 * ```
 */
export function withParams<M extends AnyModule, const W extends Readonly<Record<string, Tensor>>>(
  m: M,
  weights: Literal<WeightProblems<M, W>, W>,
): M {
  const own = stateDict(m) as Readonly<Record<string, Tensor>>;
  const given = weights as Readonly<Record<string, Tensor>>;
  const problems = Object.entries(given).flatMap(([path, w]) => problemOf(own, path, w));
  if (problems.length > 0) throw new WeightsError("Cannot put weights into the model", problems);
  return rebuild(m, given, "") as M;
}

function problemOf(own: Readonly<Record<string, Tensor>>, path: string, given: unknown): readonly string[] {
  const want = Object.hasOwn(own, path) ? own[path] : undefined;
  if (want === undefined) {
    const near = suggest(path, Object.keys(own));
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    return [`withParams: the model has no weight ${path}${hint}`];
  }
  if (!isTensor(given)) return [`withParams: ${path} is not a tensor`];
  const [got, expected] = [given, want].map((t) => `${t.dtype}${printShape(t.shape)}`);
  return got === expected ? [] : [`withParams: ${path} is ${got}, the model has ${expected}`];
}

function rebuild(m: AnyModule, weights: Readonly<Record<string, Tensor>>, path: string): AnyModule {
  const replace = (child: Child, at: string): Child => {
    if (isTensor(child)) return Object.hasOwn(weights, at) ? weights[at] ?? child : child;
    return isModule(child)
      ? rebuild(child, weights, at)
      : child.map((c, i) => rebuild(c, weights, joinPath(at, String(i))));
  };
  const { children, build } = m[MODULE];
  const replaced: Children = Object.fromEntries(
    Object.entries(children).map(([key, child]) => [key, replace(child, joinPath(path, key))]),
  );
  return module(replaced, build as (children: Children) => object);
}
