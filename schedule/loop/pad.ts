/**
 * `pad`: a block that goes on to the end of its tiles.
 *
 * @module
 */
import { type Expr, int, lt } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Alloc, type Block, block, type BlockIter, type For, type Stmt } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { commonIndices, mentions } from "../analysis/elements.ts";
import { loopsIn } from "../analysis/nests.ts";
import { reachOf } from "./reach.ts";
import { blockSite, bufferOf, refuse } from "./site.ts";

const STEP = "pad";

/**
 * Drops the terms of a block's predicate that no reduce loop decides, so that it also computes what is beyond the edge:
 * nobody uses that, and there is nothing to test for inside.
 *
 * Legal where all that the block writes is one tile, allocated around it, with elements of their own for what is
 * beyond the edge, which nobody reads, and everything that it reads is in bounds
 * without these terms: what it reads from elsewhere has to be copied by `cacheRead` first.
 *
 * rewrite: `B where i_0 * 8 + i_1 < n { C_local[i_1] += A_local[i_1] }`  becomes  `B { C_local[i_1] += A_local[i_1] }`
 */
export function pad(func: PrimFunc, blockName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const reduced = boundVars(b, "reduce");
  const terms = conjuncts(b.predicate);
  const kept = terms.filter((t) => mentions(t, reduced));
  if (kept.length === terms.length) {
    return refuse(STEP, [b.name], `block ${b.name} has no condition on loops that do not reduce`);
  }
  const loops = path.filter((s): s is For => s.kind === "for");
  requireOwnElements(b, path, conjunction(terms.filter((t) => !kept.includes(t))));
  requireInBounds(func, b, loops, kept);
  const iters = b.iters.map((i): BlockIter => {
    if (freeVars(i.binding).size === 0) return i;
    const reach = i.role === "reduce" ? i.extent : reachOf(i.binding, loops);
    if (reach === undefined) {
      return refuse(STEP, [b.name], `how far iterator ${i.var} of block ${b.name} would go is not known`);
    }
    return { ...i, extent: reach };
  });
  const { reads: _r, writes: _w, ...parts } = b;
  const padded = block({ ...parts, iters, predicate: conjunction(kept) });
  return withBody(func, replaceStmt(func.body, b, () => padded));
}

/**
 * Refuses where an execution beyond the edge may write an element that one before the edge wrote: then what is there
 * would change.
 */
function requireOwnElements(b: Block, path: readonly Stmt[], dropped: Expr): void {
  const values = new Map(b.iters.map((i) => [i.var, i.binding]));
  const [target, ...others] = new Set(accessesOf(b).flatMap((a) => (a.write ? [a.buffer] : [])));
  const start = path.findIndex((s) => s.kind === "alloc" && s.buffer.name === target);
  const tile = path[start];
  if (target === undefined || others.length > 0) {
    return refuse(
      STEP,
      [b.name],
      `block ${b.name} writes ${target === undefined ? "no" : "more than one"} tile`,
    );
  }
  if (tile?.kind !== "alloc") {
    return refuse(STEP, [b.name], `block ${b.name} writes ${target}, which is not its own; cacheWrite first`);
  }
  const own = accessesOf(b).filter((a) => a.buffer === target).map((a) => ({
    ...a,
    indices: a.indices.map((e) => simplify(substitute(e, values))),
    block: b.name,
    head: false,
  }));
  const loops = path.filter((s): s is For => s.kind === "for");
  const outside = path.slice(0, start).filter((s): s is For => s.kind === "for").map((l) => l.var);
  const known = determinedLoops(commonIndices(own), outside, loops);
  const again = loops.find((l) => mentions(dropped, new Set([l.var])) && !known.has(l.var));
  if (again === undefined) return requireGuardedReads(b, tile, commonIndices(own), conjuncts(dropped));
  refuse(
    STEP,
    [b.name, again.var],
    `iterations of loop ${again.var} beyond the edge may write an element of ${target} that others need`,
  );
}

/**
 * Refuses where another block writes the tile and one may read what is beyond the edge: it would find something else
 * there. Where no other block writes, nothing was there.
 */
function requireGuardedReads(
  b: Block,
  tile: Alloc,
  indices: readonly Expr[],
  dropped: readonly Expr[],
): void {
  const { name } = tile.buffer;
  const others = allBlocks(tile).filter((s) => s.block !== b);
  const writer = others.find((s) => accessesOf(s.block).some((a) => a.write && a.buffer === name));
  if (writer === undefined) return;
  for (const { block: reader } of others) {
    const values = new Map(reader.iters.map((i) => [i.var, i.binding]));
    const holds = new Set(conjuncts(reader.predicate).map((t) => simplify(t)));
    for (const a of accessesOf(reader)) {
      if (a.write || a.buffer !== name) continue;
      // The loops that are the place of an element are, for the reader, what it has in their place.
      const places = new Map<string, Expr>();
      indices.forEach((e, d) => {
        const at = a.indices[d];
        if (e.kind === "var" && at !== undefined) places.set(e.name, simplify(substitute(at, values)));
      });
      const inside = new Set(loopsIn(tile).map((l) => l.var));
      const open = dropped.find((t) =>
        [...freeVars(t)].some((v) => inside.has(v) && !places.has(v)) ||
        !holds.has(simplify(substitute(t, places)))
      );
      if (open === undefined) continue;
      refuse(
        STEP,
        [b.name, reader.name, writer.block.name],
        `block ${reader.name} may read what block ${writer.block.name} wrote to ${name} beyond the edge`,
      );
    }
  }
}

function accessesOf(b: Block): ReturnType<typeof bufferAccesses> {
  const parts: readonly Stmt[] = b.init === undefined ? [b.body] : [b.init, b.body];
  return parts.flatMap((s) => bufferAccesses(s));
}

function requireInBounds(func: PrimFunc, b: Block, loops: readonly For[], kept: readonly Expr[]): void {
  const values = new Map(b.iters.map((i) => [i.var, i.binding]));
  const indices = accessesOf(b).map((a) => ({ ...a, indices: a.indices.map((e) => substitute(e, values)) }));
  const ranges = new Map<string, VarRange>();
  for (const e of [...indices.flatMap((a) => a.indices), ...loops.map((l) => l.extent), ...kept]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of loops) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  const scope = kept.reduce((s, term) => s.assume(term), scopeOf(ranges));
  const holds = (e: Expr): boolean => {
    const simple = scope.simplify(e);
    return simple.kind === "const" && simple.value === 1;
  };
  for (const a of indices) {
    const buffer = bufferOf(func, a.buffer);
    const open = a.indices.findIndex((e, d) => {
      const size = buffer?.shape[d];
      return size === undefined || !holds(lt(e, size)) || !holds(lt(int(-1), e));
    });
    if (open < 0) continue;
    refuse(
      STEP,
      [b.name],
      `block ${b.name} would ${a.write ? "write" : "read"} ${a.buffer} out of bounds along axis ${open}; ` +
        `${a.write ? "cacheWrite" : "cacheRead"} first`,
    );
  }
}
