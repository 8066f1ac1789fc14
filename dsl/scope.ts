/**
 * What surrounds an operator while a model is traced: the values of dims, the path of the module, and who listens
 * to named tensors. Dynamic scope, so that models stay plain functions; nothing outside `dsl/` sees it.
 *
 * @module
 */
import { canonicalDim, type Dim, MAX_RANK, printShape, type Shape, substituteDim } from "../ir/dim.ts";
import { ShapeError } from "../ir/errors.ts";
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

/**
 * The shape itself. Throws {@linkcode ShapeError} for a dim that is no size, is not written as a program compares it
 * (`n*3` for `3*n`), or one axis too many.
 */
export function checkShape(op: string, shape: Shape): Shape {
  if (shape.length > MAX_RANK) {
    throw new ShapeError(
      op,
      `${op}: ${printShape(shape)} has ${shape.length} axes, at most ${MAX_RANK} work`,
    );
  }
  for (const dim of shape) checkDim(op, dim);
  return shape;
}

function checkDim(op: string, dim: Dim): void {
  if (typeof dim === "number") {
    if (Number.isSafeInteger(dim) && dim >= 0) return;
    throw new ShapeError(op, `${op}: ${dim} is not a size; sizes are integers from 0`);
  }
  const canonical = canonicalDim(dim);
  if (canonical !== dim) throw new ShapeError(op, `${op}: write the dim ${dim} as ${canonical}`);
}

/** Attributes with the values of the scope put in those that hold dims. */
export function bindAttrs(op: string, attrs: Attrs, dimAttrs: readonly string[]): Attrs {
  const bind = (value: Attr): Attr => {
    if (Array.isArray(value)) return value.map(bind);
    if (typeof value !== "string") return value;
    checkDim(op, value);
    return bindDim(value);
  };
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [name, dimAttrs.includes(name) ? bind(value) : value]),
  );
}
