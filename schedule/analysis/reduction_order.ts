/**
 * Which way a reduction goes through memory.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { boundVars } from "../../ir/reduction.ts";
import { blockSite } from "../loop/site.ts";
import { siteAccesses } from "./access.ts";

/** How one of the buffers that a reduction reads lies to it. */
export interface ReductionOrder {
  readonly buffer: string;
  /**
   * `inner`: steps of the reduction are neighbours in memory, as along rows; `outer`: results are, as down columns;
   * `none`: the reduction stays at one element of the buffer; `apart`: neither.
   */
  readonly order: "inner" | "outer" | "none" | "apart";
}

/**
 * Which way a reduction goes through each buffer that it reads; nothing for a block that reduces nothing. Throws a
 * `ScheduleError` where there is no such block.
 *
 * @example
 * ```ts
 * import { reductionOrder } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, reduce, variable } from "@weft/weft/ir";
 *
 * const x = load("x", "f32", [variable("k"), variable("j")]);
 * const func = lowerCompute(
 *   {
 *     name: "columns",
 *     axes: [{ name: "j", extent: int(6) }],
 *     body: reduce("max", [{ name: "k", extent: int(4) }], x),
 *   },
 *   [{ name: "x", dtype: "f32", shape: [int(4), int(6)], scope: "global" }],
 *   { name: "y", dtype: "f32", shape: [int(6)], scope: "global" },
 *   [],
 * );
 * console.log(reductionOrder(func, "y_max")); // [ { buffer: "x", order: "outer" } ]
 * ```
 */
export function reductionOrder(func: PrimFunc, blockName: string): readonly ReductionOrder[] {
  const site = blockSite("reductionOrder", func, blockName);
  const [reduced, spatial] = [boundVars(site.block, "reduce"), boundVars(site.block, "spatial")];
  if (reduced.size === 0) return [];
  const accesses = siteAccesses(func, site);
  const written = new Set(accesses.filter((a) => a.write).map((a) => a.buffer.name));
  return accesses.filter((a) => !a.write && !written.has(a.buffer.name)).map(({ buffer, loops, strides }) => {
    const stepsOne = (vars: ReadonlySet<string>): boolean =>
      [...strides].some(([name, s]) => vars.has(name) && s?.kind === "const" && s.value === 1);
    const order = !loops.some((name) => reduced.has(name))
      ? "none"
      : stepsOne(reduced)
      ? "inner"
      : stepsOne(spatial)
      ? "outer"
      : "apart";
    return { buffer: buffer.name, order };
  });
}
