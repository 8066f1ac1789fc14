/**
 * Functions in double precision: what rules are compared with, and who touches what on the way. It turns a nest into
 * JavaScript by itself, so it shares no mistake with schedules or code generators.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { erf } from "../../ir/erf.ts";
import type { Expr } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { desugarInit } from "../../ir/reduction.ts";
import { floorDiv, floorMod, roundEven } from "../../ir/scalar_eval.ts";
import type { Buffer, Stmt } from "../../ir/stmt.ts";

/** What is told of each access: the innermost block, the buffer, which of its allocations, the element. */
export type Touch = (
  block: string,
  buffer: string,
  allocation: number,
  element: number,
  write: boolean,
) => void;

/** Runs a function on arrays, by name of the buffer; `loops`, where given, holds the values of the loops around. */
export type Float64Run = (
  arrays: Readonly<Record<string, Float64Array>>,
  dims: Readonly<Record<string, number>>,
  touch?: Touch,
  loops?: Record<string, number>,
) => void;

const HELPERS = { floorDiv, floorMod, roundEven, erf };

/** A function ready to be run in double precision; with `watched`, it tells what it touches. */
export function float64(func: PrimFunc, watched = false): Float64Run {
  const gen = new Generator(func, watched);
  const text = gen.stmt(desugarInit(func.body), "");
  const params = func.params.map(({ buffer }) =>
    `const b_${buffer.name} = arrays[${JSON.stringify(buffer.name)}], a_${buffer.name} = 0;`
  );
  const dims = func.dims.map((name) => `const v_${name} = dims.${name};`);
  const source = `"use strict"; const { ${Object.keys(HELPERS)} } = helpers; let allocations = 0; ` +
    `return (arrays, dims, touch, loops) => { ${[...params, ...dims].join(" ")}\n${text} };`;
  return new Function("helpers", source)(HELPERS) as Float64Run;
}

class Generator {
  readonly #buffers: Map<string, Buffer>;
  readonly #watched: boolean;

  constructor(func: PrimFunc, watched: boolean) {
    this.#buffers = new Map(func.params.map(({ buffer }) => [buffer.name, buffer]));
    this.#watched = watched;
  }

  stmt(s: Stmt, block: string): string {
    switch (s.kind) {
      case "for": {
        const v = `v_${s.var}`;
        const note = this.#watched ? `if (loops) loops.${s.var} = ${v};` : "";
        const end = `e_${s.var}`;
        return `for (let ${v} = 0, ${end} = ${
          this.expr(s.extent, block)
        }; ${v} < ${end}; ${v}++) { ${note}\n${this.stmt(s.body, block)} }`;
      }
      case "block": {
        const name = s.name;
        const iters = s.iters.map((i) => `const v_${i.var} = ${this.expr(i.binding, name)};`).join(" ");
        return `if (${this.expr(s.predicate, name)}) { ${iters}\n${this.stmt(s.body, name)} }`;
      }
      case "store": {
        const b = this.#buffers.get(s.buffer)!;
        const value = this.expr(s.value, block);
        const index = this.expr(flatIndex(b, s.indices), block);
        const told = this.#watched ? this.#tell(b, block, "i", true) : "0";
        return `{ const x = ${value}, i = ${index}; ${told}; b_${s.buffer}[i] = ${this.#narrow(b, "x")}; }\n`;
      }
      case "alloc": {
        const { name, shape } = s.buffer;
        this.#buffers.set(name, s.buffer);
        const size = shape.map((e) => this.expr(e, block)).join(" * ") || "1";
        return `{ const b_${name} = new Float64Array(${size}).fill(NaN), a_${name} = ++allocations;\n${
          this.stmt(s.body, block)
        } }`;
      }
      case "if": {
        const otherwise = s.otherwise === undefined ? "" : ` else { ${this.stmt(s.otherwise, block)} }`;
        return `if (${this.expr(s.cond, block)}) { ${this.stmt(s.then, block)} }${otherwise}`;
      }
      case "seq":
        return s.body.map((child) => this.stmt(child, block)).join("\n");
      case "barrier":
        return "";
      default:
        return s satisfies never;
    }
  }

