/**
 * Sums of all elements up to each.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { binary, cast, constant, type Expr, reduce, select, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { arity, family, flagAttr, nth, numberAttr, NUMBERS, type OpDef, widen } from "./op.ts";
import { axisOf } from "./reduce.ts";

/**
 * The sum of the elements up to each along an axis: from the start, or (`reversed`) the end; without the element
 * itself if `exclusive`. Each result sums anew, so that all may be computed at once.
 */
const cumsum: OpDef = {
  name: "cumsum",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    arity("cumsum", inputs, 1);
    const x = nth(inputs, 0);
    axisOf("cumsum", numberAttr("cumsum", attrs, "axis"), x.shape);
    flagAttr("cumsum", attrs, "exclusive");
    flagAttr("cumsum", attrs, "reversed");
    return { shape: x.shape, dtype: family("cumsum", x.dtype, NUMBERS) };
  },
  lower({ inputs, attrs, output, fresh }, indices): Expr {
    const x = nth(inputs, 0);
    const axis = axisOf("cumsum", numberAttr("cumsum", attrs, "axis"), x.shape);
    const name = fresh("k");
    const k = variable(name);
    const element = widen(x.at(indices.map((i, d) => (d === axis ? k : i))));
    const exclusive = flagAttr("cumsum", attrs, "exclusive");
    const own = nth(indices, axis);
    const counts = flagAttr("cumsum", attrs, "reversed")
      ? binary(exclusive ? "gt" : "ge", k, own)
      : binary(exclusive ? "lt" : "le", k, own);
    const axes = [{ name, extent: dimExpr(nth(x.shape, axis)) }];
    const sum = reduce("sum", axes, select(counts, element, constant(element.dtype, 0)));
    return cast(DTYPES[output.dtype].register, sum);
  },
};

/** The scans. */
export const SCAN_OPS: readonly OpDef[] = [cumsum];
