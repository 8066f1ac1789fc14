/**
 * From a launch to WGSL: a pure function of the launch and the target.
 *
 * The text says everything that a device needs to know about the launch but its name (the grid and the shapes are in
 * comments), so equal texts are equal kernels.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Target } from "../../ir/target.ts";
import { stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";
import type { KernelCode } from "../backend.ts";
import { expandLoops } from "../expand.ts";
import type { Launch } from "../lower.ts";
import { type Binding, bufferText, checkBindings, partsOf } from "./bindings.ts";
import type { Context, Writer } from "./context.ts";
import { plainText } from "./expr.ts";
import { gridFrame, isFolded } from "./grid.ts";
import { launchScope } from "./ints.ts";
import { bufferUse } from "./lanes.ts";
import { HELPER_SOURCES, helperClosure, HELPERS } from "./math.ts";
import { createNames } from "./names.ts";
import { emitStmt, OUTERMOST } from "./stmt.ts";
import { uniformBytes, uniformText, type UniformWord } from "./uniforms.ts";

/** WGSL of one launch and how to bind and dispatch it. */
export interface WebGPUCode extends KernelCode {
  /** Words of the uniform block at binding 0; where there are none, nothing is bound there. */
  readonly uniforms: readonly UniformWord[];
  /** Storage bindings from binding 1 on. */
  readonly bindings: readonly Binding[];
  /** Whether workgroups are numbered through and the grid folded over x, y and z. */
  readonly folded: boolean;
}

/** Name of the entry point of every kernel. */
export const ENTRY_POINT = "main";

/**
 * Generates the WGSL of a launch. `parts` says in how many bindings each of its buffers comes; by default more than
 * one where the size is constant and over the target's binding limit.
 *
 * f16 arithmetic on a target without it is done in f32; values are rounded to f16 where they are cast or stored. exp,
 * log, sin, cos, tan, tanh and the accuracy of division are the device's.
 *
 * Throws {@linkcode DeviceError} `limit` where the launch exceeds the target's bindings, threads or workgroup memory,
 * {@linkcode UnsupportedError} where WGSL cannot express it.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { lowerFunc } from "../lower.ts";
 * import { f32, int, load, mul, variable } from "../../ir/expr.ts";
 * import { primFunc } from "../../ir/prim_func.ts";
 * import { type Buffer, forLoop, store } from "../../ir/stmt.ts";
 * import { generateWgsl, WEBGPU_BASELINE } from "./mod.ts";
 *
 * const i = variable("i");
 * const x: Buffer = { name: "x", dtype: "f32", shape: [int(64)], scope: "global" };
 * const body = forLoop("i", int(64), store("x", [i], mul(load("x", "f32", [i]), f32(2))), "threadIdx.x");
 * const { launches } = lowerFunc(primFunc("double", [{ buffer: x, access: "read_write" }], [], body));
 * assertMatch(generateWgsl(launches[0]!, WEBGPU_BASELINE).source, /x\[tx\] = x\[tx\] \* 2.0f;/);
 * ```
 */
