/**
 * `pad`: a block that goes on to the end of its tiles.
 *
 * @module
 */
import { type Expr, int, lt } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { type Block, block, type BlockIter, type For, type Stmt } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import { mentions } from "../analysis/elements.ts";
import { reachOf } from "./reach.ts";
import { blockSite, bufferOf, refuse } from "./site.ts";

const STEP = "pad";

/**
 * Drops the terms of a block's predicate that no reduce loop decides, so that it also computes what is beyond the edge:
 * nobody uses that, and there is nothing to test for inside.
 *
 * Legal where all that the block writes is memory of a thread or workgroup, and everything that it reads is in bounds
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
  requireOwnMemory(func, b);
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

function requireOwnMemory(func: PrimFunc, b: Block): void {
  const outside = accessesOf(b).find((a) =>
    a.write && (bufferOf(func, a.buffer)?.scope ?? "global") === "global"
  );
  if (outside === undefined) return;
  refuse(STEP, [b.name], `block ${b.name} writes ${outside.buffer}, which is not its own; cacheWrite first`);
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
