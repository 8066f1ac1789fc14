/**
 * The reference semantics of functions: what every schedule must keep and every backend must agree with.
 *
 * A function is turned into closures once and can then be run many times. Every kind of loop runs its iterations in
 * order, except that threads of a workgroup take turns at barriers: each runs to the barrier before any goes on. Every
 * access is checked, and memory that a kernel allocates starts as NaN (integers: as an unlikely number), so that
 * reading it before writing shows.
 *
 * @module
 */
import { bufferStrides } from "./address.ts";
import { arrayFor, elementReader, elementWriter, holds, type TensorArray } from "./data.ts";
import { type DType, DTYPES } from "./dtype.ts";
import { InputError, WeftError } from "./errors.ts";
import type { Expr } from "./expr.ts";
import type { PrimFunc } from "./prim_func.ts";
import { desugarInit } from "./reduction.ts";
import { binaryFunction, castFunction, unaryFunction } from "./scalar_eval.ts";
import type { Alloc, Block, Buffer, For, Stmt } from "./stmt.ts";
import { exprChildren, stmtChildren, visitExpr, visitStmt } from "./visit.ts";

export { evalExpr, evalInt } from "./eval.ts";
export type { EvalEnv } from "./eval.ts";

/** Runs a function on its parameters' arrays, by name of the buffer, with these dim values. */
export type Interpreter = (
  buffers: Readonly<Record<string, TensorArray>>,
  dims?: Readonly<Record<string, number>>,
) => void;

/**
 * Runs a function, naive or scheduled: parameters that it writes are written into the arrays given.
 *
 * Throws {@linkcode InputError} for missing or unfitting arrays and dims, {@linkcode WeftError} for an access out of
 * bounds.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { add, f32, int, load, variable } from "./expr.ts";
 * import { interpret } from "./interpret.ts";
 * import { primFunc } from "./prim_func.ts";
 * import { type Buffer, forLoop, store } from "./stmt.ts";
 *
 * const [i, n] = [variable("i"), variable("n")];
 * const x: Buffer = { name: "x", dtype: "f32", shape: [n], scope: "global" };
 * const body = forLoop("i", n, store("x", [i], add(load("x", "f32", [i]), f32(1))));
 * const data = Float32Array.of(1, 2, 3);
 * interpret(primFunc("increment", [{ buffer: x, access: "read_write" }], ["n"], body), { x: data }, { n: 3 });
 * assertEquals(data, Float32Array.of(2, 3, 4));
 * ```
 */
export function interpret(
  func: PrimFunc,
  buffers: Readonly<Record<string, TensorArray>>,
  dims: Readonly<Record<string, number>> = {},
): void {
  interpreter(func)(buffers, dims);
}

/** Turns a function into closures, for many runs. */
export function interpreter(func: PrimFunc): Interpreter {
  const compiler = new Compiler(func.name);
  const dimSlots = func.dims.map((name) => ({ name, slot: compiler.bind(name) }));
  const params = func.params.map(({ buffer }) => ({ buffer, ...compiler.declare(buffer) }));
  const run = compiler.run(desugarInit(func.body));
  return (buffers, dims = {}) => {
    const frame = newFrame();
    for (const { name, slot } of dimSlots) {
      const value = dims[name];
      if (value === undefined) throw new InputError(`Cannot run ${func.name}: dim ${name} has no value`);
      frame.vars[slot] = value;
    }
    for (const { buffer, slot, layout } of params) {
      const data = buffers[buffer.name];
      if (data === undefined) {
        throw new InputError(`Cannot run ${func.name}: there is no array for parameter ${buffer.name}`);
      }
      const view = { ...layout(frame), data };
      checkParam(func.name, buffer, view);
      frame.views[slot] = view;
    }
    run(frame);
  };
}

/** What the closures of one thread work on. */
interface Frame {
  /** Values of variables, by slot. */
  readonly vars: number[];
  /** Buffers in scope, by slot. */
  readonly views: View[];
  /** Values of shared nodes, by slot, and the evaluation that each is from. */
  readonly shared: number[];
  readonly from: number[];
  evaluation: number;
}

interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

interface View extends Layout {
  readonly data: TensorArray;
}

type Value = (f: Frame) => number;
type Action = (f: Frame) => void;
/** A thread's work, paused at each barrier. */
type Steps = (f: Frame) => Generator<void, void>;

