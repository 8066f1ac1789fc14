/**
 * A device in a process of its own: what runs on it can be stopped, which threads cannot.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type {
  BufferSlice,
  Commands,
  Device,
  DeviceBuffer,
  Dispatch,
  DispatchTime,
  Kernel,
} from "../backends/backend.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { DeviceError, InputError } from "../ir/errors.ts";
import { frame, frameReader } from "./frames.ts";
import type { Call, Reply } from "./device_process.ts";

/**
 * A device that runs kernels on the processor, in a process of its own: `dispose` kills whatever is under way, so that a
 * kernel that never ends costs no more than the patience of who waits for it. (Deno does not stop a worker that is busy.)
 * The process ends with this one as well, even where this one is killed by force.
 * What goes wrong in calls that give no promise is told by the next one that does. In Deno it takes the permission to
 * run this executable.
 *
 * @throws {DeviceError} `unavailable` where the device is not there
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { processDevice } from "@weft/weft/tune";
 *
 * const device = processDevice("wasm");
 * const buffer = device.allocate(4, "x");
 * device.write(buffer, 0, Uint8Array.of(1, 2, 3, 4));
 * assertEquals(await device.read({ buffer, offset: 0, bytes: 4 }), Uint8Array.of(1, 2, 3, 4));
 * device.dispose();
 * ```
 */
export function processDevice(kind: "wasm" | "js"): Device {
  return new ProcessDevice(kind);
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

class ProcessDevice implements Device {
  readonly target: Device["target"];
  readonly usesFinite: boolean;
  readonly #child: ChildProcess;
  readonly #atExit = (): void => void this.#child.kill("SIGKILL");
  /** Generates code only, which needs no memory and no threads. */
  readonly #own: Device;
  readonly #numbers = new WeakMap<object, number>();
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #lost: DeviceError | undefined;

  constructor(kind: "wasm" | "js") {
    this.#own = kind === "wasm" ? wasmDevice({ threads: 1 }) : jsDevice();
    this.target = this.#own.target;
    this.usesFinite = this.#own.usesFinite ?? false;
    const { href } = new URL("./device_process.ts", import.meta.url);
    const program = href.startsWith("file:") ? fileURLToPath(href) : href;
    // It may run, which includes to kill, for it kills itself when this process is gone.
    const flags = process.versions["deno"] === undefined
      ? []
      : ["run", "--quiet", "--no-prompt", "--allow-run"];
    this.#child = spawn(process.execPath, [...flags, program], { stdio: ["pipe", "pipe", "inherit"] });
    const read = frameReader((value) => {
      const { call, value: result, error } = value as Reply;
      const waiting = this.#waiting.get(call);
      this.#waiting.delete(call);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new DeviceError(error.reason, error.message));
    });
    const gone = (why: string): void =>
      this.#end(new DeviceError("lost", `The process of the device is gone: ${why}`));
    this.#child.stdout?.on("data", read);
    this.#child.stdin?.on("error", (error: Error) => gone(error.message));
    this.#child.on("error", (error: Error) => gone(error.message));
    this.#child.on("exit", (code, signal) => gone(signal ?? `it ended with ${code}`));
    process.once("exit", this.#atExit);
    this.#post({ kind: "open", device: kind });
  }

  generate(launch: Parameters<Device["generate"]>[0]): ReturnType<Device["generate"]> {
    return this.#own.generate(launch);
  }

  allocate(bytes: number, label: string): DeviceBuffer {
    this.#check(`allocate ${label}`);
    const buffer: DeviceBuffer = { bytes, label };
    this.#post({ kind: "allocate", buffer: this.#name(buffer), bytes, label });
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    if (this.#lost === undefined) this.#post({ kind: "free", buffer: this.#numberOf(buffer, buffer.label) });
  }

  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    this.#check(`write to ${buffer.label}`);
    this.#post({ kind: "write", buffer: this.#numberOf(buffer, buffer.label), offset, data });
  }

  copy(from: BufferSlice, to: DeviceBuffer): void {
    this.#check(`copy to ${to.label}`);
    this.#post({ kind: "copy", from: this.#slice(from), to: this.#numberOf(to, to.label) });
  }

  async read(slice: BufferSlice): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#ask<Uint8Array>(
      `read ${slice.buffer.label}`,
      (call) => ({ kind: "read", call, slice: this.#slice(slice) }),
    );
    return new Uint8Array(bytes);
  }

  async prepare(codes: Parameters<Device["prepare"]>[0]): Promise<readonly Kernel[]> {
    const kernels = codes.map((code): Kernel => ({ code }));
    await this.#ask("prepare kernels", (call) => ({
      kind: "prepare",
      call,
      launches: codes.map((c) => c.launch),
      kernels: kernels.map((k) => this.#name(k)),
    }));
    return kernels;
  }

  bind(dispatches: readonly Dispatch[]): Commands {
    this.#check("bind commands");
    const commands: Commands = {
      dispatches,
      dispose: () => {
        if (this.#lost === undefined) this.#post({ kind: "unbind", commands: number });
      },
    };
    const number = this.#name(commands);
    this.#post({
      kind: "bind",
      commands: number,
      dispatches: dispatches.map(({ kernel, buffers }) => ({
        kernel: this.#numberOf(kernel, kernel.code.launch.name),
        buffers: buffers.map((b) => this.#slice(b)),
      })),
    });
    return commands;
  }

  submit(commands: Commands, dims: Readonly<Record<string, number>>): void {
    this.#check("submit commands");
    this.#post({ kind: "submit", commands: this.#numberOf(commands, "commands"), dims });
  }

  profile(commands: Commands, dims: Readonly<Record<string, number>>): Promise<readonly DispatchTime[]> {
    return this.#ask("profile commands", (call) => ({
      kind: "profile",
      call,
      commands: this.#numberOf(commands, "commands"),
      dims,
    }));
  }

  sync(): Promise<void> {
    return this.#ask("wait", (call) => ({ kind: "sync", call }));
  }

  dispose(): void {
    this.#end(new DeviceError("lost", "Cannot use the device: it was disposed"));
  }

  #end(error: DeviceError): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    process.removeListener("exit", this.#atExit);
    this.#child.kill("SIGKILL");
    this.#own.dispose();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #check(attempt: string): void {
    if (this.#lost === undefined) return;
    throw new DeviceError("lost", `Cannot ${attempt}: ${this.#lost.message}`);
  }

  #post(call: Call): void {
    this.#child.stdin?.write(frame(call));
  }

  async #ask<T>(attempt: string, call: (number: number) => Call): Promise<T> {
    this.#check(attempt);
    const number = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(number, { resolve, reject });
    try {
      this.#post(call(number));
    } catch (error) {
      this.#waiting.delete(number);
      throw error;
    }
    return await promise as T;
  }

  #name(thing: object): number {
    const number = this.#next++;
    this.#numbers.set(thing, number);
    return number;
  }

  #numberOf(thing: object, name: string): number {
    const number = this.#numbers.get(thing);
    if (number === undefined) throw new InputError(`Cannot use ${name}: it is another device's`);
    return number;
  }

  #slice({ buffer, offset, bytes }: BufferSlice): { buffer: number; offset: number; bytes: number } {
    return { buffer: this.#numberOf(buffer, buffer.label), offset, bytes };
  }
}
