/**
 * The device that runs kernels as WebAssembly: all buffers are in one memory, kernels are small modules over it.
 *
 * @module
 */
import { DeviceError, InputError } from "../../ir/errors.ts";
import { evalInt } from "../../ir/eval.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Target } from "../../ir/target.ts";
import type { Commands, Device, DeviceBuffer, Dispatch, Kernel, KernelCode } from "../backend.ts";
import { byDims } from "../by_dims.ts";
import { CpuDevice, type CpuDispatch, launchFailure } from "../cpu_device.ts";
import type { Launch } from "../lower.ts";
import { generateWasm, type WasmFeatures, type WasmKernelCode } from "./codegen.ts";
import { canShare, hasAtomics, hasRelaxed, hasVectors } from "./features.ts";
import { COUNTER, WasmMemory } from "./memory.ts";
import { defaultThreads, hasWorkers, MAY_SLEEP, Pool } from "./pool.ts";
import { generateStep, MODES, type StepCall, type StepTable, stepTable } from "./step.ts";
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

/** What a Wasm device has done so far. */
export interface WasmCounters {
  /** Dispatches that ran; those of an empty grid do not count. */
  dispatches: number;
  /** Calls from the host into WebAssembly: one for each step, once it has run before. */
  calls: number;
}

/** A {@linkcode Device} that runs kernels as WebAssembly. */
export interface WasmDevice extends Device {
  /** What it has done so far. */
  readonly counters: WasmCounters;
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
export function wasmDevice(options: WasmDeviceOptions = {}): WasmDevice {
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
  return new Threads({ shared: threads > 1, relaxed: reorder && hasRelaxed(), reorder }, threads);
}

const MOST_THREADS = 64;

/**
 * Workers are started once so much time (in ms) has gone into what they could have helped with: before a run, or in the
 * middle of one that has taken as long as it takes to start a worker. A first short run does not wait for them.
 */
const START_AFTER = { before: 2, within: 25 } as const;

interface Compiled {
  readonly code: WasmKernelCode;
  readonly run: RunKernel;
  /** Its number among the kernels that all threads have. */
  readonly index: number;
}

type DimValues = Readonly<Record<string, number>>;

/** A dispatch with where its buffers are. */
interface Bound extends CpuDispatch {
  readonly compiled: Compiled;
  readonly addresses: readonly number[];
}

/** A command list as one function. */
interface Step {
  readonly run: (table: number) => number;
  readonly memory: DeviceBuffer;
  readonly table: StepTable;
  readonly groups: readonly StepGroup[];
}

/** Dispatches of one kernel. */
interface StepGroup {
  readonly dispatches: number;
  readonly launch: Launch;
  readonly size: (dims: DimValues) => Size;
}

/** How much a launch does. */
interface Size {
  /** Workgroups in all. */
  readonly items: number;
  /** Bytes of a thread's own memory. */
  readonly scratch: number;
}

/** Code that is generated when it is first looked at. */
class LazyCode implements WasmKernelCode {
  readonly launch: Launch;
  readonly #features: WasmFeatures;
  #made: WasmKernelCode | undefined;

  constructor(launch: Launch, features: WasmFeatures) {
    this.launch = launch;
    this.#features = features;
  }

  get source(): string {
    return this.#code().source;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#code().bytes;
  }

  get scratch(): Expr {
    return this.#code().scratch;
  }

  #code(): WasmKernelCode {
    return this.#made ??= generateWasm(this.launch, this.#features);
  }
}

/** Bytes as text, one character each: what is equal has equal texts. */
const latin1 = new TextDecoder("latin1");

class Threads extends CpuDevice<Bound> implements WasmDevice {
  readonly counters: WasmCounters = { dispatches: 0, calls: 0 };
  readonly usesFinite = true;
  /** Command lists that were submitted, as one function from the second time on. */
  readonly #steps = new WeakMap<Commands, Step | undefined>();
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
  readonly #prepared = new WeakSet<Kernel>();
  readonly #kernels = new WeakMap<Kernel, Compiled>();
  #closed = false;