export function generateWgsl(
  launch: Launch,
  target: Target,
  parts: readonly number[] = partsOf(launch, target),
): WebGPUCode {
  checkThreads(launch, target);
  checkBindings(launch, target, parts);
  const expanded = expandLoops(launch.body);
  const ctx: Context = {
    launch,
    target,
    names: createNames(HELPERS),
    use: bufferUse(expanded, launch.buffers.map((b) => b.buffer)),
    declared: new Set(),
    places: new Map(),
    loops: new Set(),
    shared: { declarations: new Map(), bytes: 0 },
    helpers: new Set(),
    dims: new Set(),
    axes: new Set(),
    scope: launchScope(launch),
    lets: 0,
  };
  // Comments have a context of their own: what only they mention is neither a uniform nor a helper.
  const comments: Context = { ...ctx, helpers: new Set(), dims: new Set() };
  const list = (exprs: readonly Expr[]): string => `[${exprs.map((e) => plainText(comments, e)).join(", ")}]`;
  const bindings: Binding[] = [];
  const declarations: string[] = [];
  launch.buffers.forEach((b, i) => {
    const text = bufferText(b, i, {
      parts: parts[i] ?? 1,
      first: bindings.length + 1,
      vectors: ctx.use.vectors.has(b.buffer.name),
      target,
      names: ctx.names,
    });
    const { dtype, shape, strides } = b.buffer;
    const note = ` // ${dtype}${list(shape)}${strides === undefined ? "" : ` strides ${list(strides)}`}`;
    declarations.push(...text.declarations.map((line, n) => (n === 0 ? line + note : line)));
    bindings.push(...text.bindings);
    text.helpers.forEach((h) => ctx.helpers.add(h));
    ctx.places.set(b.buffer.name, {
      buffer: b.buffer,
      scalar: false,
      load: text.load,
      store: text.store,
      ...(text.vector === undefined ? {} : { vector: text.vector }),
    });
  });

  const body: Writer = { lines: [], depth: 1 };
  emitStmt(ctx, body, expanded, OUTERMOST);
  const folded = isFolded(launch.grid, target.maxWorkgroups);
  const usedBlocks = new Set(
    [0, 1, 2].filter((d) => ctx.axes.has(`blockIdx.${"xyz"[d] as "x" | "y" | "z"}`)),
  );
  const frame = gridFrame(launch.grid, folded, usedBlocks);

  const uniforms: UniformWord[] = [];
  const lets: string[] = [];
  const word = (uniform: UniformWord): string => uniformText(uniforms.push(uniform) - 1);
  for (const { name, axes } of frame.uniforms) lets.push(`let ${name} = ${word({ kind: "grid", axes })};`);
  const helpers = helperClosure(ctx.helpers).map((name) =>
    name === "inf" || name === "nan"
      ? `fn ${name}() -> f32 {\n  return bitcast<f32>(${word({ kind: "bits", of: name })});\n}`
      : HELPER_SOURCES[name].text
  );
  for (const name of launch.dims) {
    if (ctx.dims.has(name)) lets.push(`let ${ctx.names.of(name)} = ${word({ kind: "dim", name })};`);
  }
  const threads = ["x", "y", "z"].filter((d) => ctx.axes.has(`threadIdx.${d as "x" | "y" | "z"}`));
  const builtins = [
    ...(frame.lines.length > 0 ? ["@builtin(workgroup_id) wg: vec3<u32>"] : []),
    ...(threads.length > 0 ? ["@builtin(local_invocation_id) tid: vec3<u32>"] : []),
    ...(frame.counts ? ["@builtin(num_workgroups) num: vec3<u32>"] : []),
  ];
  const source = [
    `// grid ${list(launch.grid)}`,
    ...(target.f16 && usesF16(launch) ? ["enable f16;"] : []),
    ...(uniforms.length === 0 ? [] : [
      `@group(0) @binding(0) var<uniform> u: array<vec4<i32>, ${uniformBytes(uniforms.length) / 16}>;`,
    ]),
    ...declarations,
    ...ctx.shared.declarations.values(),
    ...helpers,
    "",
    `@compute @workgroup_size(${launch.workgroup.join(", ")})`,
    `fn ${ENTRY_POINT}(${builtins.join(", ")}) {`,
    ...lets.map((line) => `  ${line}`),
    ...frame.lines.map((line) => `  ${line}`),
    ...threads.map((d) => `  let t${d} = i32(tid.${d});`),
    ...body.lines,
    "}",
    "",
  ].join("\n");
  return { launch, source, uniforms, bindings, folded };
}

function usesF16(launch: Launch): boolean {
  let found = launch.buffers.some((b) => b.buffer.dtype === "f16");
  visitStmt(launch.body, (s) => {
    if (s.kind === "alloc" && s.buffer.dtype === "f16") found = true;
    for (const root of stmtExprs(s)) visitExpr(root, (e) => found ||= e.dtype === "f16");
  });
  return found;
}

function checkThreads(launch: Launch, target: Target): void {
  const [x, y, z] = launch.workgroup;
  const fits = x * y * z <= target.maxThreads &&
    launch.workgroup.every((n, d) => n <= (target.maxThreadsPerAxis[d] ?? 0));
  if (fits) return;
  throw new DeviceError(
    "limit",
    `Cannot generate WGSL of ${launch.name}: its workgroup is ${
      launch.workgroup.join(" x ")
    } threads, ${target.name} ` +
      `allows ${target.maxThreadsPerAxis.join(", ")} along x, y, z and ${target.maxThreads} in all`,
  );
}
