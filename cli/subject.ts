/**
 * What `inspect` looks at: a model's entry point as kernels, made without a device.
 *
 * @module
 */
import { JS_TARGET } from "../backends/js/mod.ts";
import { WASM_TARGET } from "../backends/wasm/mod.ts";
import type { EntryPlan } from "../backends/runtime/plan.ts";
import { type CompiledKernel, lower } from "../compile.ts";
import type { Program } from "../dsl/mod.ts";
import { InputError } from "../ir/errors.ts";
import { type Graph, graph, type GraphInput, type GraphNode, valueTypes } from "../ir/graph.ts";
import { hashFunc } from "../ir/hash.ts";
import { suggest } from "../ir/suggest.ts";
import type { Target } from "../ir/target.ts";
import { gpt2Weights, readGPT2Config, traceGPT2 } from "../models/gpt2/mod.ts";
import { openCheckpoint } from "../models/safetensors/mod.ts";
import type { KernelCall, LegalizedGraph } from "../schedule/graph/legalize.ts";
import type { GraphRuleName } from "../schedule/graph/rules.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { DeviceName } from "./devices.ts";

/** What every WebGPU adapter has: the limits that the specification guarantees. */
const WEBGPU_BASELINE: Target = {
  kind: "webgpu",
  name: "any WebGPU adapter",
  software: false,
  f16: false,
  timestamps: false,
  maxBufferSize: 256 << 20,
  maxBindingSize: 128 << 20,
  maxBindings: 8,
  bindingAlignment: 256,
  maxWorkgroups: 65_535,
  maxThreads: 256,
  maxThreadsPerAxis: [256, 256, 64],
  maxWorkgroupMemory: 16_384,
  registers: 64,
  vectorSums: false,
  costlyLaunches: true,
};

const TARGETS: Readonly<Record<DeviceName, Target>> = {
  webgpu: WEBGPU_BASELINE,
  wasm: WASM_TARGET,
  js: JS_TARGET,
};

/** The target that stands for a device where there is none. */
export function targetOf(device: DeviceName): Target {
  return TARGETS[device];
}

/** A kernel of an entry point, and the calls of it: equal kernels are one. */
export interface SubjectKernel {
  /** Position among the entry point's kernels, in the order of their first calls. */
  readonly index: number;
  readonly kernel: CompiledKernel;
  readonly calls: readonly KernelCall[];
}

/** An entry point on its way to a target. */
export interface Subject {
  readonly target: Target;
  readonly legalized: LegalizedGraph;
  readonly plan: EntryPlan;
  /** Plans of all entry points: they share memory. */
  readonly plans: readonly EntryPlan[];
  readonly kernels: readonly SubjectKernel[];
}

/** Reads a model's config and the dtypes of its weights, and traces its entry points. */
export async function readProgram(
  dir: string | URL,
): Promise<{ readonly program: Program; readonly storage: ReadonlyMap<string, GraphInput["dtype"]> }> {
  const config = await readGPT2Config(dir);
  await using file = await openCheckpoint(dir);
  const storage = new Map([...gpt2Weights(file, config)].map(([name, { dtype }]) => [name, dtype] as const));
  return { program: traceGPT2(config, { prefill: {}, decode: { s: 1 } }), storage };
}

/**
 * Lowers a program for a target and takes one of its entry points.
 *
 * @throws {InputError} if there is no such entry point
 */
export function subjectOf(
  { program, storage }: Awaited<ReturnType<typeof readProgram>>,
  entry: string,
  target: Target,
  schedule: Schedule,
  without: readonly GraphRuleName[] = [],
): Subject {
  const names = Object.keys(program.graphs);
  const at = names.indexOf(entry);
  if (at < 0) throw noSuch("entry point", entry, names);
  const { legalized, kernels, plans } = lower(program, target, { schedule, storage, without });
  const graphAt = legalized[at];
  const plan = plans[at];
  if (graphAt === undefined || plan === undefined) throw noSuch("entry point", entry, names);
  const calls = Map.groupBy(graphAt.calls, (call) => hashFunc(call.func));
  const found = [...calls].map(([hash, list], index) => {
    const kernel = kernels.get(hash);
    if (kernel === undefined) throw noSuch("kernel", hash, kernels.keys());
    return { index, kernel, calls: list };
  });
  return { target, legalized: graphAt, plan, plans, kernels: found };
}

/**
 * The kernel of a name or index.
 *
 * @throws {InputError} if there is none, or several of that name
 */
export function kernelOf({ kernels }: Subject, name: string): SubjectKernel {
  const found = kernels.filter((k) => k.kernel.func.name === name || String(k.index) === name);
  const [kernel] = found;
  if (kernel === undefined) {
    throw noSuch("kernel", name, new Set(kernels.map((k) => k.kernel.func.name)));
  }
  if (found.length > 1) {
    throw new InputError(
      `There are ${found.length} kernels ${name}: say which by its index, ${
        found.map((k) => k.index).join(", ")
      }`,
    );
  }
  return kernel;
}

/** The part of the graph that a call computes: the operators in the kernel, on what it reads. */
export function graphOf({ legalized }: Subject, call: KernelCall): Graph {
  const g = legalized.graph;
  const inputs = new Set(call.args.filter((_, i) => call.func.params[i]?.access === "read"));
  const results = call.args.filter((value) => !inputs.has(value));
  const nodes = new Map(g.nodes.map((n) => [n.name, n]));
  const inside = new Set<GraphNode>();
  const add = (value: string): void => {
    const node = nodes.get(value);
    // The buffer that an append writes to is no argument of its own: it ends here as well.
    if (node === undefined || inputs.has(value) || inside.has(node)) return;
    node.inputs.forEach(add);
    inside.add(node);
  };
  results.forEach(add);
  const types = valueTypes(g);
  const known = new Map(g.inputs.map((i) => [i.name, i]));
  const read = new Set([...inside].flatMap((n) => n.inputs).filter((v) => !inside.has(nodes.get(v)!)));
  return graph({
    name: call.func.name,
    bounds: g.bounds,
    inputs: [...read].map((name): GraphInput => {
      const type = types.get(name);
      return known.get(name) ??
        { kind: "input", name, role: "input", shape: type?.shape ?? [], dtype: type?.dtype ?? "f32" };
    }),
    nodes: [...inside],
    outputs: results.map((value, i) => ({ name: results.length === 1 ? "out" : `out${i}`, value })),
  });
}

function noSuch(what: string, name: string, known: Iterable<string>): InputError {
  const near = suggest(name, known);
  const hint = near === undefined ? `there are ${[...known].join(", ")}` : `did you mean ${near}?`;
  return new InputError(`There is no ${what} ${name}; ${hint}`);
}
