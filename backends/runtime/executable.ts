/**
 * A compiled program on a device: weights uploaded, kernels compiled, buffers planned; entry points run as one
 * submission each.
 *
 * @module
 */
import { type Dim, evalDim, printShape, type Shape } from "../../ir/dim.ts";
import { arrayFor, holds, type TensorArray, viewBytes } from "../../ir/data.ts";
import { type DType, DTYPES } from "../../ir/dtype.ts";
import { InputError } from "../../ir/errors.ts";
import type { Entries } from "../../ir/graph.ts";
import type { BufferSlice, Commands, Device, DeviceBuffer, DispatchTime, Kernel } from "../backend.ts";
import { type DimValues, type GivenShape, solveDims } from "./dims.ts";
import { type MemoryPlan, ownBuffers, planMemory } from "./memory.ts";
import type { BufferRef, EntryPlan, PlanBuffer } from "./plan.ts";
import type {
  CheckedInputs,
  DeviceTensor,
  HostTensor,
  InputTensor,
  RunInputs,
  RunOutputs,
} from "./run_types.ts";
import { State } from "./state.ts";

export type { CheckedInputs, DeviceTensor, HostTensor, InputTensor, RunInputs, RunOutputs };

/** How to run an entry point. */
export interface RunOptions {
  /** For entry points with state: what the device keeps, updated by the run. */
  readonly state?: State;
}

/** Where the time of one run went. */
export interface Profile {
  /** Times of the dispatches that ran, in order. */
  readonly times: readonly DispatchTime[];
  /** Values of the dims of the run. */
  readonly dims: DimValues;
  /** Milliseconds of the host before the first dispatch. */
  readonly hostMs: number;
}

/** Sizes of an executable, in bytes unless said otherwise. */
export interface ExecutableInfo {
  readonly weightBytes: number;
  /** Intermediates, inputs and outputs of all entry points. */
  readonly workBytes: number;
  /** One {@linkcode State}, at the bounds of its dims. */
  readonly stateBytes: number;
  /** The same when it is made: states that may become long grow with what they hold. */
  readonly stateBytesAtFirst: number;
  /** The most that is allocated at any time, with one state. */
  readonly peakBytes: number;
  /** Distinct compiled kernels. */
  readonly kernels: number;
  /** Dispatches of one run, by entry point. */
  readonly dispatches: Readonly<Record<string, number>>;
}

/** What an executable is made of; `compile()` puts it together. */
export interface ExecutableParts {
  readonly device: Device;
  readonly entries: readonly EntryPlan[];
  readonly params: ReadonlyMap<string, DeviceBuffer>;
  /** Kernel of every step, by entry point. */
  readonly kernels: ReadonlyMap<string, readonly Kernel[]>;
  /** What makes entry points that are to be prepared when they are wanted. */
  readonly lazy?: ReadonlyMap<string, () => Promise<PreparedEntry>>;
}

/** An entry point with all that a run needs. */
export interface PreparedEntry {
  readonly plan: EntryPlan;
  /** Kernel of every step. */
  readonly kernels: readonly Kernel[];
}

/** Where results are, for whoever takes them as inputs: any program on the same device. */
const SOURCES = new WeakMap<
  DeviceTensor,
  { readonly device: Device; readonly place: (doing: string) => BufferSlice }
>();

interface Entry {
  plan: EntryPlan;
  /** States by the shape that they are declared with: as a rule their sizes are equal at any time. */
  readonly stateGroups: readonly (readonly PlanBuffer[])[];
  /** Results likewise, which have equal sizes then. */
  readonly outputGroups: readonly (readonly PlannedOutput[])[];
  kernels: readonly Kernel[];
  /** Makes the plan and the kernels, where they are not made yet; what that gives, while it goes on. */
  make: (() => Promise<PreparedEntry>) | undefined;
  making: Promise<void> | undefined;
  readonly own: ReadonlyMap<string, DeviceBuffer>;
  /** States that grow, by the extents that they have before and after a run. */
  readonly growing: readonly { readonly names: readonly string[]; readonly extents: readonly Dim[] }[];
  /** Bindings of an entry point without state. */
  commands: Commands | undefined;
  runs: number;
}

