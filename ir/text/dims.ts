/**
 * Dims and types of tensors in the text form: `f32[b, past+seq, 768]`.
 *
 * @module
 */
import { canonicalDim, type Dim, type Shape } from "../dim.ts";
import type { TensorType } from "../graph.ts";

/** A dim; quoted where it is not in canonical form. */
export function printDim(dim: Dim): string {
  if (typeof dim === "number") return printNumber(dim);
  return isCanonical(dim) ? dim : JSON.stringify(dim);
}

function isCanonical(dim: string): boolean {
  try {
    return canonicalDim(dim) === dim;
  } catch {
    return false; // no dim at all: a verifier says so, printing just shows it
  }
}

/** `f32[b, s, 768]`. */
export function printTensorType({ dtype, shape }: TensorType): string {
  return `${dtype}[${printDims(shape)}]`;
}

function printDims(shape: Shape): string {
  return shape.map(printDim).join(", ");
}

/** A number of JavaScript, with `inf`, `-inf`, `nan` and `-0`. */
export function printNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
