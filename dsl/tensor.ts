/**
 * Tensors: immutable expressions. A tensor knows its shape, its dtype and how it would be computed; nothing is
 * computed until a traced program runs on a device.
 *
 * @module
 */
import type { Shape } from "../ir/dim.ts";
import type { DType } from "../ir/dtype.ts";
import type { Attrs, Compute, InputRole } from "../ir/graph.ts";

/**
 * A tensor of shape `S` and dtype `T`. Dims are numbers, or names known only at run time (`"seq"`, `"past+seq"`).
 * Only data, so that a tensor of known shape is assignable wherever less is known.
 *
 * @example
 * ```ts
 * import { add, spec, type Tensor } from "@weft/weft";
 *
 * const x: Tensor<["seq", 768], "f32"> = spec(["seq", 768], "f32");
 * const y: Tensor<["seq", 768], "f32"> = add(x, x);
 * ```
 */
export interface Tensor<out S extends Shape = Shape, out T extends DType = DType> {
  /** Dims, outermost first. */
  readonly shape: S;
  /** Type of the elements. */
  readonly dtype: T;
  /** How the value comes about; for the tracer. */
  readonly source: Source;
}

/** An input of a program: given with a call, a weight, or state kept on the device. */
export interface InputSource {
  /** Tells the two sources apart. */
  readonly kind: "input";
  /** Where the data comes from. */
  readonly role: InputRole;
  /** Path in the tree of inputs or parameters; empty until a program or module gives it one. */
  readonly name: string;
}

/** An operator applied to tensors. */
export interface OpSource {
  /** Tells the two sources apart. */
  readonly kind: "op";
  /** A row of the operator table, or `"compute"`. */
  readonly op: string;
  /** What it is applied to. */
  readonly inputs: readonly Tensor[];
  /** Axes, shapes and the like. */
  readonly attrs: Attrs;
  /** The definition of a user's kernel. */
  readonly compute?: Compute;
  /** Path of the module in which it was applied. */
  readonly path: string;
}

/** How a tensor comes about. */
export type Source = InputSource | OpSource;

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "source" in value && "shape" in value &&
    "dtype" in value;
}

/** Builds a tensor value. Typed operators name the shape and dtype that they promise. */
export function makeTensor(shape: Shape, dtype: DType, source: Source): Tensor {
  return Object.freeze({ shape: Object.freeze([...shape]), dtype, source: Object.freeze(source) });
}