function newFrame(vars: number[] = [], views: View[] = []): Frame {
  return { vars, views, shared: [], from: [], evaluation: 0 };
}

/** A thread of its own, which sees what its parent has bound. */
function fork(f: Frame): Frame {
  return newFrame([...f.vars], [...f.views]);
}

function checkParam(name: string, buffer: Buffer, view: View): void {
  const what = `Cannot run ${name}: parameter ${buffer.name}`;
  if (!holds(buffer.dtype, view.data)) {
    throw new InputError(
      `${what} is ${buffer.dtype}, which a ${view.data.constructor.name} does not hold; use ${
        arrayFor(buffer.dtype, 0).constructor.name
      }`,
    );
  }
  const needed = span(view);
  if (view.data.length < needed) {
    throw new InputError(
      `${what} is [${view.shape.join(", ")}] and needs ${needed} elements, the array has ${view.data.length}`,
    );
  }
}

function span({ shape, strides }: Layout): number {
  if (shape.some((extent) => extent <= 0)) return 0;
  return shape.reduce((n, extent, d) => n + (extent - 1) * (strides[d] ?? 0), 1);
}

/** What fresh memory holds. */
function poison(dtype: DType): number {
  switch (DTYPES[dtype].family) {
    case "float":
      return NaN;
    case "signed":
    case "unsigned":
      return dtype === "i8" || dtype === "u8" ? 0x55 : 0x5ead5eed;
    case "bool":
      return 1;
  }
}

interface Declared {
  readonly slot: number;
  readonly layout: (f: Frame) => Layout;
}

class Compiler {
  readonly #name: string;
  readonly #slots = new Map<string, number>();
  readonly #buffers = new Map<string, { readonly buffer: Buffer; readonly slot: number }>();
  readonly #barriers = new WeakMap<Stmt, boolean>();
  /** Workgroup buffers that were made around the threads which share them. */
  readonly #hoisted = new Set<Buffer>();
  #views = 0;
  #shared = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** The slot of a variable from here on. */
  bind(name: string): number {
    const slot = this.#slots.get(name) ?? this.#slots.size;
    this.#slots.set(name, slot);
    return slot;
  }

  /** Makes a buffer known; its view goes to the slot. */
  declare(buffer: Buffer): Declared {
    const slot = this.#views++;
    this.#buffers.set(buffer.name, { buffer, slot });
    const shape = buffer.shape.map((e) => this.value(e));
    const strides = bufferStrides(buffer).map((e) => this.value(e));
    return { slot, layout: (f) => ({ shape: shape.map((v) => v(f)), strides: strides.map((v) => v(f)) }) };
  }

  /** A statement that holds no barrier, or all the threads that meet at those it holds. */
  run(s: Stmt): Action {
    switch (s.kind) {
      case "for":
        return this.#loop(s);
      case "block": {
        const enter = this.#enter(s);
        const body = this.run(s.body);
        return (f) => {
          if (enter(f)) body(f);
        };
      }
      case "store": {
        const { address, slot, buffer } = this.#access(s.buffer, s.indices);
        const write = elementWriter(buffer.dtype);
        const value = this.value(s.value);
        return (f) => write(f.views[slot]!.data, address(f), value(f));
      }
      case "alloc": {
        const allocate = this.#allocate(s);
        const body = this.run(s.body);
        this.#buffers.delete(s.buffer.name);
        return (f) => {
          allocate(f);
          body(f);
        };
      }
      case "if": {
        const cond = this.value(s.cond);
        const then = this.run(s.then);
        const otherwise = s.otherwise === undefined ? undefined : this.run(s.otherwise);
        return (f) => (cond(f) === 1 ? then(f) : otherwise?.(f));
      }
      case "seq": {
        const all = s.body.map((c) => this.run(c));
        return (f) => {
          for (const one of all) one(f);
        };
      }
      case "barrier":
        return () => {}; // outside of loops over threads, everything before is done
      default:
        return s satisfies never;
    }
  }