interface PlannedOutput {
  readonly output: EntryPlan["outputs"][number];
  /** Whether it is the next value of a state. */
  readonly isState: boolean;
}

function growingOf({ states, outputs }: EntryPlan): Entry["growing"] {
  const found = states.flatMap(({ name, shape, growth }) => {
    if (growth === undefined) return [];
    const next = outputs.find((o) => o.name === name)?.shape;
    return [{ name, extents: [shape, next ?? shape].map((s) => s[growth.axis] ?? 0) }];
  });
  return [...Map.groupBy(found, (f) => f.extents.join(" "))].map(([, of]) => ({
    names: of.map((f) => f.name),
    extents: of[0]?.extents ?? [],
  }));
}

function groupsOf<T>(of: readonly T[], shape: (one: T) => Shape): readonly (readonly T[])[] {
  return [...Map.groupBy(of, (one) => printShape(shape(one))).values()];
}

/** A compiled program with entry points `E`. Runs are queued in the order of the calls; reading a result waits for it. */
export class Executable<E extends Entries = Entries> {
  readonly #device: Device;
  readonly #entries = new Map<string, Entry>();
  readonly #params: ReadonlyMap<string, DeviceBuffer>;
  readonly #slots: DeviceBuffer[] = [];
  /** Slots that larger ones took the places of: what was bound before still uses them. */
  readonly #formerSlots: DeviceBuffer[] = [];
  #memory: MemoryPlan;
  /** States that this executable made: only their buffers fit. */
  readonly #states = new WeakSet<State>();
  readonly #after: (() => void)[] = [];
  #disposed = false;

