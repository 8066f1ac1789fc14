/**
 * Modules: parameters under names, and functions of them. A module is a value; its children's keys are the path of
 * its parameters in a checkpoint.
 *
 * @module
 */
import type { Dim, Shape } from "../ir/dim.ts";
import type { DType } from "../ir/dtype.ts";
import { ConfigError } from "../ir/errors.ts";
import { withPlace } from "./apply.ts";
import { siteOf } from "./call_site.ts";
import { bindShape, joinPath, scope, withScope } from "./scope.ts";
import { isMethod, makeInput, type Method, method } from "./spec.ts";
import { isTensor, makeTensor, type Tensor } from "./tensor.ts";

/** A weight. */
export type Param<S extends Shape = Shape, T extends DType = DType> = Tensor<S, T>;

/**
 * A weight of this shape and dtype; the keys of the modules around it give it its name.
 *
 * @example
 * ```ts
 * import { module, mul, param, type Tensor } from "@weft/weft";
 *
 * const scale = module({ weight: param(["n"], "f32") }, ({ weight }) => (x: Tensor<["n"], "f32">) => mul(x, weight));
 * ```
 */
export function param<const S extends readonly Dim[], const T extends DType>(
  shape: readonly [...S],
  dtype: T,
): Param<S, T> {
  return makeInput("param", shape, dtype) as never;
}

/** What a module may be built from: weights, modules, and lists of modules. */
export type Child = Tensor | AnyModule | readonly AnyModule[];

/** Children of a module, by name. */
export type Children = Readonly<Record<string, Child>>;

/** A module of any kind. */
export interface AnyModule {
  /** What it was built from, for building it again. */
  readonly [MODULE]: ModuleParts;
}

/** A module: what `build` gave (a function, or a record of functions and methods) with its children as `params`. */
export type Module<C extends Children, F> = F & AnyModule & { readonly params: C };

/** A module of which no more is known than its children. */
export type ModuleOf<C> = AnyModule & { readonly params: C };

/** Under this key a module keeps what it was built from. */
export const MODULE: unique symbol = Symbol("weft.module");

/** What a module was built from. */
export interface ModuleParts {
  /** Weights and modules, by name. */
  readonly children: Children;
  /** Makes the module's functions of the children. */
  readonly build: (children: Children) => unknown;
}

/**
 * Builds a module of children and a function of them. The function must use the children that it is given: the same
 * model is built again with other weights, or with its names put in.
 *
 * @example
 * ```ts
 * import { gelu, module, nn, type Tensor } from "@weft/weft";
 *
 * const mlp = module({
 *   up: nn.linear("n", "4*n"),
 *   down: nn.linear("4*n", "n"),
 * }, ({ up, down }) => (x: Tensor<["b", "n"], "f32">) => down(gelu(up(x))));
 * ```
 */
export function module<const C extends Children, F extends object>(
  children: C,
  build: (children: C) => F,
): Module<C, F> {
  const own = Object.freeze({ ...children });
  for (const [key, child] of Object.entries(own)) checkChild(key, child);
  return assemble({ children: own, build: build as ModuleParts["build"] }, own, "", false) as Module<C, F>;
}

function checkChild(key: string, child: unknown): void {
  const given = isTensor(child) && child.source.kind === "input" && child.source.role === "input";
  const fits = isTensor(child) || isModule(child) || (Array.isArray(child) && child.every(isModule));
  if (fits && !given) return;
  throw new ConfigError(
    `module: child ${key} is ${
      given ? "an input" : show(child)
    }, expected a weight (param()), a module or a list of modules`,
  );
}

