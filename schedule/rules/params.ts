/**
 * Which parameters suit which capabilities: the only place where rules learn about a target.
 *
 * @module
 */
import type { Target } from "../../ir/target.ts";

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
