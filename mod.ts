/**
 * Weft: models as immutable tensor expressions, compiled to kernels that you can see and change.
 *
 * ```ts
 * import { compile, jsDevice, method, mul, spec, trace } from "@weft/weft";
 *
 * // Shapes are checked by TypeScript; "n" stays symbolic, so one compiled program takes every length.
 * const square = method({ x: spec(["n"], "f32") }, ({ x }) => ({ y: mul(x, x) }));
 * const program = trace({ square }, { bounds: { n: 1024 } });
 * using executable = await compile(program, { device: jsDevice() });
 * const x = { dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) } as const;
 * const { y } = executable.run("square", { x });
 * console.log((await y!.read()).data); // Float32Array(3) [ 1, 4, 9 ]
 * ```
 *
 * @module
 */
export * from "./dsl/mod.ts";
export * from "./compile.ts";
export * from "./ir/errors.ts";
export { printExpr, printFunc, printGraph } from "./ir/print.ts";
export { parseExpr, parseFunc, parseGraph } from "./ir/parse.ts";
export type { Graph } from "./ir/graph.ts";
export type { PrimFunc } from "./ir/prim_func.ts";
export type { Target } from "./ir/target.ts";
export type * from "./backends/backend.ts";
export type { Launch, LaunchBuffer, LoweredFunc } from "./backends/lower.ts";
export type { BufferRef, EntryPlan, PlanBuffer, PlanStep } from "./backends/runtime/plan.ts";
export {
  type CheckedInputs,
  type DeviceTensor,
  Executable,
  type ExecutableInfo,
  type HostTensor,
  type InputTensor,
  type Profile,
  type RunInputs,
  type RunOptions,
  type RunOutputs,
} from "./backends/runtime/executable.ts";
export type { DimValues } from "./backends/runtime/dims.ts";
export { State } from "./backends/runtime/state.ts";
export { memoryWeight, type Weight, type Weights } from "./backends/runtime/weights.ts";
export { GRAPH_RULES, type GraphRule, type GraphRuleName } from "./schedule/graph/rules.ts";
export type { WeightLayout, WeightLayouts } from "./schedule/graph/layout.ts";
export type { KernelCall, LegalizedGraph } from "./schedule/graph/legalize.ts";
export { parseSchedule, printSchedule } from "./schedule/text.ts";
export type { Schedule } from "./schedule/schedule.ts";
export { jsDevice } from "./backends/js/mod.ts";
export { wasmDevice } from "./backends/wasm/mod.ts";
export { webgpuDevice } from "./backends/webgpu/mod.ts";
