/**
 * What an operator is: a row of the table with a shape and dtype rule and a definition of one element. No operator
 * is special to a backend; lowering, fusion and verification only look at the row.
 *
 * @module
 */
import type { Dim, Shape } from "../dim.ts";
import { type DType, DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { cast, constant, type Expr } from "../expr.ts";
import type { Attr, Attrs, TensorType } from "../graph.ts";

/**
 * How an operator reads its inputs, which is all that fusion needs to know.
 *
 * - `view`: each element is one input element or a constant; costs nothing to do again.
 * - `elementwise`: each element from at most one element of each input.
 * - `reduce`: reads inputs repeatedly.
 * - `update`: writes a part of a buffer that its first input owns, if that may be done in place.
 */
export type OpPattern = "view" | "elementwise" | "reduce" | "update";

/** An input as its consumer sees it. */
export interface Operand extends TensorType {
  /** The element at these indices, one `i32` an axis, in the register type of the dtype. */
  at(indices: readonly Expr[]): Expr;
}

/** What an operator's definition may use. */
export interface LowerContext {
  readonly inputs: readonly Operand[];
  readonly attrs: Attrs;
  readonly output: TensorType;
  /** A name for a reduction axis that nothing else in the kernel has. */
  fresh(name: string): string;
}

/** A row of the operator table. */
export interface OpDef {
  readonly name: string;
  readonly pattern: OpPattern;
  /** Attributes that hold dims or lists of dims; binding dims substitutes in them. */
  readonly dimAttrs?: readonly string[];
  /** Type of the result. Throws {@linkcode ShapeError} where inputs or attributes do not fit. */
  infer(inputs: readonly TensorType[], attrs: Attrs): TensorType;
  /** The result's element at `indices`. */
  lower(context: LowerContext, indices: readonly Expr[]): Expr;
}

/** The `i`-th input of an operator that was checked to have it. */
export function nth<T>(list: readonly T[], i: number): T {
  const item = list[i < 0 ? list.length + i : i];
  if (item === undefined) throw new RangeError(`Cannot take item ${i} of ${list.length}`);
  return item;
}

/** The shape, or a {@linkcode ShapeError} with the message that a shape rule gave. */
export function shapeOrThrow(op: string, shape: Shape | string): Shape {
  if (typeof shape === "string") throw new ShapeError(op, shape);
  return shape;
}

/** Requires exactly `count` inputs. */
export function arity(op: string, inputs: readonly unknown[], count: number): void {
  if (inputs.length !== count) {
    throw new ShapeError(
      op,
      `${op}: takes ${count} ${count === 1 ? "tensor" : "tensors"}, got ${inputs.length}`,
    );
  }
}

/** Requires all inputs to have one dtype, and gives it. */
export function sameDType(op: string, inputs: readonly TensorType[]): DType {
  const first = nth(inputs, 0).dtype;
  const other = inputs.find((t) => t.dtype !== first);
  if (other !== undefined) {
    throw new ShapeError(op, `${op}: operands are ${first} and ${other.dtype}; cast one of them`);
  }
  return first;
}

/** Requires one of the dtype families. */
export function family(
  op: string,
  dtype: DType,
  families: readonly ("float" | "signed" | "unsigned" | "bool")[],
): DType {
  if (!families.includes(DTYPES[dtype].family)) {
    const what = families.length === 4 ? "any" : families.join(" or ");
    throw new ShapeError(op, `${op}: does not apply to ${dtype}, it takes ${what} tensors`);
  }
  return dtype;
}

/** The dtype families that arithmetic applies to. */
export const NUMBERS = ["float", "signed", "unsigned"] as const;

/** A number attribute. */
export function numberAttr(op: string, attrs: Attrs, name: string): number {
  const value = attrs[name];
  if (typeof value !== "number") throw wrongAttr(op, name, "a number", value);
  return value;
}

/** JSON has no infinities and no NaN: they are spelled in attributes. */
const SPELLED: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };

/** How a number is written in an attribute. */
export function spellNumber(value: number): number | string {
  return Number.isFinite(value) ? value : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** A number attribute that may be infinite or NaN; `fallback` where it is absent. */
export function realAttr(op: string, attrs: Attrs, name: string, fallback?: number): number {
  const value = attrs[name] ?? fallback;
  const n = typeof value === "string" ? SPELLED[value] : value;
  if (typeof n !== "number") throw wrongAttr(op, name, "a number", value);
  return n;
}

/** A dim attribute: a number or a dim name. */
export function dimAttr(op: string, attrs: Attrs, name: string): Dim {
  const value = attrs[name];
  if (typeof value !== "number" && typeof value !== "string") throw wrongAttr(op, name, "a dim", value);
  return value;
}

/** A shape attribute. */
export function shapeAttr(op: string, attrs: Attrs, name: string): Shape {
  const value = attrs[name];
  if (!Array.isArray(value)) throw wrongAttr(op, name, "a list of dims", value);
  return value.map((d: Attr): Dim => {
    if (typeof d !== "number" && typeof d !== "string") throw wrongAttr(op, name, "a list of dims", value);
    return d;
  });
}

/** A list of integers. */
export function intsAttr(op: string, attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name];
  if (!Array.isArray(value)) throw wrongAttr(op, name, "a list of integers", value);
  return value.map((d: Attr): number => {
    if (typeof d !== "number" || !Number.isInteger(d)) throw wrongAttr(op, name, "a list of integers", value);
    return d;
  });
}

/** A dtype attribute. */
export function dtypeAttr(op: string, attrs: Attrs, name: string): DType {
  const value = attrs[name];
  if (typeof value !== "string" || !Object.hasOwn(DTYPES, value)) throw wrongAttr(op, name, "a dtype", value);
  return value as DType;
}

/** A boolean attribute; absent means false. */
export function flagAttr(op: string, attrs: Attrs, name: string): boolean {
  const value = attrs[name] ?? false;
  if (typeof value !== "boolean") throw wrongAttr(op, name, "true or false", value);
  return value;
}

function wrongAttr(op: string, name: string, wanted: string, got: unknown): ShapeError {
  return new ShapeError(
    op,
    `${op}: attribute ${name} must be ${wanted}, got ${JSON.stringify(got) ?? "nothing"}`,
  );
}

/** A literal of the type of `like`. */
export function literal(like: Expr, value: number): Expr {
  return constant(like.dtype, value);
}

/** Widens f16 to f32, so that sums over many elements keep their precision. */
export function widen(e: Expr): Expr {
  return e.dtype === "f16" ? cast("f32", e) : e;
}
