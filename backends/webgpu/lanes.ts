/**
 * Which accesses of vectorized loops are whole vectors, and which local buffers are registers.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import type { Expr } from "../../ir/expr.ts";
import { difference, linearExpr, linearOf } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Buffer, Stmt } from "../../ir/stmt.ts";
import { type Access, stmtChildren, stmtExprs, visitExpr } from "../../ir/visit.ts";
import { laneIndices, VECTOR_LANES } from "../expand.ts";
import { spanOf } from "./ints.ts";

/** A quarter of an index that is a multiple of four, `undefined` where that is not known. */
function quarter(index: Expr): Expr | undefined {
  const { terms, constant } = linearOf(index);
  if (constant % VECTOR_LANES !== 0 || terms.some((t) => t.coef % VECTOR_LANES !== 0)) return undefined;
  return linearExpr({
    constant: constant / VECTOR_LANES,
    terms: terms.map((t) => ({ ...t, coef: t.coef / VECTOR_LANES })),
  }, "i32");
}

/** The number of the vector that four lanes are, where they are one: neighbours, the first at a multiple of four. */
export function wholeVector(lanes: readonly Expr[]): Expr | undefined {
  const [first, ...rest] = lanes;
  if (first === undefined) return undefined;
  const base = linearOf(first);
  const neighbours = rest.every((e, i) => {
    const step = difference(linearOf(e), base);
    return step !== undefined && step.terms.length === 0 && step.constant === i + 1;
  });
  return neighbours ? quarter(first) : undefined;
}

/** How a kernel uses its buffers, found before a line of it is written. */
export interface BufferUse {
  /** Buffers of which some access is a whole vector. */
  readonly vectors: ReadonlySet<string>;
  /** Local buffers that are accessed at constant places only: each vector or element can be a variable. */
  readonly registers: ReadonlySet<string>;
}

/** Registers are few: with more elements than that a buffer is an array. */
const MAX_REGISTERS = 512;

/** Looks through a launch's body after its loops were expanded. */
export function bufferUse(body: Stmt, params: readonly Buffer[]): BufferUse {
  const buffers = new Map(params.map((b) => [b.name, b]));
  const vectors = new Set<string>();
  const small = new Set<string>();
  const indexed = new Set<string>();
  const note = (access: Omit<Access, "write">, lane: string | undefined): void => {
    const buffer = buffers.get(access.buffer);
    if (buffer === undefined) return;
    const index = flatIndex(buffer, access.indices);
    const lanes = lane === undefined ? [simplify(index)] : laneIndices(index, lane, simplify);
    if (lane !== undefined && wholeVector(lanes) !== undefined) vectors.add(access.buffer);
    if (lanes.some((e) => e.kind !== "const")) indexed.add(access.buffer);
  };
  const visit = (s: Stmt, lane: string | undefined): void => {
    if (s.kind === "alloc") {
      buffers.set(s.buffer.name, s.buffer);
      const size = spanOf(s.buffer) ?? Infinity;
      if (s.buffer.scope === "local" && size > 1 && size <= MAX_REGISTERS) small.add(s.buffer.name);
    }
    for (const e of stmtExprs(s)) visitExpr(e, (node) => node.kind === "load" && note(node, lane));
    if (s.kind === "store") note(s, lane);
    const inner = s.kind === "for" && s.loop === "vectorized" ? s.var : lane;
    for (const child of stmtChildren(s)) visit(child, inner);
  };
  visit(body, undefined);
  return { vectors, registers: new Set([...small].filter((name) => !indexed.has(name))) };
}
