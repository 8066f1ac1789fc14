/**
 * Reductions over axes: sums, means, norms, extremes and their indices.
 *
 * @module
 */
import { productDim, type Shape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import {
  add,
  type Axis,
  binary,
  cast,
  div,
  type Expr,
  int,
  lt,
  mul,
  reduce,
  select,
  sub,
  unary,
  variable,
} from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import type { ReduceOp, UnaryOp } from "../scalar_ops.ts";
import { normalizeAxis, reduceShape } from "../shape.ts";
import { magnitude } from "./elementwise.ts";
import {
  arity,
  family,
  flagAttr,
  intsAttr,
  literal,
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

/** What a reduction does besides folding. */
interface Folding {
  /** What is folded of each element. */
  readonly element?: (x: Expr) => Expr;
  /** The result, of what was folded. */
  readonly finish?: (folded: Expr, context: LowerContext, axes: readonly number[]) => Expr;
}

function reduceOp(
  name: string,
  op: ReduceOp,
  families: readonly ("float" | "signed" | "unsigned" | "bool")[],
  { element: map = (x) => x, finish = (folded) => folded }: Folding = {},
): OpDef {
  return {
    ...reduceRow(name, families),
    lower(context, indices): Expr {
      const axes = axesOf(name, context.attrs, nth(context.inputs, 0).shape);
      const { over, element } = reduction(context, indices, axes, flagAttr(name, context.attrs, "keepDims"));
      const folded = over.length === 0 ? map(element) : reduce(op, over, map(element));
      return cast(DTYPES[context.output.dtype].register, finish(folded, context, axes));
    },
  };
}

/** A row without its lowering. */
function reduceRow(
  name: string,
  families: readonly ("float" | "signed" | "unsigned" | "bool")[],
): Omit<OpDef, "lower"> {
  return {
    name,
    pattern: "reduce",
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      const all = attrs["axes"] === undefined || attrs["axes"] === null;
      const axes = all ? undefined : intsAttr(name, attrs, "axes");
      const shape = shapeOrThrow(name, reduceShape(name, x.shape, axes, flagAttr(name, attrs, "keepDims")));
      return { shape, dtype: family(name, x.dtype, families) };
    },
  };
}

/** Divides a folded sum by the number of elements folded. */
function divideByCount(folded: Expr, context: LowerContext, axes: readonly number[]): Expr {
  const x = nth(context.inputs, 0);
  return div(folded, cast(folded.dtype, dimExpr(productDim(axes.map((d) => nth(x.shape, d))))));
}

/** `log(sum(exp(x)))`, of differences to the largest element, so that no power overflows. */
const logSumExp: OpDef = {
  ...reduceRow("logSumExp", ["float"]),
  lower(context, indices): Expr {
    const axes = axesOf("logSumExp", context.attrs, nth(context.inputs, 0).shape);
    const keep = flagAttr("logSumExp", context.attrs, "keepDims");
    const top = reduction(context, indices, axes, keep);
    if (top.over.length === 0) return nth(context.inputs, 0).at(indices);
    const largest = reduce("max", top.over, top.element);
    // An infinite largest element minus itself would be NaN.
    const isFinite = lt(unary("abs", largest), literal(largest, Infinity));
    const shift = select(isFinite, largest, literal(largest, 0));
    const all = reduction(context, indices, axes, keep);
    const total = reduce("sum", all.over, unary("exp", sub(all.element, shift)));
    return cast(DTYPES[context.output.dtype].register, add(unary("log", total), shift));
  },
};

/** Index of the largest (`max`) or smallest element along an axis: the first where several are equal. */
function argOp(name: string, op: "max" | "min", what: string): OpDef {
  return {
    name,
    pattern: "reduce",
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      family(name, x.dtype, NUMBERS);
      const axis = axisOf(name, numberAttr(name, attrs, "axis"), x.shape);
      if (x.shape[axis] === 0) {
        throw new ShapeError(name, `${name}: axis ${axis} is 0 long, so it has no ${what} element`);
      }
      const keep = flagAttr(name, attrs, "keepDims");
      return { shape: shapeOrThrow(name, reduceShape(name, x.shape, [axis], keep)), dtype: "i32" };
    },
    lower(context, indices): Expr {
      const x = nth(context.inputs, 0);
      const axis = axisOf(name, numberAttr(name, context.attrs, "axis"), x.shape);
      const keep = flagAttr(name, context.attrs, "keepDims");
      const all = reduction(context, indices, [axis], keep);
      const best = reduce(op, all.over, all.element);
      const where = reduction(context, indices, [axis], keep);
      const last = sub(dimExpr(nth(x.shape, axis)), int(1));
      const index = variable(nth(where.over, 0).name);
      return reduce("min", where.over, select(binary("eq", where.element, best), index, last));
    },
  };
}

const square = (x: Expr): Expr => mul(x, x);
const apply = (op: UnaryOp) => (x: Expr): Expr => unary(op, x);
/** Reductions fold no booleans: as 0 and 1 of `u32`, whose identities of `max` and `min` are false and true. */
const bit = (x: Expr): Expr => cast("u32", x);

/** The reductions. */
export const REDUCE_OPS_TABLE: readonly OpDef[] = [
  reduceOp("sum", "sum", NUMBERS),
  reduceOp("prod", "prod", NUMBERS),
  reduceOp("max", "max", NUMBERS),
  reduceOp("min", "min", NUMBERS),
  reduceOp("mean", "sum", ["float"], { finish: divideByCount }),
  reduceOp("l1", "sum", NUMBERS, { element: magnitude }),
  reduceOp("l2", "sum", ["float"], { element: square, finish: apply("sqrt") }),
  reduceOp("sumSquare", "sum", NUMBERS, { element: square }),
  reduceOp("logSum", "sum", ["float"], { finish: apply("log") }),
  logSumExp,
  reduceOp("any", "max", ["bool"], { element: bit }),
  reduceOp("all", "min", ["bool"], { element: bit }),
  argOp("argmax", "max", "largest"),
  argOp("argmin", "min", "smallest"),
];
