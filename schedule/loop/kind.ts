/**
 * How the iterations of a loop are run: `bind`, `parallel`, `vectorize`, `unroll`.
 *
 * @module
 */
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, boundVars, replaceStmt } from "../../ir/reduction.ts";
import { type For, forLoop, type LoopKind, type ThreadAxis } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { allLoops, loopSite, refuse } from "./site.ts";

/**
 * Gives the iterations of a loop to a GPU axis.
 *
 * Legal where the loop is serial, feeds no reduce iterator of a block inside, is not inside or around another loop of
 * that axis, and a `blockIdx` loop is not inside a `threadIdx` loop. The extent is over dims, for a `threadIdx` axis
 * constant.
 *
 * rewrite: `for i in 0..n: B`  becomes  `for i in 0..n @blockIdx.x: B`
 */
export function bind(func: PrimFunc, name: string, axis: ThreadAxis): PrimFunc {
  const { loop, path } = loopSite("bind", func, name);
  const around = path.find((s): s is For => s.kind === "for" && s.loop === axis);
  if (around !== undefined) refuse("bind", `loop ${around.var}, around loop ${name}, has ${axis} already`);
  const threads = path.find((s): s is For => s.kind === "for" && s.loop.startsWith("threadIdx"));
  if (axis.startsWith("blockIdx") && threads !== undefined) {
    refuse(
      "bind",
      `loop ${name} is inside loop ${threads.var} of a workgroup's threads; bind it to a threadIdx axis`,
    );
  }
  for (const { loop: inner } of allLoops(loop.body)) {
    if (inner.loop === axis) refuse("bind", `loop ${inner.var}, inside loop ${name}, has ${axis} already`);
    if (axis.startsWith("threadIdx") && inner.loop.startsWith("blockIdx")) {
      refuse("bind", `loop ${inner.var} of workgroups is inside loop ${name}; bind it to a blockIdx axis`);
    }
  }
  if (axis.startsWith("threadIdx") && loop.extent.kind !== "const") {
    refuse("bind", `loop ${name} has no constant extent, which ${axis} needs; split it`);
  }
  const dependent = [...freeVars(loop.extent)].find((v) => !func.dims.includes(v));
  if (dependent !== undefined) {
    refuse("bind", `the extent of loop ${name} depends on loop ${dependent}, but a grid has one size`);
  }
  requireIndependent("bind", func, loop);
  return setKind("bind", func, loop, axis);
}

/** Marks a loop over independent points; see {@linkcode bind} for what that takes. */
export function setLoopKind(
  func: PrimFunc,
  step: "parallel" | "vectorize" | "unroll",
  name: string,
): PrimFunc {
  const { loop } = loopSite(step, func, name);
  const kind: LoopKind = step === "parallel" ? "parallel" : step === "vectorize" ? "vectorized" : "unrolled";
  // Unrolling keeps the order of iterations, so it needs nothing else.
  if (step !== "unroll") requireIndependent(step, func, loop);
  if (step === "vectorize" && loop.extent.kind !== "const") {
    refuse(step, `loop ${name} has no constant extent; split it`);
  }
  return setKind(step, func, loop, kind);
}

function requireIndependent(step: string, func: PrimFunc, loop: For): void {
  for (const { block, path } of allBlocks(func.body)) {
    if (path.includes(loop) && boundVars(block, "reduce").has(loop.var)) {
      refuse(
        step,
        `loop ${loop.var} feeds a reduce iterator of block ${block.name}: its iterations write one element`,
      );
    }
  }
}

function setKind(step: string, func: PrimFunc, loop: For, kind: LoopKind): PrimFunc {
  if (loop.loop !== "serial") refuse(step, `loop ${loop.var} is ${loop.loop} already`);
  return withBody(func, replaceStmt(func.body, loop, () => forLoop(loop.var, loop.extent, loop.body, kind)));
}
