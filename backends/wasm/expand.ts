/**
 * Loops as the machine has them: `unrolled` ones written out, `vectorized` ones cut into pieces of four lanes.
 *
 * After this, a `vectorized` loop has four iterations and {@linkcode canVectorize}; all others are serial.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import { add, type Expr, int, mul, variable } from "../../ir/expr.ts";
import type { Ranges } from "../../ir/interval.ts";
import { simplify } from "../../ir/simplify.ts";
import { simplifyStmt } from "../../ir/simplify_stmt.ts";
import { type Buffer, type For, forLoop, seq, type Stmt } from "../../ir/stmt.ts";
import { mapStmtChildren, substituteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars, visitStmt } from "../../ir/visit.ts";
import { canVectorize } from "./lane.ts";

/** Lanes of a vector of 32-bit numbers. */
export const LANES = 4;
/** Longest loop that is written out, and how many copies of a statement nested ones may make in all. */
const MAX_UNROLL = 32;
const MAX_COPIES = 256;
/** Largest local buffer, in elements, that may live in registers. */
export const MAX_REGISTERS = 256;

/** Writes out and cuts the loops of a nest; `buffers` are those around it. */
export function expand(s: Stmt, buffers: ReadonlyMap<string, Buffer>, ranges: Ranges): Stmt {
  const small = new Set<string>();
  visitStmt(s, (node) => {
    if (node.kind !== "alloc") return;
    const span = simplify(bufferSpan(node.buffer));
    if (span.kind === "const" && span.value <= MAX_REGISTERS) small.add(node.buffer.name);
  });
  const cut = simplifyStmt(cutLoops(s, small, 1), ranges, { dropLoops: true });
  const settled = settle(cut, buffers);
  return settled === cut ? cut : simplifyStmt(settled, ranges, { dropLoops: true });
}

/** `small`: local buffers that become registers if every access of them is of a known element. */
function cutLoops(s: Stmt, small: ReadonlySet<string>, copies: number): Stmt {
  if (s.kind !== "for") return mapStmtChildren(s, (child) => cutLoops(child, small, copies));
  const count = s.extent.kind === "const" ? s.extent.value : undefined;
  const wide = s.loop === "vectorized" && count !== undefined && count >= LANES;
  const pieces = count === undefined ? Infinity : wide ? Math.ceil(count / LANES) : count;
  const written = pieces <= MAX_UNROLL && pieces * copies <= MAX_COPIES;
  if (wide && count !== undefined) {
    const whole = Math.floor(count / LANES);
    if (!written && count % LANES === 0) {
      const chunk = `${s.var}.chunk`;
      const body = laneLoop(s, mul(variable(chunk), int(LANES)));
      return forLoop(chunk, int(whole), cutLoops(body, small, copies));
    }
    if (written) {
      if (whole === 1 && count === LANES) {
        return forLoop(s.var, s.extent, cutLoops(s.body, small, copies), "vectorized");
      }
      const vectors = range(whole).map((c) => cutLoops(laneLoop(s, int(c * LANES)), small, copies * pieces));
      const rest = range(count % LANES).map((i) => copyOf(s, int(whole * LANES + i)));
      return seq([...vectors, ...rest.map((c) => cutLoops(c, small, copies * pieces))]);
    }
  }
  if (
    written && count !== undefined &&
    (s.loop === "unrolled" || s.loop === "vectorized" || picksRegister(s, small))
  ) {
    return seq(range(count).map((i) => cutLoops(copyOf(s, int(i)), small, copies * pieces)));
  }
  return forLoop(s.var, s.extent, cutLoops(s.body, small, copies));
}

function laneLoop(s: For, start: Expr): Stmt {
  return forLoop(s.var, int(LANES), copyOf(s, add(start, variable(s.var))), "vectorized");
}

function copyOf(s: For, value: Expr): Stmt {
  return substituteStmt(s.body, new Map([[s.var, value]]));
}

function range(n: number): readonly number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** Whether a loop's variable says which register is accessed. */
function picksRegister(s: For, small: ReadonlySet<string>): boolean {
  return bufferAccesses(s.body).some((a) =>
    small.has(a.buffer) && a.indices.some((i) => freeVars(i).has(s.var))
  );
}

/** Writes out the lane loops that have no form for vectors. */
function settle(s: Stmt, buffers: ReadonlyMap<string, Buffer>): Stmt {
  if (s.kind === "alloc") {
    const body = settle(s.body, new Map(buffers).set(s.buffer.name, s.buffer));
    return body === s.body ? s : { ...s, body };
  }
  if (s.kind === "for" && s.loop === "vectorized") {
    const known = s.extent.kind === "const" && s.extent.value === LANES;
    if (known && !hasLanes(s.body) && canVectorize(s.body, { name: s.var, own: new Set() }, buffers)) {
      return s;
    }
    const copies = range(LANES).map((i) => copyOf(s, int(i)));
    return known
      ? seq(copies.map((c) => settle(c, buffers)))
      : forLoop(s.var, s.extent, settle(s.body, buffers));
  }
  let changed = false;
  const mapped = mapStmtChildren(s, (child) => {
    const result = settle(child, buffers);
    if (result !== child) changed = true;
    return result;
  });
  return changed ? mapped : s;
}

function hasLanes(s: Stmt): boolean {
  let found = false;
  visitStmt(s, (node) => {
    if (node.kind === "for" && node.loop === "vectorized") found = true;
  });
  return found;
}
