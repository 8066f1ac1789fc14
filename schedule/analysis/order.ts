/**
 * Which of two statements is first, and what is between them.
 *
 * @module
 */
import type { For, Seq, Stmt } from "../../ir/stmt.ts";
import { bufferAccesses, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";

/** A statement and those around it, outermost first, itself last. */
export type Place = readonly Stmt[];

/** The place of a statement, found by identity. */
export function placeOf(root: Stmt, target: Stmt): Place {
  let found: Place = [target];
  visitStmt(root, (s, path) => {
    if (s === target) found = [...path, s];
  });
  return found;
}

/** How two statements, neither in the other, come apart. */
export interface Fork {
  /** What is around both. */
  readonly common: readonly Stmt[];
  /** The loops of it. */
  readonly loops: readonly For[];
  /** The innermost of it, where it is a sequence: then there is an order. */
  readonly seq: Seq | undefined;
  /** The positions of both in the sequence. */
  readonly at: readonly [number, number];
}

/** Where the paths to two statements part. */
export function forkOf(a: Place, b: Place): Fork {
  const length = a.findIndex((s, i) => s !== b[i]);
  const common = length < 0 ? a : a.slice(0, length);
  const last = common.at(-1);
  const seq = last?.kind === "seq" ? last : undefined;
  const index = (place: Place): number => {
    const child = place[common.length];
    return seq === undefined || child === undefined ? -1 : seq.body.indexOf(child);
  };
  return { common, loops: loopsAt(common), seq, at: [index(a), index(b)] };
}

/** Whether `a` is done before `b` in each iteration of the loops around both. */
export function isBefore(a: Place, b: Place): boolean {
  const { seq, at } = forkOf(a, b);
  return seq !== undefined && at[0] < at[1];
}

/** The loops of a path. */
export function loopsAt(path: readonly Stmt[]): readonly For[] {
  return path.filter((s): s is For => s.kind === "for");
}

/** A statement that itself loads from a buffer or stores to it, and where it is. */
export interface Touch {
  readonly buffer: string;
  readonly write: boolean;
  readonly place: Place;
}

/** Everything that touches a buffer; regions, which only say so, are left out. */
export function touchesOf(root: Stmt, buffer: string): readonly Touch[] {
  const found: Touch[] = [];
  visitStmt(root, (s, path) => {
    const exprs = s.kind === "block"
      ? [s.predicate, ...s.iters.flatMap((i) => [i.binding, i.extent])]
      : stmtExprs(s);
    let reads = false;
    for (const e of exprs) {
      visitExpr(e, (n) => {
        if (n.kind === "load" && n.buffer === buffer) reads = true;
      });
    }
    if (reads) found.push({ buffer, write: false, place: [...path, s] });
    if (s.kind === "store" && s.buffer === buffer) found.push({ buffer, write: true, place: [...path, s] });
  });
  return found;
}

/** Whether a statement touches a buffer anywhere; `write`, whether it writes it. */
export function touches(s: Stmt, buffer: string, write = false): boolean {
  return bufferAccesses(s).some((a) => a.buffer === buffer && (a.write || !write));
}
