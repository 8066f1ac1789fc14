/**
 * The way of a program, as one readable list: graph rules, kernels, schedules, launches, code, a plan, a device.
 *
 * @module
 */
import type { Device, DeviceBuffer, Kernel } from "./backends/backend.ts";
import { type Launch, type LoweredFunc, lowerFunc } from "./backends/lower.ts";
import { Executable, type PreparedEntry } from "./backends/runtime/executable.ts";
import { type EntryPlan, type LoweredCall, planEntry, type PlanStep } from "./backends/runtime/plan.ts";
import { siblingsOf } from "./backends/runtime/siblings.ts";
import {
  areFiniteF16,
  transposedWeight,
  type Weight,
  weightInPanels,
  type Weights,
} from "./backends/runtime/weights.ts";
import type { Program } from "./dsl/trace.ts";
import { printShape, type Shape } from "./ir/dim.ts";
import { InputError, ScheduleError, WeightsError } from "./ir/errors.ts";
import type { Entries, Graph, GraphInput } from "./ir/graph.ts";
import { hashFunc } from "./ir/hash.ts";
import { OPS } from "./ir/ops/mod.ts";
import type { PrimFunc } from "./ir/prim_func.ts";
import { suggest } from "./ir/suggest.ts";
import type { Target } from "./ir/target.ts";
import { assertFunc, assertGraph } from "./ir/verify.ts";
import { cse, deadCode } from "./schedule/graph/cleanup.ts";
import { mergeAttention } from "./schedule/graph/attention.ts";
import { foldChoices } from "./schedule/graph/fold.ts";
import { growingAxes, legalize, type LegalizedGraph, stateCapacities } from "./schedule/graph/legalize.ts";
import {
  layWeightsOut,
  storedShape,
  type WeightLayout,
  type WeightLayouts,
  weightLayouts,
} from "./schedule/graph/layout.ts";
import type { GraphRuleName } from "./schedule/graph/rules.ts";
import { storeAs } from "./schedule/graph/storage.ts";
import { attention, defaultSchedule, panelWidth, transposesWeights } from "./schedule/rules/mod.ts";
import type { Schedule } from "./schedule/schedule.ts";
import { apply, printFailure } from "./schedule/strategy.ts";

/** What a compilation reports while it goes on. */
export interface CompileProgress {
  readonly stage: "kernels" | "weights" | "prepare";
  /** Done and in all: kernels, or bytes for weights. */
  readonly done: number;
  readonly total: number;
}

/** Schedules of single kernels, such as a database of tuned ones. */
export interface ScheduleSource {
  /** The schedule of a kernel, as lowered from the graph; `undefined` for the usual one. */
  find(func: PrimFunc, target: Target): Schedule | undefined;
  /** Is told of a schedule that does not apply: the kernel gets the usual one. */
  stale(func: PrimFunc, reason: string): void;
}

/** How to compile. */
export interface CompileOptions {
  readonly device: Device;
  /** Values of the program's parameters. */
  readonly weights?: Weights;
  /** Schedule for every kernel; by default the first rule that fits. */
  readonly schedule?: Schedule;
  /** Schedules of single kernels, which win over `schedule`: see `openDatabase`. */
  readonly database?: ScheduleSource;
  /** Graph rules to leave out; see `GRAPH_RULES`. */
  readonly without?: readonly GraphRuleName[];
  /**
   * Length with which a growing state begins (default 256 positions of a KV cache). States that may become at least sixteen
   * times as long grow by doubling, the others are as long as they may become from the beginning; `Infinity`: all are.
   */
  readonly cacheBlock?: number;
  /**
   * Entry points that wait until {@linkcode Executable.prepare} asks for them: what comes first need not wait for their
   * kernels. Their weights are uploaded with the others.
   */
  readonly lazy?: readonly string[];
  readonly onProgress?: (progress: CompileProgress) => void;
  readonly signal?: AbortSignal;
}

/** Positions with which a growing cache begins. */
const CACHE_BLOCK = 256;

/** A kernel on its way, every form of it. */
export interface CompiledKernel {
  /** As lowered from the graph. */
  readonly func: PrimFunc;
  /** After its schedule. */
  readonly scheduled: PrimFunc;
  /** The schedule steps that were applied. */
  readonly trace: readonly Schedule[];
  readonly lowered: LoweredFunc;
}

