/**
 * What a block computes, as far as rules care: the kinds of TVM's operator patterns, for blocks.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { BlockSite } from "../../ir/reduction.ts";
import type { For } from "../../ir/stmt.ts";
import { visitStmt } from "../../ir/visit.ts";
import { blockSite } from "../loop/site.ts";
import { type BlockAccess, siteAccesses } from "./access.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { foldOf } from "./fold.ts";

/**
 * - `elementwise`: each result is made of elements at its own place;
 * - `broadcast`: of these and of elements whose place lacks some of its axes, such as a bias;
 * - `injective`: of elements anywhere, each result written once: transpose, reshape, gather;
 * - `reduction`: a fold of many elements into one, in any order;
 * - `contraction`: a sum of products of elements of two buffers, with an axis that only one of them has;
 * - `opaque`: anything else.
 */
export type BlockKind = "elementwise" | "broadcast" | "injective" | "reduction" | "contraction" | "opaque";

/**
 * What kind of block it is, before and after scheduling. Throws a `ScheduleError` where there is no such block.
 *
 * @example
 * ```ts
 * import { blockKind } from "@weft/weft/schedule";
 * import { add, int, load, lowerCompute, variable } from "@weft/weft/ir";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const buffer = (name: string, ...shape: number[]) =>
 *   ({ name, dtype: "f32", shape: shape.map((n) => int(n)), scope: "global" } as const);
 * const func = lowerCompute(
 *   {
 *     name: "bias",
 *     axes: [{ name: "i", extent: int(4) }, { name: "j", extent: int(6) }],
 *     body: add(load("x", "f32", [i, j]), load("b", "f32", [j])),
 *   },
 *   [buffer("x", 4, 6), buffer("b", 6)],
 *   buffer("y", 4, 6),
 *   [],
 * );
 * console.log(blockKind(func, "bias")); // broadcast
 * ```
 */
export function blockKind(func: PrimFunc, blockName: string): BlockKind {
  return siteKind(func, blockSite("blockKind", func, blockName));
}

/** {@linkcode blockKind} of a block that was found. */
export function siteKind(func: PrimFunc, site: BlockSite): BlockKind {
  const { block: b } = site;
  const accesses = siteAccesses(func, site);
  if (b.iters.some((i) => i.role === "reduce") || b.init !== undefined) {
    const fold = foldOf(b);
    if (fold === undefined || b.init === undefined) return "opaque";
    return fold.op === "sum" && contracts(site, accesses) ? "contraction" : "reduction";
  }
  let stores = 0;
  visitStmt(b.body, (s) => {
    if (s.kind === "store") stores++;
  });
  const [to] = accesses.filter((a) => a.write);
  const loops = [...site.path.filter((s): s is For => s.kind === "for")];
  if (stores !== 1 || to === undefined || b.body.kind !== "store") return "opaque";
  const written = determinedLoops(to.indices, [], loops);
  if (loops.some((l) => !written.has(l.var))) return "opaque";
  const place = varying(to.indices);
  const reads = accesses.filter((a) => !a.write).map((a) => varying(a.indices));
  if (reads.some((r) => !isPart(r, place))) return "injective";
  return reads.every((r) => r.length === place.length) ? "elementwise" : "broadcast";
}

/** Whether a sum has two operands that the reduction goes along, of which one has a spatial iterator alone. */
function contracts({ block: b }: BlockSite, accesses: readonly BlockAccess[]): boolean {
  const roles = new Map(b.iters.map((i) => [i.var, i.role]));
  const wide = new Set(
    b.iters.filter((i) => !(i.extent.kind === "const" && i.extent.value === 1)).map((i) => i.var),
  );
  const written = new Set(accesses.filter((a) => a.write).map((a) => a.buffer.name));
  const operands = accesses.filter((a) =>
    !written.has(a.buffer.name) && a.iters.some((i) => wide.has(i) && roles.get(i) === "reduce")
  );
  const [x, y] = operands;
  if (x === undefined || y === undefined || operands.length > 2 || x.buffer === y.buffer) return false;
  return b.iters.some((i) =>
    i.role === "spatial" && wide.has(i.var) && x.iters.includes(i.var) !== y.iters.includes(i.var)
  );
}

/** The indices that are not the same everywhere. */
function varying(indices: readonly Expr[]): readonly Expr[] {
  return indices.filter((e) => e.kind !== "const");
}

/** Whether a list is another one with some left out. */
function isPart(part: readonly Expr[], whole: readonly Expr[]): boolean {
  let from = 0;
  return part.every((e) => {
    from = whole.indexOf(e, from) + 1;
    return from > 0;
  });
}
