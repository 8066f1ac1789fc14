/**
 * Where a block reads and writes: indices over loops, strides in memory, regions, and what its iterators decide.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { add, type Expr, int, sub, variable } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { BlockSite } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import type { BlockIter, Buffer, For } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { blockSite, bufferOf, loopSite } from "../loop/site.ts";
import { readsMemory } from "./elements.ts";
import { loopsIn } from "./nests.ts";
import { type AxisRange, regionOf } from "./region.ts";

/** A place that a block's body reads or writes. */
export interface BlockAccess {
  readonly buffer: Buffer;
  readonly write: boolean;
  /** Over the loops around the block and dims. */
  readonly indices: readonly Expr[];
  /** Iterators of the block that the place depends on. */
  readonly iters: readonly string[];
  /** Loops that the place depends on. */
  readonly loops: readonly string[];
  /**
   * Elements from the place of one iteration to that of the next, for each loop around the block, outermost first;
   * `undefined` where that is not the same everywhere.
   */
  readonly strides: ReadonlyMap<string, Expr | undefined>;
}

/**
 * The distinct places that a block's body reads and writes, in order of appearance. Throws a `ScheduleError` where there
 * is no such block.
 *
 * @example
 * ```ts
 * import { accessesOf } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, printExpr, variable } from "@weft/weft/ir";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const buffer = (name: string) => ({ name, dtype: "f32", shape: [int(4), int(6)], scope: "global" } as const);
 * const func = lowerCompute(
 *   { name: "copy", axes: [{ name: "i", extent: int(4) }, { name: "j", extent: int(6) }], body: load("x", "f32", [i, j]) },
 *   [buffer("x")],
 *   buffer("y"),
 *   [],
 * );
 * for (const { buffer, write, strides } of accessesOf(func, "copy")) {
 *   console.log(buffer.name, write, [...strides].map(([loop, s]) => `${loop}: ${s && printExpr(s)}`).join(", "));
 * } // x false i: 6, j: 1
 *   // y true i: 6, j: 1
 * ```
 */
export function accessesOf(func: PrimFunc, blockName: string): readonly BlockAccess[] {
  return siteAccesses(func, blockSite("accessesOf", func, blockName));
}

/** {@linkcode accessesOf} of a block that was found. */
export function siteAccesses(func: PrimFunc, { block: b, path }: BlockSite): readonly BlockAccess[] {
  const around = path.filter((s): s is For => s.kind === "for");
  const values = new Map<string, Expr>();
  for (const s of [...path, b]) {
    if (s.kind === "block") { for (const i of s.iters) values.set(i.var, substitute(i.binding, values)); }
  }
  const found: BlockAccess[] = [];
  for (const a of bufferAccesses(b.body)) {
    const buffer = bufferOf(func, a.buffer);
    if (buffer === undefined) continue;
    const indices = a.indices.map((e) => simplify(substitute(e, values)));
    const same = (f: BlockAccess): boolean =>
      f.buffer === buffer && f.write === a.write && f.indices.every((e, d) => e === indices[d]);
    if (found.some(same)) continue;
    const [own, used] = [a.indices, indices].map((list) => new Set(list.flatMap((e) => [...freeVars(e)])));
    const inside = loopsIn(b.body).filter((l) => used?.has(l.var));
    const flat = flatIndex(buffer, indices);
    found.push({
      buffer,
      write: a.write,
      indices,
      iters: b.iters.filter((i) => own?.has(i.var)).map((i) => i.var),
      loops: [...around, ...inside].filter((l) => used?.has(l.var)).map((l) => l.var),
      strides: new Map(around.map((l) => [l.var, strideOf(flat, l, [...around, ...inside])])),
    });
  }
  return found;
}

