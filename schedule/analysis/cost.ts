/**
 * What a kernel costs at least: operations, and bytes of device memory that it has to touch.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { ScheduleError } from "../../ir/errors.ts";
import { type Expr, int, select, sub } from "../../ir/expr.ts";
import { DIM_RANGE } from "../../ir/interval.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { boundVars } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Buffer, For, Stmt } from "../../ir/stmt.ts";
import { freeVars, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";
import { bufferOf } from "../loop/site.ts";
import { type Count, leastCount, productCount, sizeCount, sumCount } from "./count.ts";
import { accessesTo, type ElementAccess, mentions, readsMemory } from "./elements.ts";
import { launchesOf, loopsIn, outerBlocks } from "./nests.ts";
import { regionOf } from "./region.ts";

/** What one nest costs, which is one dispatch: 0 for dims for which another takes its place. */
export interface NestCost {
  /** Its blocks. */
  readonly blocks: readonly string[];
  /**
   * Arithmetic on floats: each addition, multiplication, comparison for a maximum, exponential and so on is one. Points
   * that predicates leave out, and both sides of selections, are counted.
   */
  readonly flops: Count;
  /**
   * Bytes of device memory that are read: each element once, however often it is, and not what a reduction itself
   * has written. It may be fewer where indices are loaded or a condition leaves some out.
   */
  readonly bytesRead: Count;
  /** Bytes of device memory that are written, each element once. */
  readonly bytesWritten: Count;
}

/** What a kernel costs: the sums over its nests, and these. */
export interface KernelCost extends Omit<NestCost, "blocks"> {
  readonly nests: readonly NestCost[];
}

/**
 * The operations and bytes of a kernel, over its dims. Throws a `ScheduleError` where the extent of a loop depends on
 * another loop.
 *
 * @example
 * ```ts
 * import { costOf, evalCount, printCount } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, mul, reduce, variable } from "@weft/weft/ir";
 *
 * const [n, k] = [variable("n"), variable("k")];
 * const func = lowerCompute(
 *   {
 *     name: "gemv",
 *     axes: [{ name: "j", extent: n }],
 *     body: reduce(
 *       "sum",
 *       [{ name: "k", extent: int(768) }],
 *       mul(load("w", "f32", [variable("j"), k]), load("x", "f32", [k])),
 *     ),
 *   },
 *   [
 *     { name: "w", dtype: "f32", shape: [n, int(768)], scope: "global" },
 *     { name: "x", dtype: "f32", shape: [int(768)], scope: "global" },
 *   ],
 *   { name: "y", dtype: "f32", shape: [n], scope: "global" },
 *   ["n"],
 * );
 * const { flops, bytesRead } = costOf(func);
 * console.log(printCount(flops), "|", printCount(bytesRead)); // 1536 * n | 3072 * n + 3072
 * console.log(evalCount(flops, { n: 50257 })); // 77194752
 * ```
 */
export function costOf(func: PrimFunc): KernelCost {
  const dims = new Set(func.dims);
  const nests = launchesOf(func).map(({ nest, when }) => {
    const { blocks, ...counts } = nestCost(func, nest, dims);
    const runs = when.map((cond) => sizeCount(select(cond, int(1), int(0))));
    const counted = (c: Count): Count => productCount([...runs, c]);
    return {
      blocks,
      flops: counted(counts.flops),
      bytesRead: counted(counts.bytesRead),
      bytesWritten: counted(counts.bytesWritten),
    };
  });
  return {
    flops: sumCount(nests.map((n) => n.flops)),
    bytesRead: sumCount(nests.map((n) => n.bytesRead)),
    bytesWritten: sumCount(nests.map((n) => n.bytesWritten)),
    nests,
  };
}

