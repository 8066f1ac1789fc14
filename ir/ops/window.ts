/**
 * What convolution and pooling share: attributes of a sliding window, and the elements under it.
 *
 * @module
 */
import type { Dim, Shape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { ShapeError } from "../errors.ts";
import { add, and, type Axis, binary, type Expr, int, lt, max, min, mul, sub, variable } from "../expr.ts";
import { floordiv } from "../expr.ts";
import type { Attrs } from "../graph.ts";
import type { Sliding } from "../shape/window.ts";
import { intsAttr, type LowerContext, nth } from "./op.ts";

/** Positions are 32-bit integers. */
const MOST = 2 ** 31 - 1;

/** Attributes `padding`, `strides` and `dilations`. Throws {@linkcode ShapeError} for numbers out of range. */
export function slidingAttrs(op: string, attrs: Attrs): Sliding {
  const list = (name: string, count: number, least: number): readonly number[] => {
    const values = intsAttr(op, attrs, name);
    if (values.length !== count || values.some((v) => v < least || v > MOST)) {
      throw new ShapeError(
        op,
        `${op}: ${name} must be ${count} integers from ${least} on, got [${values.join(", ")}]`,
      );
    }
    return values;
  };
  const [padding, strides, dilations] = [
    list("padding", 4, 0),
    list("strides", 2, 1),
    list("dilations", 2, 1),
  ];
  return {
    padding: [nth(padding, 0), nth(padding, 1), nth(padding, 2), nth(padding, 3)],
    strides: [nth(strides, 0), nth(strides, 1)],
    dilations: [nth(dilations, 0), nth(dilations, 1)],
  };
}

/** The elements of an image under a window. */
export interface Under {
  /** Axes over the window. */
  readonly axes: readonly Axis[];
  /** Row and column in the window. */
  readonly at: readonly [Expr, Expr];
  /** Row and column in the image. */
  readonly from: readonly [Expr, Expr];
  /** Whether that is inside the image; `undefined` where it always is. */
  readonly inside: Expr | undefined;
}

/** What is under a `window` at position `[y, x]` over an image of `size`; `overhang` if it may reach out behind. */
export function under(
  context: LowerContext,
  window: Shape,
  size: Shape,
  position: readonly Expr[],
  { padding, strides, dilations }: Sliding,
  overhang: boolean,
): Under {
  const along = (i: 0 | 1) => {
    const name = context.fresh(i === 0 ? "wy" : "wx");
    const [at, before, after] = [variable(name), padding[2 * i]!, padding[2 * i + 1]!];
    const from = sub(
      add(mul(nth(position, i), int(strides[i])), mul(at, int(dilations[i]))),
      int(before),
    );
    const inside = [
      ...(before > 0 ? [binary("le", int(0), from)] : []),
      ...(after > 0 || overhang ? [lt(from, dimExpr(nth(size, i)))] : []),
    ];
    return { axis: { name, extent: dimExpr(nth(window, i)) }, at, from, inside };
  };
  const [y, x] = [along(0), along(1)];
  const inside = [...y.inside, ...x.inside];
  return {
    axes: [y.axis, x.axis],
    at: [y.at, x.at],
    from: [y.from, x.from],
    inside: inside.length === 0 ? undefined : inside.reduce(and),
  };
}

/** How many of a window's `n` elements along one axis lie inside an image, for the window's position there. */
export function countInside(
  n: Dim,
  size: Dim,
  position: Expr,
  [before, stride, dilation]: readonly [number, number, number],
): Expr {
  // The k with 0 <= position * stride - before + k * dilation < size.
  const start = sub(int(before), mul(position, int(stride)));
  const up = (e: Expr): Expr => floordiv(add(e, int(dilation - 1)), int(dilation));
  return sub(min(dimExpr(n), up(add(dimExpr(size), start))), max(int(0), up(start)));
}
