/**
 * Shape functions of padding, repeating, mirroring, masking and ordering.
 *
 * @module
 */
import { addDim, type Dim, dimEquals, mulDim, printShape, type Shape, subtractDim } from "../dim.ts";
import { normalizeAxis, type ShapeResult } from "../shape.ts";

/** `begin` elements in front of and `end` behind those of each axis. */
export function padShape(x: Shape, begin: Shape, end: Shape): ShapeResult {
  for (const widths of [begin, end]) {
    if (widths.length !== x.length) {
      return `pad: ${printShape(widths)} for ${printShape(x)}: give one width an axis`;
    }
  }
  return x.map((dim, d) => addDim(addDim(begin[d]!, dim), end[d]!));
}

/** Each axis repeated as a whole. */
export function tileShape(x: Shape, repeats: Shape): ShapeResult {
  if (repeats.length !== x.length) {
    return `tile: ${printShape(repeats)} for ${printShape(x)}: give one number an axis`;
  }
  return x.map((dim, d) => mulDim(dim, repeats[d]!));
}

/** `x` itself, if it has the axes, each once. */
export function reverseShape(x: Shape, axes: readonly number[]): ShapeResult {
  const seen = new Set<number>();
  for (const axis of axes) {
    const index = normalizeAxis("reverse", x, axis);
    if (typeof index === "string") return index;
    if (seen.has(index)) return `reverse: axis ${axis} of ${printShape(x)} is given twice`;
    seen.add(index);
  }
  return x;
}

/** `x` itself, if it has rows and columns. */
export function triangularShape(x: Shape): ShapeResult {
  return x.length < 2 ? `triangular: needs rank >= 2, got ${printShape(x)}` : x;
}

/** The first `count` along an axis, once it is in order. */
export function topShape(op: string, x: Shape, axis: number, count: Dim): ShapeResult {
  const index = normalizeAxis(op, x, axis);
  if (typeof index === "string") return index;
  const dim = x[index]!;
  return subtractDim(count, addDim(dim, 1)) === undefined
    ? x.with(index, count)
    : `${op}: axis ${axis} of ${printShape(x)} is ${dim}, less than ${count}`;
}

/** One draw from each distribution along the last axis, for one number each. */
export function sampleShape(probabilities: Shape, u: Shape): ShapeResult {
  if (probabilities.length === 0) return "sample: probabilities need rank >= 1, got []";
  const batch = probabilities.slice(0, -1);
  return batch.length === u.length && batch.every((dim, d) => dimEquals(dim, u[d]!))
    ? batch
    : `sample: numbers are ${printShape(u)}, expected ${printShape(batch)}`;
}
