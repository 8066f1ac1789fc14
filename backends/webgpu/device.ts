/**
 * WebGPU as a {@linkcode Device}.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
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
import { generateWgsl, type WebGPUCode } from "./codegen.ts";
import { encode, type ReadyDispatch, WebGPUCommands } from "./commands.ts";
import { Faults, messageOf, unavailable } from "./errors.ts";
import { targetOf, wantedFeatures, wantedLimits } from "./limits.ts";
import { allocatedSize, checkSlice, paddedSize, StagingPool, WebGPUBuffer } from "./memory.ts";
import { PipelineCache } from "./pipelines.ts";
import { profileDispatches } from "./profile.ts";
import { selfTest } from "./selftest.ts";

/** How to get a device. */
export interface WebGPUDeviceOptions {
  /** Where devices come from (default `navigator.gpu`). */
  readonly gpu?: GPU;
  /** Which adapter to prefer where there are several. */
  readonly powerPreference?: GPUPowerPreference;
  /** Name of the device in the messages of debuggers. */
  readonly label?: string;
}

/** What a device has done so far. */
export interface WebGPUCounters {
  /** Dispatches that ran; those of an empty grid do not count. */
  dispatches: number;
  /** Submissions of command lists. */
  submits: number;
  /** Writes to buffers, those of uniforms included. */
  bufferWrites: number;
  /** Bytes of these writes. */
  bytesWritten: number;
  /** Bytes that were read back. */
  bytesRead: number;
  /** Buffers that were ever made: those of `allocate`, of uniforms, and for reading back. Steady in steady state. */
  buffersMade: number;
  /** Bind groups that were ever made. Likewise. */
  bindGroupsMade: number;
  /** Buffers that are allocated now. */
  buffersAllocated: number;
  /** Their bytes. */
  bytesAllocated: number;
  /** The most bytes that were ever allocated at the same time. */
  peakBytes: number;
}

/**
 * Gets a WebGPU device with all the limits and features that the adapter offers, and runs a kernel with a known
 * result on it. Throws {@linkcode DeviceError} `unavailable` where there is none or it does not compute.
 *
 * @example
 * ```ts ignore
 * import { webgpuDevice } from "@weft/weft/backends/webgpu";
 *
 * const device = await webgpuDevice();
 * console.log(device.target.name, device.target.maxBindingSize);
 * device.dispose();
 * ```
 */
export async function webgpuDevice(options: WebGPUDeviceOptions = {}): Promise<WebGPUDevice> {
  const gpu = options.gpu ?? (globalThis.navigator as { readonly gpu?: GPU } | undefined)?.gpu;
  if (gpu === undefined || gpu === null) throw unavailable("this runtime has no navigator.gpu");
  const { info, device } = await request(gpu, options);
  const made = new WebGPUDevice(device, targetOf(info, device));
  let wrong: string | undefined;
  try {
    wrong = await within(SELF_TEST_MS, selfTest(made));
  } catch (error) {
    wrong = `its first kernel failed: ${messageOf(error)}`;
  }
  if (wrong !== undefined) {
    made.dispose();
    throw unavailable(`the device ${made.target.name} does not work: ${wrong}`);
  }
  Object.assign(made.counters, noCounts());
  return made;
}

/**
 * Written bytes after which the queue is asked to copy them to their buffers: until a submission it holds them a second
 * time (uploading 480 MB in Deno took 1080 MB and 1.5 s without, 820 MB and 0.35 s with this).
 */
const FLUSH_BYTES = 32 * 1024 * 1024;

/** Longest that the first kernel may take; compiling one takes half a second on slow software adapters. */
const SELF_TEST_MS = 30_000;

