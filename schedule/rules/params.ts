/**
 * Which parameters suit which capabilities: the only place where rules learn about a target.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import type { Target } from "../../ir/target.ts";
import type { Contraction } from "../analysis/contraction.ts";
import { alignedRow, countOf, type TileParams } from "./contract.ts";

const NO_VECTORS = "the target has no vectors to load and no registers to keep tiles in";

/** Parameters of the fallback rule. */
export interface FallbackParams {
  /** Threads of a workgroup. */
  readonly threads: number;
}

/**
 * A software adapter runs the threads of a workgroup as lanes of one vector, and more only hurt (llvmpipe: 8 lanes);
 * on a GPU 64 threads fill the wavefronts of every vendor.
 */
export function fallbackParams(target: Target | undefined): FallbackParams {
  return { threads: Math.min(target?.software ? 8 : 64, target?.maxThreads ?? 64) };
}

/**
 * Whether weights that are summed over rows are laid out column by column (see `schedule/graph/layout.ts`). A software
 * adapter runs a thread's loads one after the other, so rows far apart miss the cache each time: measured on llvmpipe,
 * a matrix-vector product is 2 to 3 times as fast column by column. On a GPU neighbouring threads read neighbouring
 * columns of a row together, which is as fast either way.
 */
export function transposesWeights(target: Target | undefined): boolean {
  return target?.software ?? false;
}

/**
 * Results in a panel of a weight, where the target takes vectors along results best; none for no panels. A panel is one
 * stream of memory, and all its results share what they load of the other operand.
 */
export function panelWidth(target: Target | undefined): number | undefined {
  return target?.vectorSums ? 32 : undefined;
}

/** Steps of a reduction of which a panel stays in the cache next to the core (8 columns, 256 KiB). */
const LONGEST_PANEL = 8192;

/** Parameters of `matmul`. */
export interface MatmulParams extends TileParams {
  /** Where there may be as few rows as that (a dim says how many), they get a kernel of their own; 1 for none. */
  readonly few: number;
  /** Parts that the reduction is done in, side by side, by a launch more (split-K); 1 for none. */
  readonly parts: number;
  readonly shared: number;
  readonly buffers: number;
}

/**
 * Tiles of products of matrices. A software adapter has only vector loads to save: as large a tile as its registers hold,
 * a workgroup as wide as its vectors (measured on llvmpipe, 128 x 768 x 3072: 8 x 8 along k 24 to 28 GFLOP/s, 8 x 16 along
 * n 21; 0.7 for one thread an element). A GPU has threads to fill: 16 x 16 of them with 4 x 4 results each, which share
 * what they load: 16 steps of both operands are 10 KiB, where there is so much memory for a workgroup. On a CPU that is
 * only a copy more.
 *
 * Gives the reason where the target has no registers to keep tiles in.
 */
export function matmulParams(target: Target | undefined, c: Contraction): MatmulParams | string {
  if (target?.registers === 0) return NO_VECTORS;
  if (target?.software) {
    // Of 16 registers 8 hold results, the others a row of one matrix and elements of the other.
    if (target.registers <= 16) {
      const tile = { rows: 4, columns: 8, vector: 4, groups: 1, few: 4, parts: 1, ...DIRECT };
      // Packed panels: 47 GFLOP/s on wasm for 128 x 768 x 768, 29 without, 18 where steps of k are turned in registers.
      if ((countOf(c.k) ?? Infinity) <= LONGEST_PANEL) return { ...tile, depth: 4, sweep: 32, lanes: 1 };
      return { ...tile, depth: c.b.reduceContiguous ? 1 : 4, sweep: 1, lanes: 8 };
    }
    // Edges that are not known take a test for each result, which makes long kernels.
    const ragged = !isMultiple(c.n.extent, 4) || !isMultiple(c.k.extent, 4);
    if (ragged) {
      return {
        rows: 4,
        columns: 8,
        vector: 4,
        depth: 4,
        sweep: 1,
        lanes: 8,
        groups: 1,
        few: 2,
        parts: 1,
        ...DIRECT,
      };
    }
    return {
      rows: 8,
      columns: c.b.reduceContiguous ? 8 : 16,
      vector: 4,
      depth: 4,
      sweep: 1,
      lanes: 8,
      groups: 1,
      few: 4,
      parts: 1,
      ...DIRECT,
    };
  }
  const tile = {
    rows: 4,
    columns: 4,
    vector: 4,
    depth: 4,
    sweep: 1,
    lanes: 16,
    groups: Math.min(16, Math.floor((target?.maxThreads ?? 256) / 16)),
    few: 8,
    parts: partsFor(c),
    shared: 16,
    buffers: 1,
  };
  // A tile of few steps is not worth waiting for each other.
  const short = (countOf(c.k) ?? Infinity) < 2 * tile.shared;
  return short || sharedBytes(tile) > (target?.maxWorkgroupMemory ?? 0) ? { ...tile, ...DIRECT } : tile;
}

/** Operands are loaded by each thread for itself. */
const DIRECT = { shared: 1, buffers: 1 } as const;

/** Bytes of memory that a workgroup shares, with 4 for an element. */
export function sharedBytes(
  { rows, columns, groups, lanes, shared, buffers }: Pick<
    MatmulParams,
    "rows" | "columns" | "groups" | "lanes" | "shared" | "buffers"
  >,
): number {
  return shared === 1 ? 0 : 4 * buffers * alignedRow(shared) * (rows * groups + columns * lanes);
}

