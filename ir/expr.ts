/**
 * Scalar expressions: the values inside a kernel.
 *
 * Nodes are immutable and interned: structurally equal expressions are the same object, so `===` is equality
 * and shared parts are computed once. Build them only with the constructors below, which check types.
 *
 * @module
 */
import { ShapeError } from "./errors.ts";
import { roundF16 } from "./float.ts";
import {
  acceptsOperand,
  BINARY_OPS,
  type BinaryOp,
  type ReduceOp,
  type ScalarType,
  UNARY_OPS,
  type UnaryOp,
} from "./scalar_ops.ts";

/** A literal. `bool` literals are 0 or 1; `f32` literals are rounded to f32. */
export interface Const {
  readonly kind: "const";
  readonly dtype: ScalarType;
  readonly value: number;
}

/** A loop variable, block iterator or dim: always `i32`. */
export interface Var {
  readonly kind: "var";
  readonly dtype: "i32";
  readonly name: string;
}

/** One element of a buffer, widened to a scalar type. */
export interface Load {
  readonly kind: "load";
  readonly dtype: ScalarType;
  readonly buffer: string;
  readonly indices: readonly Expr[];
}

/** An operator of one operand. */
export interface Unary {
  readonly kind: "unary";
  readonly dtype: ScalarType;
  readonly op: UnaryOp;
  readonly x: Expr;
}

/** An operator of two operands of one type. */
export interface Binary {
  readonly kind: "binary";
  readonly dtype: ScalarType;
  readonly op: BinaryOp;
  readonly a: Expr;
  readonly b: Expr;
}

/** `cond ? then : otherwise`; only the chosen side counts as evaluated, so the other may load out of bounds. */
export interface Select {
  readonly kind: "select";
  readonly dtype: ScalarType;
  readonly cond: Expr;
  readonly then: Expr;
  readonly otherwise: Expr;
}

/** A conversion. Float to integer truncates and saturates, to bool is `x != 0`. */
export interface Cast {
  readonly kind: "cast";
  readonly dtype: ScalarType;
  readonly x: Expr;
}

/** A named range `0 <= name < extent`. */
export interface Axis {
  readonly name: string;
  readonly extent: Expr;
}

/**
 * A reduction of `body` over all points of `axes`. Only in `compute` definitions: lowering turns each into a
 * block of its own.
 */
export interface Reduce {
  readonly kind: "reduce";
  readonly dtype: ScalarType;
  readonly op: ReduceOp;
  readonly axes: readonly Axis[];
  readonly body: Expr;
}

/** A scalar expression. */
export type Expr = Const | Var | Load | Unary | Binary | Select | Cast | Reduce;

const ids = new WeakMap<Expr, number>();
const table = new Map<string, WeakRef<Expr>>();
const collected = new FinalizationRegistry<string>((key) => {
  if (table.get(key)?.deref() === undefined) table.delete(key);
});
let nextId = 0;

function intern<E extends Expr>(key: string, make: () => E): E {
  const known = table.get(key)?.deref();
  if (known !== undefined) return known as E;
  const made: E = make();
  Object.freeze(made);
  ids.set(made, nextId++);
  table.set(key, new WeakRef<Expr>(made));
  collected.register(made, key);
  return made;
}

/** The number of an interned node: stable within a process, for use in maps and keys. */
export function exprId(e: Expr): number {
  const id = ids.get(e);
  if (id === undefined) {
    throw new TypeError("Cannot use an expression that no constructor of ir/expr.ts made");
  }
  return id;
}

function idList(list: readonly Expr[]): string {
  return list.map(exprId).join(",");
}

/** A literal of type `dtype`, rounded or wrapped to it. */
export function constant(dtype: ScalarType, value: number): Const {
  const v = normalizeConst(dtype, value);
  // Object.is tells 0 from -0 and knows NaN: String() alone does not tell the zeros apart.
  return intern(`c${dtype}:${Object.is(v, -0) ? "-0" : v}`, () => ({ kind: "const", dtype, value: v }));
}

function normalizeConst(dtype: ScalarType, value: number): number {
  switch (dtype) {
    case "f32":
      return Math.fround(value);
    case "f16":
      return roundF16(value);
    case "i32":
      return value | 0;
    case "u32":
      return value >>> 0;
    case "bool":
      return value === 0 ? 0 : 1;
    default:
      return dtype satisfies never;
  }
}

/** An `i32` literal. */
export function int(value: number): Const {
  if (!Number.isInteger(value) || value < -2147483648 || value > 2147483647) {
    throw new ShapeError("int", `Cannot make an i32 of ${value}: it is not an integer of 32 bits`);
  }
  return constant("i32", value);
}

/** An `f32` literal. */
export function f32(value: number): Const {
  return constant("f32", value);
}