  constructor(features: WasmFeatures, threads: number) {
    super();
    this.#features = features;
    this.#threads = threads;
    this.#memory = new WasmMemory(features.shared);
  }

  generate(launch: Launch): WasmKernelCode {
    const known = this.#codes.get(launch) ?? new LazyCode(launch, this.#features);
    this.#codes.set(launch, known);
    return known;
  }

  // deno-lint-ignore require-await -- failures are rejections, as on devices that take time
  async prepare(codes: readonly KernelCode[]): Promise<readonly Kernel[]> {
    this.check("prepare kernels");
    return codes.map((given) => {
      const kernel: Kernel = { code: this.generate(given.launch) };
      this.#prepared.add(kernel);
      return kernel;
    });
  }

  /** Compiles a prepared kernel when it is bound: what an entry point needs waits until that is first run. */
  #compiledOf(kernel: Kernel): Compiled | undefined {
    const known = this.#kernels.get(kernel);
    if (known !== undefined || !this.#prepared.has(kernel)) return known;
    const code = this.generate(kernel.code.launch);
    const key = latin1.decode(code.bytes);
    const shared = this.#compiled.get(key) ?? this.#compile(code);
    this.#compiled.set(key, shared);
    const compiled = { code, ...shared };
    this.#kernels.set(kernel, compiled);
    return compiled;
  }

  override bind(dispatches: readonly Dispatch[]): Commands {
    const known = this.#modules.length;
    try {
      return super.bind(dispatches);
    } finally {
      // All at once, and also where one could not be bound: workers know kernels by their numbers.
      if (this.#modules.length > known) this.#pool?.add(this.#modules.slice(known));
    }
  }

  protected memoryOf(buffer: DeviceBuffer): Uint8Array | undefined {
    const start = this.#memory.addressOf(buffer);
    return start === undefined ? undefined : this.#memory.bytes(start, buffer.bytes);
  }

  protected take(bytes: number, label: string): DeviceBuffer {
    return this.#memory.allocate(bytes, label);
  }

  protected give(buffer: DeviceBuffer): void {
    if (!this.#closed) this.#memory.free(buffer);
  }

  protected bindOne(kernel: Kernel, memory: () => readonly Uint8Array[]): Bound | undefined {
    const compiled = this.#compiledOf(kernel);
    if (compiled === undefined) return undefined;
    const { launch } = compiled.code;
    const addresses = memory().map((part) => part.byteOffset);
    const size = byDims(launch.dims, (dims) => sizeOf(compiled.code, dims));
    return {
      launch,
      compiled,
      addresses,
      run: (dims) => this.#run(compiled, size(dims), [...addresses, ...launch.dims.map((d) => dims[d]!)]),
    };
  }

  protected override runAll(
    commands: Commands,
    list: readonly Bound[],
    dims: DimValues,
  ): void {
    if (this.#pool === undefined && this.#sharedMs >= START_AFTER.before) this.#startWorkers();
    const waits = this.#threads > 1 && this.#pool === undefined;
    // Who runs once needs no function for it.
    if (waits || !this.#steps.has(commands)) {
      super.runAll(commands, list, dims);
      if (list.length > 1) this.#steps.set(commands, undefined);
      return;
    }
    const step = this.#steps.get(commands) ?? this.#makeStep(list);
    this.#steps.set(commands, step);
    this.#runStep(step, list, dims);
  }

  protected override unbind(commands: Commands): void {
    const step = this.#steps.get(commands);
    this.#steps.delete(commands);
    if (step !== undefined) this.give(step.memory);
  }

  #makeStep(list: readonly Bound[]): Step {
    const groups = [...Map.groupBy(list, (one) => one.compiled)];
    const numbers = new Map(groups.map(([compiled], i) => [compiled, i]));
    const calls = list.map(({ launch, compiled, addresses }): StepCall => ({
      kernel: compiled.index,
      addresses,
      dims: launch.dims,
      group: numbers.get(compiled) ?? 0,
    }));
    const { bytes } = generateStep(calls, {
      shared: this.#features.shared,
      sleeps: MAY_SLEEP,
      counter: COUNTER,
    });
    const kernels = Object.fromEntries(list.map(({ compiled: { index, run } }) => [`k${index}`, run]));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.#memory.memory, ...kernels },
    });
    const table = stepTable(calls);
    return {
      run: exports["step"] as Step["run"],
      memory: this.#memory.allocate(4 * table.words, "table of a step"),
      table,
      groups: groups.map(([{ code }, of]) => ({
        dispatches: of.length,
        launch: code.launch,
        size: byDims(code.launch.dims, (dims) => sizeOf(code, dims)),
      })),
    };
  }

