/**
 * Reductions over axes: sum, mean, max, min, prod and argmax.
 *
 * @module
 */
import { productDim, type Shape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { type Axis, binary, cast, div, type Expr, int, reduce, select, sub, variable } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import type { ReduceOp } from "../scalar_ops.ts";
import { normalizeAxis, reduceShape } from "../shape.ts";
import {
  arity,
  family,
  flagAttr,
  intsAttr,
  type LowerContext,
  nth,
  numberAttr,
  NUMBERS,
  type OpDef,
  shapeOrThrow,
  widen,
} from "./op.ts";

/** The axes to reduce, from attribute `axes` (absent: all), none negative, sorted. */
function axesOf(op: string, attrs: Attrs, shape: Shape): readonly number[] {
  if (attrs["axes"] === undefined || attrs["axes"] === null) return [...shape.keys()];
  const axes = intsAttr(op, attrs, "axes").map((axis) => axisOf(op, axis, shape));
  return [...axes].sort((a, b) => a - b);
}

/** One axis, not negative. */
export function axisOf(op: string, axis: number, shape: Shape): number {
  const index = normalizeAxis(op, shape, axis);
  if (typeof index === "string") throw new ShapeError(op, index);
  return index;
}

/** Splits a result index and fresh reduction axes into an input index. */
function reduction(
  context: LowerContext,
  indices: readonly Expr[],
  axes: readonly number[],
  keepDims: boolean,
): {
  readonly over: readonly Axis[];
  readonly element: Expr;
} {
  const x = nth(context.inputs, 0);
  const over: Axis[] = [];
  let next = 0;
  const at = x.shape.map((dim, d): Expr => {
    if (!axes.includes(d)) return nth(indices, keepDims ? d : next++);
    const name = context.fresh("k");
    over.push({ name, extent: dimExpr(dim) });
    return variable(name);
  });
  return { over, element: widen(x.at(at)) };
}

function reduceOp(
  name: string,
  op: ReduceOp,
  families: readonly ("float" | "signed" | "unsigned")[],
  finish: (folded: Expr, context: LowerContext, axes: readonly number[]) => Expr = (folded) => folded,
): OpDef {
  return {
    name,
    pattern: "reduce",
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      const axes = axesOf(name, attrs, x.shape);
      const shape = shapeOrThrow(name, reduceShape(name, x.shape, axes, flagAttr(name, attrs, "keepDims")));
      return { shape, dtype: family(name, x.dtype, families) };
    },
    lower(context, indices): Expr {
      const axes = axesOf(name, context.attrs, nth(context.inputs, 0).shape);
      const { over, element } = reduction(context, indices, axes, flagAttr(name, context.attrs, "keepDims"));
      const folded = over.length === 0 ? element : reduce(op, over, element);
      return cast(DTYPES[context.output.dtype].register, finish(folded, context, axes));
    },
  };
}

/** Divides a folded sum by the number of elements folded. */
function divideByCount(folded: Expr, context: LowerContext, axes: readonly number[]): Expr {
  const x = nth(context.inputs, 0);
  return div(folded, cast(folded.dtype, dimExpr(productDim(axes.map((d) => nth(x.shape, d))))));
}

/** Index of the largest element along an axis: the first where several are equal. */
const argmax: OpDef = {
  name: "argmax",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    arity("argmax", inputs, 1);
    const x = nth(inputs, 0);
    family("argmax", x.dtype, NUMBERS);
    const axis = axisOf("argmax", numberAttr("argmax", attrs, "axis"), x.shape);
    if (x.shape[axis] === 0) {
      throw new ShapeError("argmax", `argmax: axis ${axis} is 0 long, so it has no largest element`);
    }
    const shape = shapeOrThrow(
      "argmax",
      reduceShape("argmax", x.shape, [axis], flagAttr("argmax", attrs, "keepDims")),
    );
    return { shape, dtype: "i32" };
  },
  lower(context, indices): Expr {
    const x = nth(context.inputs, 0);
    const axis = axisOf("argmax", numberAttr("argmax", context.attrs, "axis"), x.shape);
    const keep = flagAttr("argmax", context.attrs, "keepDims");
    const best = reduction(context, indices, [axis], keep);
    const largest = reduce("max", best.over, best.element);
    const where = reduction(context, indices, [axis], keep);
    const last = sub(dimExpr(nth(x.shape, axis)), int(1));
    const index = variable(nth(where.over, 0).name);
    return reduce("min", where.over, select(binary("eq", where.element, largest), index, last));
  },
};

/** The reductions. */
export const REDUCE_OPS_TABLE: readonly OpDef[] = [
  reduceOp("sum", "sum", NUMBERS),
  reduceOp("prod", "prod", NUMBERS),
  reduceOp("max", "max", NUMBERS),
  reduceOp("min", "min", NUMBERS),
  reduceOp("mean", "sum", ["float"], divideByCount),
  argmax,
];