function nestCost(func: PrimFunc, nest: Stmt, dims: ReadonlySet<string>): NestCost {
  const loops = loopsIn(nest);
  const uneven = loops.find((l) => [...freeVars(l.extent)].some((name) => !dims.has(name)));
  if (uneven !== undefined) {
    throw new ScheduleError(
      func.name,
      `costOf: the extent of loop ${uneven.var} of ${func.name} depends on other loops; only loops whose extents ` +
        `are over dims can be counted`,
    );
  }
  const flops: Count[] = [];
  visitStmt(nest, (s, path) => {
    if (s.kind !== "store") return;
    const around = loopsOutside(s, path);
    flops.push(productCount([sizeCount(floatOps(s.value)), ...around.map((l) => sizeCount(l.extent))]));
  });
  const names = new Set(loadsAndStores(nest));
  const bytes = { read: [] as Count[], written: [] as Count[] };
  const folds = ownReads(nest);
  for (const [name, accesses] of accessesTo(nest, names)) {
    const buffer = bufferOf(func, name);
    if (buffer?.scope !== "global") continue;
    const size = sizeCount(DTYPES[buffer.dtype].bytes);
    const reads = accesses.filter((a) => !a.write && !(a.block !== undefined && folds.get(a.block) === name));
    const writes = accesses.filter((a) => a.write);
    if (reads.length > 0) bytes.read.push(productCount([size, elements(buffer, reads, loops)]));
    if (writes.length > 0) bytes.written.push(productCount([size, elements(buffer, writes, loops)]));
  }
  return {
    blocks: outerBlocks(nest).map((site) => site.block.name),
    flops: sumCount(flops),
    bytesRead: sumCount(bytes.read),
    bytesWritten: sumCount(bytes.written),
  };
}

/** Loops that a store is run in: of an init, those that feed no reduce iterator of its block. */
function loopsOutside(s: Stmt, path: readonly Stmt[]): readonly For[] {
  const loops = path.filter((p): p is For => p.kind === "for");
  const b = path.findLast((p) => p.kind === "block");
  if (b?.kind !== "block" || b.init !== s) return loops;
  const reduced = boundVars(b, "reduce");
  return loops.filter((l) => !reduced.has(l.var));
}

/** The buffer that each reduction folds into: it reads there what it has written. */
function ownReads(nest: Stmt): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  visitStmt(nest, (s) => {
    if (s.kind === "block" && s.init?.kind === "store") found.set(s.name, s.init.buffer);
  });
  return found;
}

function loadsAndStores(nest: Stmt): readonly string[] {
  const found: string[] = [];
  visitStmt(nest, (s) => {
    if (s.kind === "store") found.push(s.buffer);
    for (const e of stmtExprs(s)) {
      visitExpr(e, (n) => {
        if (n.kind === "load") found.push(n.buffer);
      });
    }
  });
  return found;
}

/** Elements of a buffer that accesses touch: those of the box around them, or one for each point, if these are fewer. */
function elements(buffer: Buffer, accesses: readonly ElementAccess[], loops: readonly For[]): Count {
  const inner = new Set(loops.map((l) => l.var));
  const box = regionOf(buffer, accesses, { free: loops, fixed: [] }).map(({ extent }, d) => {
    const size = buffer.shape[d];
    const axis = mentions(extent, inner) || readsMemory(extent) ? [] : [sizeCount(extent)];
    const fits = size !== undefined && axis.length > 0 && isAtLeast(size, extent);
    return leastCount([...axis, ...(size === undefined || fits ? [] : [sizeCount(size)])]);
  });
  // An init and its update are at one place.
  const places = accesses.filter((a, i) =>
    accesses.findIndex((b) => b.indices.every((e, d) => e === a.indices[d])) === i
  );
  const points = places.map(({ indices }) => {
    const used = new Set(indices.flatMap((e) => [...freeVars(e)]));
    return productCount(loops.filter((l) => used.has(l.var)).map((l) => sizeCount(l.extent)));
  });
  return leastCount([productCount(box), sumCount(points)]);
}

/** Whether a size is never less than another. */
function isAtLeast(a: Expr, b: Expr): boolean {
  const ranges = new Map([...freeVars(a), ...freeVars(b)].map((name) => [name, DIM_RANGE]));
  return scopeOf(ranges).rangeOf(simplify(sub(a, b))).min >= 0;
}

/** Operators that count as none: they only look. */
const FREE: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le", "gt", "ge", "and", "or"]);

/** Arithmetic on floats in an expression; what it has twice is computed once. */
function floatOps(e: Expr): number {
  let n = 0;
  visitExpr(e, (node) => {
    if (node.dtype !== "f32" && node.dtype !== "f16") return;
    if (node.kind === "binary" && !FREE.has(node.op)) n++;
    if (node.kind === "unary" && node.op !== "neg") n++;
  });
  return n;
}
