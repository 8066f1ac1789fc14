/**
 * What the generators of expressions and statements share while they write one kernel.
 *
 * @module
 */
import { UnsupportedError } from "../../ir/errors.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Buffer, ThreadAxis } from "../../ir/stmt.ts";
import type { Target } from "../../ir/target.ts";
import { isThreadAxis, type Launch } from "../lower.ts";
import type { Scope } from "./ints.ts";
import type { BufferUse } from "./lanes.ts";
import type { Helper } from "./math.ts";
import type { Names } from "./names.ts";

/** A buffer as statements see it, wherever it lives. */
export interface Place {
  readonly buffer: Buffer;
  /** Whether it is a single variable, without an index. */
  readonly scalar: boolean;
  /** The widened element at a flat index. */
  load(index: string): string;
  /** The statement that narrows and stores a value at a flat index. */
  store(index: string, value: string): string;
  /** The same for four elements, where they can be got at together: `quad` is a quarter of the first one's index. */
  readonly vector?: {
    load(quad: string): string;
    store(quad: string, value: string): string;
  };
}

/** State of the generation of one kernel. */
export interface Context {
  readonly launch: Launch;
  readonly target: Target;
  readonly names: Names;
  /** How the kernel uses its buffers. */
  readonly use: BufferUse;
  /** Local variables that were declared before, in whatever scope. */
  readonly declared: Set<string>;
  /** Buffers in scope by IR name. */
  readonly places: Map<string, Place>;
  /** Loop variables in scope. */
  readonly loops: Set<string>;
  /** Declarations of workgroup memory by buffer, and its bytes so far. */
  readonly shared: { readonly declarations: Map<string, string>; bytes: number };
  /** What the frame has to provide. */
  readonly helpers: Set<Helper>;
  readonly dims: Set<string>;
  readonly axes: Set<ThreadAxis>;
  /** What is known of the variables in scope. */
  scope: Scope;
  /** Number of values bound by `let` so far. */
  lets: number;
}

const AXIS_TEXT: Readonly<Record<ThreadAxis, string>> = {
  "blockIdx.x": "bx",
  "blockIdx.y": "by",
  "blockIdx.z": "bz",
  "threadIdx.x": "tx",
  "threadIdx.y": "ty",
  "threadIdx.z": "tz",
};

/** The identifier of a variable; notes dims and axes as used. */
export function variableText(ctx: Context, name: string): string {
  if (isThreadAxis(name)) {
    ctx.axes.add(name);
    return AXIS_TEXT[name];
  }
  if (!ctx.loops.has(name)) {
    if (!ctx.launch.dims.includes(name)) {
      throw new UnsupportedError(
        `Cannot generate WGSL of ${ctx.launch.name}: variable ${name} is neither a loop around its use nor a dim`,
      );
    }
    ctx.dims.add(name);
  }
  return ctx.names.of(name);
}

/** The buffer `name`. */
export function placeOf(ctx: Context, name: string): Place {
  const place = ctx.places.get(name);
  if (place !== undefined) return place;
  throw new UnsupportedError(
    `Cannot generate WGSL of ${ctx.launch.name}: buffer ${name} is neither bound nor allocated around its use`,
  );
}

/** The name of a helper function, noted as used. */
export function helper(ctx: Context, name: Helper): Helper {
  ctx.helpers.add(name);
  return name;
}

/** Lines of text at a depth of nesting. */
export interface Writer {
  readonly lines: string[];
  depth: number;
}

/** Writes a line. */
export function write(out: Writer, text: string): void {
  out.lines.push("  ".repeat(out.depth) + text);
}

/** Binds an expression's text to a new name and gives the name. */
export function bindLet(ctx: Context, out: Writer, text: string): string {
  const name = ctx.names.fresh(`t${ctx.lets++}`);
  write(out, `let ${name} = ${text};`);
  return name;
}

/** Whether all threads of a workgroup surely agree on a value: it depends on no thread axis and no memory. */
export function isUniform(e: Expr, divergent: ReadonlySet<string>): boolean {
  switch (e.kind) {
    case "const":
      return true;
    case "var":
      return !e.name.startsWith("threadIdx.") && !divergent.has(e.name);
    case "unary":
    case "cast":
      return isUniform(e.x, divergent);
    case "binary":
      return isUniform(e.a, divergent) && isUniform(e.b, divergent);
    case "select":
      return isUniform(e.cond, divergent) && isUniform(e.then, divergent) &&
        isUniform(e.otherwise, divergent);
    case "load":
    case "reduce":
      return false;
    default:
      return e satisfies never;
  }
}
