/**
 * The shape rules of taking axes of 1 out, and putting them in.
 *
 * @module
 */
import { printShape, type Shape } from "../dim.ts";
import { normalizeAxis, type ShapeResult } from "../shape.ts";

/**
 * Takes axes out that are 1 long: one, several, or (`undefined`) all that are the literal 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { squeezeShape } from "./squeeze.ts";
 *
 * assertEquals(squeezeShape(["b", 1, 768], 1), ["b", 768]);
 * assertEquals(squeezeShape(["b", 1, 768], 0), "squeeze: axis 0 of [b, 1, 768] is b, not 1");
 * ```
 */
export function squeezeShape(x: Shape, axes: number | readonly number[] | undefined): ShapeResult {
  if (axes === undefined) return x.filter((dim) => dim !== 1);
  const out = new Set<number>();
  for (const axis of typeof axes === "number" ? [axes] : axes) {
    const index = normalizeAxis("squeeze", x, axis);
    if (typeof index === "string") return index;
    if (out.has(index)) return `squeeze: axis ${axis} of ${printShape(x)} is given twice`;
    if (x[index] !== 1) return `squeeze: axis ${axis} of ${printShape(x)} is ${x[index]}, not 1`;
    out.add(index);
  }
  return x.filter((_, i) => !out.has(i));
}

/**
 * Puts in an axis 1 long, which the result then has as axis `axis`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unsqueezeShape } from "./squeeze.ts";
 *
 * assertEquals(unsqueezeShape(["b", 768], 1), ["b", 1, 768]);
 * assertEquals(unsqueezeShape(["b", 768], -1), ["b", 768, 1]);
 * ```
 */
export function unsqueezeShape(x: Shape, axis: number): ShapeResult {
  const index = axis < 0 ? axis + x.length + 1 : axis;
  if (!Number.isInteger(axis) || index < 0 || index > x.length) {
    return `unsqueeze: axis ${axis} is out of range for a new axis of ${printShape(x)}`;
  }
  return x.toSpliced(index, 0, 1);
}
