/**
 * Which loops of four iterations can run as four lanes of a vector.
 *
 * Inside such a loop an expression is the same in all lanes, or *varies*: because it mentions the loop's variable, or
 * loads from memory that each iteration has for itself.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Expr, Load, Unary } from "../../ir/expr.ts";
import { type Linear, linearOf } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import type { BinaryOp } from "../../ir/scalar_ops.ts";
import type { Buffer, Stmt } from "../../ir/stmt.ts";
import { exprChildren, freeVars, visitExpr } from "../../ir/visit.ts";

/** The loop whose iterations are lanes. */
export interface Lane {
  /** Its variable. */
  readonly name: string;
  /** Buffers that are allocated inside of it. */
  readonly own: ReadonlySet<string>;
}

/** Whether an expression differs between lanes. */
export function varies(e: Expr, lane: Lane): boolean {
  let found = false;
  visitExpr(e, (node) => {
    if (node.kind === "var" && node.name === lane.name) found = true;
    if (node.kind === "load" && lane.own.has(node.buffer)) found = true;
  });
  return found;
}

/** A flat index as `step * lane + base`. */
export interface LaneIndex {
  readonly step: number;
  /** Terms without the lane, and the constant. */
  readonly base: Linear;
}

/** Where the element is that each lane accesses; `undefined` where that is no multiple of the lane's number. */
export function laneIndex(buffer: Buffer, indices: readonly Expr[], name: string): LaneIndex | undefined {
  const flat = flatIndex(buffer, indices);
  // An axis that was split is whole again in memory.
  return stepOf(linearOf(flat), name) ?? stepOf(linearOf(simplify(flat)), name);
}

function stepOf({ terms, constant }: Linear, name: string): LaneIndex | undefined {
  let step = 0;
  const base: Linear["terms"][number][] = [];
  for (const term of terms) {
    const [factor] = term.factors;
    if (term.factors.length === 1 && factor?.kind === "var" && factor.name === name) step += term.coef;
    else if (term.factors.some((f) => freeVars(f).has(name))) return undefined;
    else base.push(term);
  }
  return { step, base: { terms: base, constant } };
}

const WIDE_UNARY: ReadonlySet<string> = new Set(
  ["neg", "abs", "sign", "ceil", "floor", "round", "exp", "log", "sqrt", "rsqrt", "tanh", "erf"],
);
const WIDE_FLOAT: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["add", "sub", "mul", "div", "min", "max"]);
const WIDE_INT: ReadonlySet<BinaryOp> = new Set<BinaryOp>(
  ["add", "sub", "mul", "min", "max", "bitand", "bitor", "bitxor"],
);
const COMPARE: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["eq", "ne", "lt", "le", "gt", "ge"]);
const WIDE_LOADS: ReadonlySet<DType> = new Set<DType>(["f32", "i32", "u32", "f16", "bf16", "i8", "u8"]);

/** Whether the body of a loop of four iterations has a form for vectors. */
export function canVectorize(body: Stmt, lane: Lane, buffers: ReadonlyMap<string, Buffer>): boolean {
  switch (body.kind) {
    case "seq":
      return body.body.every((s) => canVectorize(s, lane, buffers));
    case "for":
      return !varies(body.extent, lane) && canVectorize(body.body, lane, buffers);
    case "if":
      return !varies(body.cond, lane) && canVectorize(body.then, lane, buffers) &&
        (body.otherwise === undefined || canVectorize(body.otherwise, lane, buffers));
    case "store": {
      const buffer = buffers.get(body.buffer);
      if (buffer === undefined || !isWord(buffer.dtype)) return false;
      if (!body.indices.every((i) => !varies(i, lane) || laneWide(i, lane, buffers))) return false;
      const at = laneIndex(buffer, body.indices, lane.name);
      if (at === undefined || !laneWide(body.value, lane, buffers)) return false;
      return lane.own.has(body.buffer) ? at.step === 0 : at.step !== 0;
    }
    case "alloc": {
      const own = { ...lane, own: new Set([...lane.own, body.buffer.name]) };
      return isWord(body.buffer.dtype) &&
        canVectorize(body.body, own, new Map(buffers).set(body.buffer.name, body.buffer));
    }
    case "barrier":
    case "block":
      return false;
    default:
      return body satisfies never;
  }
}

function isWord(dtype: DType): boolean {
  return dtype === "f32" || dtype === "i32" || dtype === "u32";
}

function laneWide(e: Expr, lane: Lane, buffers: ReadonlyMap<string, Buffer>): boolean {
  if (!varies(e, lane)) return true;
  const inner = (): boolean => exprChildren(e).every((child) => laneWide(child, lane, buffers));
  switch (e.kind) {
    case "const":
    case "var":
      return true;
    case "load":
      return wideLoad(e, lane, buffers);
    case "unary":
      return wideUnary(e) && inner();
    case "binary":
      if (COMPARE.has(e.op)) {
        return (e.a.dtype !== "bool" || e.op === "eq" || e.op === "ne") && e.a.dtype !== "f16" && inner();
      }
      if (e.op === "and" || e.op === "or") return inner();
      if (e.op === "shl" || e.op === "shr") return !varies(e.b, lane) && inner();
      return (e.dtype === "f32" ? WIDE_FLOAT : e.dtype === "f16" ? new Set<BinaryOp>() : WIDE_INT).has(
        e.op,
      ) && inner();
    case "select":
      // What is not chosen may lie outside of its buffer, so that nobody may load it.
      if (varies(e.cond, lane) && [e.then, e.otherwise].some(loads)) return false;
      return e.dtype !== "f16" && inner();
    case "cast":
      if (e.dtype === "f16") return false;
      return (e.x.dtype !== "f16" || e.dtype === "f32") && inner();
    case "reduce":
      return false;
    default:
      return e satisfies never;
  }
}

function wideUnary({ op, dtype }: Unary): boolean {
  if (dtype === "f32") return WIDE_UNARY.has(op);
  return dtype === "bool" || op === "neg" && dtype !== "f16" || op === "abs" && dtype === "i32";
}

function wideLoad(e: Load, lane: Lane, buffers: ReadonlyMap<string, Buffer>): boolean {
  const buffer = buffers.get(e.buffer);
  if (buffer === undefined || !WIDE_LOADS.has(buffer.dtype)) return false;
  const at = laneIndex(buffer, e.indices, lane.name);
  if (at === undefined) return false;
  return lane.own.has(e.buffer) ? at.step === 0 : isWord(buffer.dtype) || at.step === 1;
}

function loads(e: Expr): boolean {
  let found = false;
  visitExpr(e, (node) => {
    if (node.kind === "load") found = true;
  });
  return found;
}
