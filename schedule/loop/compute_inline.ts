/**
 * `computeInline`: a producer computed where its result is read.
 *
 * @module
 */
import { type Expr, int } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Block, block, type BlockIter, type Buffer, type Stmt } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { visitStmt } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { accessesTo, commonIndices } from "../analysis/elements.ts";
import { loopsIn } from "../analysis/nests.ts";
import { forkOf, isBefore, loopsAt, type Place, touchesOf } from "../analysis/order.ts";
import {
  allocationOf,
  buffersIn,
  isShared,
  overLoops,
  type Pointwise,
  pointwiseBlock,
  requireCover,
  requireExact,
  requireInScope,
  sameInt,
  storedIters,
  without,
} from "./intermediate.ts";
import { refuse } from "./site.ts";

const STEP = "computeInline";

/**
 * Puts what a block computes in place of every load of its result; the block and its buffer go.
 *
 * Legal for a block that computes one element at a time, from its iterators alone, into a buffer that it alone writes
 * and the function allocates (of a dtype that does not round), where every reader is a block after it that needs only
 * elements which it has computed, and nothing that it reads is written between. Readers that have loops of their
 * own inside are refused.
 *
 * rewrite: `for i: T[i] = f(x[i]); for j: C { y[j] = g(T[j + 1]) }`  becomes  `for j: C { y[j] = g(f(x[j + 1])) }`
 */
export function computeInline(func: PrimFunc, blockName: string): PrimFunc {
  const producer = pointwiseBlock(STEP, func, blockName);
  const { block: b, store } = producer;
  const allocation = allocationOf(STEP, func, blockName, store.buffer);
  const { buffer } = allocation;
  requireExact(STEP, blockName, buffer);
  const iters = storedIters(STEP, producer, buffer);
  const readers = new Map<Block, Place>();
  for (const { place, write } of touchesOf(func.body, buffer.name)) {
    const at = place.findIndex((s) => s.kind === "block");
    const reader = place[at];
    if (write && reader !== b) refuse(STEP, [b.name], `${buffer.name} is written elsewhere too`);
    if (reader?.kind !== "block") refuse(STEP, [b.name], `${buffer.name} is read outside of blocks`);
    else if (reader !== b) readers.set(reader, place.slice(0, at + 1));
    else if (!write) refuse(STEP, [b.name], `block ${b.name} reads ${buffer.name}, which it computes`);
  }
  for (const [reader, place] of readers) requireReader(func, producer, buffer, iters, reader, place);

  const inlined = (indices: readonly Expr[]): Expr => {
    const values = new Map<string, Expr>(b.iters.map((i) => [i.var, int(0)]));
    iters.forEach((iter, d) => iter && values.set(iter.var, indices[d] ?? int(0)));
    return substitute(store.value, values);
  };
  const put = (e: Expr): Expr => {
    const made = rewriteExpr(
      e,
      (n) => (n.kind === "load" && n.buffer === buffer.name ? inlined(n.indices) : n),
    );
    return made === e ? e : simplify(made);
  };
  const rest = without(func.body, new Set<Stmt>([b, allocation]));
  return withBody(func, inBlocks(rest, new Set([...readers.keys()].map((r) => r.name)), put));
}

/** Refuses unless a block may compute what it reads itself. */
function requireReader(
  func: PrimFunc,
  producer: Pointwise,
  buffer: Buffer,
  iters: readonly (BlockIter | undefined)[],
  reader: Block,
  place: Place,
): void {
  const { block: b, store } = producer;
  const at = [b.name, reader.name];
  requireNoLoops(STEP, at, reader);
  const fork = forkOf(producer.place, place);
  if (fork.seq === undefined || fork.at[0] > fork.at[1]) {
    refuse(STEP, at, `block ${reader.name} reads ${buffer.name} before block ${b.name} computes it`);
  }
  const reads = accessesTo(reader, [buffer.name]).get(buffer.name) ?? [];
  const open = iters.filter((iter, d): iter is BlockIter => {
    if (iter === undefined) return false;
    const binding = overLoops(b, iter.binding);
    if (
      isShared(binding, producer.place, fork) && reads.every((r) => sameInt(r.indices[d] ?? int(-1), binding))
    ) {
      return false;
    }
    if (!sameInt(iter.extent, buffer.shape[d] ?? int(0))) {
      refuse(STEP, at, `block ${b.name} computes not all of ${buffer.name}, axis ${d}`);
    }
    return true;
  });
  requireCover(STEP, at, producer, open, fork, reader);
  const used = buffersIn([store.value]);
  requireInScope(STEP, at, func, fork.common, used);
  for (const name of used) requireUnchanged(func, producer, reader, place, name);
}

/** Refuses unless a reader finds in a buffer what the producer found. */
function requireUnchanged(
  func: PrimFunc,
  producer: Pointwise,
  reader: Block,
  place: Place,
  name: string,
): void {
  const fork = forkOf(producer.place, place);
  const depth = fork.common.length;
  const at = [producer.block.name, reader.name];
  for (const touch of touchesOf(func.body, name)) {
    const child = touch.place[depth];
    if (!touch.write || touch.place[depth - 1] !== fork.seq || child === undefined) continue;
    const index = fork.seq?.body.indexOf(child) ?? -1;
    if (index < fork.at[0] || index > fork.at[1]) continue;
    if (index > fork.at[0] || !isBefore(touch.place, producer.place)) {
      refuse(
        STEP,
        at,
        `${name}, which block ${producer.block.name} reads, is written again before ${reader.name}`,
      );
    }
    const between = loopsAt(forkOf(touch.place, producer.place).common.slice(depth));
    const accesses = accessesTo(child, [name]).get(name) ?? [];
    const given = loopsAt(fork.common);
    const known = determinedLoops(commonIndices(accesses), given.map((l) => l.var), [
      ...given,
      ...loopsIn(child),
    ]);
    const again = between.find((l) => !known.has(l.var));
    if (again !== undefined) {
      refuse(STEP, [...at, again.var], `${name} is written anew in each iteration of loop ${again.var}`);
    }
  }
}

/** Refuses a block with loops or blocks inside: its regions cannot be worked out from its accesses. */
export function requireNoLoops(step: string, at: readonly string[], b: Block): void {
  visitStmt(b, (s) => {
    if (s === b || s.kind === "store" || s.kind === "seq" || s.kind === "if") return;
    refuse(step, at, `block ${b.name} has a ${s.kind} inside, and is run as a whole`);
  });
}

/** The statement with `put` of every expression of these blocks, whose regions are worked out again. */
function inBlocks(s: Stmt, names: ReadonlySet<string>, put: (e: Expr) => Expr): Stmt {
  return rewriteStmt(s, (n) => {
    if (n.kind !== "block" || !names.has(n.name)) return n;
    const made = mapStmtExprs(n, put);
    if (made.kind !== "block") return made;
    const { reads: _r, writes: _w, ...parts } = made;
    return block(parts);
  });
}