  #runStep({ run, memory, table, groups }: Step, list: readonly Bound[], dims: DimValues): void {
    const sizes = groups.map(({ launch, size }) => {
      try {
        return size(dims);
      } catch (cause) {
        throw launchFailure(launch, cause);
      }
    });
    const threads = this.#pool === undefined ? 1 : this.#threads;
    const scratch = this.#memory.scratch(sizes.reduce((most, s) => Math.max(most, s.scratch), 0) * threads);
    const words = this.#memory.words();
    const address = this.#memory.addressOf(memory) ?? 0;
    const at = address / 4;
    words[at + table.scratch] = scratch;
    for (const [name, word] of table.dims) words[at + word] = dims[name] ?? 0;
    for (let g = 0; g < sizes.length; g++) {
      const { items, scratch } = sizes[g]!;
      const row = at + table.groups[g]!;
      words[row] = items === 0 ? MODES.skip : threads > 1 && items > 1 ? MODES.together : MODES.alone;
      words[row + 1] = scratch;
      if (items > 0) this.counters.dispatches += groups[g]!.dispatches;
    }
    this.counters.calls++;
    let failed: number;
    try {
      failed = run(address);
    } catch (cause) {
      this.#pool?.close();
      throw launchFailure(list[this.#memory.words()[at + table.current]!]!.launch, cause);
    }
    if (failed >= 0) throw failedInWorker(list[failed]!.launch);
  }

  protected close(): void {
    this.#pool?.dispose();
    this.#pool = undefined;
    this.#closed = true;
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
  #run(
    { code: { launch }, run, index }: Compiled,
    { items, scratch }: Size,
    given: readonly number[],
  ): boolean {
    if (items === 0) return false;
    const shared = this.#threads > 1 && items > 1;
    const args = [...given, this.#memory.scratch(scratch * (shared ? this.#threads : 1)), COUNTER];
    this.#memory.words()[COUNTER / 4] = 0;
    this.counters.dispatches++;
    this.counters.calls++;
    if (shared && this.#pool !== undefined) {
      if (!this.#pool.run(index, run, scratch, args)) throw failedInWorker(launch);
      return true;
    }
    const started = shared ? performance.now() : 0;
    run(...args);
    if (!shared) return true;
    this.#sharedMs += performance.now() - started;
    if (this.#sharedMs >= START_AFTER.within) this.#startWorkers();
    return true;
  }

  /** Short programs never pay for workers. */
  #startWorkers(): void {
    this.#pool = new Pool(this.#memory.memory, this.#threads);
    this.#pool.add(this.#modules);
  }
}

function failedInWorker({ name }: Launch): DeviceError {
  return new DeviceError("internal", `Cannot run ${name}: it failed in a worker`);
}

/** How much a launch does with these dims; throws {@linkcode InputError} where one has no value. */
function sizeOf({ launch, scratch }: WasmKernelCode, dims: DimValues): Size {
  const missing = launch.dims.find((name) => dims[name] === undefined);
  if (missing !== undefined) {
    throw new InputError(`Cannot run ${launch.name}: dim ${missing} has no value`);
  }
  return {
    items: launch.grid.reduce((n, e) => n * Math.max(evalInt(e, dims), 0), 1),
    // A cache line or more between threads.
    scratch: Math.ceil(evalInt(scratch, dims) / 64) * 64,
  };
}
