/**
 * Compiling kernels, each text once in the life of a device.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { Kernel, KernelCode } from "../backend.ts";
import { ENTRY_POINT, type WebGPUCode } from "./codegen.ts";
import { compileError, messageOf, type ShaderPosition } from "./errors.ts";

/** A compiled kernel of a {@linkcode WebGPUDevice}. */
export interface WebGPUKernel extends Kernel {
  readonly code: WebGPUCode;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

type Compiled = Pick<WebGPUKernel, "pipeline" | "layout">;

/** Compiled kernels of a device by their text. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #compiled = new Map<string, Promise<Compiled>>();

  /** A cache on a device. */
  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Compiles a kernel, unless its text was compiled before. Throws {@linkcode DeviceError} `validation`. */
  async prepare(code: KernelCode): Promise<WebGPUKernel> {
    if (!isWebGPUCode(code)) {
      throw new DeviceError(
        "validation",
        `Cannot compile kernel ${code.launch.name}: its code was generated for another backend`,
      );
    }
    let compiled = this.#compiled.get(code.source);
    if (compiled === undefined) {
      compiled = compile(this.#device, code);
      this.#compiled.set(code.source, compiled);
      compiled.catch(() => this.#compiled.delete(code.source));
    }
    return { code, ...await compiled };
  }

  /** Number of distinct kernels. */
  get size(): number {
    return this.#compiled.size;
  }
}

function isWebGPUCode(code: KernelCode): code is WebGPUCode {
  return "bindings" in code && "uniforms" in code;
}

async function compile(device: GPUDevice, code: WebGPUCode): Promise<Compiled> {
  const label = code.launch.name;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code: code.source });
  const refused = await device.popErrorScope();
  if (refused !== null) {
    const info = await firstError(module);
    throw compileError(label, code.source, info?.message ?? refused.message, info);
  }
  const entries: GPUBindGroupLayoutEntry[] = code.bindings.map((b, i) => ({
    binding: i + 1,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: b.writable ? "storage" : "read-only-storage", hasDynamicOffset: false },
  }));
  if (code.uniforms.length > 0) {
    entries.unshift({ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } });
  }
  device.pushErrorScope("validation");
  const layout = device.createBindGroupLayout({ label, entries });
  const created = device.createComputePipelineAsync({
    label,
    layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: ENTRY_POINT },
  }).then((pipeline) => ({ pipeline }), (error: unknown) => ({ error }));
  const invalid = await device.popErrorScope();
  const result = await created;
  if ("error" in result) throw compileError(label, code.source, messageOf(result.error));
  if (invalid !== null) throw compileError(label, code.source, invalid.message);
  return { pipeline: result.pipeline, layout };
}

/** The compiler's first error with its position, where the implementation tells. */
async function firstError(
  module: GPUShaderModule,
): Promise<(ShaderPosition & { message: string }) | undefined> {
  try {
    const { messages } = await module.getCompilationInfo();
    const first = messages.find((m) => m.type === "error");
    return first === undefined || first.lineNum === 0
      ? undefined
      : { message: first.message, line: first.lineNum, column: first.linePos };
  } catch {
    return undefined; // not implemented everywhere
  }
}
