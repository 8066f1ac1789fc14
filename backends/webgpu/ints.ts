/**
 * What is known of index expressions when a kernel is generated: constants, ranges, sizes.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import type { Expr } from "../../ir/expr.ts";
import { DIM_RANGE, type Facts, factsOf, intervalOf, type VarRange } from "../../ir/interval.ts";
import { simplifier, simplify } from "../../ir/simplify.ts";
import type { Buffer } from "../../ir/stmt.ts";
import type { Launch } from "../lower.ts";

/** The value of an expression that does not depend on any variable. */
export function constantOf(e: Expr): number | undefined {
  const simple = simplify(e);
  return simple.kind === "const" ? simple.value : undefined;
}

/** Elements from the first to the last of a buffer, strides counted, where its size is constant. */
export function spanOf(buffer: Buffer): number | undefined {
  if (buffer.shape.some((extent) => constantOf(extent) === 0)) return 0;
  const span = constantOf(bufferSpan(buffer));
  return span === undefined ? undefined : Math.max(0, span);
}

/** Ranges of the variables in scope, and what follows from them. */
export interface Scope {
  readonly ranges: ReadonlyMap<string, VarRange>;
  /** Simplifies an expression over these variables. */
  simplify(e: Expr): Expr;
  /** Whether an `i32` expression over these variables cannot be negative. */
  isNonNegative(e: Expr): boolean;
}

function scopeOf(ranges: ReadonlyMap<string, VarRange>): Scope {
  const facts: Facts = factsOf(ranges);
  return {
    ranges,
    simplify: simplifier(ranges),
    isNonNegative: (e) => intervalOf(e, facts).min >= 0,
  };
}

/** Thread axes and dims of a launch. */
export function launchScope(launch: Launch): Scope {
  const ranges = new Map<string, VarRange>(launch.dims.map((name) => [name, DIM_RANGE]));
  for (const [d, axis] of ["x", "y", "z"].entries()) {
    const blocks = launch.grid[d];
    if (blocks !== undefined) ranges.set(`blockIdx.${axis}`, { ...DIM_RANGE, below: blocks });
    ranges.set(`threadIdx.${axis}`, { min: 0, max: Math.max(0, (launch.workgroup[d] ?? 1) - 1) });
  }
  return scopeOf(ranges);
}

/** The scope inside a loop. */
export function loopScope(outer: Scope, name: string, extent: Expr): Scope {
  return scopeOf(new Map([...outer.ranges, [name, { ...DIM_RANGE, below: extent }]]));
}