/** On a GPU with few results and many steps: parts, until there are some workgroups for each of its cores. */
function partsFor({ m, n, k, batch }: Contraction): number {
  const results = [m, n, ...batch].reduce((p, l) => p * (l === undefined ? 1 : countOf(l) ?? Infinity), 1);
  const [tiles, steps] = [Math.ceil(results / 4096), countOf(k) ?? 0];
  if (tiles > 64 || steps < 2 * SHORTEST_PART) return 1;
  return Math.min(Math.ceil(64 / tiles), Math.floor(steps / SHORTEST_PART), 16);
}

/** A part shorter than that is not worth a launch. */
const SHORTEST_PART = 512;

/** Parameters of `gemv`, by the names of the study: `s` is the spatial axis (rows of the result), `r` the reduced one. */
export interface GemvParams {
  /** 1: vectors along the results, a thread reduces alone; 2: vectors along the reduction, summed at its end. */
  readonly SCH: number;
  /** Threads of a workgroup along the results. */
  readonly TS: number;
  /** Threads of a workgroup along the reduction, which put their sums together at the end; with `SCH` 2 only. */
  readonly TR: number;
  /** Results of a thread. */
  readonly TILE_S: number;
  /** Elements of the reduction that a thread takes at once. */
  readonly TILE_R: number;
  /** Elements of a vector: 1, 2 or 4. */
  readonly VEC: number;
}

/**
 * Tiles of products of a matrix and a vector: `TILE_S` results a thread. On llvmpipe 4 where one matrix is not large
 * (2.7 to 4.9 GFLOP/s for 768 x 768 and 768 x 3072), 8 for an output layer (6).
 */
export function gemvParams(target: Target | undefined, c: Contraction): GemvParams | string {
  if (target?.registers === 0) return NO_VECTORS;
  if (target?.vectorSums && c.b.reduceContiguous) {
    return "each sum runs along a row in memory, which the target takes in vectors as it is";
  }
  const { panel } = c.b;
  if (target?.vectorSums && panel !== undefined) {
    return { SCH: 1, TS: 1, TR: 1, TILE_S: panel, TILE_R: 2, VEC: 4 };
  }
  const n = countOf(c.n) ?? 0;
  const large = target?.software && (n >= 8192 || (!c.b.reduceContiguous && n % 8 === 0));
  return { SCH: 1, TS: target?.software ? 8 : 64, TR: 1, TILE_S: large ? 8 : 4, TILE_R: 4, VEC: 4 };
}

/** Parameters of the rule for attention. */
export interface AttentionParams {
  /** Threads of a workgroup, at most one a column of the values; 1 for a head in one thread. */
  readonly threads: number;
}

/**
 * A thread a column on a GPU. llvmpipe switches between vectors of 8 threads at each barrier: there is no more than one.
 * Where launches are calls, a head is one thread's, in vectors.
 */
export function attentionParams(target: Target | undefined): AttentionParams {
  if (!target?.costlyLaunches) return { threads: 1 };
  return { threads: target.software ? 8 : Math.min(128, target.maxThreads) };
}

/** Parameters of the rule for one reduction a nest. */
export interface ReductionParams {
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Elements of a vector: 2 or 4. */
  readonly VEC: number;
  /** With fewer results than that, each is reduced in parts. */
  readonly fewest: number;
  /** How many of them. */
  readonly parts: number;
}

/** As many threads as it takes to be busy; sums in parts cost a launch more. */
export function reductionParams(target: Target | undefined): ReductionParams | string {
  if (target?.registers === 0) return NO_VECTORS;
  if (target?.vectorSums) return "each sum is taken in vectors by the target as it is";
  const { threads } = fallbackParams(target);
  return target?.software
    ? { threads, VEC: 4, fewest: 8, parts: 64 }
    : { threads, VEC: 4, fewest: 1024, parts: 256 };
}

/** Parameters of the rules for nests that reduce nothing. */
export interface ElementParams {
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Elements of a vector: 2 or 4. */
  readonly VEC: number;
  /** Vectors of a thread. */
  readonly items: number;
}

/** One vector a thread: of what is read once there is nothing to keep. */
export function elementParams(target: Target | undefined): ElementParams | string {
  if (target?.registers === 0) return NO_VECTORS;
  return { threads: fallbackParams(target).threads, VEC: 4, items: 1 };
}

/** Parameters of the rule for several nests over the same rows. */
export interface RowParams {
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Longest row that is gone through. */
  readonly longest: number;
  /** 1: the threads of a workgroup share a row; 0: each has rows of its own. */
  readonly together: number;
}

/**
 * A thread a row where threads are lanes of one vector and each launch costs 30 us (llvmpipe), rows of up to 4096; a
 * workgroup a row on a GPU, which one thread a row would leave idle. Where sums are taken in vectors as they are, a row
 * is in one piece of work; else, where a launch is a call, there is little to save.
 */
export function rowParams(target: Target | undefined): RowParams | string {
  if (target?.vectorSums) return { threads: 1, longest: 1048576, together: 0 };
  if (!target?.costlyLaunches) return "little is saved by one launch where a launch is a call";
  return target.software
    ? { threads: 8, longest: 4096, together: 0 }
    : { threads: Math.min(128, target.maxThreads), longest: 1048576, together: 1 };
}

function isMultiple(e: Expr, of: number): boolean {
  return e.kind === "const" && e.value % of === 0;
}