/** Waits for `work`, but not longer than this. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not finish within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks for everything the adapter offers; for less where that is refused. */
async function request(
  gpu: GPU,
  options: WebGPUDeviceOptions,
): Promise<{ readonly info: GPUAdapterInfo; readonly device: GPUDevice }> {
  let refused: unknown;
  for (const ask of ["all", "features", "nothing"] as const) {
    // A new adapter each time: one that has refused may not be asked again.
    let adapter: GPUAdapter | null;
    try {
      adapter = await gpu.requestAdapter(
        options.powerPreference === undefined ? {} : { powerPreference: options.powerPreference },
      );
    } catch (error) {
      throw unavailable(`looking for an adapter failed: ${messageOf(error)}`, { cause: error });
    }
    if (adapter === null) throw unavailable("there is no adapter");
    try {
      const device = await adapter.requestDevice({
        label: options.label ?? "weft",
        ...(ask === "nothing" ? {} : { requiredFeatures: wantedFeatures(adapter) }),
        ...(ask === "all" ? { requiredLimits: wantedLimits(adapter) } : {}),
      });
      return { info: adapter.info, device };
    } catch (error) {
      refused = error;
    }
  }
  throw unavailable(`the adapter gives no device: ${messageOf(refused)}`, { cause: refused });
}

function noCounts(): WebGPUCounters {
  return {
    dispatches: 0,
    submits: 0,
    bufferWrites: 0,
    bytesWritten: 0,
    bytesRead: 0,
    buffersMade: 0,
    bindGroupsMade: 0,
    buffersAllocated: 0,
    bytesAllocated: 0,
    peakBytes: 0,
  };
}

