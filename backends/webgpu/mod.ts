/**
 * The WebGPU backend: kernels as WGSL, run by the runtime's WebGPU.
 *
 * @module
 */
export { ENTRY_POINT, generateWgsl, type WebGPUCode } from "./codegen.ts";
export { type Binding, partsOf } from "./bindings.ts";
export type { UniformWord } from "./uniforms.ts";
export { type WebGPUCounters, WebGPUDevice, webgpuDevice, type WebGPUDeviceOptions } from "./device.ts";
export { WEBGPU_BASELINE } from "./limits.ts";
export { WebGPUBuffer } from "./memory.ts";
export type * from "../backend.ts";
export type { Launch, LaunchBuffer } from "../lower.ts";
export type { Target } from "../../ir/target.ts";