  #tell(b: Buffer, block: string, index: string, write: boolean): string {
    return `touch(${JSON.stringify(block)}, ${JSON.stringify(b.name)}, a_${b.name}, ${index}, ${write})`;
  }

  /** Integers wrap as their dtype does; floats of any width stay doubles. */
  #narrow({ dtype }: Buffer, x: string): string {
    if (DTYPES[dtype].family === "float") return x;
    switch (dtype) {
      case "i32":
      case "bool":
        return `${x} | 0`;
      case "u32":
        return `${x} >>> 0`;
      case "i8":
        return `${x} << 24 >> 24`;
      case "u8":
        return `${x} & 255`;
      default:
        throw new Error(`float64: no narrowing to ${dtype}`);
    }
  }

  expr(e: Expr, block: string): string {
    const of = (x: Expr): string => this.expr(x, block);
    switch (e.kind) {
      case "const":
        return e.value < 0 || Object.is(e.value, -0)
          ? `(${Object.is(e.value, -0) ? "-0" : e.value})`
          : String(e.value);
      case "var":
        return `v_${e.name}`;
      case "load": {
        const b = this.#buffers.get(e.buffer)!;
        const index = of(flatIndex(b, e.indices));
        if (!this.#watched) return `b_${e.buffer}[${index}]`;
        return `((i) => (${this.#tell(b, block, "i", false)}, b_${e.buffer}[i]))(${index})`;
      }
      case "select":
        return `(${of(e.cond)} ? ${of(e.then)} : ${of(e.otherwise)})`;
      case "cast":
        return cast(e.dtype, e.x.dtype, of(e.x));
      case "unary": {
        const x = of(e.x);
        if (e.op === "not") return `(1 - ${x})`;
        if (e.op === "neg") return wrapped(e.dtype, `-(${x})`);
        if (e.op === "rsqrt") return `(1 / Math.sqrt(${x}))`;
        return e.op === "round" ? `roundEven(${x})` : e.op === "erf" ? `erf(${x})` : `Math.${e.op}(${x})`;
      }
      case "binary":
        return binaryText(e.op, e.a.dtype, of(e.a), of(e.b));
      case "reduce":
        throw new Error("float64: a reduction that was not lowered");
      default:
        return e satisfies never;
    }
  }
}

type Binary = Extract<Expr, { kind: "binary" }>;

const INFIX: Readonly<Partial<Record<Binary["op"], string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  bitand: "&",
  bitor: "|",
  bitxor: "^",
  shl: "<<",
};
const COMPARE: Readonly<Partial<Record<Binary["op"], string>>> = {
  eq: "===",
  ne: "!==",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

function binaryText(op: Binary["op"], dtype: Expr["dtype"], a: string, b: string): string {
  const compare = COMPARE[op];
  if (compare !== undefined) return `(${a} ${compare} ${b} ? 1 : 0)`;
  if (op === "and") return `(${a} && ${b})`;
  if (op === "or") return `(${a} || ${b})`;
  if (op === "floordiv" || op === "mod") return `${op === "mod" ? "floorMod" : "floorDiv"}(${a}, ${b})`;
  if (op === "min" || op === "max" || op === "pow") return `Math.${op}(${a}, ${b})`;
  if (op === "shr") return wrapped(dtype, `${a} ${dtype === "u32" ? ">>>" : ">>"} ${b}`);
  const isInt = dtype === "i32" || dtype === "u32";
  if (isInt && op === "mul") return wrapped(dtype, `Math.imul(${a}, ${b})`);
  if (isInt && op === "div") return wrapped(dtype, `((p, q) => q === 0 ? p : Math.trunc(p / q))(${a}, ${b})`);
  return wrapped(dtype, `${a} ${INFIX[op]} ${b}`);
}

function wrapped(dtype: Expr["dtype"], text: string): string {
  return dtype === "i32" ? `(${text} | 0)` : dtype === "u32" ? `(${text} >>> 0)` : `(${text})`;
}

function cast(to: Expr["dtype"], from: Expr["dtype"], x: string): string {
  const isFloat = (t: Expr["dtype"]): boolean => t === "f32" || t === "f16";
  if (isFloat(to)) return x;
  if (to === "bool") return `(${x} !== 0 ? 1 : 0)`;
  if (!isFloat(from)) return wrapped(to, x);
  const [low, high] = to === "i32" ? [-2147483648, 2147483647] : [0, 4294967295];
  return `((f) => f !== f ? 0 : Math.trunc(Math.min(Math.max(f, ${low}), ${high})))(${x})`;
}