/** Elements from one iteration of a loop to the next; `undefined` where that differs between iterations. */
export function strideOf(flat: Expr, loop: For, loops: readonly For[]): Expr | undefined {
  if (!freeVars(flat).has(loop.var)) return int(0);
  if (readsMemory(flat)) return undefined;
  const ranges = new Map<string, VarRange>();
  for (const e of [flat, ...loops.map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of loops) {
    // There is a next iteration of this one.
    ranges.set(l.var, { ...DIM_RANGE, below: l === loop ? sub(l.extent, int(1)) : l.extent });
  }
  const next = substitute(flat, new Map([[loop.var, add(variable(loop.var), int(1))]]));
  const stride = scopeOf(ranges).simplify(sub(next, flat));
  const varies = loops.some((l) => freeVars(stride).has(l.var));
  return varies ? undefined : stride;
}

/** The box of a buffer that a block touches. */
export interface BlockRegion {
  readonly buffer: Buffer;
  readonly write: boolean;
  /** One range for each axis of the buffer. */
  readonly box: readonly AxisRange[];
}

/**
 * The boxes that a block reads and writes in one iteration of `loop`, or in all that it does: along each axis the first
 * element and how many there are, at least as many as are touched. Throws a `ScheduleError` where there is no such block,
 * or the loop is not around it.
 *
 * @example
 * ```ts
 * import { regionsOf } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, printExpr, variable } from "@weft/weft/ir";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const buffer = (name: string) => ({ name, dtype: "f32", shape: [int(4), int(6)], scope: "global" } as const);
 * const func = lowerCompute(
 *   { name: "copy", axes: [{ name: "i", extent: int(4) }, { name: "j", extent: int(6) }], body: load("x", "f32", [i, j]) },
 *   [buffer("x")],
 *   buffer("y"),
 *   [],
 * );
 * const [x] = regionsOf(func, "copy", "i");
 * console.log(x?.box.map(({ min, extent }) => `${printExpr(min)}:+${printExpr(extent)}`)); // [ "i:+1", "0:+6" ]
 * ```
 */
export function regionsOf(func: PrimFunc, blockName: string, loopName?: string): readonly BlockRegion[] {
  const site = blockSite("regionsOf", func, blockName);
  const loops = site.path.filter((s): s is For => s.kind === "for");
  const at = loopName === undefined ? -1 : loops.findIndex((l) => l.var === loopName);
  if (loopName !== undefined && at < 0) {
    loopSite("regionsOf", { ...func, body: loops[0] ?? site.block }, loopName);
  }
  const scope = { free: loops.slice(at + 1), fixed: loops.slice(0, at + 1) };
  const groups = Map.groupBy(siteAccesses(func, site), (a) => `${a.write} ${a.buffer.name}`);
  return [...groups.values()].flatMap(([first, ...others]): readonly BlockRegion[] => {
    if (first === undefined) return [];
    const accesses = [first, ...others].map((a) => ({
      ...a,
      buffer: a.buffer.name,
      block: blockName,
      head: false,
    }));
    return [{ buffer: first.buffer, write: first.write, box: regionOf(first.buffer, accesses, scope) }];
  });
}

/** What an iterator of a block decides. */
export interface IterRole {
  readonly var: string;
  readonly role: BlockIter["role"];
  readonly extent: Expr;
  /** Loops that give it its value. */
  readonly loops: readonly string[];
  /** Buffers of which it decides the element that is read; the one that a reduction adds to is not among them. */
  readonly reads: readonly string[];
  /** Buffers of which it decides the element that is written. */
  readonly writes: readonly string[];
}

/**
 * The role of each iterator of a block, and which reads and writes use it. Throws a `ScheduleError` where there is no
 * such block.
 *
 * @example
 * ```ts
 * import { iterRoles } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, reduce, variable } from "@weft/weft/ir";
 *
 * const x = load("x", "f32", [variable("i"), variable("k")]);
 * const func = lowerCompute(
 *   {
 *     name: "rows",
 *     axes: [{ name: "i", extent: int(4) }],
 *     body: reduce("sum", [{ name: "k", extent: int(6) }], x),
 *   },
 *   [{ name: "x", dtype: "f32", shape: [int(4), int(6)], scope: "global" }],
 *   { name: "y", dtype: "f32", shape: [int(4)], scope: "global" },
 *   [],
 * );
 * console.log(iterRoles(func, "y_sum").map((i) => `${i.role} ${i.loops} reads ${i.reads} writes ${i.writes}`));
 * // [ "spatial i reads x writes y", "reduce k reads x writes " ]
 * ```
 */
export function iterRoles(func: PrimFunc, blockName: string): readonly IterRole[] {
  const site = blockSite("iterRoles", func, blockName);
  const accesses = siteAccesses(func, site);
  const written = new Set(accesses.filter((a) => a.write).map((a) => a.buffer.name));
  const loops = new Set(site.path.flatMap((s) => (s.kind === "for" ? [s.var] : [])));
  return site.block.iters.map((i) => {
    const used = accesses.filter((a) => a.iters.includes(i.var));
    const names = (write: boolean): readonly string[] => [
      ...new Set(used.filter((a) => a.write === write).map((a) => a.buffer.name)),
    ];
    const own = site.block.init === undefined ? new Set<string>() : written;
    return {
      var: i.var,
      role: i.role,
      extent: i.extent,
      loops: [...freeVars(i.binding)].filter((name) => loops.has(name)),
      reads: names(false).filter((name) => !own.has(name)),
      writes: names(true),
    };
  });
}
