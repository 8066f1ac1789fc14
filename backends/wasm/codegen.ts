/**
 * Wasm of launches. Pure: nothing is compiled or run here.
 *
 * A launch becomes a module with two functions. `work` runs the items from one number to another, an item being a
 * workgroup or an iteration of `parallel` loops. `run` takes items in grains from a counter that all threads share, until
 * there are no more: which thread does what does not matter to the result, and `work` is called often enough that
 * engines which cannot replace a running function soon run its optimised form.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import type { Expr } from "../../ir/expr.ts";
import { type Scope, scopeOf } from "../../ir/scope.ts";
import { printExpr } from "../../ir/print.ts";
import { DIM_RANGE } from "../../ir/interval.ts";
import type { Stmt } from "../../ir/stmt.ts";
import { exprChildren, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";
import type { KernelCode } from "../backend.ts";
import { launchRanges } from "../launch.ts";
import type { Launch } from "../lower.ts";
import { Cache, enterScope, FunctionBuilder } from "./builder.ts";
import type { Instr } from "./encoder/instructions.ts";
import {
  encodeModule,
  type Local,
  printModule,
  type WasmFunction,
  type WasmModule,
} from "./encoder/module.ts";
import { expand } from "./expand.ts";
import { type Context, emit, indexLocal } from "./expr.ts";
import { cutSums } from "./sums.ts";
import { libraryFunctions } from "./library.ts";
import { type Nest, nestOf } from "./nest.ts";
import { type Frame, type Place, placeLocals, pointerName } from "./place.ts";
import { append, emitStmt } from "./stmt.ts";
import { widenLocals } from "./widen.ts";

/** What the engine that runs the code has. */
export interface WasmFeatures {
  /** The memory is shared by threads. */
  readonly shared: boolean;
  /** Multiplication and addition in one instruction, rounded once or twice as the machine likes. */
  readonly relaxed: boolean;
  /** Sums may be added in another order than the interpreter's: four vectors beside each other. */
  readonly reorder: boolean;
}

/** Generated code of a launch. */
export interface WasmKernelCode extends KernelCode {
  /** The module. It imports `env.memory` and exports `run`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Memory that a thread needs while it runs the kernel, in bytes, over dims. */
  readonly scratch: Expr;
}

/** Pages of the largest memory: 4 GiB. */
export const MAX_PAGES = 65_536;

/** Shares of a launch's items that a thread takes at a time are a part of this many. */
const GRAINS = 64;

/**
 * Generates the Wasm of a launch.
 *
 * `run` has the addresses of the launch's buffers as parameters, in their order, then its dims, then the address of the
 * thread's scratch memory and that of the counter, which is 0 at first.
 *
 * @throws {UnsupportedError} where threads of a workgroup may disagree on coming to a barrier, or local memory changes its
 * size in a loop
 *
 * @example
 * ```ts
 * import { assert, assertStringIncludes } from "@std/assert";
 * import { generateWasm } from "./codegen.ts";
 * import { int, load, mul, variable } from "../../ir/expr.ts";
 * import { type Buffer, store } from "../../ir/stmt.ts";
 *
 * const at = [variable("blockIdx.x")];
 * const x: Buffer = { name: "x", dtype: "f32", shape: [int(3)], scope: "global" };
 * const element = load("x", "f32", at);
 * const { source, bytes } = generateWasm({
 *   name: "square",
 *   buffers: [{ buffer: x, access: "read_write" }],
 *   dims: [],
 *   grid: [int(3), int(1), int(1)],
 *   workgroup: [1, 1, 1],
 *   body: store("x", at, mul(element, element)),
 * }, { shared: false, relaxed: false, reorder: false });
 * assertStringIncludes(source, "f32.mul");
 * assert(WebAssembly.validate(bytes));
 * ```
 */
