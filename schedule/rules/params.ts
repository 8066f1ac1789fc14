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