function show(value: unknown): string {
  if (Array.isArray(value)) return "a list with something other than modules in it";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/**
 * `n` modules under the keys 0, 1, ...: `list(12, (i) => block(config, i))`.
 *
 * @example
 * ```ts
 * import { list, nn, parameters, module } from "@weft/weft";
 *
 * const m = module({ h: list(2, () => nn.layerNorm("n")) }, ({ h }) => ({ h }));
 * console.log(parameters(m).map((p) => p.name)); // ["h.0.weight", "h.0.bias", "h.1.weight", "h.1.bias"]
 * ```
 */
export function list<M extends AnyModule>(n: number, build: (index: number) => M): readonly M[] {
  return Array.from({ length: n }, (_, i) => build(i));
}

/** Whether a value is a module. */
export function isModule(value: unknown): value is AnyModule {
  return (typeof value === "object" || typeof value === "function") && value !== null && MODULE in value;
}

/**
 * Names a tensor inside a module: it can then be tapped as `PATH.name`. Gives the tensor itself.
 *
 * @example
 * ```ts
 * import { exp, method, named, neg, spec, trace } from "@weft/weft";
 *
 * const f = method({ x: spec([4], "f32") }, ({ x }) => neg(named("e", exp(x))));
 * console.log(trace({ f }, { taps: ["e"] }).graphs.f!.outputs.map((o) => o.name)); // ["output", "e"]
 * ```
 */
export function named<X extends Tensor>(name: string, x: X): X {
  const { onNamed, path } = scope();
  onNamed?.(joinPath(path, name), x);
  return x;
}

/** The module as it is at `path`: names on its parameters, dims of the scope put in. */
export function instantiate<M extends AnyModule>(m: M, path: string): M {
  const parts = m[MODULE];
  const children = Object.fromEntries(
    Object.entries(parts.children).map(([key, child]) => [key, instantiateChild(child, joinPath(path, key))]),
  );
  return assemble(parts, children, path, true) as M;
}

function instantiateChild(child: Child, path: string): Child {
  if (isTensor(child)) {
    const { source } = child;
    if (source.kind !== "input") return child;
    return makeTensor(bindShape(child.shape), child.dtype, { ...source, name: path });
  }
  if (isModule(child)) return instantiate(child, path);
  return child.map((m, i) => instantiate(m, joinPath(path, String(i))));
}

function assemble(parts: ModuleParts, children: Children, path: string, placed: boolean): object {
  const built = parts.build(children);
  if (built === null || (typeof built !== "object" && typeof built !== "function") || isTensor(built)) {
    throw new ConfigError(
      `module: the function of the children gave ${isTensor(built) ? "a tensor" : String(built)}, ` +
        "expected a function or a record of functions and methods",
    );
  }
  // Only a module that has been given its place in a tree moves the path: one that is called as it was built
  // belongs to whatever calls it.
  const enter = <A extends readonly unknown[], R>(f: (...args: A) => R) => (...args: A): R => {
    if (!placed) return f(...args);
    const result = withScope({ path }, () => {
      try {
        return f(...args);
      } catch (error) {
        throw withPlace(error, path, siteOf);
      }
    });
    if (isTensor(result)) scope().onNamed?.(path, result);
    return result;
  };
  const wrap = (value: unknown): unknown => {
    if (typeof value === "function") return enter(value as (...args: readonly unknown[]) => unknown);
    if (isMethod(value)) return method(value.inputs, enter(value.forward));
    return value;
  };
  const surface = typeof built === "function"
    ? wrap(built) as object
    : Object.fromEntries(Object.entries(built).map(([key, value]) => [key, wrap(value)]));
  return Object.freeze(Object.assign(surface, { params: children, [MODULE]: parts }));
}

/** A weight of a model with its path. */
export interface NamedParam {
  /** Path, such as `h.0.attn.c_attn.weight`. */
  readonly name: string;
  /** Dims, as the module names them. */
  readonly shape: Shape;
  /** Type of the elements that the module computes with. */
  readonly dtype: DType;
}

/**
 * The weights of a model, with the paths that a checkpoint has them under.
 *
 * @example
 * ```ts
 * import { nn, parameters } from "@weft/weft";
 *
 * console.log(parameters(nn.linear("n", 10))[0]); // { name: "weight", shape: ["n", 10], dtype: "f32" }
 * ```
 */
export function parameters(m: AnyModule): readonly NamedParam[] {
  const walk = (child: Child, path: string): NamedParam[] => {
    if (isTensor(child)) {
      const isParam = child.source.kind === "input" && child.source.role === "param";
      return isParam ? [{ name: path, shape: child.shape, dtype: child.dtype }] : [];
    }
    if (isModule(child)) {
      return Object.entries(child[MODULE].children).flatMap(([key, c]) => walk(c, joinPath(path, key)));
    }
    return child.flatMap((c, i) => walk(c, joinPath(path, String(i))));
  };
  return walk(m, "");
}

export type { Method };
