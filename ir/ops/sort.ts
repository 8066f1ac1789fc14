/**
 * Order: the places of elements in ascending or descending order, by counting for each element those before it.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { and, binary, cast, type Expr, int, lt, reduce, select, unary, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { isFloat } from "../dtype.ts";
import { topShape } from "../shape/layout.ts";
import { arity, dimAttr, flagAttr, nth, numberAttr, type OpDef, shapeOrThrow } from "./op.ts";
import { axisOf } from "./reduce.ts";

const or = (a: Expr, b: Expr): Expr => binary("or", a, b);

/**
 * Whether element `a` at place `i` comes before `b` at `j`: the smaller (or larger), of equal ones the first. NaN counts
 * as larger than any number.
 */
function isBefore(a: Expr, b: Expr, i: Expr, j: Expr, descending: boolean, mayBeNaN: boolean): Expr {
  const [low, high] = descending ? [b, a] : [a, b];
  const [less, same] = [lt(low, high), binary("eq", a, b)];
  if (!mayBeNaN) return or(less, and(same, lt(i, j)));
  const isNaN = (e: Expr): Expr => binary("ne", e, e);
  const below = or(less, and(unary("not", isNaN(low)), isNaN(high)));
  return or(below, and(or(same, and(isNaN(a), isNaN(b))), lt(i, j)));
}

/** The places of the first `count` elements along `axis`, once they are in order. Stable. */
const argsort: OpDef = {
  name: "argsort",
  pattern: "reduce",
  dimAttrs: ["count"],
  infer(inputs, attrs): TensorType {
    arity("argsort", inputs, 1);
    const x = nth(inputs, 0);
    flagAttr("argsort", attrs, "descending");
    const axis = numberAttr("argsort", attrs, "axis");
    const shape = topShape("topK", x.shape, axis, dimAttr("argsort", attrs, "count"));
    return { shape: shapeOrThrow("topK", shape), dtype: "i32" };
  },
  lower({ inputs, attrs, fresh }, indices): Expr {
    const x = nth(inputs, 0);
    const axis = axisOf("argsort", numberAttr("argsort", attrs, "axis"), x.shape);
    const extent = dimExpr(nth(x.shape, axis));
    const [one, other] = [fresh("place"), fresh("other")];
    const [j, i] = [variable(one), variable(other)];
    const element = (at: Expr): Expr => {
      const e = x.at(indices.with(axis, at));
      return e.dtype === "bool" ? cast("i32", e) : e;
    };
    const descending = flagAttr("argsort", attrs, "descending");
    const before = isBefore(element(i), element(j), i, j, descending, isFloat(x.dtype));
    const rank = reduce("sum", [{ name: other, extent }], select(before, int(1), int(0)));
    // Exactly one element has each rank.
    return reduce("sum", [{ name: one, extent }], select(binary("eq", rank, nth(indices, axis)), j, int(0)));
  },
};

/** Operators about order. */
export const SORT_OPS: readonly OpDef[] = [argsort];
