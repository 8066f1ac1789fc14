/**
 * How the iterations of a loop are run: `parallel`, `vectorize`, `unroll`.
 *
 * @module
 */
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { type For, forLoop, type LoopKind } from "../../ir/stmt.ts";
import { requireIndependent } from "./independent.ts";
import { loopSite, refuse } from "./site.ts";

/**
 * Runs a loop's iterations on several threads of a CPU.
 *
 * Legal where the loop is serial and different iterations touch different elements of what is written.
 *
 * rewrite: `for i in 0..n: B`  becomes  `for i in 0..n @parallel: B`
 */
export function parallel(func: PrimFunc, name: string): PrimFunc {
  const site = loopSite("parallel", func, name);
  requirePlain("parallel", site.loop);
  requireIndependent("parallel", site, false);
  return setKind(func, site.loop, "parallel");
}

/**
 * Runs a loop's iterations as lanes of a vector.
 *
 * Legal where the loop is serial, has a constant extent, and different iterations touch different elements of what is
 * written.
 *
 * rewrite: `for i in 0..4: B`  becomes  `for i in 0..4 @vectorized: B`
 */
export function vectorize(func: PrimFunc, name: string): PrimFunc {
  const site = loopSite("vectorize", func, name);
  requirePlain("vectorize", site.loop);
  if (site.loop.extent.kind !== "const") {
    refuse("vectorize", [name], `loop ${name} has no constant extent; split it`);
  }
  requireIndependent("vectorize", site, false);
  return setKind(func, site.loop, "vectorized");
}

/**
 * Writes a loop's iterations out, in their order.
 *
 * Legal where the loop is serial: the order of iterations stays. What has no constant extent, or too large a one, code
 * generators leave a loop.
 *
 * rewrite: `for i in 0..4: B`  becomes  `for i in 0..4 @unrolled: B`
 */
export function unroll(func: PrimFunc, name: string): PrimFunc {
  const { loop } = loopSite("unroll", func, name);
  requirePlain("unroll", loop);
  return setKind(func, loop, "unrolled");
}

/** The function with a loop of another kind. */
export function setKind(func: PrimFunc, loop: For, kind: LoopKind): PrimFunc {
  return withBody(func, replaceStmt(func.body, loop, () => forLoop(loop.var, loop.extent, loop.body, kind)));
}

function requirePlain(step: string, loop: For): void {
  if (loop.loop !== "serial") refuse(step, [loop.var], `loop ${loop.var} is ${loop.loop} already`);
}
