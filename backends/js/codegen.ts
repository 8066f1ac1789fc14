/**
 * JavaScript of launches. Pure: nothing is run or compiled here.
 *
 * The text is the body of a function of one argument, `library` (see `library.ts`), which returns the kernel: a
 * function of the launch's buffers as typed arrays, its dims and its grid. Workgroups and threads are
 * plain loops around the body. Where there is a barrier, threads are generators that run from barrier to barrier.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { type Scope, scopeOf } from "../../ir/scope.ts";
import { simplifyStmt } from "../../ir/simplify_stmt.ts";
import type { Alloc, Buffer, For, Stmt, Store } from "../../ir/stmt.ts";
import { freeVars, visitStmt } from "../../ir/visit.ts";
import type { KernelCode } from "../backend.ts";
import { launchAxes, type LaunchAxis, launchRanges } from "../launch.ts";
import type { Launch } from "../lower.ts";
import { type Context, ExprWriter, type Place } from "./expr.ts";
import { LIBRARY, type Library } from "./library.ts";
import { Names } from "./names.ts";
import { bare } from "./operators.ts";
import { type CodeScope, enterScope } from "./scope.ts";

/**
 * Generates the JavaScript of a launch.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { generateJs } from "./codegen.ts";
 * import { int, load, mul, variable } from "../../ir/expr.ts";
 * import { type Buffer, store } from "../../ir/stmt.ts";
 *
 * const n = variable("n");
 * const at = [variable("blockIdx.x")];
 * const [x, y] = ["x", "y"].map((name): Buffer => ({ name, dtype: "f32", shape: [n], scope: "global" }));
 * const element = load("x", "f32", at);
 * const { source } = generateJs({
 *   name: "square",
 *   buffers: [{ buffer: x!, access: "read" }, { buffer: y!, access: "write" }],
 *   dims: ["n"],
 *   grid: [n, int(1), int(1)],
 *   workgroup: [1, 1, 1],
 *   body: store("y", at, mul(element, element)),
 * });
 * assertStringIncludes(source, "y[blockIdx_x] = t * t;");
 * ```
 */
export function generateJs(launch: Launch): KernelCode {
  return { launch, source: new Generator(launch).source() };
}

const GRID = ["gridX", "gridY", "gridZ"] as const;

