/**
 * Attributes of the operators that reduce.
 *
 * @module
 */
import type { Attrs } from "../../ir/graph.ts";
import type { ReduceOptions } from "./reduce.ts";

/** Attributes of a reduction. */
export function reduceAttrs(axes: unknown, options: ReduceOptions | undefined): Attrs {
  const list = axes === undefined ? null : Array.isArray(axes) ? axes as number[] : [axes as number];
  return { axes: list, keepDims: options?.keepDims ?? false };
}
