/**
 * Statements: loop nests of blocks.
 *
 * A block is what makes schedules checkable (the idea is TVM TensorIR's): its iterators say which are spatial
 * and which reduce, its regions say what it reads and writes, and the loops around it only *bind* its
 * iterators. Loops can be split, fused, reordered and bound without looking inside.
 *
 * @module
 */
import type { DType } from "./dtype.ts";
import { bool, type Expr, exprId, int } from "./expr.ts";
import { bufferAccesses } from "./visit.ts";

/** Where a buffer lives: device memory, memory shared by a workgroup, or one thread's own. */
export type Scope = "global" | "workgroup" | "local";

/** A buffer: a name, an element dtype, one extent an axis. */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  /** Logical extents, over dim variables. */
  readonly shape: readonly Expr[];
  readonly scope: Scope;
  /** Elements to step over for one step along each axis; absent means row-major over `shape`. */
  readonly strides?: readonly Expr[];
}

/** A GPU axis that a loop can be bound to (TVM's names; WGSL's workgroup and local invocation ids). */
export type ThreadAxis =
  | "blockIdx.x"
  | "blockIdx.y"
  | "blockIdx.z"
  | "threadIdx.x"
  | "threadIdx.y"
  | "threadIdx.z";

/** How the iterations of a loop are run. */
export type LoopKind = "serial" | "parallel" | "vectorized" | "unrolled" | ThreadAxis;

/** `for var in 0..extent: body`. Names of loop variables are unique in a function. */
export interface For {
  readonly kind: "for";
  readonly var: string;
  readonly extent: Expr;
  readonly loop: LoopKind;
  readonly body: Stmt;
}

/** An iterator of a block: its role, its range `0..extent` and the value that the loops around give it. */
export interface BlockIter {
  readonly var: string;
  readonly role: "spatial" | "reduce";
  readonly extent: Expr;
  readonly binding: Expr;
}

/** A box of a buffer: from `min[d]`, `extent[d]` elements along each axis. */
export interface Region {
  readonly buffer: string;
  readonly min: readonly Expr[];
  readonly extent: readonly Expr[];
}

/**
 * A unit of computation. `body` runs once for every point that the loops around visit and for which `predicate`
 * (over loop variables) holds. `init`, where present, runs for every spatial point before the outermost loop
 * that feeds a reduce iterator, exactly as if `decomposeReduction` had been applied there: so an empty reduction
 * still gives its identity.
 */
export interface Block {
  readonly kind: "block";
  readonly name: string;
  readonly iters: readonly BlockIter[];
  readonly predicate: Expr;
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
  readonly init?: Stmt;
  readonly body: Stmt;
}

/** `buffer[indices] = value`, narrowed to the buffer's dtype. */
export interface Store {
  readonly kind: "store";
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly value: Expr;
}

/** Makes `buffer` available in `body`; its contents start undefined. */
export interface Alloc {
  readonly kind: "alloc";
  readonly buffer: Buffer;
  readonly body: Stmt;
}

/** `if cond: then else: otherwise`. */
export interface If {
  readonly kind: "if";
  readonly cond: Expr;
  readonly then: Stmt;
  readonly otherwise?: Stmt;
}

/** All threads of a workgroup wait here for each other; their writes to workgroup memory become visible. */
export interface Barrier {
  readonly kind: "barrier";
}

/** Statements one after the other. */
export interface Seq {
  readonly kind: "seq";
  readonly body: readonly Stmt[];
}

/** A statement. */
export type Stmt = For | Block | Store | Alloc | If | Barrier | Seq;

/** Builds a loop. */
export function forLoop(name: string, extent: Expr, body: Stmt, loop: LoopKind = "serial"): For {
  return Object.freeze({ kind: "for", var: name, extent, loop, body });
}

/** Builds a store. */
export function store(buffer: string, indices: readonly Expr[], value: Expr): Store {
  return Object.freeze({ kind: "store", buffer, indices: Object.freeze([...indices]), value });
}

/** Builds an allocation. */
export function alloc(buffer: Buffer, body: Stmt): Alloc {
  return Object.freeze({ kind: "alloc", buffer: Object.freeze(buffer), body });
}

/** Builds a conditional. */
export function ifThen(cond: Expr, then: Stmt, otherwise?: Stmt): If {
  return Object.freeze({ kind: "if", cond, then, ...(otherwise === undefined ? {} : { otherwise }) });
}

/** The workgroup barrier. */
export function barrier(): Barrier {
  return Object.freeze({ kind: "barrier" });
}

/** Builds a sequence; flattens nested ones, and gives a lone statement itself. */
export function seq(body: readonly Stmt[]): Stmt {
  const flat = body.flatMap((s) => (s.kind === "seq" ? s.body : [s]));
  return flat.length === 1 && flat[0] !== undefined
    ? flat[0]
    : Object.freeze({ kind: "seq", body: Object.freeze(flat) });
}

/** What {@linkcode block} needs; regions are derived from the accesses of `init` and `body` unless given. */
export interface BlockParts {
  readonly name: string;
  readonly iters: readonly BlockIter[];
  readonly predicate?: Expr;
  readonly reads?: readonly Region[];
  readonly writes?: readonly Region[];
  readonly init?: Stmt;
  readonly body: Stmt;
}

/** Builds a block. */
export function block(parts: BlockParts): Block {
  const { name, iters, predicate = bool(true), init, body } = parts;
  const found = parts.reads !== undefined && parts.writes !== undefined
    ? undefined
    : deriveRegions(init, body);
  return Object.freeze({
    kind: "block",
    name,
    iters: Object.freeze([...iters]),
    predicate,
    reads: Object.freeze([...(parts.reads ?? found?.reads ?? [])]),
    writes: Object.freeze([...(parts.writes ?? found?.writes ?? [])]),
    ...(init === undefined ? {} : { init }),
    body,
  });
}

/** Point regions of every distinct access in a block's statements, in order of appearance. */
function deriveRegions(init: Stmt | undefined, body: Stmt): { reads: Region[]; writes: Region[] } {
  const seen = { reads: new Map<string, Region>(), writes: new Map<string, Region>() };
  for (const stmt of init === undefined ? [body] : [init, body]) {
    for (const access of bufferAccesses(stmt)) {
      const into = access.write ? seen.writes : seen.reads;
      const key = `${access.buffer}:${access.indices.map(exprId).join(",")}`;
      if (!into.has(key)) {
        into.set(key, {
          buffer: access.buffer,
          min: access.indices,
          extent: access.indices.map(() => int(1)),
        });
      }
    }
  }
  // A reduction's update reads what it writes: that is its own accumulator, not an input.
  const reads = [...seen.reads].filter(([key]) => !seen.writes.has(key)).map(([, r]) => r);
  return { reads, writes: [...seen.writes.values()] };
}
