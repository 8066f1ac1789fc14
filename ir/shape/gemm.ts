/**
 * The shape rule of the general matrix product.
 *
 * @module
 */
import { dimEquals, printShape, type Shape } from "../dim.ts";
import type { ShapeResult } from "../shape.ts";

/**
 * `[m, k] x [k, n]` gives `[m, n]`; a transposed operand is given as `[k, m]` or `[n, k]`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { gemmShape } from "./gemm.ts";
 *
 * assertEquals(gemmShape(["b", 768], [3072, 768], false, true), ["b", 3072]);
 * assertEquals(gemmShape([2, 3], [4, 5], false, false), "gemm: inner dims 3 and 4 differ: [2, 3] x [4, 5]");
 * ```
 */
export function gemmShape(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean): ShapeResult {
  const left = matrix(a, transposeA);
  const right = matrix(b, transposeB);
  if (left === undefined) return `gemm: left operand needs rank 2, got ${printShape(a)}`;
  if (right === undefined) return `gemm: right operand needs rank 2, got ${printShape(b)}`;
  const [[m, k], [k2, n]] = [left, right];
  if (dimEquals(k, k2)) return [m, n];
  return `gemm: inner dims ${k} and ${k2} differ: ${printShape([m, k])} x ${printShape([k2, n])}`;
}

function matrix(shape: Shape, transposed: boolean): readonly [rows: Shape[0], columns: Shape[0]] | undefined {
  const [rows, columns, ...more] = shape;
  if (rows === undefined || columns === undefined || more.length > 0) return undefined;
  return transposed ? [columns, rows] : [rows, columns];
}