/** A program made ready for a target, without a device: everything can be printed. */
export interface LoweredProgram {
  readonly legalized: readonly LegalizedGraph[];
  /** By structural hash: kernels that are equal are one. */
  readonly kernels: ReadonlyMap<string, CompiledKernel>;
  /** Plans of entry points; those of lazy ones have no steps. */
  readonly plans: readonly EntryPlan[];
  /** Lowers a lazy entry point: its plan with steps. */
  readonly finish: (entry: string) => EntryPlan;
  /** How weights lie in memory that do not as they come. */
  readonly layouts: WeightLayouts;
}

/** Lowers and schedules a program for a target: the part of {@linkcode compile} that needs no device. */
export function lower(
  program: Program,
  target: Target,
  options:
    & Pick<
      CompileOptions,
      "schedule" | "database" | "without" | "cacheBlock" | "lazy" | "onProgress" | "signal"
    >
    & {
      readonly storage?: ReadonlyMap<string, GraphInput["dtype"]>;
    } = {},
): LoweredProgram {
  const schedule = options.schedule ?? defaultSchedule();
  const has = (rule: GraphRuleName): boolean => !(options.without ?? []).includes(rule);
  const graphs = Object.values(program.graphs)
    .map((g) => storeAs(g, options.storage ?? new Map()))
    .map((g) => (has("cse") ? cse(g) : g))
    .map((g) => (has("foldChoices") ? foldChoices(g) : g))
    .map((g) => (has("deadCode") ? deadCode(g) : g));
  for (const g of graphs) assertGraph(g, OPS);
  const capacities = stateCapacities(graphs);
  const block = options.cacheBlock ?? CACHE_BLOCK;
  const outermost = growingAxes(graphs, capacities, block);
  const plain = graphs.map((g) =>
    legalize(g, { fuse: has("fuse"), maxBuffers: target.maxBindings, capacities, outermost })
  );
  const layouts: WeightLayouts = has("layoutWeights") && transposesWeights(target)
    ? weightLayouts(plain, panelWidth(target))
    : new Map();
  const laidOut = plain.map((g) => layWeightsOut(g, layouts));
  // Of the default schedule, only the rule for it makes one launch of attention: others need not be tried.
  const fits = oneLaunch(options.schedule ?? attention(), target);
  const merged = (g: LegalizedGraph): LegalizedGraph => (has("attention") ? mergeAttention(g, fits) : g);
  const isLazy = (g: LegalizedGraph): boolean => options.lazy?.includes(g.graph.name) ?? false;
  const legalized = laidOut.map((g) => (isLazy(g) ? g : merged(g)));

  const kernels = new Map<string, CompiledKernel>();
  const total = legalized.reduce((n, l) => n + (isLazy(l) ? 0 : l.calls.length), 0);
  let done = 0;
  // Both are for the compilation: what is lowered later is asked for by somebody else.
  let { signal, onProgress }: Pick<CompileOptions, "signal" | "onProgress"> = options;
  const kernelOf = (func: PrimFunc): CompiledKernel => {
    signal?.throwIfAborted();
    onProgress?.({ stage: "kernels", done: ++done, total });
    const key = hashFunc(func);
    const known = kernels.get(key);
    if (known !== undefined) return known;
    assertFunc(func);
    const tuned = options.database?.find(func, target);
    let result = apply(func, tuned ?? schedule, { target });
    if (!result.ok && tuned !== undefined) {
      options.database?.stale(func, result.failure.reason);
      result = apply(func, schedule, { target });
    }
    if (!result.ok) throw new ScheduleError(func.name, printFailure(result.failure, func));
    assertFunc(result.func);
    const kernel = { func, scheduled: result.func, trace: result.trace, lowered: lowerFunc(result.func) };
    kernels.set(key, kernel);
    return kernel;
  };
  const stored = (g: Graph): readonly (readonly [string, Shape])[] =>
    g.inputs.flatMap((i) => {
      const layout = layouts.get(i.name);
      return layout === undefined ? [] : [[i.name, storedShape(layout, i.shape.map(Number))] as const];
    });
  const join = has("siblings") ? siblingsOf(target) : undefined;
  const planOf = (l: LegalizedGraph, calls: LegalizedGraph["calls"]): EntryPlan => {
    const lowered = calls.map((c): LoweredCall => ({
      lowered: kernelOf(c.func).lowered,
      args: c.args,
      ...(c.path === undefined ? {} : { path: c.path }),
    }));
    return planEntry({
      graph: l.graph,
      calls: join?.(lowered, (value) => l.aliases.get(value) ?? value) ?? lowered,
      aliases: l.aliases,
      capacities: new Map([...l.capacities, ...stored(l.graph)]),
      growth: { axes: l.outermost, block },
    });
  };
  const plans = legalized.map((l) => planOf(l, isLazy(l) ? [] : l.calls));
  const finish = (entry: string): EntryPlan => {
    const found = laidOut.find((l) => l.graph.name === entry);
    if (found === undefined) throw new InputError(`Cannot lower ${entry}: there is no such entry point`);
    [signal, onProgress] = [undefined, undefined];
    const whole = merged(found);
    return planOf(whole, whole.calls);
  };
  return { legalized, kernels, plans, finish, layouts };
}

