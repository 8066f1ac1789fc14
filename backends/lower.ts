/**
 * Late lowering, the same for all backends: a scheduled function becomes launches, one per top-level nest.
 *
 * @module
 */
import { UnsupportedError } from "../ir/errors.ts";
import { type Expr, int, select, variable } from "../ir/expr.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import { desugarInit } from "../ir/reduction.ts";
import { simplify } from "../ir/simplify.ts";
import { simplifyStmt } from "../ir/simplify_stmt.ts";
import {
  alloc,
  type Buffer,
  type For,
  forLoop,
  ifThen,
  seq,
  type Stmt,
  store,
  type ThreadAxis,
} from "../ir/stmt.ts";
import { substitute } from "../ir/traverse.ts";
import { insertBarriers } from "./barriers.ts";
import { hoistGuards } from "./guards.ts";
import { launchRanges } from "./launch.ts";
import { requireSharing } from "./sharing.ts";
import { requireAxes } from "./threads.ts";
import { bufferAccesses, freeVars, stmtExprs, visitExpr, visitStmt } from "../ir/visit.ts";

/** A buffer that a launch uses, and how. */
export interface LaunchBuffer {
  readonly buffer: Buffer;
  readonly access: "read" | "write" | "read_write";
  /** No element is infinite or no number: who binds it has looked. */
  readonly finite?: true;
}

/**
 * One dispatch: no blocks any more, only loops, conditions, stores, local memory and barriers. Loops bound to a GPU
 * axis are gone; `body` uses the variables `blockIdx.x` ... `threadIdx.z` in their place.
 */
export interface Launch {
  readonly name: string;
  /** Global buffers, in the order in which the dispatch binds them. */
  readonly buffers: readonly LaunchBuffer[];
  /** Dim variables that the body or the grid reads, sorted. */
  readonly dims: readonly string[];
  /** Workgroups along x, y, z, over dims. */
  readonly grid: readonly [Expr, Expr, Expr];
  /** Threads of a workgroup along x, y, z. */
  readonly workgroup: readonly [number, number, number];
  readonly body: Stmt;
}

/** A function as a list of launches, and the global scratch buffers that live between them. */
export interface LoweredFunc {
  readonly func: PrimFunc;
  readonly scratch: readonly Buffer[];
  readonly launches: readonly Launch[];
}

/** Splits a scheduled function into launches. */
export function lowerFunc(func: PrimFunc): LoweredFunc {
  const scratch: Buffer[] = [];
  const nests: { readonly nest: Stmt; readonly when: readonly Condition[] }[] = [];
  const dims = new Set(func.dims);
  const peel = (s: Stmt, when: readonly Condition[]): void => {
    if (s.kind === "alloc" && s.buffer.scope === "global") {
      scratch.push(s.buffer);
      peel(s.body, when);
    } else if (s.kind === "seq") s.body.forEach((child) => peel(child, when));
    else if (s.kind === "if" && onlyOf(s.cond, dims)) {
      peel(s.then, [...when, { cond: s.cond, holds: true }]);
      if (s.otherwise !== undefined) peel(s.otherwise, [...when, { cond: s.cond, holds: false }]);
    } else nests.push({ nest: s, when });
  };
  peel(desugarInit(func.body), []);
  const access = new Map<string, Buffer>();
  for (const p of func.params) access.set(p.buffer.name, p.buffer);
  for (const b of scratch) access.set(b.name, b);
  const launches = nests.map(({ nest, when }, i) =>
    onlyWhen(when, lowerNest(nests.length === 1 ? func.name : `${func.name}_${i}`, nest, access, dims), dims)
  );
  return { func, scratch, launches };
}

/** A condition over dims, and what it must be for a nest to run. */
interface Condition {
  readonly cond: Expr;
  readonly holds: boolean;
}

/** Whether the host can tell: nothing but dims in it. */
function onlyOf(e: Expr, dims: ReadonlySet<string>): boolean {
  let known = true;
  visitExpr(e, (n) => {
    if (n.kind === "load" || (n.kind === "var" && !dims.has(n.name))) known = false;
  });
  return known;
}

/** A launch of no workgroups where a condition does not hold: the device skips it. */
function onlyWhen(when: readonly Condition[], launch: Launch, dims: ReadonlySet<string>): Launch {
  if (when.length === 0) return launch;
  const [x, y, z] = launch.grid;
  const guarded = when.reduce((n, w) => (w.holds ? select(w.cond, n, int(0)) : select(w.cond, int(0), n)), x);
  const used = dimsOf(seq([]), when.map((w) => w.cond), dims);
  return { ...launch, grid: [simplify(guarded), y, z], dims: [...new Set([...launch.dims, ...used])].sort() };
}

const AXES: readonly ThreadAxis[] = [
  "blockIdx.x",
  "blockIdx.y",
  "blockIdx.z",
  "threadIdx.x",
  "threadIdx.y",
  "threadIdx.z",
];

