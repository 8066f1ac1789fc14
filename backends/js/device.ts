/**
 * The device that is the program itself: buffers are array buffers, kernels JavaScript functions that run at once,
 * on the calling thread. It works everywhere and is exact; it is the oracle of the other backends and the last
 * resort.
 *
 * @module
 */
import { viewBuffer } from "../../ir/data.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { DeviceError } from "../../ir/errors.ts";
import { evalInt } from "../../ir/eval.ts";
import type { Target } from "../../ir/target.ts";
import type { Device, DeviceBuffer, Kernel, KernelCode } from "../backend.ts";
import { byDims } from "../by_dims.ts";
import { CpuDevice, type CpuDispatch } from "../cpu_device.ts";
import type { Launch } from "../lower.ts";
import { generateJs } from "./codegen.ts";
import { compileKernel, interpretKernel, type RunKernel } from "./kernel.ts";

/** How a JavaScript device runs kernels. */
export interface JsDeviceOptions {
  /**
   * `"compile"` (the default) compiles generated text, and interprets where the program is not allowed to; `"interpret"`
   * always interprets, which is about 50 times slower and checks every access.
   */
  readonly kernels?: "compile" | "interpret";
}

/** What the JavaScript device can do: memory is the only limit. */
export const JS_TARGET: Target = {
  kind: "js",
  name: "JavaScript",
  software: true,
  f16: true,
  timestamps: false,
  maxBufferSize: 2 ** 32,
  maxBindingSize: 2 ** 32,
  maxBindings: 64,
  bindingAlignment: 4,
  maxWorkgroups: 2 ** 31 - 1,
  maxThreads: 1024,
  maxThreadsPerAxis: [1024, 1024, 1024],
  maxWorkgroupMemory: 2 ** 24,
  registers: 0,
  vectorSums: false,
  costlyLaunches: false,
};

/**
 * A device that runs kernels as JavaScript.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { jsDevice } from "./device.ts";
 *
 * const device = jsDevice();
 * const buffer = device.allocate(8, "x");
 * device.write(buffer, 4, Uint8Array.of(1, 2, 3, 4));
 * assertEquals(await device.read({ buffer, offset: 0, bytes: 8 }), Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4));
 * device.dispose();
 * ```
 */
export function jsDevice(options: JsDeviceOptions = {}): Device {
  return new JsDevice(options.kernels ?? "compile");
}

class JsDevice extends CpuDevice {
  readonly target = JS_TARGET;
  readonly #mode: "compile" | "interpret";
  readonly #memory = new Map<DeviceBuffer, Uint8Array>();
  readonly #compiled = new Map<string, RunKernel>();
  readonly #kernels = new WeakMap<Kernel, RunKernel>();

  constructor(mode: "compile" | "interpret") {
    super();
    this.#mode = mode;
  }

  generate(launch: Launch): KernelCode {
    return generateJs(launch);
  }

  // deno-lint-ignore require-await -- failures are rejections, as on devices that take time
  async prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]> {
    this.check("prepare kernels");
    return codes.map((code) => {
      const kernel: Kernel = { code };
      // Equal sources do the same; what the interpreter checks is not in the source.
      const run = this.#compiled.get(code.source) ??
        (this.#mode === "compile" ? compileKernel(code) : undefined);
      if (run !== undefined) this.#compiled.set(code.source, run);
      this.#kernels.set(kernel, run ?? interpretKernel(code));
      return kernel;
    });
  }

  protected memoryOf(buffer: DeviceBuffer): Uint8Array | undefined {
    return this.#memory.get(buffer);
  }

  protected take(bytes: number, label: string): DeviceBuffer {
    const buffer = Object.freeze({ bytes, label });
    try {
      this.#memory.set(buffer, new Uint8Array(bytes));
    } catch (cause) {
      throw new DeviceError("out-of-memory", `Cannot allocate ${label}: there are no ${bytes} bytes left`, {
        cause,
      });
    }
    return buffer;
  }

  protected give(buffer: DeviceBuffer): void {
    this.#memory.delete(buffer);
  }

  protected bindOne(kernel: Kernel, memory: () => readonly Uint8Array[]): CpuDispatch | undefined {
    const run = this.#kernels.get(kernel);
    if (run === undefined) return undefined;
    const { launch } = kernel.code;
    const arrays = memory().map(({ buffer, byteOffset, length }, i) => {
      const { dtype } = launch.buffers[i]!.buffer;
      return viewBuffer(dtype, buffer, byteOffset, Math.floor(length / DTYPES[dtype].bytes));
    });
    const [x, y, z] = launch.grid;
    const gridOf = byDims(
      launch.dims,
      (dims) => [evalInt(x, dims), evalInt(y, dims), evalInt(z, dims)] as const,
    );
    return {
      launch,
      run(dims) {
        const grid = gridOf(dims);
        if (grid[0] <= 0 || grid[1] <= 0 || grid[2] <= 0) return false;
        run(arrays, dims, grid);
        return true;
      },
    };
  }

  protected close(): void {
    this.#memory.clear();
    this.#compiled.clear();
  }
}