/** Whether a schedule makes one launch of a function. */
function oneLaunch(schedule: Schedule, target: Target): (func: PrimFunc) => boolean {
  const known = new Map<string, boolean>();
  return (func) => {
    const key = hashFunc(func);
    const answer = known.get(key);
    if (answer !== undefined) return answer;
    const result = apply(func, schedule, { target });
    const fits = result.ok && lowerFunc(result.func).launches.length === 1;
    known.set(key, fits);
    return fits;
  };
}

/**
 * Compiles a program for a device: lowers it, generates and compiles its kernels, plans its memory and uploads its
 * weights.
 *
 * Throws {@linkcode WeightsError} listing every weight that is missing or misshapen, {@linkcode ScheduleError}
 * where the schedule is refused, {@linkcode DeviceError} where the device cannot take it.
 *
 * @example
 * ```ts
 * import { compile, jsDevice, method, mul, spec, trace } from "@weft/weft";
 *
 * const program = trace({ square: method({ x: spec([3], "f32") }, ({ x }) => ({ y: mul(x, x) })) });
 * using executable = await compile(program, { device: jsDevice() });
 * const { y } = executable.run("square", { x: { dtype: "f32", shape: [3], data: new Float32Array([1, 2, 3]) } });
 * console.log((await y!.read()).data); // Float32Array(3) [ 1, 4, 9 ]
 * ```
 */
export async function compile<E extends Entries>(
  program: Program<E>,
  options: CompileOptions,
): Promise<Executable<E>> {
  const { device, weights = new Map(), signal, onProgress } = options;
  const params = checkWeights(program, weights);
  const storage = new Map(
    [...params.keys()].map((name) => [name, weights.get(name)?.dtype ?? "f32"] as const),
  );
  const { plans, finish, layouts } = lower(program, device.target, { ...options, storage });

  const { buffers, finite } = await uploadWeights(
    device,
    plans,
    laidOut(weights, layouts),
    signal,
    onProgress,
  );
  try {
    const isLazy = (plan: EntryPlan): boolean => options.lazy?.includes(plan.name) ?? false;
    const ready = plans.filter((plan) => !isLazy(plan));
    const prepare = kernelsFor(device, finite);
    const kernels = await prepare(ready, options);
    const lazy = new Map(
      plans.filter(isLazy).map(({ name }) => [name, async (): Promise<PreparedEntry> => {
        const plan = finish(name);
        const made = await prepare([plan]);
        return { plan, kernels: made.get(name) ?? [] };
      }]),
    );
    return new Executable({ device, entries: plans, params: buffers, kernels, lazy });
  } catch (error) {
    for (const b of buffers.values()) device.free(b);
    throw error;
  }
}

/** Generates and compiles the kernels of plans' steps; those that were made for earlier plans are there. */
type PrepareKernels = (
  plans: readonly EntryPlan[],
  options?: Pick<CompileOptions, "signal" | "onProgress">,
) => Promise<ReadonlyMap<string, readonly Kernel[]>>;

function kernelsFor(device: Device, finite: ReadonlySet<string>): PrepareKernels {
  // By launch, not by text: to ask for the text would generate code that an entry point may never need. Where texts are
  // equal all the same, devices compile them once.
  const kernels = new Map<Launch, Kernel>();
  const launches = new Map<Launch, Map<string, Launch>>();
  return async (plans, { signal, onProgress } = {}) => {
    const steps = plans.map((plan) => plan.steps.map((step) => withFinite(step, finite, launches)));
    const wanted = [...new Set(steps.flat())].filter((launch) => !kernels.has(launch));
    const codes = wanted.map((launch) => device.generate(launch));
    signal?.throwIfAborted();
    onProgress?.({ stage: "prepare", done: 0, total: codes.length });
    const prepared = await device.prepare(codes);
    onProgress?.({ stage: "prepare", done: codes.length, total: codes.length });
    prepared.forEach((kernel, i) => kernels.set(wanted[i]!, kernel));
    return new Map(
      plans.map((plan, p) => [plan.name, (steps[p] ?? []).map((launch) => kernels.get(launch)!)]),
    );
  };
}

