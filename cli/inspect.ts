/**
 * `inspect`: the way of a kernel from the graph to the code, every step printed.
 *
 * @module
 */
import { generateJs } from "../backends/js/mod.ts";
import { planMemory } from "../backends/runtime/memory.ts";
import type { BufferRef, EntryPlan } from "../backends/runtime/plan.ts";
import { generateWasm } from "../backends/wasm/mod.ts";
import { generateWgsl } from "../backends/webgpu/mod.ts";
import { printFunc, printGraph } from "../ir/print.ts";
import { GRAPH_RULES, type GraphRuleName } from "../schedule/graph/rules.ts";
import { explain } from "../schedule/explain.ts";
import { printSchedule } from "../schedule/text.ts";
import type { Command } from "./command.ts";
import { type DeviceName, DEVICES } from "./devices.ts";
import { helpText, oneOf, parseFlags, someOf, text, toggle, UsageError } from "./flags.ts";
import { SHIPPED_MODEL } from "./models.ts";
import { SCHEDULE_NAMES, scheduleOf } from "./schedules.ts";
import {
  graphOf,
  kernelOf,
  readProgram,
  type Subject,
  type SubjectKernel,
  subjectOf,
  targetOf,
} from "./subject.ts";
import { table } from "./table.ts";

/** What a step is printed from. */
interface View {
  /** The entry point, lowered for a device. */
  subject(device: DeviceName): Subject;
  /** The device that was asked for. */
  readonly device: DeviceName;
  /** The kernels to print: the chosen one, or all. */
  kernels(device: DeviceName): readonly SubjectKernel[];
  readonly schedule: ReturnType<typeof scheduleOf>;
  /** Graph rules that are left out. */
  readonly without: readonly GraphRuleName[];
  /** Whether one kernel was chosen. */
  readonly chosen: boolean;
}

/** What most engines have. */
const WASM_FEATURES = { shared: false, relaxed: true, reorder: true };

const STEPS = {
  rules: (v: View) =>
    table(
      ["graph rule", "", "what it does"],
      GRAPH_RULES.map(({ name, about }) => [
        name,
        v.without.includes(name) ? "off" : "on",
        about,
      ]),
    ),
  graph: (v: View) =>
    v.chosen
      ? perKernel(v, v.device, (k, s) => printGraph(graphOf(s, k.calls[0]!)))
      : printGraph(v.subject(v.device).legalized.graph),
  nest: (v: View) => perKernel(v, v.device, (k) => printFunc(k.kernel.func)),
  explain: (v: View) =>
    explain(v.kernels(v.device).map((k) => k.kernel.func), v.schedule, v.subject(v.device).target),
  schedule: (v: View) => perKernel(v, v.device, (k) => k.kernel.trace.map(printSchedule).join("\n")),
  scheduled: (v: View) => perKernel(v, v.device, (k) => printFunc(k.kernel.scheduled)),
  wgsl: (v: View) =>
    perKernel(
      v,
      "webgpu",
      (k, s) => k.kernel.lowered.launches.map((launch) => generateWgsl(launch, s.target).source).join("\n"),
    ),
  wasm: (v: View) =>
    perKernel(
      v,
      "wasm",
      (k) => k.kernel.lowered.launches.map((launch) => generateWasm(launch, WASM_FEATURES).source).join("\n"),
    ),
  js: (v: View) =>
    perKernel(
      v,
      "js",
      (k) => k.kernel.lowered.launches.map((launch) => generateJs(launch).source).join("\n"),
    ),
  plan: printPlan,
  memory: (v: View) => printMemory(v.subject(v.device).plans),
} satisfies Readonly<Record<string, (view: View) => string>>;

const STEP_NAMES = Object.keys(STEPS) as readonly (keyof typeof STEPS)[];

const RULE_NAMES = GRAPH_RULES.map((rule) => rule.name);

const FLAGS = {
  model: text("DIR", "folder of a GPT-2 (default: the model that ships with Weft)"),
  entry: text("NAME", "entry point: prefill or decode (default: decode)"),
  kernel: text("NAME", "kernel by name or index (default: a list of all)"),
  show: someOf(STEP_NAMES, "which step (default: the whole way of the kernel)"),
  device: oneOf(DEVICES, "for which kind of device (default: webgpu)"),
  schedule: oneOf(SCHEDULE_NAMES, "schedules of the kernels (default: default)"),
  without: someOf(RULE_NAMES, "graph rule to leave out"),
  verbose: toggle("stack traces of errors"),
  help: toggle("print this help"),
};

