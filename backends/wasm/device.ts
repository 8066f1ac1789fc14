/**
 * The device that runs kernels as WebAssembly: all buffers are in one memory, kernels are small modules over it.
 *
 * @module
 */
import { DeviceError, InputError, WeftError } from "../../ir/errors.ts";
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
import { generateWasm, type WasmFeatures, type WasmKernelCode } from "./codegen.ts";
import { canShare, hasAtomics, hasRelaxed, hasVectors } from "./features.ts";
import { WasmMemory } from "./memory.ts";
import { defaultThreads, hasWorkers, Pool } from "./pool.ts";
import type { RunKernel } from "./worker.ts";
import { IMPORTS } from "./library.ts";

/** How a Wasm device runs kernels. */
export interface WasmDeviceOptions {
  /**
   * Whether every number is rounded as the interpreter does it (default false). Otherwise sums may be added in another
   * order, and products and sums may be one instruction where the engine has it, rounded once or twice as the machine likes.
   */
  readonly exact?: boolean;
  /**
   * Threads that share the work: as many as the machine has by default, 8 at most, one where memory cannot be shared
   * (a page that is not isolated from other origins). Results do not depend on it.
   */
  readonly threads?: number;
}

/** What the Wasm device can do: memory is the only limit. */
export const WASM_TARGET: Target = {
  kind: "wasm",
  name: "WebAssembly",
  software: true,
  f16: true,
  timestamps: false,
  maxBufferSize: 2 ** 32 - 2 ** 20,
  maxBindingSize: 2 ** 32 - 2 ** 20,
  maxBindings: 64,
  bindingAlignment: 4,
  maxWorkgroups: 2 ** 31 - 1,
  maxThreads: 1024,
  maxThreadsPerAxis: [1024, 1024, 1024],
  maxWorkgroupMemory: 2 ** 24,
  registers: 16,
  vectorSums: true,
  costlyLaunches: false,
};

/**
 * A device that runs kernels as WebAssembly.
 *
 * @throws {DeviceError} `unavailable` where the engine has no WebAssembly with vectors and atomic instructions
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { wasmDevice } from "./device.ts";
 *
 * const device = wasmDevice();
 * const buffer = device.allocate(8, "x");
 * device.write(buffer, 4, Uint8Array.of(1, 2, 3, 4));
 * assertEquals(await device.read({ buffer, offset: 0, bytes: 8 }), Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4));
 * device.dispose();
 * ```
 */
export function wasmDevice(options: WasmDeviceOptions = {}): Device {
  if (typeof WebAssembly === "undefined" || !hasVectors() || !hasAtomics()) {
    throw new DeviceError(
      "unavailable",
      "Cannot open a WebAssembly device: this engine has no WebAssembly with 128-bit vectors and atomic instructions. " +
        "Weft's JavaScript device works everywhere (jsDevice(), or --device js on the command line)",
    );
  }
  const reorder = options.exact !== true;
  const wanted = options.threads ?? defaultThreads();
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_THREADS) {
    throw new InputError(
      `Cannot open a WebAssembly device: threads is ${wanted}, expected 1 to ${MOST_THREADS}`,
    );
  }
  const threads = canShare() && hasWorkers() ? wanted : 1;
  return new WasmDevice({ shared: threads > 1, relaxed: reorder && hasRelaxed(), reorder }, threads);
}

const MOST_THREADS = 64;

/** Workers are started once so much time (in ms) has gone into what they could have helped with. */
const START_AFTER = 2;

interface Compiled {
  readonly code: WasmKernelCode;
  readonly run: RunKernel;
  /** Its number among the kernels that all threads have. */
  readonly index: number;
}

/** A dispatch with all that does not change between runs. */
interface Bound extends Compiled {
  readonly addresses: readonly number[];
}

class WasmDevice implements Device {
  readonly target = WASM_TARGET;
  readonly #features: WasmFeatures;
  readonly #memory: WasmMemory;
  readonly #codes = new WeakMap<Launch, WasmKernelCode>();
  readonly #compiled = new Map<string, Omit<Compiled, "code">>();
  readonly #threads: number;
  /** Every kernel, for the workers. */
  readonly #modules: WebAssembly.Module[] = [];
  #pool: Pool | undefined;
  #sharedMs = 0;
  readonly #kernels = new WeakMap<Kernel, Compiled>();
  readonly #bound = new WeakMap<Commands, readonly Bound[]>();
  #disposed = false;

  constructor(features: WasmFeatures, threads: number) {
    this.#features = features;
    this.#threads = threads;
    this.#memory = new WasmMemory(features.shared);
  }

  generate(launch: Launch): WasmKernelCode {
    const known = this.#codes.get(launch) ?? generateWasm(launch, this.#features);
    this.#codes.set(launch, known);
    return known;
  }

  allocate(bytes: number, label: string): DeviceBuffer {
    this.#check(`allocate ${label}`);
    return this.#memory.allocate(bytes, label);
  }

  free(buffer: DeviceBuffer): void {
    if (!this.#disposed) this.#memory.free(buffer);
  }

  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    this.#part("write", { buffer, offset, bytes: data.length }).set(data);
  }

  copy(from: BufferSlice, to: DeviceBuffer): void {
    const source = this.#part("copy", from);
    this.#part("copy to", { buffer: to, offset: 0, bytes: from.bytes }).set(source);
  }