  /** For `compile()`, which plans and prepares. */
  constructor(parts: ExecutableParts) {
    const { device } = parts;
    this.#device = device;
    this.#params = parts.params;
    this.#memory = planMemory(parts.entries);
    this.#allocateSlots();
    for (const plan of parts.entries) {
      const own = new Map(
        ownBuffers(plan).map((
          { kind, buffer: b },
        ) => [`${kind}:${b.name}`, device.allocate(b.bytes, b.name)]),
      );
      const kernels = parts.kernels.get(plan.name) ?? [];
      const states = new Set(plan.states.map((s) => s.name));
      const outputs = plan.outputs.map((output) => ({ output, isState: states.has(output.name) }));
      this.#entries.set(plan.name, {
        plan,
        kernels,
        make: parts.lazy?.get(plan.name),
        making: undefined,
        own,
        stateGroups: groupsOf(plan.states, (s) => s.shape),
        outputGroups: groupsOf(outputs, (o) => o.output.shape),
        growing: growingOf(plan),
        commands: undefined,
        runs: 0,
      });
    }
  }

  /** Its sizes; of an entry point that was left for later, those of its kernels and intermediates are not in there. */
  get info(): ExecutableInfo {
    const { weights, work, state, stateAtFirst, peak } = this.#memory;
    const entries = [...this.#entries.values()];
    return {
      weightBytes: weights,
      workBytes: work,
      stateBytes: state,
      stateBytesAtFirst: stateAtFirst,
      peakBytes: peak,
      kernels: new Set(entries.flatMap((e) => e.kernels)).size,
      dispatches: Object.fromEntries(entries.map(({ plan }) => [plan.name, plan.steps.length])),
    };
  }

  /**
   * Makes an entry point ready that compilation left for later (see `lazy` of its options); at once where it is. Throws what
   * compilation throws, and {@linkcode InputError} where there is no such entry point.
   */
  async prepare(entry: keyof E & string): Promise<void> {
    const e = this.#entryOf("prepare", entry);
    e.making ??= e.make?.().then(({ plan, kernels }) => {
      if (this.#disposed) throw new InputError(`Cannot prepare ${entry}: the executable was disposed`);
      e.plan = plan;
      e.kernels = kernels;
      this.#memory = planMemory(this.entries);
      this.#allocateSlots();
      e.make = undefined;
    }).finally(() => {
      e.making = undefined; // what failed may be asked for again
    });
    await e.making;
  }

  /** Slots of the memory plan; those that are there and large enough stay. */
  #allocateSlots(): void {
    for (const [i, bytes] of this.#memory.slots.entries()) {
      const known = this.#slots[i];
      if (known !== undefined && known.bytes >= bytes) continue;
      if (known !== undefined) this.#formerSlots.push(known);
      this.#slots[i] = this.#device.allocate(bytes, `slot ${i}`);
    }
  }

  #entryOf(doing: string, entry: string): Entry {
    if (this.#disposed) throw new InputError(`Cannot ${doing} ${entry}: the executable was disposed`);
    const e = this.#entries.get(entry);
    if (e !== undefined) return e;
    throw new InputError(
      `Cannot ${doing} ${entry}: there is no such entry point, there are ${
        [...this.#entries.keys()].join(", ")
      }`,
    );
  }

  /** Entry points. */
  get entries(): readonly EntryPlan[] {
    return [...this.#entries.values()].map((e) => e.plan);
  }

  /** The device that it runs on. */
  get device(): Device {
    return this.#device;
  }

  /** New, empty state for this program's entry points. */
  createState(): State {
    const state = new State(this.#device, this.#memory.states);
    this.#states.add(state);
    return state;
  }

  /**
   * A state that goes on from another: it holds the same, and neither sees what becomes of the other. Throws
   * {@linkcode InputError} for a state of another executable.
   */
  forkState(state: State): State {
    if (!this.#states.has(state)) throw new InputError("Cannot fork a state that another executable made");
    const made = state.copy();
    this.#states.add(made);
    return made;
  }

  /**
   * Runs an entry point. Inputs are copied before it returns; results stay on the device until they are read. A result
   * may be an input of the next run, of this program or another on the same device, which then need not wait for it to
   * be read: `run("decode", { ids: next })`.
   *
   * Throws {@linkcode InputError} for unknown, missing or misshapen inputs, results that were replaced or are on another
   * device, or lengths over their bounds.
   */
  run<K extends keyof E & string, const I extends Readonly<Record<string, unknown>>>(
    entry: K,
    inputs: CheckedInputs<K, E[K], I>,
    options: RunOptions = {},
  ): RunOutputs<E[K]> {
    const { e, commands, dims } = this.#prepare(entry, inputs as never, options);
    this.#device.submit(commands, dims);
    return this.#results(e, dims, options) as never;
  }

  /**
   * Like {@linkcode run}, waiting for it, with the time of every dispatch: `index` is its step in the plan of the entry
   * point. `hostMs` went into checking the inputs, finding the dims and writing both to the device.
   */
  async profile<K extends keyof E & string, const I extends Readonly<Record<string, unknown>>>(
    entry: K,
    inputs: CheckedInputs<K, E[K], I>,
    options: RunOptions = {},
  ): Promise<Profile & { readonly outputs: RunOutputs<E[K]> }> {
    const from = performance.now();
    const { e, commands, dims } = this.#prepare(entry, inputs as never, options);
    const hostMs = performance.now() - from;
    const times = await this.#device.profile(commands, dims);
    return { outputs: this.#results(e, dims, options) as never, times, dims, hostMs };
  }

  /** Calls a function when this is disposed: for programs that go with it. */
  onDispose(f: () => void): void {
    if (this.#disposed) f();
    else this.#after.push(f);
  }

  /** Frees everything but the device. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const f of this.#after) f();
    for (const e of this.#entries.values()) {
      e.commands?.dispose();
      for (const b of e.own.values()) this.#device.free(b);
    }
    for (const b of [...this.#slots, ...this.#formerSlots, ...this.#params.values()]) this.#device.free(b);
  }

  /** Frees everything but the device at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #prepare(entry: string, inputs: Readonly<Record<string, InputTensor>>, options: RunOptions): {
    readonly e: Entry;
    readonly commands: Commands;
    readonly dims: DimValues;
  } {
    const e = this.#entryOf("run", entry);
    if (e.make !== undefined) {
      throw new InputError(`Cannot run ${entry}: it was left for later; await prepare("${entry}") first`);
    }
    const { plan } = e;
    const unknown = Object.keys(inputs).find((name) => !plan.inputs.some((i) => i.name === name));
    if (unknown !== undefined) {
      throw new InputError(
        `${entry}: there is no input ${unknown}, there are ${plan.inputs.map((i) => i.name).join(", ")}`,
      );
    }
    const { state } = options;
    if (plan.states.length > 0 && state === undefined) {
      throw new InputError(`${entry}: needs a state; give run() { state }`);
    }
    if (plan.states.length > 0 && state !== undefined && !this.#states.has(state)) {
      throw new InputError(`${entry}: the state was made by another executable`);
    }
    const given: GivenShape[] = [
      ...plan.inputs.map((i) => {
        const t = inputs[i.name];
        if (t === undefined) throw new InputError(`${entry}: input ${i.name} is missing`);
        checkTensor(entry, i.name, i.dtype, t);
        if (!isHost(t)) this.#source(e, i.name, t);
        return { name: i.name, declared: i.shape, actual: t.shape };
      }),
    ];
    for (const group of e.stateGroups) {
      let last: readonly number[] | undefined;
      for (const { name, shape } of group) {
        const actual = state?.shape(name) ?? [];
        // What is declared alike and has the same sizes says nothing new.
        if (last === undefined || !sameSizes(last, actual)) given.push({ name, declared: shape, actual });
        last = actual;
      }
    }
    const dims = solveDims(entry, given, plan.graph.bounds);
    for (const { names, extents } of e.growing) {
      const length = Math.max(...extents.map((dim) => evalDim(dim, dims)));
      for (const name of names) state?.reserve(name, length);
    }
    for (const i of plan.inputs) {
      const t = inputs[i.name];
      const buffer = e.own.get(`input:${i.name}`);
      if (t === undefined || buffer === undefined) continue;
      if (isHost(t)) {
        this.#device.write(buffer, 0, paddedBytes(t.data));
        continue;
      }
      const from = this.#source(e, i.name, t);
      if (from.buffer !== buffer) this.#device.copy(from, buffer);
    }
    const bind = (): Commands => this.#bind(e, state);
    const commands = state === undefined || plan.states.length === 0
      ? e.commands ??= bind()
      : state.commands(entry, bind);
    return { e, commands, dims };
  }

  /** Where a result is that is to be the input `name`. */
  #source(e: Entry, name: string, t: DeviceTensor): BufferSlice {
    const doing = `take a result as input ${name} of ${e.plan.name}`;
    const source = SOURCES.get(t);
    if (source?.device !== this.#device) {
      throw new InputError(
        `Cannot ${doing}: it is not a result of a program on this device; give what its read() gives`,
      );
    }
    const slice = source.place(doing);
    const other = e.plan.inputs.find((i) => i.name !== name && e.own.get(`input:${i.name}`) === slice.buffer);
    if (other !== undefined) {
      throw new InputError(
        `Cannot ${doing}: it lies where input ${other.name} goes; give what its read() gives`,
      );
    }
    return slice;
  }

  #bind(e: Entry, state: State | undefined): Commands {
    const slice = (buffer: DeviceBuffer): BufferSlice => ({ buffer, offset: 0, bytes: buffer.bytes });
    // Slots of this plan in order of size, as they were allocated.
    const order = e.plan.slots.map((bytes, index) => ({ bytes, index })).sort((a, b) => b.bytes - a.bytes);
    const slotBuffer = new Map(order.map(({ index }, rank) => [index, this.#slots[rank]]));
    const resolve = (ref: BufferRef): DeviceBuffer => {
      const found = ref.kind === "slot"
        ? slotBuffer.get(ref.index)
        : ref.kind === "param"
        ? this.#params.get(ref.name)
        : ref.kind === "state"
        ? state?.buffer(ref.name)
        : e.own.get(`${ref.kind}:${ref.name}`);
      if (found === undefined) {
        throw new InputError(`${e.plan.name}: nothing is bound to ${JSON.stringify(ref)}`);
      }
      return found;
    };
    return this.#device.bind(e.plan.steps.map((step, i) => {
      const kernel = e.kernels[i];
      if (kernel === undefined) {
        throw new InputError(`${e.plan.name}: kernel ${step.launch.name} was not prepared`);
      }
      return { kernel, buffers: step.buffers.map((ref) => slice(resolve(ref))) };
    }));
  }

  #results(e: Entry, dims: DimValues, options: RunOptions): Readonly<Record<string, DeviceTensor>> {
    const run = ++e.runs;
    const results: Record<string, DeviceTensor> = {};
    for (const group of e.outputGroups) {
      const shape = group[0]?.output.shape.map((dim) => evalDim(dim, dims)) ?? [];
      for (const { output, isState } of group) {
        if (isState) options.state?.advance(output.name, shape);
        else results[output.name] = this.#result(e, output, shape, run, options);
      }
    }
    return results;
  }

  #result(
    e: Entry,
    o: PlannedOutput["output"],
    shape: readonly number[],
    run: number,
    options: RunOptions,
  ): DeviceTensor {
    const bytes = shape.reduce((a, b) => a * b, 1) * DTYPES[o.dtype].bytes;
    const source = (doing: string): BufferSlice => {
      if (this.#disposed) throw new InputError(`Cannot ${doing}: the executable was disposed`);
      if (e.runs !== run) {
        throw new InputError(
          `Cannot ${doing}: a later run of ${e.plan.name} has replaced it; read it before`,
        );
      }
      const { ref } = o;
      const buffer = ref.kind === "state"
        ? options.state?.buffer(ref.name)
        : ref.kind === "param"
        ? this.#params.get(ref.name)
        : ref.kind === "slot"
        ? undefined
        : e.own.get(`${ref.kind}:${ref.name}`);
      if (buffer === undefined) throw new InputError(`Cannot ${doing}: it has no buffer`);
      return { buffer, offset: 0, bytes };
    };
    const tensor: DeviceTensor = {
      dtype: o.dtype,
      shape,
      get replaced(): boolean {
        return e.runs !== run;
      },
      read: async (): Promise<HostTensor> => {
        const slice = source(`read ${o.name}`);
        const data = bytes === 0 ? new Uint8Array() : await this.#device.read(slice);
        return { dtype: o.dtype, shape, data: viewBytes(o.dtype, data) };
      },
    };
    SOURCES.set(tensor, { device: this.#device, place: source });
    return tensor;
  }
}

function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  return a.every((size, axis) => size === b[axis]);
}

function isHost(t: InputTensor): t is HostTensor {
  return !("read" in t);
}

function checkTensor(entry: string, name: string, dtype: DType, t: InputTensor): void {
  if (t.dtype !== dtype) throw new InputError(`${entry}: ${name} is ${t.dtype}, expected ${dtype}`);
  const wrong = t.shape.find((size) => !Number.isSafeInteger(size) || size < 0);
  if (wrong !== undefined) {
    throw new InputError(`${entry}: ${name} has an axis of ${wrong}, which is not a size`);
  }
  if (!isHost(t)) return;
  if (!holds(dtype, t.data)) {
    const expected = arrayFor(dtype, 0).constructor.name;
    throw new InputError(`${entry}: ${name} is ${dtype}, its data must be ${expected}, is ${nameOf(t.data)}`);
  }
  const elements = t.shape.reduce((a, b) => a * b, 1);
  if (t.data.length !== elements) {
    throw new InputError(
      `${entry}: ${name} has ${t.data.length} elements, its shape [${t.shape.join(", ")}] has ${elements}`,
    );
  }
}

function nameOf(value: unknown): string {
  return value instanceof Object ? value.constructor.name : String(value);
}

/** Bytes of an array, a multiple of 4 of them. */
function paddedBytes(data: TensorArray): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}
