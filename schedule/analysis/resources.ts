/**
 * What a scheduled kernel takes of a target: threads, workgroup memory, registers, bindings.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import { DTYPES } from "../../ir/dtype.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Buffer, For, Scope, Stmt, ThreadAxis } from "../../ir/stmt.ts";
import type { Target } from "../../ir/target.ts";
import { bufferAccesses, stmtChildren } from "../../ir/visit.ts";
import { bufferOf } from "../loop/site.ts";
import { launchesOf, loopsIn, outerBlocks } from "./nests.ts";

/** What one nest, which is one dispatch, takes. */
export interface NestResources {
  /** Its blocks. */
  readonly blocks: readonly string[];
  /** Threads of a workgroup along x, y, z. */
  readonly threads: readonly [number, number, number];
  /** Bytes of memory that a workgroup shares. */
  readonly workgroupBytes: number;
  /**
   * Registers of four numbers for what a thread keeps in `local` buffers at one time: an estimate, without the
   * temporaries of expressions. Infinity where a buffer's size depends on dims.
   */
  readonly registers: number;
  /** Buffers in device memory, each of which is a binding. */
  readonly buffers: number;
}

/**
 * What each nest of a scheduled function takes.
 *
 * @example
 * ```ts
 * import { apply, bind, resourcesOf, seq, split } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, variable } from "@weft/weft/ir";
 *
 * const buffer = (name: string) => ({ name, dtype: "f32", shape: [int(256)], scope: "global" } as const);
 * const func = lowerCompute(
 *   { name: "copy", axes: [{ name: "i", extent: int(256) }], body: load("x", "f32", [variable("i")]) },
 *   [buffer("x")],
 *   buffer("y"),
 *   [],
 * );
 * const result = apply(func, seq(split("i", [null, 64], ["b", "t"]), bind("b", "blockIdx.x"), bind("t", "threadIdx.x")));
 * if (result.ok) console.log(resourcesOf(result.func)[0]?.threads); // [ 64, 1, 1 ]
 * ```
 */
export function resourcesOf(func: PrimFunc): readonly NestResources[] {
  return launchesOf(func).map(({ nest }) => {
    const loops = loopsIn(nest);
    const names = new Set(bufferAccesses(nest).map((a) => a.buffer));
    return {
      blocks: outerBlocks(nest).map((site) => site.block.name),
      threads: [
        threadsOf(loops, "threadIdx.x"),
        threadsOf(loops, "threadIdx.y"),
        threadsOf(loops, "threadIdx.z"),
      ],
      workgroupBytes: atOnce(nest, "workgroup", (b) => countOf(b) * DTYPES[b.dtype].bytes),
      registers: atOnce(nest, "local", (b) => Math.ceil(countOf(b) / 4)),
      buffers: [...names].filter((name) => bufferOf(func, name)?.scope === "global").length,
    };
  });
}

/**
 * What of this a target does not have, in words; nothing where all fits.
 *
 * @example
 * ```ts
 * import { overLimits } from "@weft/weft/schedule";
 * import { jsDevice } from "@weft/weft/backends/js";
 *
 * const device = jsDevice();
 * const nest = { blocks: ["b"], threads: [1, 1, 1], workgroupBytes: 0, registers: 4, buffers: 3 } as const;
 * console.log(overLimits(nest, device.target)); // []
 * ```
 */
export function overLimits(nest: NestResources, target: Target): readonly string[] {
  const all = nest.threads.reduce((a, b) => a * b, 1);
  const rows: readonly (readonly [string, number, number])[] = [
    ["threads in a workgroup", all, target.maxThreads],
    ...(["x", "y", "z"] as const).map((axis, i) =>
      [`threads along ${axis}`, nest.threads[i] ?? 1, target.maxThreadsPerAxis[i] ?? 1] as const
    ),
    ["bytes of workgroup memory", nest.workgroupBytes, target.maxWorkgroupMemory],
    // A target without registers keeps what is local in memory.
    ["registers of four numbers", nest.registers, target.registers === 0 ? Infinity : target.registers],
    ["buffers", nest.buffers, target.maxBindings],
  ];
  return rows.filter(([, used, most]) => used > most).map(([what, used, most]) =>
    `${nest.blocks.join(", ")}: ${used} ${what}, ${target.name} has ${most}`
  );
}

function threadsOf(loops: readonly For[], axis: ThreadAxis): number {
  const sizes = loops.filter((l) => l.loop === axis).map((
    l,
  ) => (l.extent.kind === "const" ? l.extent.value : 1));
  return Math.max(1, ...sizes);
}

/** Buffers of a scope that are there at one time: those around each other, not those one after the other. */
function atOnce(s: Stmt, scope: Scope, size: (b: Buffer) => number): number {
  const inside = Math.max(0, ...stmtChildren(s).map((child) => atOnce(child, scope, size)));
  return inside + (s.kind === "alloc" && s.buffer.scope === scope ? size(s.buffer) : 0);
}

/** Elements from the first to the last, with what strides leave between them. */
function countOf(buffer: Buffer): number {
  const span = simplify(bufferSpan(buffer));
  return span.kind === "const" ? span.value : Infinity;
}