  // deno-lint-ignore require-await -- failures are rejections, as on devices that take time
  async read(slice: BufferSlice): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(this.#part("read", slice));
  }

  // deno-lint-ignore require-await -- as above
  async prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]> {
    this.#check("prepare kernels");
    const known = this.#modules.length;
    const kernels = codes.map((given) => {
      const code = this.generate(given.launch);
      const kernel: Kernel = { code };
      const compiled = this.#compiled.get(code.source) ?? this.#compile(code);
      this.#compiled.set(code.source, compiled);
      this.#kernels.set(kernel, { code, ...compiled });
      return kernel;
    });
    if (this.#modules.length > known) this.#pool?.add(this.#modules.slice(known));
    return kernels;
  }

  bind(dispatches: readonly Dispatch[]): Commands {
    this.#check("bind");
    const bound = dispatches.map(({ kernel, buffers }): Bound => {
      const { launch } = kernel.code;
      const compiled = this.#kernels.get(kernel);
      if (compiled === undefined) {
        throw new DeviceError("validation", `Cannot bind ${launch.name}: this device has not prepared it`);
      }
      if (buffers.length !== launch.buffers.length) {
        throw new DeviceError(
          "validation",
          `Cannot bind ${launch.name}: it has ${launch.buffers.length} buffers, got ${buffers.length}`,
        );
      }
      const addresses = buffers.map((slice, i) => {
        const name = launch.buffers[i]?.buffer.name;
        return this.#part(`bind ${name} of ${launch.name} to`, slice).byteOffset;
      });
      return { ...compiled, addresses };
    });
    const commands: Commands = { dispatches, dispose: () => void this.#bound.delete(commands) };
    this.#bound.set(commands, bound);
    return commands;
  }

  submit(commands: Commands, dims: Readonly<Record<string, number>>): void {
    for (const one of this.#list(commands)) this.#run(one, dims);
  }

  // deno-lint-ignore require-await -- as above
  async profile(
    commands: Commands,
    dims: Readonly<Record<string, number>>,
  ): Promise<readonly DispatchTime[]> {
    return this.#list(commands).flatMap((one): DispatchTime[] => {
      const start = performance.now();
      const ran = this.#run(one, dims);
      return ran ? [{ kernel: one.code.launch.name, ms: performance.now() - start }] : [];
    });
  }

  // deno-lint-ignore require-await -- as above
  async sync(): Promise<void> {
    this.#check("sync");
  }

  dispose(): void {
    this.#pool?.dispose();
    this.#pool = undefined;
    this.#disposed = true;
    this.#memory.clear();
    this.#compiled.clear();
  }

  #compile({ launch, bytes }: WasmKernelCode): Omit<Compiled, "code"> {
    const module = new WebAssembly.Module(bytes);
    const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory.memory, ...IMPORTS } });
    const run = instance.exports["run"];
    if (typeof run !== "function") throw new TypeError(`${launch.name} exports no run()`);
    return { run: run as RunKernel, index: this.#modules.push(module) - 1 };
  }

  /** Runs a dispatch; says whether there was anything to run. */
  #run({ code, run, index, addresses }: Bound, dims: Readonly<Record<string, number>>): boolean {
    const { launch } = code;
    const values = launch.dims.map((name) => {
      const value = dims[name];
      if (value === undefined) throw new InputError(`Cannot run ${launch.name}: dim ${name} has no value`);
      return value;
    });
    const items = launch.grid.reduce((n, e) => n * Math.max(evalInt(e, dims), 0), 1);
    if (items === 0) return false;
    // A cache line or more between threads.
    const scratch = Math.ceil(evalInt(code.scratch, dims) / 64) * 64;
    const shared = this.#threads > 1 && items > 1;
    const own = this.#memory.scratch(scratch * (shared ? this.#threads : 1));
    const args = [...addresses, ...values, own, this.#memory.counter()];
    const fail = (why: string, cause?: unknown): never => {
      throw new DeviceError("internal", `Cannot run ${launch.name}: ${why}`, { cause });
    };
    const started = shared && this.#pool === undefined ? performance.now() : 0;
    let helped = true;
    try {
      if (shared && this.#pool !== undefined) helped = this.#pool.run(index, run, scratch, args);
      else run(...args);
    } catch (cause) {
      if (cause instanceof WeftError) throw cause;
      fail(cause instanceof Error ? cause.message : String(cause), cause);
    }
    if (!helped) fail("it failed in a worker");
    if (started > 0) this.#startAfter(performance.now() - started);
    return true;
  }

  /** Starts the workers when it is worth it: short programs never pay for them. */
  #startAfter(ms: number): void {
    this.#sharedMs += ms;
    if (this.#sharedMs < START_AFTER) return;
    this.#pool = new Pool(this.#memory.memory, this.#threads);
    this.#pool.add(this.#modules);
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

  /** The memory of a slice, after checking that it is there. */
  #part(what: string, { buffer, offset, bytes }: BufferSlice): Uint8Array {
    this.#check(`${what} ${buffer.label}`);
    const start = this.#memory.addressOf(buffer);
    if (start === undefined) {
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
    return this.#memory.bytes(start + offset, bytes);
  }
}
