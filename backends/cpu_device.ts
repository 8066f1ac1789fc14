/**
 * What devices that compute on the calling thread have in common: submissions are over when they return.
 *
 * @module
 */
import { DeviceError, WeftError } from "../ir/errors.ts";
import type { Target } from "../ir/target.ts";
import type {
  BufferSlice,
  Commands,
  Device,
  DeviceBuffer,
  Dispatch,
  DispatchTime,
  Kernel,
  KernelCode,
} from "./backend.ts";
import type { Launch } from "./lower.ts";

/** A dispatch with all that does not change between runs. */
export interface CpuDispatch {
  readonly launch: Launch;
  /** Runs it; says whether there was anything to run. */
  run(dims: Readonly<Record<string, number>>): boolean;
}

/** A {@linkcode Device} whose memory the program sees and whose kernels are functions; `D` is what it binds. */
export abstract class CpuDevice<D extends CpuDispatch = CpuDispatch> implements Device {
  abstract readonly target: Target;
  readonly #bound = new WeakMap<Commands, readonly D[]>();
  #disposed = false;

  abstract generate(launch: Launch): KernelCode;
  abstract prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]>;

  /** Memory of a buffer, valid until the next allocation; `undefined` if it was freed or is another device's. */
  protected abstract memoryOf(buffer: DeviceBuffer): Uint8Array | undefined;
  /** Takes zeroed memory; what it throws says why there is none. */
  protected abstract take(bytes: number, label: string): DeviceBuffer;
  /** Gives memory back. */
  protected abstract give(buffer: DeviceBuffer): void;
  /** Binds a kernel to the memory of its buffers, which is asked for once; `undefined` if it was not prepared here. */
  protected abstract bindOne(kernel: Kernel, memory: () => readonly Uint8Array[]): D | undefined;
  /** Frees what the device itself holds. */
  protected abstract close(): void;

  allocate(bytes: number, label: string): DeviceBuffer {
    this.check(`allocate ${label}`);
    if (bytes > this.target.maxBufferSize) {
      throw new DeviceError(
        "limit",
        `Cannot allocate ${label}: ${bytes} bytes are more than the largest buffer, ${this.target.maxBufferSize}`,
      );
    }
    return this.take(bytes, label);
  }

  free(buffer: DeviceBuffer): void {
    this.give(buffer);
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

  bind(dispatches: readonly Dispatch[]): Commands {
    this.check("bind");
    const bound = dispatches.map(({ kernel, buffers }): D => {
      const { launch } = kernel.code;
      const memory = (): readonly Uint8Array[] => {
        if (buffers.length !== launch.buffers.length) {
          throw new DeviceError(
            "validation",
            `Cannot bind ${launch.name}: it has ${launch.buffers.length} buffers, got ${buffers.length}`,
          );
        }
        return buffers.map((slice, i) =>
          this.#part(`bind ${launch.buffers[i]?.buffer.name} of ${launch.name} to`, slice)
        );
      };
      const one = this.bindOne(kernel, memory);
      if (one === undefined) {
        throw new DeviceError("validation", `Cannot bind ${launch.name}: this device has not prepared it`);
      }
      return one;
    });
    const commands: Commands = {
      dispatches,
      dispose: () => {
        this.#bound.delete(commands);
        this.unbind(commands);
      },
    };
    this.#bound.set(commands, bound);
    return commands;
  }

  /** Frees what a device keeps for commands. */
  protected unbind(_commands: Commands): void {}

  submit(commands: Commands, dims: Readonly<Record<string, number>>): void {
    this.runAll(commands, this.#list(commands), dims);
  }

  /** Runs dispatches in order. */
  protected runAll(_commands: Commands, list: readonly D[], dims: Readonly<Record<string, number>>): void {
    for (const one of list) guarded(one, dims);
  }

  // deno-lint-ignore require-await -- as above
  async profile(
    commands: Commands,
    dims: Readonly<Record<string, number>>,
  ): Promise<readonly DispatchTime[]> {
    const begin = performance.now();
    return this.#list(commands).flatMap((one, index): DispatchTime[] => {
      const start = performance.now();
      const ran = guarded(one, dims);
      const ms = performance.now() - start;
      return ran ? [{ kernel: one.launch.name, index, start: start - begin, ms }] : [];
    });
  }

  // deno-lint-ignore require-await -- as above
  async sync(): Promise<void> {
    this.check("sync");
  }

  dispose(): void {
    this.#disposed = true;
    this.close();
  }

  /** Throws where the device was disposed. */
  protected check(what: string): void {
    if (this.#disposed) throw new DeviceError("lost", `Cannot ${what}: the device was disposed`);
  }

  #list(commands: Commands): readonly D[] {
    this.check("submit");
    const bound = this.#bound.get(commands);
    if (bound === undefined) {
      throw new DeviceError(
        "validation",
        "Cannot submit: these commands were disposed, or are another device's",
      );
    }
    return bound;
  }

  /** The memory of a slice, after checking that it is there. */
  #part(what: string, { buffer, offset, bytes }: BufferSlice): Uint8Array {
    this.check(`${what} ${buffer.label}`);
    const memory = this.memoryOf(buffer);
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
    return memory.subarray(offset, offset + bytes);
  }
}

/** Runs a dispatch; what it throws says which kernel failed. */
function guarded(one: CpuDispatch, dims: Readonly<Record<string, number>>): boolean {
  try {
    return one.run(dims);
  } catch (cause) {
    throw launchFailure(one.launch, cause);
  }
}

/** The error of a kernel that could not run: as it is if it is ours, else with the kernel's name. */
export function launchFailure(launch: Launch, cause: unknown): WeftError {
  if (cause instanceof WeftError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DeviceError("internal", `Cannot run ${launch.name}: ${why}`, { cause });
}
