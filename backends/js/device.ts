/**
 * The device that is the program itself: buffers are array buffers, kernels JavaScript functions that run at once,
 * on the calling thread. It works everywhere and is exact; it is the oracle of the other backends and the last
 * resort.
 *
 * @module
 */
import { type TensorArray, viewBuffer } from "../../ir/data.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { DeviceError, WeftError } from "../../ir/errors.ts";
import { evalInt } from "../../ir/eval.ts";
import type { Target } from "../../ir/target.ts";
import type {
  BufferSlice,
  Commands,
  Device,
  DeviceBuffer,
  Dispatch,
  DispatchTime,
  Kernel,
  KernelCode,
} from "../backend.ts";
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

/** A dispatch with all that does not change between runs. */
interface Bound {
  readonly launch: Launch;
  readonly run: RunKernel;
  readonly arrays: readonly TensorArray[];
}

class JsDevice implements Device {
  readonly target = JS_TARGET;
  readonly #mode: "compile" | "interpret";
  readonly #memory = new Map<DeviceBuffer, ArrayBuffer>();
  readonly #compiled = new Map<string, RunKernel>();
  readonly #kernels = new WeakMap<Kernel, RunKernel>();
  readonly #bound = new WeakMap<Commands, readonly Bound[]>();
  #disposed = false;

  constructor(mode: "compile" | "interpret") {
    this.#mode = mode;
  }

  generate(launch: Launch): KernelCode {
    return generateJs(launch);
  }

  allocate(bytes: number, label: string): DeviceBuffer {
    this.#check(`allocate ${label}`);
    if (bytes > this.target.maxBufferSize) {
      throw new DeviceError(
        "limit",
        `Cannot allocate ${label}: ${bytes} bytes are more than the largest buffer, ${this.target.maxBufferSize}`,
      );
    }
    const buffer = Object.freeze({ bytes, label });
    try {
      this.#memory.set(buffer, new ArrayBuffer(bytes));
    } catch (cause) {
      throw new DeviceError("out-of-memory", `Cannot allocate ${label}: there are no ${bytes} bytes left`, {
        cause,
      });
    }
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    this.#memory.delete(buffer);
  }

  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    const memory = this.#part("write", { buffer, offset, bytes: data.length });
    new Uint8Array(memory, offset, data.length).set(data);
  }

  copy(from: BufferSlice, to: DeviceBuffer): void {
    const source = new Uint8Array(this.#part("copy", from), from.offset, from.bytes);
    new Uint8Array(this.#part("copy to", { buffer: to, offset: 0, bytes: from.bytes })).set(source);
  }

  // deno-lint-ignore require-await -- failures are rejections, as on devices that take time
  async read(slice: BufferSlice): Promise<Uint8Array<ArrayBuffer>> {
    const memory = this.#part("read", slice);
    return new Uint8Array(memory.slice(slice.offset, slice.offset + slice.bytes));
  }

  // deno-lint-ignore require-await -- as above
  async prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]> {
    this.#check("prepare kernels");
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

  bind(dispatches: readonly Dispatch[]): Commands {
    this.#check("bind");
    const bound = dispatches.map(({ kernel, buffers }): Bound => {
      const { launch } = kernel.code;
      const run = this.#kernels.get(kernel);
      if (run === undefined) {
        throw new DeviceError("validation", `Cannot bind ${launch.name}: this device has not prepared it`);
      }
      if (buffers.length !== launch.buffers.length) {
        throw new DeviceError(
          "validation",
          `Cannot bind ${launch.name}: it has ${launch.buffers.length} buffers, got ${buffers.length}`,
        );
      }
      const arrays = launch.buffers.map(({ buffer: { name, dtype } }, i) => {
        const slice = buffers[i]!;
        const memory = this.#part(`bind ${name} of ${launch.name} to`, slice);
        return viewBuffer(dtype, memory, slice.offset, Math.floor(slice.bytes / DTYPES[dtype].bytes));
      });
      return { launch, run, arrays };
    });
    const commands: Commands = { dispatches, dispose: () => void this.#bound.delete(commands) };
    this.#bound.set(commands, bound);
    return commands;
  }

  submit(commands: Commands, dims: Readonly<Record<string, number>>): void {
    for (const one of this.#list(commands)) runOne(one, dims);
  }

  // deno-lint-ignore require-await -- as above
  async profile(
    commands: Commands,
    dims: Readonly<Record<string, number>>,
  ): Promise<readonly DispatchTime[]> {
    return this.#list(commands).flatMap((one): DispatchTime[] => {
      const start = performance.now();
      const ran = runOne(one, dims);
      return ran ? [{ kernel: one.launch.name, ms: performance.now() - start }] : [];
    });
  }

  // deno-lint-ignore require-await -- as above
  async sync(): Promise<void> {
    this.#check("sync");
  }

  dispose(): void {
    this.#disposed = true;
    this.#memory.clear();
    this.#compiled.clear();
  }

  #list(commands: Commands): readonly Bound[] {
    this.#check("submit");
    const bound = this.#bound.get(commands);
    if (bound === undefined) {
      throw new DeviceError(
        "validation",
        "Cannot submit: these commands were disposed, or are another device's",
      );
    }
    return bound;
  }

  #check(what: string): void {
    if (this.#disposed) throw new DeviceError("lost", `Cannot ${what}: the device was disposed`);
  }

  /** The memory that a slice is of, after checking that it is there. */
  #part(what: string, { buffer, offset, bytes }: BufferSlice): ArrayBuffer {
    this.#check(`${what} ${buffer.label}`);
    const memory = this.#memory.get(buffer);
    if (memory === undefined) {
      throw new DeviceError(
        "validation",
        `Cannot ${what} ${buffer.label}: it was freed, or is another device's`,
      );
    }
    if (offset % 4 !== 0 || offset < 0 || bytes < 0 || offset + bytes > buffer.bytes) {
      throw new DeviceError(
        "validation",
        `Cannot ${what} ${buffer.label}: ${bytes} bytes from ${offset} are not inside its ${buffer.bytes} bytes, ` +
          "or do not start at a multiple of 4",
      );
    }
    return memory;
  }
}

/** Runs a dispatch; says whether there was anything to run. */
function runOne({ launch, run, arrays }: Bound, dims: Readonly<Record<string, number>>): boolean {
  const [x, y, z] = launch.grid;
  const grid = [evalInt(x, dims), evalInt(y, dims), evalInt(z, dims)] as const;
  if (grid.some((n) => n <= 0)) return false;
  try {
    run(arrays, dims, grid);
  } catch (cause) {
    if (cause instanceof WeftError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError("internal", `Cannot run ${launch.name}: ${why}`, { cause });
  }
  return true;
}
