/**
 * Pooling of images: the mean, maximum or Euclidean norm of what is under a window. What is outside of the image does
 * not count.
 *
 * @module
 */
import type { Dim } from "../dim.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { cast, constant, div, type Expr, mul, reduce, select, unary } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import { reduceIdentity, type ReduceOp } from "../scalar_ops.ts";
import { poolShape } from "../shape/window.ts";
import {
  arity,
  family,
  flagAttr,
  type LowerContext,
  nth,
  NUMBERS,
  type OpDef,
  type Operand,
  shapeAttr,
  shapeOrThrow,
  widen,
} from "./op.ts";
import { countInside, slidingAttrs, under } from "./window.ts";

/** Attribute `window`, or the whole image. */
function windowAttr(op: string, attrs: Attrs): readonly [Dim, Dim] | undefined {
  if (attrs["window"] === undefined || attrs["window"] === null) return undefined;
  const window = shapeAttr(op, attrs, "window");
  const [h, w] = window;
  if (window.length !== 2 || h === undefined || w === undefined || [h, w].some((d) => Number(d) < 1)) {
    throw new ShapeError(op, `${op}: window must be two dims from 1 on, got [${window.join(", ")}]`);
  }
  return [h, w];
}

function poolOp(
  name: string,
  op: ReduceOp,
  families: readonly ("float" | "signed" | "unsigned")[],
  element: (x: Expr) => Expr,
  finish: (folded: Expr, context: LowerContext, indices: readonly Expr[]) => Expr,
): OpDef {
  return {
    name,
    pattern: "reduce",
    dimAttrs: ["window"],
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      const dtype = family(name, x.dtype, families);
      const [sliding, ceil] = [slidingAttrs(name, attrs), flagAttr(name, attrs, "ceil")];
      return {
        shape: shapeOrThrow(name, poolShape(name, x.shape, windowAttr(name, attrs), sliding, ceil)),
        dtype,
      };
    },
    lower(context, indices): Expr {
      const x = nth(context.inputs, 0);
      const { axes, from, inside } = under(
        context,
        poolWindow(name, context.attrs, x),
        x.shape.slice(2),
        indices.slice(2),
        slidingAttrs(name, context.attrs),
        flagAttr(name, context.attrs, "ceil"),
      );
      const own = element(widen(x.at([...indices.slice(0, 2), ...from])));
      const body = inside === undefined
        ? own
        : select(inside, own, constant(own.dtype, reduceIdentity(op, own.dtype)));
      return cast(DTYPES[context.output.dtype].register, finish(reduce(op, axes, body), context, indices));
    },
  };
}

function poolWindow(op: string, attrs: Attrs, x: Operand): readonly [Dim, Dim] {
  return windowAttr(op, attrs) ?? [nth(x.shape, 2), nth(x.shape, 3)];
}

/** Divides a sum by the number of elements inside the image. */
function divideByCount(sum: Expr, context: LowerContext, indices: readonly Expr[]): Expr {
  const x = nth(context.inputs, 0);
  const { padding, strides, dilations } = slidingAttrs("averagePool2d", context.attrs);
  const window = poolWindow("averagePool2d", context.attrs, x);
  const [h, w] = ([0, 1] as const).map((i) =>
    countInside(window[i], nth(x.shape, 2 + i), nth(indices, 2 + i), [
      padding[2 * i]!,
      strides[i],
      dilations[i],
    ])
  );
  return div(sum, cast(sum.dtype, h === undefined || w === undefined ? sum : mul(h, w)));
}

/** Poolings. */
export const POOL_OPS: readonly OpDef[] = [
  poolOp("averagePool2d", "sum", ["float"], (x) => x, divideByCount),
  poolOp("maxPool2d", "max", NUMBERS, (x) => x, (folded) => folded),
  poolOp("l2Pool2d", "sum", ["float"], (x) => mul(x, x), (folded) => unary("sqrt", folded)),
];
