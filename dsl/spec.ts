/**
 * Inputs of a program: what is given with each call, and what the device keeps from call to call.
 *
 * @module
 */
import type { Dim, Shape } from "../ir/dim.ts";
import { type DType, DTYPES } from "../ir/dtype.ts";
import { ConfigError, ShapeError } from "../ir/errors.ts";
import type { InputRole } from "../ir/graph.ts";
import { located } from "./apply.ts";
import { bindShape, checkShape, scope } from "./scope.ts";
import type { Literal } from "./types/arg.ts";
import type { WrittenShape } from "./types/written.ts";
import { isTensor, makeTensor, type Tensor } from "./tensor.ts";

/** A tree of inputs: tensors in records and lists. */
export type InputTree = Tensor | readonly InputTree[] | { readonly [name: string]: InputTree };

/**
 * An input that is given with each call.
 *
 * @example
 * ```ts
 * import { spec } from "@weft/weft";
 *
 * const ids = spec(["batch", "seq"], "i32");
 * console.log(ids.shape); // ["batch", "seq"]
 * ```
 */
export function spec<const S extends readonly Dim[], const T extends DType>(
  shape: Literal<WrittenShape<"spec", S>, readonly [...S]>,
  dtype: T,
): Tensor<S, T> {
  return makeInput("input", shape as Shape, dtype) as never;
}

/**
 * An input that stays on the device: the result of the same path in the output tree is its next value. A KV cache
 * is `state([..., "past", ...])`, to which a step {@linkcode append}s.
 *
 * @example
 * ```ts
 * import { add, full, method, state } from "@weft/weft";
 *
 * // Counts its own calls.
 * const count = method({ n: state([1], "i32") }, ({ n }) => ({ n: add(n, full([1], 1, "i32")) }));
 * console.log(count.inputs.n.shape); // [1]
 * ```
 */
export function state<const S extends readonly Dim[], const T extends DType>(
  shape: Literal<WrittenShape<"state", S>, readonly [...S]>,
  dtype: T,
): Tensor<S, T> {
  return makeInput("state", shape as Shape, dtype) as never;
}

/** An input of this role that has no name yet. Throws {@linkcode ShapeError} for what is not a shape or dtype. */
export function makeInput(role: InputRole, shape: Shape, dtype: DType): Tensor {
  const op = role === "input" ? "spec" : role;
  return located(scope().path, () => {
    if (!Object.hasOwn(DTYPES, dtype)) {
      throw new ShapeError(
        op,
        `${op}: ${dtype} is not a dtype; there are ${Object.keys(DTYPES).join(", ")}`,
      );
    }
    return makeTensor(checkShape(op, shape), dtype, { kind: "input", role, name: "" });
  });
}

/** An entry point of a model: its inputs, and what it computes from them. */
export interface Method<I extends InputTree = InputTree, O = unknown> {
  /** Tells an entry point from other values. */
  readonly kind: "method";
  /** What is given with each call, and what the device keeps. */
  readonly inputs: I;
  /** The results, of tensors that stand for the inputs. */
  forward(inputs: I): O;
}

/**
 * Makes an entry point.
 *
 * @example
 * ```ts
 * import { method, mul, spec } from "@weft/weft";
 *
 * const square = method({ x: spec(["n"], "f32") }, ({ x }) => mul(x, x));
 * ```
 */
export function method<I extends InputTree, O>(inputs: I, forward: (inputs: I) => O): Method<I, O> {
  return { kind: "method", inputs, forward };
}

/** Whether a value is an entry point. */
export function isMethod(value: unknown): value is Method {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "method";
}

/** Tensors of a tree with their paths (`past.0.k`), in order. */
export function leaves(tree: unknown, path: string = ""): readonly (readonly [path: string, leaf: Tensor])[] {
  if (isTensor(tree)) return [[path, tree]];
  if (typeof tree !== "object" || tree === null) return [];
  return Object.entries(tree).flatMap(([key, child]) => leaves(child, path === "" ? key : `${path}.${key}`));
}

/** The same tree with every tensor replaced. */
export function mapLeaves(
  tree: InputTree,
  f: (leaf: Tensor, path: string) => Tensor,
  path: string = "",
): InputTree {
  const under = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (isTensor(tree)) return f(tree, path);
  if (Array.isArray(tree)) return tree.map((child: InputTree, i) => mapLeaves(child, f, under(String(i))));
  return Object.fromEntries(
    Object.entries(tree).map(([key, child]) => [key, mapLeaves(child as InputTree, f, under(key))]),
  );
}

/** The tree with paths as names and the scope's dims put in: what a program is traced with. */
export function instantiateInputs<I extends InputTree>(tree: I): I {
  const named = mapLeaves(tree, (leaf, path) => {
    const { source } = leaf;
    if (source.kind !== "input") {
      throw new ConfigError(`Cannot use a computed tensor as input ${path}: use spec() or state()`);
    }
    return makeTensor(bindShape(leaf.shape), leaf.dtype, { ...source, name: path === "" ? "input" : path });
  });
  return named as I;
}
