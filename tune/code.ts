/**
 * The code that a schedule comes to: by its hash records are known to be of this version of the rules and of the code
 * generators.
 *
 * @module
 */
import type { KernelCode } from "../backends/backend.ts";
import { generateJs } from "../backends/js/codegen.ts";
import { type Launch, lowerFunc } from "../backends/lower.ts";
import { generateWasm } from "../backends/wasm/codegen.ts";
import { generateWgsl } from "../backends/webgpu/codegen.ts";
import { WeftError } from "../ir/errors.ts";
import { fnv1a64 } from "../ir/fnv.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { apply } from "../schedule/strategy.ts";

/**
 * Hash of the code of a kernel under a schedule, as 16 hex digits; `undefined` where the schedule does not apply or the
 * target has no code for it. What an engine can do beyond the target (fused products and sums in Wasm) is left out:
 * the fingerprint of a record has the engine.
 */
export function codeHash(func: PrimFunc, schedule: Schedule, target: Target): string | undefined {
  const result = apply(func, schedule, { target });
  if (!result.ok) return undefined;
  try {
    const { launches } = lowerFunc(result.func);
    return fnv1a64(launches.map((l) => generate(l, target).source).join("\n"));
  } catch (error) {
    if (error instanceof WeftError) return undefined;
    throw error;
  }
}

function generate(launch: Launch, target: Target): KernelCode {
  switch (target.kind) {
    case "webgpu":
      return generateWgsl(launch, target);
    case "wasm":
      return generateWasm(launch, { shared: true, relaxed: true, reorder: true });
    case "js":
      return generateJs(launch);
    default:
      return target.kind satisfies never;
  }
}
