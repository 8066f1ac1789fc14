/**
 * Folds: blocks that do nothing but combine an element with one term after another.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import { type BinaryOp, REDUCE_OPS, type ReduceOp } from "../../ir/scalar_ops.ts";
import type { Block, Store } from "../../ir/stmt.ts";
import { visitExpr } from "../../ir/visit.ts";

/** `x = combine(x, term)`, with a combination that takes terms in any order (of floats: up to rounding). */
export interface Fold {
  readonly op: ReduceOp;
  readonly combine: BinaryOp;
  /** The update. */
  readonly store: Store;
  /** What is combined with the element; does not read its buffer. */
  readonly term: Expr;
}

/** The fold that a block is, if it is one. */
export function foldOf({ body }: Block): Fold | undefined {
  if (body.kind !== "store" || body.value.kind !== "binary") return undefined;
  const { op: combine, a, b } = body.value;
  const op = REDUCES.find((r) => REDUCE_OPS[r].combine === combine);
  if (op === undefined) return undefined;
  const isOwn = (e: Expr): boolean => e.kind === "load" && e.buffer === body.buffer;
  const [own, term] = isOwn(a) ? [a, b] : [b, a];
  let again = false;
  visitExpr(term, (n) => {
    if (isOwn(n)) again = true;
  });
  const same = own.kind === "load" && own.buffer === body.buffer &&
    own.indices.every((e, d) => e === body.indices[d]);
  return same && !again ? { op, combine, store: body, term } : undefined;
}

const REDUCES = Object.keys(REDUCE_OPS) as readonly ReduceOp[];
