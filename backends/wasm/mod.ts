/**
 * The WebAssembly backend: vectors and threads of the CPU, on every machine without a usable GPU.
 *
 * @module
 */
export {
  WASM_TARGET,
  type WasmCounters,
  type WasmDevice,
  wasmDevice,
  type WasmDeviceOptions,
} from "./device.ts";
export { generateWasm, type WasmFeatures, type WasmKernelCode } from "./codegen.ts";
