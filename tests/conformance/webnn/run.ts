/**
 * Running cases: all of a file in one program, an entry point each, so that equal kernels are compiled once.
 *
 * @module
 */
import type { Device } from "../../../backends/backend.ts";
import type { DeviceTensor, Executable, HostTensor } from "../../../backends/runtime/executable.ts";
import { compile } from "../../../compile.ts";
import { isTensor, method, type Program, spec, type Tensor, trace } from "../../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../../ir/data.ts";
import { callOf } from "./call.ts";
import { mismatch } from "./compare.ts";
import { type Case, dtypeOf, elementsOf, type Json, NotSupported, type Tolerance } from "./data.ts";
import { expectedOf } from "./errata.ts";
import { OPERATORS, OUTSIDE } from "./operators.ts";

/** What became of the cases of a file. */
export interface Outcome {
  readonly passed: number;
  /** A line for each failed case. */
  readonly failed: readonly string[];
  /** Numbers of cases by the reason why they cannot be run. */
  readonly unsupported: ReadonlyMap<string, number>;
}

/** For the few cases without a tolerance of their own: graphs that end in a softmax. */
const DEFAULT_TOLERANCE: Tolerance = { metric: "ULP", value: 64 };

/** What WebNN's operator `op` is in the language. */
export function operatorOf(op: string): (typeof OPERATORS)[string] {
  const outside = OUTSIDE[op];
  if (outside !== undefined) throw new NotSupported(`${op}: ${outside}`);
  const found = OPERATORS[op];
  if (found === undefined) throw new TypeError(`${op} is missing in the table of operators`);
  return found;
}

/** The program of a case: entry point `main`, inputs and outputs numbered. */
export function caseProgram(c: Case): Program {
  const inputs = Object.fromEntries(
    c.inputs.map((i, n) => [`i${n}`, spec([...i.shape], dtypeOf(i.dtype)) as Tensor]),
  );
  for (const o of c.outputs) dtypeOf(o.dtype);
  const main = method(inputs, (given) => {
    const operands = new Map<string, Tensor>(c.inputs.map((i, n) => [i.name, given[`i${n}`]!]));
    for (const node of c.nodes) {
      const args: Record<string, Json> = Object.assign({}, ...node.args);
      const built = operatorOf(node.op).build(callOf(args, operands));
      const results = isTensor(built) ? [built] : built;
      if (results.length !== node.outputs.length) throw new TypeError(`${results.length} results`);
      node.outputs.forEach((name, n) => operands.set(name, results[n]!));
    }
    return Object.fromEntries(c.outputs.map((o, n) => [`o${n}`, operands.get(o.name)!]));
  });
  return trace({ main });
}

/** Runs the cases of a file on a device. */
export async function runCases(cases: readonly Case[], device: Device): Promise<Outcome> {
  const unsupported = new Map<string, number>();
  const failed: string[] = [];
  const programs = new Map<Case, Program>();
  const fail = (c: Case, message: unknown): void => {
    failed.push(`${c.id} (${c.name ?? ""}): ${message instanceof Error ? message.message : message}`);
  };
  for (const c of cases) {
    try {
      if (!device.target.f16 && usesF16(c)) throw new NotSupported(`${device.target.name} has no f16`);
      programs.set(c, caseProgram(c));
    } catch (error) {
      if (error instanceof NotSupported) {
        unsupported.set(error.message, (unsupported.get(error.message) ?? 0) + 1);
      } else fail(c, error);
    }
  }
  const graphs = Object.fromEntries(
    [...programs].map(([c, program]) => [c.id, { ...program.graphs["main"]!, name: c.id }]),
  );
  let passed = 0;
  if (programs.size > 0) {
    using executable = await compile({ kind: "program", graphs }, { device });
    await Promise.all([...programs.keys()].map(async (c) => {
      try {
        const problem = await runCase(c, executable);
        if (problem === undefined) passed++;
        else fail(c, problem);
      } catch (error) {
        fail(c, error);
      }
    }));
  }
  return { passed, failed, unsupported };
}

function usesF16(c: Case): boolean {
  return [...c.inputs, ...c.outputs].some((o) => o.dtype === "float16") ||
    JSON.stringify(c.nodes).includes("float16");
}

async function runCase(c: Case, executable: Executable): Promise<string | undefined> {
  const inputs = c.inputs.map((i, n): readonly [string, HostTensor] => {
    const dtype = dtypeOf(i.dtype);
    return [`i${n}`, { dtype, shape: i.shape, data: fromNumbers(dtype, elementsOf(i)) }];
  });
  const results: Readonly<Record<string, DeviceTensor>> = executable.run(c.id, Object.fromEntries(inputs));
  for (const [n, o] of c.outputs.entries()) {
    const result = results[`o${n}`]!;
    if (result.dtype !== dtypeOf(o.dtype)) return `${o.name} is ${result.dtype}, expected ${o.dtype}`;
    const wanted = `[${o.shape.join(", ")}]`;
    if (`[${result.shape.join(", ")}]` !== wanted) {
      return `${o.name} is [${result.shape}], expected ${wanted}`;
    }
    const { data } = await result.read();
    const tolerance = c.tolerance ?? DEFAULT_TOLERANCE;
    const problem = mismatch(result.dtype, tolerance, toNumbers(result.dtype, data), expectedOf(c, o));
    if (problem !== undefined) return `${o.name}: ${problem}`;
  }
  return undefined;
}