export function generateWasm(launch: Launch, features: WasmFeatures): WasmKernelCode {
  const ranges = launchRanges(launch);
  const nest = nestOf(launch);
  const global = new Map(launch.buffers.map(({ buffer }) => [buffer.name, buffer]));
  const facts = scopeOf(ranges).bind(nest.axes.map(({ name, extent }) => ({ var: name, extent })));
  const around = new Map([
    ...ranges,
    ...nest.axes.map(({ name, extent }) => [name, { ...DIM_RANGE, below: extent }] as const),
  ]);
  const body = expand(cutSums(widenLocals(nest.body, global), global, features.reorder), global, around);

  const used = new Set<string>();
  const use = (name: string): string => {
    used.add(name);
    return name;
  };
  const kernel: Kernel = { launch, nest: { ...nest, body }, features, use };
  const { work, frame } = writeWork(kernel, facts);
  const run = writeRun(kernel);
  const { imports, functions } = libraryFunctions(used);
  const module: WasmModule = {
    memory: { shared: features.shared, min: 1, max: MAX_PAGES },
    imports,
    functions: [run, work, ...functions],
  };
  const head = `kernel ${launch.name}, ${printExpr(frame.bytes)} bytes of scratch memory a thread\n`;
  return {
    launch,
    bytes: encodeModule(module),
    scratch: frame.bytes,
    get source(): string {
      return head + printModule(module);
    },
  };
}

interface Kernel {
  readonly launch: Launch;
  readonly nest: Nest;
  readonly features: WasmFeatures;
  readonly use: (name: string) => string;
}

/** Parameters that both functions have. */
function parameters({ buffers, dims }: Launch): readonly Local[] {
  const names = [...buffers.map(({ buffer }) => pointerName(buffer.name)), ...dims, "&"];
  return names.map((name) => ({ name, type: "i32" }));
}

function writeWork(
  { launch, nest, features, use }: Kernel,
  facts: Scope,
): { readonly work: WasmFunction; readonly frame: Frame } {
  const own = parameters(launch);
  const params = [...own, { name: "from", type: "i32" as const }, { name: "to", type: "i32" as const }];
  const fn = new FunctionBuilder(params);
  const [scratch, from, to] = [own.length - 1, own.length, own.length + 1];
  const { places: local, frame } = placeLocals(launch.name, nest.body, launch.dims, fn);
  const places = new Map<string, Place>([
    ...launch.buffers.map(({ buffer }): [string, Place] => [
      buffer.name,
      { kind: "memory", buffer, bytes: bytesOf(buffer.dtype) },
    ]),
    ...local,
  ]);
  const vars = new Map(own.map(({ name }, i) => [name, i] as const));
  const top = enterScope(undefined, vars, facts);
  const base = {
    fn,
    facts,
    cache: new Cache(),
    places,
    shared: sharedNodes(nest.body),
    use,
    relaxed: features.relaxed,
    finite: new Set(launch.buffers.filter((b) => b.finite).map(({ buffer }) => buffer.name)),
  };
  const start: Instr[] = [];
  const outer: Context = { ...base, scope: top, out: start };
  for (const { name, offset } of frame.buffers) {
    const pointer = fn.local(pointerName(name), "i32");
    vars.set(pointerName(name), pointer);
    start.push(["local.get", scratch]);
    emit({ ...outer, shared: new Set() }, offset); // nothing is hoisted: this comes first
    start.push(["i32.add"], ["local.set", pointer]);
  }
  if (nest.axes.length === 0) {
    const out: Instr[] = [];
    emitStmt({ ...outer, out }, nest.body);
    // Addresses of scratch memory first: what is hoisted may need them.
    return { frame, work: fn.build("work", [...start, ...top.head, ...out]) };
  }
  const [single] = nest.axes;
  const axes = nest.axes.map(({ name }, i) =>
    [name, nest.axes.length === 1 && i === 0 ? from : fn.local(name, "i32")] as const
  );
  const decode: Instr[] = nest.axes.length === 1 && single !== undefined
    ? []
    : decodeItem(outer, nest, axes, from);
  const inside = enterScope(top, new Map(axes), facts);
  const out: Instr[] = [];
  emitStmt({ ...base, scope: inside, out, cache: new Cache() }, nest.body);
  const body: Instr[] = [...start, ...top.head, ["loop"]];
  append(body, decode);
  append(body, inside.head);
  append(body, out);
  body.push(["local.get", from], ["i32.const", 1], ["i32.add"], ["local.tee", from]);
  body.push(["local.get", to], ["i32.lt_s"], ["br_if", 0], ["end"]);
  return { frame, work: fn.build("work", body) };
}