/** The launch of a step, with the weights marked that hold finite numbers only; equal ones are one. */
function withFinite(
  { launch, buffers }: PlanStep,
  finite: ReadonlySet<string>,
  known: Map<Launch, Map<string, Launch>>,
): Launch {
  const marks = buffers.map((b) => b.kind === "param" && finite.has(b.name));
  if (!marks.includes(true)) return launch;
  const forms = known.get(launch) ?? new Map<string, Launch>();
  const marked = forms.get(marks.join()) ??
    { ...launch, buffers: launch.buffers.map((b, i) => marks[i] ? { ...b, finite: true as const } : b) };
  known.set(launch, forms.set(marks.join(), marked));
  return marked;
}

/** Parameters of all entry points; throws with every weight that does not fit. */
function checkWeights(program: Program, weights: Weights): ReadonlyMap<string, GraphInput> {
  const params = new Map<string, GraphInput>();
  const problems: string[] = [];
  for (const g of Object.values<Graph>(program.graphs)) {
    for (const i of g.inputs) if (i.role === "param") params.set(i.name, i);
  }
  for (const p of params.values()) {
    const weight = weights.get(p.name);
    if (weight === undefined) {
      const near = suggest(p.name, weights.keys());
      problems.push(
        `missing: ${p.name} ${printShape(p.shape)}${near === undefined ? "" : ` (there is ${near})`}`,
      );
    } else if (!sameShape(weight.shape, p.shape)) {
      problems.push(
        `misshapen: ${p.name} is ${printShape(weight.shape)}, the model has ${printShape(p.shape)}`,
      );
    }
  }
  if (problems.length > 0) {
    throw new WeightsError("Cannot compile: the weights do not fit the model", problems);
  }
  return params;
}

/** The weights, with their bytes in the order of their layouts. */
function laidOut(weights: Weights, layouts: WeightLayouts): Weights {
  return new Map([...weights].map(([name, w]) => [name, inLayout(w, layouts.get(name))]));
}

function inLayout(weight: Weight, layout: WeightLayout | undefined): Weight {
  switch (layout?.kind) {
    case undefined:
      return weight;
    case "transposed":
      return transposedWeight(weight);
    case "panels":
      return weightInPanels(weight, layout.summed, layout.width);
    default:
      return layout satisfies never;
  }
}

function sameShape(a: readonly number[], b: Shape): boolean {
  return a.length === b.length && a.every((size, d) => size === b[d]);
}

async function uploadWeights(
  device: Device,
  plans: readonly EntryPlan[],
  weights: Weights,
  signal: AbortSignal | undefined,
  onProgress: CompileOptions["onProgress"],
): Promise<{ readonly buffers: ReadonlyMap<string, DeviceBuffer>; readonly finite: ReadonlySet<string> }> {
  const wanted = new Map(plans.flatMap((plan) => plan.params.map((p) => [p.name, p] as const)));
  const total = [...wanted.values()].reduce((sum, p) => sum + p.bytes, 0);
  const buffers = new Map<string, DeviceBuffer>();
  const finite = new Set<string>();
  let done = 0;
  try {
    for (const p of wanted.values()) {
      signal?.throwIfAborted();
      const buffer = device.allocate(p.bytes, p.name);
      buffers.set(p.name, buffer);
      const weight = weights.get(p.name);
      if (device.usesFinite === true && weight?.dtype === "f16") finite.add(p.name);
      await weight?.stream((chunk, offset) => {
        const bytes = padTo4(chunk);
        device.write(buffer, offset, bytes);
        if (finite.has(p.name) && !areFiniteF16(bytes)) finite.delete(p.name);
        done += chunk.length;
        onProgress?.({ stage: "weights", done, total });
      });
    }
  } catch (error) {
    for (const b of buffers.values()) device.free(b);
    throw error;
  }
  return { buffers, finite };
}

function padTo4(chunk: Uint8Array): Uint8Array {
  if (chunk.length % 4 === 0) return chunk;
  const padded = new Uint8Array(Math.ceil(chunk.length / 4) * 4);
  padded.set(chunk);
  return padded;
}