class Generator {
  readonly #launch: Launch;
  readonly #body: Stmt;
  readonly #names = new Names(Object.keys(LIBRARY));
  readonly #used = new Set<keyof Library>();
  readonly #places = new Map<string, Place>();
  readonly #use = (name: keyof Library): string => {
    this.#used.add(name);
    return name;
  };
  readonly #facts: Scope;
  /** Declarations at the start of the function, and of each thread where threads run in turns. */
  readonly #shared: string[] = [];
  readonly #private: string[] = [];
  readonly #turns: boolean;

  constructor(launch: Launch) {
    this.#launch = launch;
    const ranges = launchRanges(launch);
    this.#body = simplifyStmt(launch.body, ranges, { dropLoops: true });
    this.#facts = scopeOf(ranges);
    this.#turns = hasBarrier(this.#body) && launch.workgroup.some((n) => n > 1);
  }

  source(): string {
    const { buffers, dims, name } = this.#launch;
    const own = this.#names.fresh(name);
    // Kernels of equal source are one kernel, and the source alone does not tell a byte of a bool from an f32.
    const params = buffers.map(({ buffer }) => `${this.#declare(buffer, false).id} /* ${buffer.dtype} */`);
    const dimIds = new Map(dims.map((dim) => [dim, this.#names.fresh(dim)] as const));
    const grid = GRID.map((axis) => this.#names.fresh(axis));
    const top = enterScope(undefined, dimIds, this.#facts);
    const body = this.#axes(launchAxes(this.#launch), grid, top);
    const text = [
      `return function ${own}(${[...params, ...dimIds.values(), ...grid].join(", ")}) {`,
      ...indent([...this.#shared, ...top.head, ...body]),
      "};",
    ];
    const used = [...this.#used].sort();
    const library = used.length === 0 ? [] : [`const { ${used.join(", ")} } = library;`];
    return ['"use strict";', ...library, ...text].join("\n") + "\n";
  }

  /** Loops over the axes of the launch, those of one iteration left out. */
  #axes(axes: readonly LaunchAxis[], grid: readonly string[], outer: CodeScope): readonly string[] {
    const [first, ...rest] = axes;
    if (first === undefined) {
      return this.#stmt(this.#body, this.#context(outer));
    }
    const threads = first.axis.startsWith("threadIdx");
    if (threads && this.#turns) return this.#threads(axes, outer);
    const id = this.#names.fresh(first.axis);
    const scope = enterScope(outer, new Map([[first.axis, id]]), this.#facts);
    const block = ["blockIdx.x", "blockIdx.y", "blockIdx.z"].indexOf(first.axis);
    const constant = first.extent.kind === "const" ? first.extent.value : undefined;
    const size = constant ?? grid[block] ?? 1;
    const body = this.#axes(rest, grid, scope);
    if (constant === 1) return [...scope.head, ...body]; // the simplifier has put 0 in its place
    return loop(id, String(size), [...scope.head, ...body]);
  }

  /** A generator for each thread, run from barrier to barrier. */
  #threads(axes: readonly LaunchAxis[], outer: CodeScope): readonly string[] {
    // Of an axis with one thread nothing is left in the body.
    const loops = axes.flatMap(({ axis, extent }) => {
      const size = extent.kind === "const" ? extent.value : 1;
      return size === 1 ? [] : [{ axis, size, id: this.#names.fresh(axis) }];
    });
    const scope = enterScope(outer, new Map(loops.map(({ axis, id }) => [axis, id])), this.#facts);
    const body = this.#stmt(this.#body, this.#context(scope));
    const [thread, threads] = [this.#names.fresh("thread"), this.#names.fresh("threads")];
    const list = loops.map(({ id }) => id).join(", ");
    const start = loops.reduceRight<readonly string[]>(
      (inner, { id, size }) => loop(id, String(size), inner),
      [`${threads}.push(${thread}(${list}));`],
    );
    return [
      `const ${thread} = function* (${list}) {`,
      ...indent([...this.#private, ...scope.head, ...body]),
      "};",
      `const ${threads} = [];`,
      ...start,
      `${this.#use("meet")}(${threads});`,
    ];
  }

  #context(scope: CodeScope): Context {
    const [names, places, use] = [this.#names, this.#places, this.#use];
    return { scope, facts: scope.facts, lines: [], places, names, use };
  }

  /** The lines of a statement; the context's own lines are empty before and after. */
  #stmt(s: Stmt, context: Context): readonly string[] {
    switch (s.kind) {
      case "for":
        return this.#loop(s, context);
      case "store":
        return this.#store(s, context);
      case "alloc": {
        this.#allocate(s, context);
        return this.#stmt(s.body, context);
      }
      case "if": {
        const writer = new ExprWriter(context, [s.cond]);
        const cond = writer.text(s.cond);
        const lines = context.lines.splice(0);
        const inside = { ...context, facts: context.facts.assume(s.cond) };
        const then = this.#stmt(s.then, inside);
        const otherwise = s.otherwise === undefined ? [] : this.#stmt(s.otherwise, context);
        const rest = otherwise.length === 0 ? ["}"] : ["} else {", ...indent(otherwise), "}"];
        return [...lines, `if (${bare(cond)}) {`, ...indent(then), ...rest];
      }
      case "seq":
        return s.body.flatMap((c) => this.#stmt(c, context));
      case "barrier":
        return this.#turns ? ["yield;"] : [];
      case "block":
        throw new TypeError("Cannot generate code: a block was not lowered");
      default:
        return s satisfies never;
    }
  }

  #loop(s: For, context: Context): readonly string[] {
    const extent = new ExprWriter(context, [s.extent]).name(s.extent);
    const lines = context.lines.splice(0);
    const id = this.#names.fresh(s.var);
    const facts = context.facts.bind([{ var: s.var, extent: s.extent }]);
    const scope = enterScope(context.scope, new Map([[s.var, id]]), facts);
    const body = this.#stmt(s.body, { ...context, scope, facts });
    return [...lines, ...loop(id, extent, [...scope.head, ...body])];
  }

  #store(s: Store, context: Context): readonly string[] {
    const place = this.#places.get(s.buffer);
    if (place === undefined) throw new TypeError(`Cannot generate code: there is no buffer ${s.buffer}`);
    const { dtype } = place.buffer;
    const writer = new ExprWriter(context, [s.value, ...s.indices]);
    // These arrays round by themselves, to the type that the value has.
    const rounded = place.scalar || (dtype !== "f32" && dtype !== "f16");
    const value = this.#narrow(place, writer.text(s.value, rounded));
    const target = place.scalar ? place.id : `${place.id}[${bare(writer.address(place.buffer, s.indices))}]`;
    return [...context.lines.splice(0), `${target} = ${bare(value)};`];
  }

  /** A value as the buffer's array holds it, or as a variable in its place does: as it would be loaded again. */
  #narrow({ buffer: { dtype }, scalar }: Place, x: string): string {
    switch (dtype) {
      case "f32":
      case "i32":
      case "u32":
        return x;
      case "f16":
        return scalar ? x : `${this.#use("numberToF16")}(${bare(x)})`;
      case "bf16":
        return `${this.#use(scalar ? "roundBF16" : "numberToBF16")}(${bare(x)})`;
      case "i8":
        return scalar ? `${x} << 24 >> 24` : x;
      case "u8":
        return scalar ? `${x} & 255` : x;
      case "bool":
        return scalar ? x : `${x} ? 1 : 0`;
      default:
        return dtype satisfies never;
    }
  }

  /** Memory of a thread or workgroup. Its contents start undefined, so that one array serves all iterations. */
  #allocate({ buffer }: Alloc, context: Context): void {
    const span = context.facts.simplify(bufferSpan(buffer));
    const shared = buffer.scope === "workgroup" || !this.#turns;
    const scalar = span.kind === "const" && span.value === 1 && (buffer.scope === "local" || !this.#turns);
    const { id } = this.#declare(buffer, scalar);
    const lines = shared ? this.#shared : this.#private;
    if (scalar) {
      lines.push(`let ${id} = ${DTYPES[buffer.dtype].register === "bool" ? "false" : "0"};`);
      return;
    }
    const dims = [...freeVars(span)];
    const bound = dims.find((name) => !this.#launch.dims.includes(name));
    if (bound !== undefined) {
      throw new UnsupportedError(
        `Cannot generate ${this.#launch.name}: the size of ${buffer.name} depends on ${bound}; allocate for its bound`,
      );
    }
    const top = { ...context, scope: outermost(context.scope), lines };
    const size = span.kind === "const"
      ? String(Math.max(0, span.value))
      : `Math.max(0, ${bare(new ExprWriter({ ...top, facts: top.scope.facts }, []).text(span))})`;
    lines.push(`const ${id} = new ${ARRAYS[buffer.dtype]}(${size});`);
  }

  #declare(buffer: Buffer, scalar: boolean): Place {
    const place = { buffer, id: this.#names.fresh(buffer.name), scalar };
    this.#places.set(buffer.name, place);
    return place;
  }
}

const ARRAYS: Readonly<Record<Buffer["dtype"], string>> = {
  f32: "Float32Array",
  f16: "Uint16Array",
  bf16: "Uint16Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  i8: "Int8Array",
  u8: "Uint8Array",
  bool: "Uint8Array",
};

function outermost(scope: CodeScope): CodeScope {
  return scope.parent === undefined ? scope : outermost(scope.parent);
}

function hasBarrier(s: Stmt): boolean {
  let found = false;
  visitStmt(s, (node) => {
    if (node.kind === "barrier") found = true;
  });
  return found;
}

function loop(id: string, extent: string, body: readonly string[]): readonly string[] {
  return [`for (let ${id} = 0; ${id} < ${extent}; ${id}++) {`, ...indent(body), "}"];
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