function bytesOf(dtype: Place["buffer"]["dtype"]): number {
  return DTYPES[dtype].bytes;
}

/** An item's number as the values of its axes, the last one fastest. */
function decodeItem(
  outer: Context,
  { axes }: Nest,
  locals: readonly (readonly [string, number])[],
  item: number,
): Instr[] {
  const rest = outer.fn.local("item", "i32");
  const code: Instr[] = [["local.get", item], ["local.set", rest]];
  for (const [i, { extent }] of [...axes.entries()].reverse()) {
    const local = locals[i]?.[1] ?? -1;
    if (i === 0) {
      code.push(["local.get", rest], ["local.set", local]);
      continue;
    }
    const size: Instr = extent.kind === "const"
      ? ["i32.const", extent.value]
      : ["local.get", indexLocal(outer, extent)];
    code.push(["local.get", rest], size, ["i32.rem_u"], ["local.set", local]);
    code.push(["local.get", rest], size, ["i32.div_u"], ["local.set", rest]);
  }
  return code;
}

function writeRun({ launch, nest, features, use }: Kernel): WasmFunction {
  const own = parameters(launch);
  const fn = new FunctionBuilder([...own, { name: "counter", type: "i32" }]);
  const counter = own.length;
  const facts = scopeOf(new Map(launch.dims.map((name) => [name, DIM_RANGE])));
  const scope = enterScope(undefined, new Map(own.map(({ name }, i) => [name, i])), facts);
  const out: Instr[] = [];
  const ctx: Context = {
    fn,
    facts,
    scope,
    out,
    cache: new Cache(),
    places: new Map(),
    shared: new Set(),
    use,
    relaxed: features.relaxed,
    finite: new Set(),
  };
  const [total, grain, from, to, size] = ["total", "grain", "from", "to", "size"].map((name) =>
    fn.local(name, "i32")
  ) as [
    number,
    number,
    number,
    number,
    number,
  ];
  out.push(["i32.const", 1], ["local.set", total]);
  for (const { extent } of nest.axes) {
    emit(ctx, extent);
    out.push(["local.tee", size], ["i32.const", 0], ["local.get", size], ["i32.const", 0], ["i32.gt_s"], [
      "select",
    ]);
    out.push(["local.get", total], ["i32.mul"], ["local.set", total]);
  }
  out.push(["local.get", total], ["i32.const", GRAINS], ["i32.div_u"], ["i32.const", 1], ["i32.add"]);
  out.push(["local.set", grain], ["block"], ["loop"]);
  out.push(["local.get", counter], ["local.get", grain], ["i32.atomic.rmw.add", 0], ["local.tee", from]);
  out.push(["local.get", total], ["i32.ge_s"], ["br_if", 1]);
  out.push(["local.get", from], ["local.get", grain], ["i32.add"], ["local.tee", to], ["local.get", total]);
  out.push(["local.get", to], ["local.get", total], ["i32.lt_s"], ["select"], ["local.set", to]);
  own.forEach((_, i) => out.push(["local.get", i]));
  out.push(["local.get", from], ["local.get", to], ["call", "work"], ["br", 0], ["end"], ["end"]);
  return fn.build("run", [...scope.head, ...out], { exported: true });
}

/** Expressions that a nest uses more than once. */
function sharedNodes(body: Stmt): ReadonlySet<Expr> {
  const uses = new Map<Expr, number>();
  const use = (e: Expr): void => void uses.set(e, (uses.get(e) ?? 0) + 1);
  const seen = new Set<Expr>();
  const root = (e: Expr): void => {
    use(e);
    visitExpr(e, (node) => {
      if (seen.has(node)) return;
      seen.add(node);
      exprChildren(node).forEach(use);
    });
  };
  visitStmt(body, (s) => stmtExprs(s).forEach(root));
  return new Set(
    [...uses].filter(([e, n]) => n > 1 && e.kind !== "const" && e.kind !== "var").map(([e]) => e),
  );
}
