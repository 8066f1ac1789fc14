/**
 * The shape function of attention.
 *
 * @module
 */
import { dimEquals, divDim, printShape, type Shape } from "../dim.ts";
import { broadcastToShape, type ShapeResult } from "../shape.ts";

/**
 * Queries `[..., h, s, d]`, keys `[..., g, t, d]` and values `[..., g, t, e]` give `[..., h, s, e]`, where `h` is a
 * multiple of `g`. The axes before are the same.
 */
export function attentionShape(q: Shape, k: Shape, v: Shape): ShapeResult {
  for (const [name, shape] of [["q", q], ["k", k], ["v", v]] as const) {
    if (shape.length < 2) return `attention: ${name} needs rank >= 2, got ${printShape(shape)}`;
  }
  if (!dimEquals(q.at(-1)!, k.at(-1)!)) {
    return `attention: q ${printShape(q)} and k ${printShape(k)} differ in their last axis`;
  }
  if (!sameDims(k.slice(0, -1), v.slice(0, -1))) {
    return `attention: k ${printShape(k)} and v ${printShape(v)} differ outside their last axis`;
  }
  if (q.length !== k.length || !sameDims(q.slice(0, -3), k.slice(0, -3))) {
    return `attention: q ${printShape(q)} and k ${printShape(k)} differ in their first axes`;
  }
  const [heads, groups] = [q.at(-3), k.at(-3)];
  if (heads !== undefined && groups !== undefined && divDim(heads, groups) === undefined) {
    return `attention: ${heads} heads of q ${printShape(q)} are no multiple of the ${groups} of k ${
      printShape(k)
    }`;
  }
  return [...q.slice(0, -1), v.at(-1)!];
}

/** A mask of the scores of queries `[..., h, s, d]` and keys `[..., g, t, d]`: what stretches to `[..., h, s, t]`. */
export function maskShape(q: Shape, k: Shape, mask: Shape): ShapeResult {
  const scores = [...q.slice(0, -1), k.at(-2)!];
  return typeof broadcastToShape(mask, scores) === "string"
    ? `attention: mask ${printShape(mask)} does not stretch to ${printShape(scores)}`
    : mask;
}

function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, d) => dimEquals(dim, b[d]!));
}