/** A `bool` literal. */
export function bool(value: boolean): Const {
  return constant("bool", value ? 1 : 0);
}

/** The variable `name`. */
export function variable(name: string): Var {
  return intern(`v${name}`, () => ({ kind: "var", dtype: "i32", name }));
}

/** The element of `buffer` at `indices` (one `i32` an axis), widened to `dtype`. */
export function load(buffer: string, dtype: ScalarType, indices: readonly Expr[]): Load {
  for (const index of indices) expect("load", index, "i32");
  return intern(`l${buffer}:${dtype}:${idList(indices)}`, () => ({
    kind: "load",
    dtype,
    buffer,
    indices: Object.freeze([...indices]),
  }));
}

/** Applies a unary operator. */
export function unary(op: UnaryOp, x: Expr): Unary {
  if (!acceptsOperand(UNARY_OPS[op].operands, x.dtype)) {
    throw new ShapeError(
      op,
      `${op}: does not apply to ${x.dtype}, it takes ${UNARY_OPS[op].operands} operands`,
    );
  }
  return intern(`u${op}:${exprId(x)}`, () => ({ kind: "unary", dtype: x.dtype, op, x }));
}

/** Applies a binary operator to operands of one type. */
export function binary(op: BinaryOp, a: Expr, b: Expr): Binary {
  const info = BINARY_OPS[op];
  if (a.dtype !== b.dtype) {
    throw new ShapeError(op, `${op}: operands are ${a.dtype} and ${b.dtype}; cast one of them`);
  }
  if (!acceptsOperand(info.operands, a.dtype)) {
    throw new ShapeError(op, `${op}: does not apply to ${a.dtype}, it takes ${info.operands} operands`);
  }
  const dtype = info.result === "bool" ? "bool" : a.dtype;
  return intern(`b${op}:${exprId(a)}:${exprId(b)}`, () => ({ kind: "binary", dtype, op, a, b }));
}

/** `cond ? then : otherwise`. */
export function select(cond: Expr, then: Expr, otherwise: Expr): Select {
  expect("select", cond, "bool");
  if (then.dtype !== otherwise.dtype) {
    throw new ShapeError(
      "select",
      `select: branches are ${then.dtype} and ${otherwise.dtype}; cast one of them`,
    );
  }
  return intern(`s${exprId(cond)}:${exprId(then)}:${exprId(otherwise)}`, () => ({
    kind: "select",
    dtype: then.dtype,
    cond,
    then,
    otherwise,
  }));
}

/** Converts `x` to `dtype`; gives `x` itself where it already has that type. */
export function cast(dtype: ScalarType, x: Expr): Expr {
  if (x.dtype === dtype) return x;
  return intern(`t${dtype}:${exprId(x)}`, () => ({ kind: "cast", dtype, x }));
}

/** Folds `body` with `op` over `axes`. */
export function reduce(op: ReduceOp, axes: readonly Axis[], body: Expr): Reduce {
  if (body.dtype === "bool") {
    throw new ShapeError(op, `${op}: does not apply to bool; cast the operand first`);
  }
  for (const axis of axes) expect(op, axis.extent, "i32");
  const key = axes.map((a) => `${a.name}<${exprId(a.extent)}`).join(",");
  return intern(`r${op}:${key}:${exprId(body)}`, () => ({
    kind: "reduce",
    dtype: body.dtype,
    op,
    axes: Object.freeze(axes.map((a) => Object.freeze({ name: a.name, extent: a.extent }))),
    body,
  }));
}

function expect(what: string, e: Expr, dtype: ScalarType): void {
  if (e.dtype !== dtype) throw new ShapeError(what, `${what}: expected ${dtype}, got ${e.dtype}`);
}

/** `a + b`. */
export const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
/** `a - b`. */
export const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);
/** `a * b`. */
export const mul = (a: Expr, b: Expr): Expr => binary("mul", a, b);
/** `a / b`. */
export const div = (a: Expr, b: Expr): Expr => binary("div", a, b);
/** The floor of `a / b` on integers. */
export const floordiv = (a: Expr, b: Expr): Expr => binary("floordiv", a, b);
/** `a - b * floordiv(a, b)`. */
export const mod = (a: Expr, b: Expr): Expr => binary("mod", a, b);
/** The smaller of `a` and `b`. */
export const min = (a: Expr, b: Expr): Expr => binary("min", a, b);
/** The larger of `a` and `b`. */
export const max = (a: Expr, b: Expr): Expr => binary("max", a, b);
/** `a < b`. */
export const lt = (a: Expr, b: Expr): Expr => binary("lt", a, b);
/** `a && b`. */
export const and = (a: Expr, b: Expr): Expr => binary("and", a, b);
/** `a / b` rounded up, for non-negative integers. */
export const ceildiv = (a: Expr, b: Expr): Expr => floordiv(add(a, sub(b, int(1))), b);