const USAGE = "deno task inspect [FLAGS]";
const SUMMARY = "Prints the way of a model's kernels from the graph to the code. It needs no device.";

/** Makes the `inspect` command. */
export function inspectCommand(): Command {
  return {
    summary: "the way of a kernel, every step printed",
    async run(args, io) {
      const { flags, positionals } = parseFlags(FLAGS, args);
      if (flags.help === true) {
        await io.out(helpText(USAGE, SUMMARY, FLAGS));
        return 0;
      }
      if (positionals.length > 0) {
        throw new UsageError([`inspect takes flags only, got ${JSON.stringify(positionals[0])}`]);
      }
      const device = flags.device ?? "webgpu";
      const schedule = scheduleOf(flags.schedule ?? "default");
      const without = flags.without ?? [];
      const traced = await readProgram(flags.model ?? SHIPPED_MODEL);
      const subjects = new Map<DeviceName, Subject>();
      const subject = (name: DeviceName): Subject => {
        const known = subjects.get(name) ??
          subjectOf(traced, flags.entry ?? "decode", targetOf(name), schedule, without);
        subjects.set(name, known);
        return known;
      };
      const { kernel } = flags;
      const view: View = {
        subject,
        device,
        schedule,
        without,
        chosen: kernel !== undefined,
        kernels: (name) => kernel === undefined ? subject(name).kernels : [kernelOf(subject(name), kernel)],
      };
      const code = device === "webgpu" ? "wgsl" : device;
      const whole = ["graph", "nest", "schedule", "scheduled", code] as const;
      const show = flags.show ?? (kernel === undefined ? [] : whole);
      if (show.length === 0) await io.out(printKernels(view));
      for (const step of show) {
        const heading = show.length === 1 ? "" : `== ${step} ==\n`;
        await io.out(`${heading}${ended(STEPS[step](view))}${show.length === 1 ? "" : "\n"}`);
      }
      return 0;
    },
  };
}

function perKernel(
  view: View,
  device: DeviceName,
  print: (kernel: SubjectKernel, subject: Subject) => string,
): string {
  const kernels = view.kernels(device);
  return kernels.map((k) => {
    const heading = kernels.length === 1 ? "" : `// kernel ${k.index}\n`;
    return heading + ended(print(k, view.subject(device)));
  }).join("\n");
}

function printKernels(view: View): string {
  const rows = view.kernels(view.device).map((k) => [
    String(k.index),
    k.kernel.func.name,
    `${k.calls.length}x`,
    k.calls[0]?.path ?? "",
  ]);
  return table(["", "kernel", "calls", "first in"], rows);
}

function printPlan(view: View): string {
  const { plan } = view.subject(view.device);
  const launches = new Set(view.kernels(view.device).flatMap((k) => k.kernel.lowered.launches));
  const rows = plan.steps.flatMap((step, i) =>
    !launches.has(step.launch)
      ? []
      : [[String(i), step.launch.name, step.buffers.map(printRef).join(", "), step.path ?? ""]]
  );
  const slots = plan.slots.map((bytes, i) => `slot ${i}: ${bytes} bytes`).join(", ");
  return `${table(["", "launch", "buffers", "in"], rows)}${slots}\n`;
}

/** What all entry points take together, at the bounds of their dims. */
function printMemory(plans: readonly EntryPlan[]): string {
  const { weights, work, state, stateAtFirst, peak, slots } = planMemory(plans);
  const sum = (bytes: readonly number[]): number => bytes.reduce((a, b) => a + b, 0);
  return table(["memory", "bytes"], [
    ["weights", String(weights)],
    [`work: ${slots.length} slots`, String(sum(slots))],
    ["work: inputs and outputs", String(work - sum(slots))],
    ["state at first", String(stateAtFirst)],
    ["state at most", String(state)],
    ["all at most", String(peak)],
  ]);
}

function printRef(ref: BufferRef): string {
  return ref.kind === "slot"
    ? `slot ${ref.index}`
    : ref.kind === "param"
    ? ref.name
    : `${ref.kind} ${ref.name}`;
}

function ended(printed: string): string {
  return printed.endsWith("\n") ? printed : `${printed}\n`;
}