function lowerNest(
  name: string,
  nest: Stmt,
  buffers: ReadonlyMap<string, Buffer>,
  dimNames: ReadonlySet<string>,
): Launch {
  const extents = new Map<ThreadAxis, Expr>();
  visitStmt(nest, (s) => {
    if (s.kind !== "for" || !isThreadAxis(s.loop)) return;
    const known = extents.get(s.loop);
    if (known !== undefined && known !== s.extent) {
      throw new UnsupportedError(`Cannot launch ${name}: loops of different extents are bound to ${s.loop}`);
    }
    extents.set(s.loop, s.extent);
  });
  const erased = eraseBlocks(nest, new Map());
  // Loops that never run are gone: what is left is outside of them, and runs once.
  const anything = writes(erased);
  const extent = (axis: ThreadAxis): Expr => {
    const e = simplify(extents.get(axis) ?? int(1));
    return anything && e.kind === "const" && e.value < 1 ? int(1) : e;
  };
  const grid = [extent("blockIdx.x"), extent("blockIdx.y"), extent("blockIdx.z")] as const;
  const threads = (axis: ThreadAxis): number => {
    const e = extent(axis);
    if (e.kind === "const") return Math.max(e.value, 1);
    throw new UnsupportedError(
      `Cannot launch ${name}: ${axis} needs a constant extent; split the loop first`,
    );
  };
  const workgroup = [threads("threadIdx.x"), threads("threadIdx.y"), threads("threadIdx.z")] as const;
  const several = new Set(
    AXES.filter((axis) => {
      const e = extent(axis);
      return e.kind !== "const" || e.value > 1;
    }),
  );
  requireAxes(name, nest, several);
  requireSharing(name, nest);
  const ranges = launchRanges({ dims: [...dimNames], grid, workgroup });
  const simple = simplifyStmt(erased, ranges);
  const body = hoistGuards(insertBarriers(name, simple, workgroup, passedOn(nest, buffers)));
  const used = new Map<string, { read: boolean; write: boolean }>();
  for (const a of bufferAccesses(body)) {
    const u = used.get(a.buffer) ?? { read: false, write: false };
    used.set(a.buffer, { read: u.read || !a.write, write: u.write || a.write });
  }
  const bound = [...buffers.values()].flatMap((buffer): LaunchBuffer[] => {
    const u = used.get(buffer.name);
    if (u === undefined) return [];
    return [{ buffer, access: u.read ? (u.write ? "read_write" : "read") : "write" }];
  });
  return {
    name,
    buffers: bound,
    dims: dimsOf(
      body,
      [...grid, ...bound.flatMap((b) => [...b.buffer.shape, ...(b.buffer.strides ?? [])])],
      dimNames,
    ),
    grid,
    workgroup,
    body,
  };
}

function writes(s: Stmt): boolean {
  let found = false;
  visitStmt(s, (node) => {
    if (node.kind === "store") found = true;
  });
  return found;
}

/** Buffers in device memory that several loops over the same threads use, one of them to write. */
function passedOn(nest: Stmt, buffers: ReadonlyMap<string, Buffer>): ReadonlySet<string> {
  const users = new Map<string, { readonly loop: For; readonly write: boolean }[]>();
  visitStmt(nest, (s) => {
    if (s.kind !== "for" || !s.loop.startsWith("threadIdx")) return;
    for (const { buffer, write } of bufferAccesses(s)) {
      if (buffers.has(buffer)) users.set(buffer, [...users.get(buffer) ?? [], { loop: s, write }]);
    }
  });
  return new Set(
    [...users].filter(([, uses]) =>
      uses.some((u) => u.write && uses.some((o) => o.loop !== u.loop && o.loop.loop === u.loop.loop))
    ).map(([buffer]) => buffer),
  );
}

/** Whether a loop kind is a GPU axis. */
export function isThreadAxis(loop: string): loop is ThreadAxis {
  return AXES.includes(loop as ThreadAxis);
}

/** Puts bindings in place of block iterators and predicates around bodies; bound loops become axis variables. */
function eraseBlocks(s: Stmt, values: ReadonlyMap<string, Expr>): Stmt {
  const sub = (e: Expr): Expr => substitute(e, values);
  switch (s.kind) {
    case "for":
      if (isThreadAxis(s.loop)) {
        // A workgroup has at least one thread.
        if (s.extent.kind === "const" && s.extent.value <= 0) return seq([]);
        return eraseBlocks(s.body, new Map(values).set(s.var, variable(s.loop)));
      }
      return forLoop(s.var, sub(s.extent), eraseBlocks(s.body, values), s.loop);
    case "block": {
      const inner = new Map(values);
      for (const iter of s.iters) inner.set(iter.var, sub(iter.binding));
      const body = eraseBlocks(s.body, inner);
      const guard = simplify(sub(s.predicate));
      return guard.kind === "const" && guard.value === 1 ? body : ifThen(guard, body);
    }
    case "store":
      return store(s.buffer, s.indices.map(sub), sub(s.value));
    case "alloc":
      return alloc(
        {
          ...s.buffer,
          shape: s.buffer.shape.map(sub),
          ...(s.buffer.strides === undefined ? {} : { strides: s.buffer.strides.map(sub) }),
        },
        eraseBlocks(s.body, values),
      );
    case "if":
      return ifThen(
        sub(s.cond),
        eraseBlocks(s.then, values),
        s.otherwise === undefined ? undefined : eraseBlocks(s.otherwise, values),
      );
    case "seq":
      return seq(s.body.map((c) => eraseBlocks(c, values)));
    case "barrier":
      return s;
    default:
      return s satisfies never;
  }
}

/** Dim variables among everything that a launch evaluates. */
function dimsOf(body: Stmt, exprs: readonly Expr[], dims: ReadonlySet<string>): readonly string[] {
  const found = new Set<string>();
  const from = (e: Expr): void => {
    for (const name of freeVars(e)) if (dims.has(name)) found.add(name);
  };
  exprs.forEach(from);
  visitStmt(body, (s) => stmtExprs(s).forEach(from));
  return [...found].sort();
}