/** A WebGPU device; {@linkcode webgpuDevice} makes them. */
export class WebGPUDevice implements Device {
  /** What it can do. */
  readonly target: Target;
  /** WebGPU's own device. */
  readonly gpu: GPUDevice;
  /** What it has done so far, the self-test not counted. */
  readonly counters: WebGPUCounters = noCounts();
  readonly #faults: Faults;
  readonly #pipelines: PipelineCache;
  readonly #staging: StagingPool;
  readonly #buffers = new Set<WebGPUBuffer>();
  readonly #commands = new Set<WebGPUCommands>();
  /** What the work of a list is called where it fails. */
  readonly #doing = new WeakMap<readonly ReadyDispatch[], string>();
  /** Bytes written since the last submission. */
  #unsubmitted = 0;
  /** Copies that go with the next submission. */
  #copies: {
    readonly from: GPUBuffer;
    readonly start: number;
    readonly to: GPUBuffer;
    readonly bytes: number;
  }[] = [];
  #disposed = false;

  /** Takes over a WebGPU device, untested. */
  constructor(gpu: GPUDevice, target: Target) {
    this.gpu = gpu;
    this.target = target;
    this.#faults = new Faults(gpu, target.name);
    this.#pipelines = new PipelineCache(gpu);
    this.#staging = new StagingPool(gpu, () => this.counters.buffersMade++);
  }

  /** Generates the WGSL of a launch. */
  generate(launch: Launch): WebGPUCode {
    return generateWgsl(launch, this.target);
  }

  /** Allocates zeroed memory; throws {@linkcode DeviceError} `limit` beyond the largest buffer. */
  allocate(bytes: number, label: string): WebGPUBuffer {
    this.#faults.check();
    const size = allocatedSize(bytes);
    if (!Number.isInteger(bytes) || bytes < 0 || size > this.target.maxBufferSize) {
      throw new DeviceError(
        "limit",
        `Cannot allocate ${bytes} bytes for ${label}: buffers of ${this.target.name} have 0 to ` +
          `${this.target.maxBufferSize} bytes; use smaller dims or a smaller dtype`,
      );
    }
    const doing = `while allocating ${bytes} bytes for ${label}`;
    this.gpu.pushErrorScope("out-of-memory");
    let gpuBuffer: GPUBuffer;
    try {
      gpuBuffer = this.gpu.createBuffer({
        label,
        size,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
    } catch (error) {
      throw new DeviceError("out-of-memory", `WebGPU failed ${doing}: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#faults.watch(this.gpu.popErrorScope(), doing);
    }
    const buffer = new WebGPUBuffer(gpuBuffer, bytes, label);
    this.#buffers.add(buffer);
    this.counters.buffersMade++;
    this.counters.buffersAllocated++;
    this.counters.bytesAllocated += size;
    this.counters.peakBytes = Math.max(this.counters.peakBytes, this.counters.bytesAllocated);
    return buffer;
  }

  /** Frees memory; work that was submitted before still has it. */
  free(buffer: DeviceBuffer): void {
    if (!(buffer instanceof WebGPUBuffer) || !this.#buffers.delete(buffer)) return;
    this.#flushCopies();
    buffer.destroy();
    this.counters.buffersAllocated--;
    this.counters.bytesAllocated -= allocatedSize(buffer.bytes);
  }

  /** Copies bytes to a buffer. The length is a multiple of 4, unless it ends where the buffer does. */
  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    this.#faults.check();
    const checked = checkSlice("write to", { buffer, offset, bytes: data.byteLength });
    const odd = data.byteLength % 4 !== 0;
    if (offset % 4 !== 0 || (odd && offset + data.byteLength < buffer.bytes)) {
      throw new DeviceError(
        "validation",
        `Cannot write to buffer ${buffer.label}: offset ${offset} and length ${data.byteLength} must be multiples of 4`,
      );
    }
    if (data.byteLength === 0) return;
    this.#flushCopies();
    let bytes = data;
    if (odd || !(data.buffer instanceof ArrayBuffer)) {
      bytes = new Uint8Array(paddedSize(data.byteLength));
      bytes.set(data);
    }
    this.gpu.queue.writeBuffer(checked.gpu, offset, bytes as Uint8Array<ArrayBuffer>);
    this.counters.bufferWrites++;
    this.counters.bytesWritten += data.byteLength;
    this.#unsubmitted += data.byteLength;
    if (this.#unsubmitted >= FLUSH_BYTES) this.#submit([]);
  }

  /** Copies bytes to the start of another buffer, with the next submission. */
  copy(from: BufferSlice, to: DeviceBuffer): void {
    this.#faults.check();
    const source = checkSlice("copy from", from);
    const target = checkSlice("copy to", { buffer: to, offset: 0, bytes: from.bytes });
    if (source === target || from.offset % 4 !== 0) {
      throw new DeviceError(
        "validation",
        `Cannot copy from buffer ${source.label}, offset ${from.offset}, to buffer ${target.label}: they must be two ` +
          "buffers, and the offset a multiple of 4",
      );
    }
    if (from.bytes === 0) return;
    const bytes = paddedSize(from.bytes);
    this.#copies.push({ from: source.gpu, start: from.offset, to: target.gpu, bytes });
  }

  /** Copies bytes back, after everything that was submitted before. */
  async read(slice: BufferSlice): Promise<Uint8Array<ArrayBuffer>> {
    this.#faults.check();
    const buffer = checkSlice("read", slice);
    if (slice.bytes === 0) return new Uint8Array(0);
    const start = Math.floor(slice.offset / 4) * 4;
    const size = paddedSize(slice.offset + slice.bytes - start);
    const copy = await this.#readBack(
      buffer.gpu,
      start,
      size,
      `reading ${slice.bytes} bytes of ${buffer.label}`,
    );
    this.counters.bytesRead += slice.bytes;
    const from = slice.offset - start;
    return from === 0 && size === slice.bytes
      ? new Uint8Array(copy)
      : new Uint8Array(copy.slice(from, from + slice.bytes));
  }

  /** Compiles kernels; equal texts once. Throws {@linkcode DeviceError} `validation` with the WGSL at fault. */
  async prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]> {
    this.#faults.check();
    return await this.#faults.wait(
      Promise.all(codes.map((code) => this.#pipelines.prepare(code))),
      `compiling ${codes.length} kernels`,
    );
  }

  /**
   * Binds buffers to kernels. Throws {@linkcode DeviceError} where a slice is too small, misaligned or over the
   * binding limit, or where WebGPU's rules on one buffer bound twice are broken.
   */
  bind(dispatches: readonly Dispatch[]): Commands {
    this.#faults.check();
    const gone = (commands: WebGPUCommands): unknown => this.#commands.delete(commands);
    const commands = new WebGPUCommands(this.gpu, this.target, this.#faults, dispatches, gone);
    this.#commands.add(commands);
    this.counters.buffersMade += commands.buffersMade;
    this.counters.bindGroupsMade += dispatches.length;
    return commands;
  }

  /** Runs a command list: at most one write of uniforms, one pass, one submission. */
  submit(commands: Commands, dims: Readonly<Record<string, number>>): void {
    const list = this.#ready(commands, dims);
    if (list.length === 0) return;
    const encoder = this.gpu.createCommandEncoder({ label: "weft" });
    this.#encodeCopies(encoder);
    const pass = encoder.beginComputePass({ label: "weft" });
    list.forEach((d, i) => encode(pass, d, list[i - 1]));
    pass.end();
    this.#submit([encoder.finish()]);
    this.counters.submits++;
  }

  /** Runs a command list dispatch by dispatch and times each. */
  async profile(
    commands: Commands,
    dims: Readonly<Record<string, number>>,
  ): Promise<readonly DispatchTime[]> {
    const list = this.#ready(commands, dims);
    this.#flushCopies();
    const times = await profileDispatches({
      gpu: this.gpu,
      timestamps: this.target.timestamps,
      read: (buffer, bytes) => this.#readBack(buffer, 0, bytes, "reading timestamps"),
      submit: (encoder) => {
        this.#submit([encoder.finish()]);
        this.counters.submits++;
      },
      done: () => this.sync(),
    }, list);
    this.#faults.check();
    return times;
  }

  /** Waits until everything submitted is done; rejects if anything failed. */
  async sync(): Promise<void> {
    this.#faults.check();
    this.#flushCopies();
    await this.#faults.wait(this.gpu.queue.onSubmittedWorkDone(), "the submitted work");
    this.#faults.check();
  }

  /** Frees everything. Every later call throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#faults.lose("it was disposed");
    for (const commands of [...this.#commands]) commands.dispose();
    for (const buffer of [...this.#buffers]) this.free(buffer);
    this.#staging.dispose();
    this.gpu.destroy();
  }

  /** Frees everything at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #ready(commands: Commands, dims: Readonly<Record<string, number>>): readonly ReadyDispatch[] {
    this.#faults.check();
    if (!(commands instanceof WebGPUCommands) || !commands.isOf(this.gpu)) {
      throw new DeviceError("validation", "Cannot submit commands that this device did not bind");
    }
    const list = commands.ready(dims, (bytes) => {
      this.counters.bufferWrites++;
      this.counters.bytesWritten += bytes;
    });
    this.counters.dispatches += list.length;
    let doing = this.#doing.get(list);
    if (doing === undefined) {
      const names = [...new Set(list.map((d) => d.kernel.code.launch.name))];
      doing = `running ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
      this.#doing.set(list, doing);
    }
    this.#faults.running(doing);
    return list;
  }

  #encodeCopies(encoder: GPUCommandEncoder): void {
    for (const c of this.#copies) encoder.copyBufferToBuffer(c.from, c.start, c.to, 0, c.bytes);
    this.#copies.length = 0;
  }

  /** Submits what is to be copied before what follows changes it. */
  #flushCopies(): void {
    if (this.#copies.length === 0 || this.#disposed) return;
    const encoder = this.gpu.createCommandEncoder({ label: "weft copy" });
    this.#encodeCopies(encoder);
    this.#submit([encoder.finish()]);
  }

  #submit(work: readonly GPUCommandBuffer[]): void {
    this.gpu.queue.submit([...work]);
    this.#unsubmitted = 0;
  }

  async #readBack(from: GPUBuffer, start: number, size: number, doing: string): Promise<ArrayBuffer> {
    const staging = this.#staging.take(size);
    const encoder = this.gpu.createCommandEncoder({ label: "weft read" });
    this.#encodeCopies(encoder);
    encoder.copyBufferToBuffer(from, start, staging, 0, size);
    this.#submit([encoder.finish()]);
    await this.#faults.wait(staging.mapAsync(GPUMapMode.READ, 0, size), doing);
    const copy = staging.getMappedRange(0, size).slice(0);
    staging.unmap();
    if (this.#disposed) staging.destroy();
    else this.#staging.give(staging);
    this.#faults.check();
    return copy;
  }
}
