/**
 * How far apart in memory neighbouring threads are.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import type { Expr } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { allBlocks } from "../../ir/reduction.ts";
import type { For, ThreadAxis } from "../../ir/stmt.ts";
import { siteAccesses, strideOf } from "./access.ts";

/** An access of a block to device memory, and how neighbours along one axis of threads, or lanes of a vector, lie. */
export interface ThreadStride {
  readonly block: string;
  readonly buffer: string;
  readonly write: boolean;
  /** The axis, and the loop that has it. */
  readonly axis: Extract<ThreadAxis, `threadIdx.${string}`> | "vectorized";
  readonly loop: string;
  /** Elements from one to the next; `undefined` where that is not the same everywhere. */
  readonly stride: Expr | undefined;
  /**
   * `same`: all touch one element; `together`: they touch memory without gaps, each an element or a vector; `apart`:
   * there are gaps, so that each takes a transfer of its own.
   */
  readonly spread: "same" | "together" | "apart";
}

/**
 * The stride of each access to device memory along each axis of threads and each vectorized loop around its block. For a
 * GPU the accesses along `threadIdx.x` should be `together` or `same`.
 *
 * @example
 * ```ts
 * import { apply, bind, coalescing, seq, split } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, variable } from "@weft/weft/ir";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const buffer = (name: string, ...shape: number[]) =>
 *   ({ name, dtype: "f32", shape: shape.map((n) => int(n)), scope: "global" } as const);
 * const func = lowerCompute(
 *   {
 *     name: "turn",
 *     axes: [{ name: "i", extent: int(64) }, { name: "j", extent: int(64) }],
 *     body: load("x", "f32", [j, i]),
 *   },
 *   [buffer("x", 64, 64)],
 *   buffer("y", 64, 64),
 *   [],
 * );
 * const result = apply(func, seq(bind("i", "blockIdx.x"), bind("j", "threadIdx.x")));
 * if (result.ok) console.log(coalescing(result.func).map((s) => `${s.buffer}: ${s.spread}`)); // [ "x: apart", "y: together" ]
 * ```
 */
export function coalescing(func: PrimFunc): readonly ThreadStride[] {
  return allBlocks(func.body).flatMap((site) => {
    const loops = site.path.filter((s): s is For => s.kind === "for");
    return siteAccesses(func, site).flatMap((a): readonly ThreadStride[] => {
      if (a.buffer.scope !== "global") return [];
      const flat = flatIndex(a.buffer, a.indices);
      const strides = loops.map((loop) => ({ loop, stride: strideOf(flat, loop, loops) }));
      const lanes = strides.find(({ loop, stride }) => loop.loop === "vectorized" && isConst(stride, 1))?.loop
        .extent;
      const width = lanes?.kind === "const" ? lanes.value : 1;
      return strides.flatMap(({ loop, stride }): readonly ThreadStride[] => {
        const axis = axisOf(loop);
        if (axis === undefined) return [];
        const step = axis === "vectorized" ? 1 : width;
        const size = stride?.kind === "const" ? Math.abs(stride.value) : Infinity;
        const spread = size === 0 ? "same" : size <= step ? "together" : "apart";
        const { buffer: { name: buffer }, write } = a;
        return [{ block: site.block.name, buffer, write, axis, loop: loop.var, stride, spread }];
      });
    });
  });
}

function isConst(e: Expr | undefined, value: number): boolean {
  return e?.kind === "const" && e.value === value;
}

function axisOf({ loop }: For): ThreadStride["axis"] | undefined {
  switch (loop) {
    case "threadIdx.x":
    case "threadIdx.y":
    case "threadIdx.z":
    case "vectorized":
      return loop;
    case "blockIdx.x":
    case "blockIdx.y":
    case "blockIdx.z":
    case "serial":
    case "parallel":
    case "unrolled":
      return undefined;
    default:
      return loop satisfies never;
  }
}