  #loop(s: For): Action {
    const extent = this.value(s.extent);
    const slot = this.bind(s.var);
    const shared = isThreadLoop(s) ? this.#hoist(s.body) : [];
    const body = isThreadLoop(s) && this.#hasBarrier(s.body)
      ? this.#threads(extent, slot, this.#steps(s.body))
      : undefined;
    const serial = body === undefined ? this.run(s.body) : undefined;
    return (f) => {
      for (const allocate of shared) allocate(f);
      if (body !== undefined) {
        // The outermost loop over threads: nobody else waits at its barriers.
        for (const _barrier of body(f));
        return;
      }
      const n = extent(f);
      for (let i = 0; i < n; i++) {
        f.vars[slot] = i;
        serial?.(f);
      }
    };
  }

  /** Runs a thread for each iteration, all to the next barrier before one goes on. */
  #threads(extent: Value, slot: number, body: Steps): Steps {
    const name = this.#name;
    return function* (f) {
      const threads = Array.from({ length: Math.max(0, extent(f)) }, (_, i) => {
        const own = fork(f);
        own.vars[slot] = i;
        return body(own);
      });
      for (;;) {
        const done = threads.filter((t) => t.next().done === true).length;
        if (done === threads.length) return;
        if (done > 0) {
          throw new WeftError(
            `Cannot run ${name}: ${done} of ${threads.length} threads end without the barrier that others wait at`,
          );
        }
        yield;
      }
    };
  }

  /** A statement of a thread, paused at each barrier. */
  #steps(s: Stmt): Steps {
    if (!this.#hasBarrier(s)) {
      const run = this.run(s);
      // deno-lint-ignore require-yield -- there is no barrier to wait at
      return function* (f) {
        run(f);
      };
    }
    switch (s.kind) {
      case "for": {
        const extent = this.value(s.extent);
        const slot = this.bind(s.var);
        const body = this.#steps(s.body);
        if (isThreadLoop(s)) return this.#threads(extent, slot, body);
        return function* (f) {
          const n = extent(f);
          for (let i = 0; i < n; i++) {
            f.vars[slot] = i;
            yield* body(f);
          }
        };
      }
      case "block": {
        const enter = this.#enter(s);
        const body = this.#steps(s.body);
        return function* (f) {
          if (enter(f)) yield* body(f);
        };
      }
      case "alloc": {
        const allocate = this.#allocate(s);
        const body = this.#steps(s.body);
        this.#buffers.delete(s.buffer.name);
        return function* (f) {
          allocate(f);
          yield* body(f);
        };
      }
      case "if": {
        const cond = this.value(s.cond);
        const then = this.#steps(s.then);
        const otherwise = s.otherwise === undefined ? undefined : this.#steps(s.otherwise);
        return function* (f) {
          if (cond(f) === 1) yield* then(f);
          else if (otherwise !== undefined) yield* otherwise(f);
        };
      }
      case "seq": {
        const all = s.body.map((c) => this.#steps(c));
        return function* (f) {
          for (const one of all) yield* one(f);
        };
      }
      case "barrier":
        return function* () {
          yield;
        };
      case "store":
        throw new TypeError("a store holds no barrier");
      default:
        return s satisfies never;
    }
  }

  /** Binds a block's iterators; says whether its predicate holds. */
  #enter(s: Block): (f: Frame) => boolean {
    const predicate = this.value(s.predicate); // over loop variables
    const values = s.iters.map((i) => this.value(i.binding));
    const slots = s.iters.map((i) => this.bind(i.var));
    return (f) => {
      if (predicate(f) !== 1) return false;
      for (let i = 0; i < slots.length; i++) f.vars[slots[i]!] = values[i]!(f);
      return true;
    };
  }

  /** Fresh memory for an allocation, unless the threads around share it and have it already. */
  #allocate({ buffer }: Alloc): Action {
    if (this.#hoisted.has(buffer)) return () => {};
    const { slot, layout } = this.declare(buffer);
    const fill = poison(buffer.dtype);
    const write = elementWriter(buffer.dtype);
    return (f) => {
      const where = layout(f);
      const data = arrayFor(buffer.dtype, span(where));
      for (let i = 0; i < data.length; i++) write(data, i, fill);
      f.views[slot] = { ...where, data };
    };
  }

  /** Allocations of workgroup memory in a thread's body, to be made before the threads start. */
  #hoist(body: Stmt): readonly Action[] {
    const found: Action[] = [];
    visitStmt(body, (s) => {
      if (s.kind !== "alloc" || s.buffer.scope !== "workgroup" || this.#hoisted.has(s.buffer)) return;
      found.push(this.#allocate(s));
      this.#hoisted.add(s.buffer);
    });
    return found;
  }

  #hasBarrier(s: Stmt): boolean {
    const known = this.#barriers.get(s);
    if (known !== undefined) return known;
    const found = s.kind === "barrier" || stmtChildren(s).some((c) => this.#hasBarrier(c));
    this.#barriers.set(s, found);
    return found;
  }

  /** An expression; nodes that it has more than once are computed once. */
  value(e: Expr): Value {
    const uses = new Map<Expr, number>();
    visitExpr(e, (node) => {
      for (const child of exprChildren(node)) uses.set(child, (uses.get(child) ?? 0) + 1);
    });
    const made = new Map<Expr, Value>();
    let shares = false;
    const make = (node: Expr): Value => {
      const known = made.get(node);
      if (known !== undefined) return known;
      let value = this.#node(node, make);
      if (node.kind !== "const" && node.kind !== "var" && (uses.get(node) ?? 0) > 1) {
        value = once(value, this.#shared++);
        shares = true;
      }
      made.set(node, value);
      return value;
    };
    const whole = make(e);
    if (!shares) return whole;
    return (f) => {
      f.evaluation++;
      return whole(f);
    };
  }

  #node(e: Expr, make: (operand: Expr) => Value): Value {
    switch (e.kind) {
      case "const": {
        const { value } = e;
        return () => value;
      }
      case "var": {
        const slot = this.#slots.get(e.name);
        if (slot === undefined) throw new WeftError(`Cannot run ${this.#name}: nothing binds ${e.name}`);
        return (f) => f.vars[slot]!;
      }
      case "load": {
        const { address, slot, buffer } = this.#access(e.buffer, e.indices, make);
        const read = elementReader(buffer.dtype);
        return (f) => read(f.views[slot]!.data, address(f));
      }
      case "unary": {
        const op = unaryFunction(e.op, e.dtype);
        const x = make(e.x);
        return (f) => op(x(f));
      }
      case "binary": {
        const op = binaryFunction(e.op, e.a.dtype);
        const [a, b] = [make(e.a), make(e.b)];
        return (f) => op(a(f), b(f));
      }
      case "select": {
        const [cond, then, otherwise] = [make(e.cond), make(e.then), make(e.otherwise)];
        return (f) => (cond(f) === 1 ? then(f) : otherwise(f));
      }
      case "cast": {
        const convert = castFunction(e.x.dtype, e.dtype);
        const x = make(e.x);
        return (f) => convert(x(f));
      }
      case "reduce":
        throw new WeftError(`Cannot run ${this.#name}: a reduction was not lowered to a block`);
      default:
        return e satisfies never;
    }
  }

  #access(name: string, indices: readonly Expr[], make: (index: Expr) => Value = (e) => this.value(e)): {
    readonly address: Value;
    readonly slot: number;
    readonly buffer: Buffer;
  } {
    const found = this.#buffers.get(name);
    if (found === undefined) throw new WeftError(`Cannot run ${this.#name}: there is no buffer ${name}`);
    const { buffer, slot } = found;
    const values = indices.map(make);
    const outOfBounds = (at: readonly number[], { shape }: View): never => {
      throw new WeftError(
        `${this.#name}: ${name}[${at.join(", ")}] is out of bounds, ${name} is [${shape.join(", ")}]`,
      );
    };
    const address: Value = (f) => {
      const view = f.views[slot]!;
      let at = 0;
      for (let d = 0; d < values.length; d++) {
        const index = values[d]!(f);
        if (!(index >= 0 && index < view.shape[d]!)) return outOfBounds(values.map((v) => v(f)), view);
        at += index * view.strides[d]!;
      }
      return at;
    };
    return { address, slot, buffer };
  }
}

function isThreadLoop(s: For): boolean {
  return s.loop.startsWith("threadIdx");
}

/** Computes a value at its first use in each evaluation of an expression. */
function once(value: Value, slot: number): Value {
  return (f) => {
    if (f.from[slot] === f.evaluation) return f.shared[slot]!;
    const result = value(f);
    f.from[slot] = f.evaluation;
    return f.shared[slot] = result;
  };
}
