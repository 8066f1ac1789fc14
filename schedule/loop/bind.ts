/**
 * `bind`: a loop's iterations as workgroups or threads.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { type Expr, variable } from "../../ir/expr.ts";
import { simplify } from "../../ir/simplify.ts";
import type { For, Stmt, ThreadAxis } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { bufferAccesses, visitStmt } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { accessesTo, commonIndices, mentions, sharedAccesses } from "../analysis/elements.ts";
import { loopsAt, placeOf } from "../analysis/order.ts";
import { isBound, loopsIn, nestsOf } from "../analysis/nests.ts";
import { requireIndependent } from "./independent.ts";
import { setKind } from "./kind.ts";
import { bufferOf, type LoopSite, loopSite, refuse } from "./site.ts";

const STEP = "bind";

/**
 * Gives the iterations of a serial loop to a GPU axis.
 *
 * Legal where different iterations touch different elements of what is written, no loop around or inside has the axis
 * (but one around a loop that only fills memory which its threads share), the extent is the same for all threads (of a `threadIdx` axis a constant), and no `blockIdx` loop is inside a
 * `threadIdx` loop. Loops beside each other may share an axis where no thread then needs what another did, or one of the
 * same workgroup did it in memory; whether all of a nest is bound in the end is checked when it is lowered to a launch.
 *
 * rewrite: `for i in 0..n: B`  becomes  `for i in 0..n @blockIdx.x: B`
 */
export function bind(func: PrimFunc, name: string, axis: ThreadAxis): PrimFunc {
  const site = loopSite(STEP, func, name);
  const { loop, path } = site;
  if (loop.loop !== "serial") refuse(STEP, [name], `loop ${name} is ${loop.loop} already`);
  const outside = path.filter((s): s is For => s.kind === "for");
  const same = [...outside, ...loopsIn(loop.body)].find((l) => l.loop === axis);
  if (same !== undefined && !fillsStage(func, loop, same, path)) {
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
  if (axis.startsWith("threadIdx")) requireNoStage(loop);
  const nest = nestsOf(func.body).find((n) => n === loop || path.includes(n)) ?? loop;
  for (const other of loopsIn(nest)) {
    // Loops of other extents are refused when they are lowered.
    if (other.loop === axis && other.extent === loop.extent) requireAlike(STEP, func, site, other);
  }
  return setKind(func, loop, axis);
}

/** Whether a loop inside of one over the same threads only fills memory that they share. */
function fillsStage(func: PrimFunc, loop: For, same: For, path: readonly Stmt[]): boolean {
  const inside = path.slice(path.indexOf(same));
  return path.includes(same) && loop.extent === same.extent && same.loop.startsWith("threadIdx") &&
    [...sharedAccesses(loop)].every(([name]) =>
      bufferOf(func, name)?.scope === "workgroup" &&
      inside.some((s) => s.kind === "alloc" && s.buffer.name === name)
    );
}

/** Memory of a workgroup is there for the threads that it was made for. */
function requireNoStage(loop: For): void {
  visitStmt(loop.body, (s) => {
    if (s.kind !== "alloc" || s.buffer.scope !== "workgroup") return;
    refuse(
      STEP,
      [loop.var],
      `each iteration of loop ${loop.var} has ${s.buffer.name} to itself, which threads would share; bind threads first`,
    );
  });
}

/**
 * Refuses where a thread would need what another thread did in a loop beside it: each has the same iteration of both,
 * registers of its own, and waits only for others of its workgroup, where memory that they share is between them.
 */
export function requireAlike(step: string, func: PrimFunc, { loop, path }: LoopSite, other: For): void {
  const names = [loop, other].map((l) => new Set(bufferAccesses(l).map((a) => a.buffer)));
  const written = new Set([loop, other].flatMap((l) => [...sharedAccesses(l).keys()]));
  const both = [...written].filter((b) =>
    names.every((set) => set.has(b)) && bufferOf(func, b)?.scope !== "workgroup"
  );
  // What differs in nothing but its name is one loop: elements then are the same function of the thread in both.
  const twins = new Map<string, Expr>([[other.var, variable(loop.var)]]);
  const free = loopsIn(loop).filter((l) => l !== loop);
  for (const l of loopsIn(other)) {
    const twin = l === other ? undefined : free.findIndex((f) => f.extent === l.extent);
    const [same] = twin === undefined || twin < 0 ? [] : free.splice(twin, 1);
    if (same !== undefined) twins.set(l.var, variable(same.var));
  }
  const loops = [...path.filter((s): s is For => s.kind === "for"), ...loopsIn(loop), ...loopsIn(other)];
  for (const buffer of both) {
    const own = accessesTo(loop, [buffer]).get(buffer) ?? [];
    const beside = (accessesTo(other, [buffer]).get(buffer) ?? []).map((a) => ({
      ...a,
      indices: a.indices.map((e) => simplify(substitute(e, twins))),
    }));
    const known = determinedLoops(commonIndices([...own, ...beside]), [], loops);
    if (known.has(loop.var)) continue;
    // Threads of one workgroup wait for each other: lowering puts a barrier between the loops.
    const groups = workgroupsAround(func, path, other);
    const passes = other.loop.startsWith("threadIdx") && bufferOf(func, buffer)?.scope === "global";
    if (passes && groups?.every((l) => known.has(l.var) || isSingle(l))) continue;
    refuse(
      step,
      [loop.var, other.var],
      `loops ${loop.var} and ${other.var} would be the same threads, but an element of ${buffer} may be of one in ` +
        `${other.var} and of another in ${loop.var}`,
    );
  }
}

/** The loops over workgroups around a place, where they are around another loop, too. */
function workgroupsAround(func: PrimFunc, path: readonly Stmt[], other: For): readonly For[] | undefined {
  const own = loopsAt(path).filter((l) => l.loop.startsWith("blockIdx"));
  const others = loopsAt(placeOf(func.body, other)).filter((l) => l.loop.startsWith("blockIdx"));
  return own.length === others.length && own.every((l) => others.includes(l)) ? own : undefined;
}

function isSingle(loop: For): boolean {
  return loop.extent.kind === "const" && loop.extent.value <= 1;
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
