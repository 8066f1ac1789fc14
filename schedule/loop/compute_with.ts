/**
 * `computeWith`: two loops beside each other as one.
 *
 * @module
 */
import { determinedLoops } from "../../ir/determine.ts";
import { variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { forLoop, seq, type Stmt } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { commonIndices, sharedAccesses } from "../analysis/elements.ts";
import { loopsIn } from "../analysis/nests.ts";
import { forkOf, loopsAt, touches } from "../analysis/order.ts";
import { without } from "./intermediate.ts";
import { loopSite, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "computeWith";

/**
 * Does what an iteration of a loop does at the start of the same iteration of a later loop (Halide's `compute_with`).
 *
 * Legal for serial loops of equal extents in one sequence, where nothing from the first to the second depends on the
 * first, and where iterations of both that differ touch different elements of all that either writes.
 *
 * rewrite: `for i: A(i); for j: B(j)`  becomes  `for j: { A(j); B(j) }`
 */
export function computeWith(func: PrimFunc, first: string, second: string): PrimFunc {
  const a = loopSite(STEP, func, first);
  const b = loopSite(STEP, func, second);
  const at = [first, second];
  requireSerial(STEP, a.loop);
  requireSerial(STEP, b.loop);
  if (a.loop.extent !== b.loop.extent) refuse(STEP, at, `loops ${first} and ${second} have different extents`);
  const [from, to] = [[...a.path, a.loop], [...b.path, b.loop]];
  const fork = forkOf(from, to);
  const apart = [...from.slice(fork.common.length), ...to.slice(fork.common.length)]
    .find((s) => s !== a.loop && s !== b.loop && s.kind !== "alloc");
  if (fork.seq === undefined || fork.at[0] > fork.at[1] || apart !== undefined) {
    refuse(STEP, at, `loop ${second} is not after loop ${first} in one sequence`);
  }
  const block = fork.common.find((s) => s.kind === "block");
  if (block?.kind === "block") refuse(STEP, [...at, block.name], `they are inside block ${block.name}`);
  const own = from.slice(fork.common.length).find((s) => s.kind === "alloc");
  if (own?.kind === "alloc") refuse(STEP, at, `${own.buffer.name} is allocated around loop ${first} alone`);
  for (const s of fork.seq?.body.slice(fork.at[0] + 1, fork.at[1]) ?? []) {
    const used = bufferAccesses(a.loop).find((x) => touches(s, x.buffer, !x.write));
    if (used !== undefined) refuse(STEP, at, `what is between them uses ${used.buffer}, too`);
  }
  const moved = substituteStmt(a.loop.body, new Map([[a.loop.var, variable(b.loop.var)]]));
  const both = forLoop(b.loop.var, b.loop.extent, seq([moved, b.loop.body]), b.loop.loop);
  const outside = loopsAt(b.path);
  for (const [buffer, accesses] of sharedAccesses(both)) {
    if (!touches(a.loop, buffer) || !touches(b.loop, buffer)) continue;
    const known = determinedLoops(
      commonIndices(accesses),
      outside.map((l) => l.var),
      [...outside, ...loopsIn(both)],
    );
    if (known.has(both.var)) continue;
    refuse(STEP, at, `different iterations of both may touch one element of ${buffer}`);
  }
  const joined = replaceStmt(func.body, b.loop, () => both);
  return requireInits(STEP, at, withBody(func, without(joined, new Set<Stmt>([a.loop]))));
}
