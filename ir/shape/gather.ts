/**
 * Shape functions of look-ups by index tensors, and of their inverses.
 *
 * @module
 */
import { dimEquals, printShape, type Shape } from "../dim.ts";
import { normalizeAxis, type ShapeResult } from "../shape.ts";

/** Slices of `x` along an axis, by number: the axis is replaced by the axes of `indices`. */
export function gatherShape(x: Shape, indices: Shape, axis: number): ShapeResult {
  const index = normalizeAxis("gather", x, axis);
  return typeof index === "string" ? index : x.toSpliced(index, 1, ...indices);
}

/** One element of `x` for each of `indices`, which says where along an axis; the other axes are the same. */
export function gatherElementsShape(x: Shape, indices: Shape, axis: number): ShapeResult {
  return sameOutside("gatherElements", x, indices, axis) ?? indices;
}

/** `x` itself, if `indices` and `updates` have one shape that differs from it along an axis at most. */
export function scatterElementsShape(
  x: Shape,
  indices: Shape,
  updates: Shape,
  axis: number,
): ShapeResult {
  const wrong = sameOutside("scatterElements", x, indices, axis);
  if (wrong !== undefined) return wrong;
  return sameShape(indices, updates)
    ? x
    : `scatterElements: updates are ${printShape(updates)}, expected ${printShape(indices)}`;
}

function sameOutside(op: string, x: Shape, indices: Shape, axis: number): string | undefined {
  const index = normalizeAxis(op, x, axis);
  if (typeof index === "string") return index;
  const pair = `indices ${printShape(indices)} and input ${printShape(x)}`;
  if (indices.length !== x.length) return `${op}: ${pair} differ in rank`;
  const same = indices.every((dim, d) => d === index || dimEquals(dim, x[d]!));
  return same ? undefined : `${op}: ${pair} differ outside axis ${axis}`;
}

/** Parts of `x`, each at the place that a vector along the last axis of `indices` names. */
export function gatherNDShape(x: Shape, indices: Shape): ShapeResult {
  return placesShape("gatherND", x, indices);
}

/** `x` itself, if `updates` has the shape of what `indices` name. */
export function scatterNDShape(x: Shape, indices: Shape, updates: Shape): ShapeResult {
  const parts = placesShape("scatterND", x, indices);
  if (typeof parts === "string") return parts;
  return sameShape(parts, updates)
    ? x
    : `scatterND: updates are ${printShape(updates)}, expected ${printShape(parts)}`;
}

function placesShape(op: string, x: Shape, indices: Shape): ShapeResult {
  const depth = indices.at(-1);
  if (depth === undefined) return `${op}: indices need rank >= 1, got []`;
  if (typeof depth !== "number") return `${op}: last axis of indices ${printShape(indices)} must be a number`;
  if (depth > x.length) return `${op}: indices name ${depth} axes, input ${printShape(x)} has ${x.length}`;
  return [...indices.slice(0, -1), ...x.slice(depth)];
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, d) => dimEquals(dim, b[d]!));
}
