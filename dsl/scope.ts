/**
 * What surrounds an operator while a model is traced: the values of dims, the path of the module, and who listens
 * to named tensors. Dynamic scope, so that models stay plain functions; nothing outside `dsl/` sees it.
 *
 * @module
 */
import { type Dim, type Shape, substituteDim } from "../ir/dim.ts";
import type { Attr, Attrs } from "../ir/graph.ts";
import type { Tensor } from "./tensor.ts";

/** The surroundings of an operator. */
export interface TraceScope {
  /** Values of bound dims. */
  readonly dims: Readonly<Record<string, number>>;
  /** Path of the module being called, such as `transformer.h.0`. */
  readonly path: string;
  /** Called for every named tensor with its full path. */
  readonly onNamed?: (path: string, value: Tensor) => void;
}

let current: TraceScope = { dims: {}, path: "" };

/** The scope that operators are applied in. */
export function scope(): TraceScope {
  return current;
}

/** Runs `f` in a scope that differs from the current one by `change`. */
export function withScope<R>(change: Partial<TraceScope>, f: () => R): R {
  const outer = current;
  current = { ...outer, ...change };
  try {
    return f();
  } finally {
    current = outer;
  }
}

/** Joins module paths. */
export function joinPath(base: string, key: string): string {
  return base === "" ? key : `${base}.${key}`;
}

/** A dim with the values of the scope put in. */
export function bindDim(dim: Dim): Dim {
  return typeof dim === "number" ? dim : substituteDim(dim, current.dims);
}

/** A shape with the values of the scope put in. */
export function bindShape(shape: Shape): Shape {
  return shape.map(bindDim);
}

/** Attributes with the values of the scope put in those that hold dims. */
export function bindAttrs(attrs: Attrs, dimAttrs: readonly string[]): Attrs {
  const bind = (value: Attr): Attr =>
    Array.isArray(value) ? value.map(bind) : typeof value === "string" ? bindDim(value) : value;
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [name, dimAttrs.includes(name) ? bind(value) : value]),
  );
}
