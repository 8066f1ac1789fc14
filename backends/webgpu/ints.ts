/**
 * Integer expressions at generation time and on the host: constant extents, grids, strides, sizes.
 *
 * @module
 */
import { add, type Expr, int, mul } from "../../ir/expr.ts";
import type { BinaryOp } from "../../ir/scalar_ops.ts";
import type { Buffer } from "../../ir/stmt.ts";

const NO_VALUES: Readonly<Record<string, number>> = {};

/**
 * The value of an `i32` expression (or of a condition: 0 or 1), with 32-bit wrapping; `undefined` where it depends on
 * something that `values` does not have.
 */
export function evalInt(e: Expr, values: Readonly<Record<string, number>> = NO_VALUES): number | undefined {
  switch (e.kind) {
    case "const":
      return e.dtype === "i32" || e.dtype === "bool" ? e.value : undefined;
    case "var":
      return Object.hasOwn(values, e.name) ? values[e.name] : undefined;
    case "binary": {
      if (e.a.dtype !== "i32" && e.a.dtype !== "bool") return undefined;
      const a = evalInt(e.a, values);
      if (a === undefined) return undefined;
      const b = evalInt(e.b, values);
      return b === undefined ? undefined : binaryInt(e.op, a, b);
    }
    case "select": {
      if (e.dtype !== "i32") return undefined;
      const cond = evalInt(e.cond, values);
      return cond === undefined ? undefined : evalInt(cond === 0 ? e.otherwise : e.then, values);
    }
    case "unary": {
      const x = e.dtype === "i32" || e.dtype === "bool" ? evalInt(e.x, values) : undefined;
      if (x === undefined) return undefined;
      return e.op === "neg" ? -x | 0 : e.op === "not" ? 1 - x : e.op === "abs" ? Math.abs(x) | 0 : undefined;
    }
    case "cast":
      return e.dtype === "i32" && e.x.dtype === "bool" ? evalInt(e.x, values) : undefined;
    case "load":
    case "reduce":
      return undefined;
    default:
      return e satisfies never;
  }
}

function binaryInt(op: BinaryOp, a: number, b: number): number | undefined {
  switch (op) {
    case "add":
      return (a + b) | 0;
    case "sub":
      return (a - b) | 0;
    case "mul":
      return Math.imul(a, b);
    case "div":
      return b === 0 ? a : Math.trunc(a / b) | 0;
    case "floordiv":
      return b === 0 ? a : Math.floor(a / b) | 0;
    case "mod":
      return b === 0 ? 0 : (a - b * Math.floor(a / b)) | 0;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "eq":
      return Number(a === b);
    case "ne":
      return Number(a !== b);
    case "lt":
      return Number(a < b);
    case "le":
      return Number(a <= b);
    case "gt":
      return Number(a > b);
    case "ge":
      return Number(a >= b);
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "pow":
      return undefined;
    default:
      return op satisfies never;
  }
}

/**
 * Whether an `i32` expression cannot be negative. Variables never are: loops and thread axes start at 0 and dims are
 * sizes. Like all index arithmetic this assumes that sums and products stay below 2^31.
 */
export function isNonNegative(e: Expr): boolean {
  switch (e.kind) {
    case "const":
      return e.value >= 0;
    case "var":
      return true;
    case "binary":
      return binaryNonNegative(e.op, e.a, e.b);
    case "select":
      return isNonNegative(e.then) && isNonNegative(e.otherwise);
    case "cast":
      return e.x.dtype === "bool";
    case "load":
    case "unary":
    case "reduce":
      return false;
    default:
      return e satisfies never;
  }
}

function binaryNonNegative(op: BinaryOp, a: Expr, b: Expr): boolean {
  switch (op) {
    case "add":
    case "mul":
    case "div":
    case "floordiv":
    case "min":
      return isNonNegative(a) && isNonNegative(b);
    case "mod":
      return isNonNegative(b);
    case "max":
      return isNonNegative(a) || isNonNegative(b);
    default:
      return false;
  }
}

/** Elements to step over for one step along each axis of a buffer. */
export function stridesOf(buffer: Buffer): readonly Expr[] {
  if (buffer.strides !== undefined) return buffer.strides;
  const strides: Expr[] = [];
  let step: Expr = int(1);
  for (const extent of [...buffer.shape].reverse()) {
    strides.unshift(step);
    step = times(step, extent);
  }
  return strides;
}

/** The position of an element in a buffer, in elements. */
export function flatIndex(buffer: Buffer, indices: readonly Expr[]): Expr {
  const strides = stridesOf(buffer);
  return indices.reduce<Expr>((sum, index, d) => plus(sum, times(index, strides[d] ?? int(1))), int(0));
}

/** Elements from the first to the last of a buffer, strides counted; 0 for an empty one. */
export function spanOf(
  buffer: Buffer,
  values: Readonly<Record<string, number>> = NO_VALUES,
): number | undefined {
  let span = 1;
  const strides = stridesOf(buffer).map((s) => evalInt(s, values));
  for (const [d, extent] of buffer.shape.entries()) {
    const n = evalInt(extent, values);
    const stride = strides[d];
    if (n === undefined || stride === undefined) return undefined;
    if (n <= 0) return 0;
    span += (n - 1) * stride;
  }
  return span;
}

function plus(a: Expr, b: Expr): Expr {
  if (isConst(a, 0)) return b;
  return isConst(b, 0) ? a : add(a, b);
}

function times(a: Expr, b: Expr): Expr {
  if (isConst(a, 1)) return b;
  if (isConst(b, 1)) return a;
  if (isConst(a, 0) || isConst(b, 0)) return int(0);
  return a.kind === "const" && b.kind === "const" ? int(a.value * b.value) : mul(a, b);
}

function isConst(e: Expr, value: number): boolean {
  return e.kind === "const" && e.value === value;
}
