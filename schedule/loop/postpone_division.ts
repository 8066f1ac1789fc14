/**
 * `postponeDivision`: sums of quotients as quotients of sums.
 *
 * @module
 */
import { binary, type Expr } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { type Block, block, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { freeVars } from "../../ir/visit.ts";
import { foldOf } from "../analysis/fold.ts";
import { isBefore, type Place, touchesOf } from "../analysis/order.ts";
import { allocationOf, pointwiseBlock, storedIters } from "./intermediate.ts";
import { factorsOf } from "./factors.ts";
import { refuse } from "./site.ts";

const STEP = "postponeDivision";

/**
 * Leaves out the division at the end of what a block computes, and divides what is summed of it instead: one division
 * a sum in place of one a term.
 *
 * Legal for a block that alone writes a buffer of the function, one element at a time, as a quotient `x / d` where `d` is
 * an element of a buffer that is not written after that; all readers are sums of products with this element as one
 * factor, into buffers of the function, whose elements belong to one `d` and which nothing else writes. Equal up to
 * rounding.
 *
 * rewrite: `p[j] = x[j] / d; for j: o += p[j] * v[j]; y = o`  becomes  `p[j] = x[j]; for j: o += p[j] * v[j]; y = o / d`
 */
export function postponeDivision(func: PrimFunc, blockName: string): PrimFunc {
  const producer = pointwiseBlock(STEP, func, blockName);
  const { block: b, store: own } = producer;
  const { value } = own;
  if (value.kind !== "binary" || value.op !== "div" || value.b.kind !== "load") {
    return refuse(
      STEP,
      [blockName],
      `block ${blockName} does not end with a division by an element of a buffer`,
    );
  }
  const divisor = value.b;
  const { buffer } = allocationOf(STEP, func, blockName, own.buffer);
  const iters = storedIters(STEP, producer, buffer);
  const sums = new Map<string, { readonly block: Block; readonly place: Place; readonly divisor: Expr }>();
  for (const { place } of touchesOf(func.body, buffer.name)) {
    const reader = place.findLast((s) => s.kind === "block");
    if (reader === b) continue;
    if (reader?.kind !== "block") {
      return refuse(STEP, [blockName], `${buffer.name} is used outside of blocks`);
    }
    const fold = foldOf(reader);
    const factors = fold?.op === "sum" ? factorsOf(fold.term) : [];
    const used = factors.filter((f) => f.kind === "load" && f.buffer === buffer.name);
    const [factor] = used;
    if (fold === undefined || used.length !== 1 || factor?.kind !== "load") {
      return refuse(
        STEP,
        [blockName, reader.name],
        `block ${reader.name} is no sum of products with ${buffer.name}`,
      );
    }
    const values = new Map<string, Expr>();
    iters.forEach((iter, d) => iter !== undefined && values.set(iter.var, factor.indices[d] ?? factor));
    const wanted = substitute(divisor, values);
    const target = fold.store.indices.flatMap((e) => (e.kind === "var" ? [e.name] : []));
    if ([...freeVars(wanted)].some((name) => !target.includes(name))) {
      return refuse(
        STEP,
        [blockName, reader.name],
        `terms of one sum of block ${reader.name} have several divisors`,
      );
    }
    allocationOf(STEP, func, reader.name, fold.store.buffer);
    sums.set(fold.store.buffer, { block: reader, place, divisor: wanted });
  }
  if (sums.size === 0) refuse(STEP, [blockName], `nothing reads ${buffer.name}`);
  for (const touch of touchesOf(func.body, divisor.buffer)) {
    if (touch.write && !isBefore(touch.place, producer.place)) {
      refuse(STEP, [blockName], `${divisor.buffer} is written after block ${blockName}`);
    }
  }
  for (const [name, sum] of sums) {
    for (const { place, write } of touchesOf(func.body, name)) {
      const reader = place.findLast((s) => s.kind === "block");
      if (reader === sum.block) continue;
      if (write || reader?.kind !== "block" || !isBefore(sum.place, place)) {
        refuse(STEP, [blockName, sum.block.name], `${name} is used by more than what comes after the sum`);
      }
    }
  }
  const divided = (e: Expr): Expr =>
    rewriteExpr(e, (n) => {
      const sum = n.kind === "load" ? sums.get(n.buffer) : undefined;
      if (n.kind !== "load" || sum === undefined) return n;
      const fold = foldOf(sum.block);
      const at = new Map(
        fold?.store.indices.flatMap((i, d) => {
          const given = n.indices[d];
          return i.kind === "var" && given !== undefined ? [[i.name, given] as const] : [];
        }),
      );
      return binary("div", n, substitute(sum.divisor, at));
    });
  const summing = new Set([...sums.values()].map((s) => s.block.name));
  const changed = rewriteStmt(func.body, (s) => {
    if (s.kind !== "block" || summing.has(s.name)) return s;
    const { reads: _r, writes: _w, ...parts } = s;
    if (s.name === b.name) return block({ ...parts, body: store(own.buffer, own.indices, value.a) });
    const made = mapStmtExprs(s.body, divided);
    const init = s.init && mapStmtExprs(s.init, divided);
    if (made === s.body && init === s.init) return s;
    return block({ ...parts, ...(init === undefined ? {} : { init }), body: made });
  });
  return withBody(func, changed);
}
