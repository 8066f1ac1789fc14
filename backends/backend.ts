/**
 * What a backend is: a pure code generator and a stateful device behind one small interface.
 *
 * A plan prepares kernels once, binds them to buffers once, and then submits the same command list again and
 * again with other dim values. Buffers are untyped bytes.
 *
 * @module
 */
import type { Target } from "../ir/target.ts";
import type { Launch } from "./lower.ts";

/** Memory on a device. */
export interface DeviceBuffer {
  readonly bytes: number;
  readonly label: string;
}

/** A part of a buffer; `offset` is a multiple of the target's binding alignment. */
export interface BufferSlice {
  readonly buffer: DeviceBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Generated code of one launch: text for people, and what the device needs to run it. */
export interface KernelCode {
  /** The launch that it was made from. */
  readonly launch: Launch;
  /** Source text (WGSL, JavaScript, ...). Equal sources share a compiled kernel, whatever the grids of their launches. */
  readonly source: string;
}

/** A compiled kernel; only its device knows what is in it. */
export interface Kernel {
  readonly code: KernelCode;
}

/** A kernel with a slice for each of its launch's buffers, in their order. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly buffers: readonly BufferSlice[];
}

/** A bound command list: everything that does not change between runs is resolved. */
export interface Commands {
  readonly dispatches: readonly Dispatch[];
  /** Frees what the list holds on the device (not its buffers). */
  dispose(): void;
}

/** Time of one dispatch of a profiled run. */
export interface DispatchTime {
  readonly kernel: string;
  /** Its position in the command list. */
  readonly index: number;
  /** When it began, in milliseconds of the clock that timed it. */
  readonly start: number;
  readonly ms: number;
}

/** A device. Failures are {@linkcode DeviceError}s; a lost device refuses every later call with the reason. */
export interface Device {
  readonly target: Target;
  /** Whether its code for buffers that are known to be `finite` is another: then weights are looked through. */
  readonly usesFinite?: boolean;
  /** Generates the code of a launch: a pure function of the launch and the target. */
  generate(launch: Launch): KernelCode;
  /** Allocates zeroed memory. */
  allocate(bytes: number, label: string): DeviceBuffer;
  /** Frees memory; the buffer must not be used again. */
  free(buffer: DeviceBuffer): void;
  /** Copies bytes to a buffer, ordered before later submissions. `offset` and length are multiples of 4. */
  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void;
  /**
   * Copies bytes to the start of another buffer, ordered between submissions and writes like one of them. Both sides
   * begin at a multiple of 4; up to three bytes more than asked for may be copied, to the next multiple of 4.
   */
  copy(from: BufferSlice, to: DeviceBuffer): void;
  /** Copies bytes back, after all earlier submissions are done. */
  read(slice: BufferSlice): Promise<Uint8Array<ArrayBuffer>>;
  /** Compiles kernels, in parallel where possible; or, where that waits for nothing, when they are first bound. */
  prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]>;
  /** Resolves bindings once for many submissions. */
  bind(dispatches: readonly Dispatch[]): Commands;
  /** Runs a command list with these dim values: one submission. Dispatches of an empty grid are skipped. */
  submit(commands: Commands, dims: Readonly<Record<string, number>>): void;
  /** Like {@linkcode submit}, but waits and gives the time of every dispatch that ran. */
  profile(commands: Commands, dims: Readonly<Record<string, number>>): Promise<readonly DispatchTime[]>;
  /** Waits until everything submitted is done; rejects if anything failed. */
  sync(): Promise<void>;
  /** Frees everything. */
  dispose(): void;
}
