/**
 * `bind`: a loop's iterations as workgroups or threads.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { For, ThreadAxis } from "../../ir/stmt.ts";
import { isBound, loopsIn } from "../analysis/nests.ts";
import { mentions } from "../analysis/elements.ts";
import { requireIndependent } from "./independent.ts";
import { setKind } from "./kind.ts";
import { loopSite, refuse } from "./site.ts";

const STEP = "bind";

/**
 * Gives the iterations of a serial loop to a GPU axis.
 *
 * Legal where different iterations touch different elements of what is written, no loop around or inside has the axis,
 * the extent is the same for all threads (of a `threadIdx` axis a constant), and no `blockIdx` loop is inside a
 * `threadIdx` loop. Loops beside each other may share an axis; whether all of a nest is bound alike in the end is
 * checked when it is lowered to a launch.
 *
 * rewrite: `for i in 0..n: B`  becomes  `for i in 0..n @blockIdx.x: B`
 */
export function bind(func: PrimFunc, name: string, axis: ThreadAxis): PrimFunc {
  const site = loopSite(STEP, func, name);
  const { loop, path } = site;
  if (loop.loop !== "serial") refuse(STEP, [name], `loop ${name} is ${loop.loop} already`);
  const outside = path.filter((s): s is For => s.kind === "for");
  const same = [...outside, ...loopsIn(loop.body)].find((l) => l.loop === axis);
  if (same !== undefined) {
    const where = outside.includes(same) ? "around" : "inside";
    refuse(STEP, [name, same.var], `loop ${same.var}, ${where} loop ${name}, has ${axis} already`);
  }
  requireNesting(loop, outside, axis);
  if (mentions(loop.extent, new Set(outside.map((l) => l.var)))) {
    refuse(STEP, [name], `the extent of loop ${name} depends on other loops; all threads need the same`);
  }
  if (axis.startsWith("threadIdx")) {
    if (loop.extent.kind !== "const") {
      refuse(STEP, [name], `loop ${name} has no constant extent, which ${axis} needs; split it`);
    }
  }
  requireIndependent(STEP, site, true);
  return setKind(func, loop, axis);
}

/** Threads are parts of workgroups, not the other way round. */
function requireNesting(loop: For, outside: readonly For[], axis: ThreadAxis): void {
  const [wrong, others] = axis.startsWith("blockIdx")
    ? ["threadIdx", outside]
    : ["blockIdx", loopsIn(loop.body)];
  const other = others.find((l) => isBound(l) && l.loop.startsWith(wrong));
  if (other === undefined) return;
  const [inner, outer] = wrong === "threadIdx" ? [loop.var, other.var] : [other.var, loop.var];
  refuse(
    STEP,
    [loop.var, other.var],
    `loop ${inner} would be an axis of workgroups inside loop ${outer} of a workgroup's threads`,
  );
}
