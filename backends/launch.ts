/**
 * Launches seen from outside: what is known of their variables, and what they mean.
 *
 * @module
 */
import { DIM_RANGE, type Ranges, type VarRange } from "../ir/interval.ts";
import { type PrimFunc, primFunc } from "../ir/prim_func.ts";
import { type Expr, int } from "../ir/expr.ts";
import { forLoop, type ThreadAxis } from "../ir/stmt.ts";
import type { Launch } from "./lower.ts";

/** An axis of a launch: its variable in the body, and its extent. */
export interface LaunchAxis {
  /** The axis, which is also the name of the variable. */
  readonly axis: ThreadAxis;
  /** Workgroups or threads along it. */
  readonly extent: Expr;
}

/** The axes of a launch, workgroups before threads, x last: the order of loops that would do the same. */
export function launchAxes({ grid, workgroup }: Pick<Launch, "grid" | "workgroup">): readonly LaunchAxis[] {
  const [tx, ty, tz] = workgroup;
  return [
    { axis: "blockIdx.z", extent: grid[2] },
    { axis: "blockIdx.y", extent: grid[1] },
    { axis: "blockIdx.x", extent: grid[0] },
    { axis: "threadIdx.z", extent: int(tz) },
    { axis: "threadIdx.y", extent: int(ty) },
    { axis: "threadIdx.x", extent: int(tx) },
  ];
}

/** Ranges of a launch's dims and axes. */
export function launchRanges(launch: Pick<Launch, "dims" | "grid" | "workgroup">): Ranges {
  return new Map<string, VarRange>([
    ...launch.dims.map((name): [string, VarRange] => [name, DIM_RANGE]),
    ...launchAxes(launch).map(({ axis, extent }): [string, VarRange] => [
      axis,
      { ...DIM_RANGE, below: extent },
    ]),
  ]);
}

/** The function that does what a launch does: its meaning, for the interpreter. */
export function launchFunc(launch: Launch): PrimFunc {
  const body = launchAxes(launch).reduceRight(
    (inner, { axis, extent }) => forLoop(axis, extent, inner, axis),
    launch.body,
  );
  return primFunc(launch.name, launch.buffers, launch.dims, body);
}
