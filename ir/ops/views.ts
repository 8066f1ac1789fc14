/**
 * Operators that only move elements: permute, reshape, slice, split, concat, broadcast.
 *
 * @module
 */
import { type Dim, dimEquals, divDim, productDim, type Shape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { add, type Expr, floordiv, int, lt, mod, mul, select, sub } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import {
  broadcastToShape,
  concatShape,
  permuteShape,
  reshapeShape,
  sliceShape,
  splitShape,
} from "../shape.ts";
import { atBroadcast } from "./elementwise.ts";
import {
  arity,
  dimAttr,
  intsAttr,
  nth,
  numberAttr,
  type OpDef,
  sameDType,
  shapeAttr,
  shapeOrThrow,
} from "./op.ts";
import { axisOf } from "./reduce.ts";

const permute: OpDef = {
  name: "permute",
  pattern: "view",
  infer(inputs, attrs): TensorType {
    arity("permute", inputs, 1);
    const x = nth(inputs, 0);
    return {
      shape: shapeOrThrow("permute", permuteShape(x.shape, intsAttr("permute", attrs, "axes"))),
      dtype: x.dtype,
    };
  },
  lower({ inputs, attrs }, indices): Expr {
    const x = nth(inputs, 0);
    const axes = intsAttr("permute", attrs, "axes").map((a) => axisOf("permute", a, x.shape));
    return x.at(x.shape.map((_, d) => nth(indices, axes.indexOf(d))));
  },
};

/** Runs of axes of both shapes that hold the same number of elements, as short as can be proved. */
export function reshapeGroups(
  from: Shape,
  to: Shape,
): readonly { readonly from: Shape; readonly to: Shape }[] {
  const groups: { from: Shape; to: Shape }[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const start = [i, j] as const;
    let [a, b]: [Dim, Dim] = [1, 1];
    do {
      // Lengthen the run that is a divisor of the other, or both where neither is known to be.
      const shorter = a === b
        ? "both"
        : divDim(b, a) !== undefined
        ? "from"
        : divDim(a, b) !== undefined
        ? "to"
        : "both";
      if (shorter !== "to" && i < from.length) i++;
      else if (shorter === "from" && j < to.length) j++;
      if (shorter !== "from" && j < to.length) j++;
      else if (shorter === "to" && i < from.length) i++;
      a = productDim(from.slice(start[0], i));
      b = productDim(to.slice(start[1], j));
    } while (!dimEquals(a, b) && (i < from.length || j < to.length));
    groups.push({ from: from.slice(start[0], i), to: to.slice(start[1], j) });
  }
  return groups;
}

/** Row-major number of an index. */
export function flatten(shape: Shape, indices: readonly Expr[]): Expr {
  return shape.reduce<Expr>((flat, dim, d) => {
    const index = nth(indices, d);
    return d === 0 ? index : add(mul(flat, dimExpr(dim)), index);
  }, int(0));
}

/** The index with a row-major number. */
export function unflatten(shape: Shape, flat: Expr): readonly Expr[] {
  return shape.map((dim, d) => {
    const inner = productDim(shape.slice(d + 1));
    const outer = inner === 1 ? flat : floordiv(flat, dimExpr(inner));
    return d === 0 ? outer : mod(outer, dimExpr(dim));
  });
}

const reshape: OpDef = {
  name: "reshape",
  pattern: "view",
  dimAttrs: ["shape"],
  infer(inputs, attrs): TensorType {
    arity("reshape", inputs, 1);
    const x = nth(inputs, 0);
    const shape = shapeOrThrow("reshape", reshapeShape(x.shape, shapeAttr("reshape", attrs, "shape")));
    return { shape, dtype: x.dtype };
  },
  lower({ inputs, output }, indices): Expr {
    const x = nth(inputs, 0);
    let next = 0;
    return x.at(
      reshapeGroups(x.shape, output.shape).flatMap(({ from, to }) => {
        const own = indices.slice(next, next += to.length);
        return from.length === 1 && to.length === 1 ? own : unflatten(from, flatten(to, own));
      }),
    );
  },
};

const slice: OpDef = {
  name: "slice",
  pattern: "view",
  dimAttrs: ["start", "length"],
  infer(inputs, attrs): TensorType {
    arity("slice", inputs, 1);
    const x = nth(inputs, 0);
    const axis = numberAttr("slice", attrs, "axis");
    const [start, length] = [dimAttr("slice", attrs, "start"), dimAttr("slice", attrs, "length")];
    return { shape: shapeOrThrow("slice", sliceShape(x.shape, axis, start, length)), dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const x = nth(inputs, 0);
    const axis = axisOf("slice", numberAttr("slice", attrs, "axis"), x.shape);
    const start = dimAttr("slice", attrs, "start");
    // A negative start counts from the end, as in JavaScript and Python.
    const first = typeof start === "number" && start < 0
      ? sub(dimExpr(nth(x.shape, axis)), int(-start))
      : dimExpr(start);
    return x.at(indices.map((i, d) => (d === axis ? add(i, first) : i)));
  },
};

/** Part `index` of `parts` equal parts. */
const split: OpDef = {
  name: "split",
  pattern: "view",
  infer(inputs, attrs): TensorType {
    arity("split", inputs, 1);
    const x = nth(inputs, 0);
    const [parts, axis] = [numberAttr("split", attrs, "parts"), numberAttr("split", attrs, "axis")];
    return { shape: shapeOrThrow("split", splitShape(x.shape, parts, axis)), dtype: x.dtype };
  },
  lower({ inputs, attrs, output }, indices): Expr {
    const axis = axisOf("split", numberAttr("split", attrs, "axis"), output.shape);
    const first = mul(dimExpr(nth(output.shape, axis)), int(numberAttr("split", attrs, "index")));
    return nth(inputs, 0).at(indices.map((i, d) => (d === axis ? add(i, first) : i)));
  },
};

const concat: OpDef = {
  name: "concat",
  pattern: "elementwise",
  infer(inputs, attrs): TensorType {
    const shapes = inputs.map((t) => t.shape);
    if (inputs.length > 0) sameDType("concat", inputs);
    const shape = shapeOrThrow("concat", concatShape(shapes, numberAttr("concat", attrs, "axis")));
    return { shape, dtype: nth(inputs, 0).dtype };
  },
  lower({ inputs, attrs, output }, indices): Expr {
    const axis = axisOf("concat", numberAttr("concat", attrs, "axis"), output.shape);
    // Innermost choice last: `i < n0 ? a[i] : i < n0 + n1 ? b[i - n0] : ...`.
    const starts: Expr[] = [int(0)];
    for (const t of inputs) starts.push(add(nth(starts, -1), dimExpr(nth(t.shape, axis))));
    const at = (n: number): Expr =>
      nth(inputs, n).at(indices.map((i, d) => (d === axis && n > 0 ? sub(i, nth(starts, n)) : i)));
    return inputs.slice(0, -1).reduceRight<Expr>(
      (rest, _, n) => select(lt(nth(indices, axis), nth(starts, n + 1)), at(n), rest),
      at(inputs.length - 1),
    );
  },
};

const broadcastTo: OpDef = {
  name: "broadcastTo",
  pattern: "view",
  dimAttrs: ["shape"],
  infer(inputs, attrs): TensorType {
    arity("broadcastTo", inputs, 1);
    const x = nth(inputs, 0);
    const target = shapeAttr("broadcastTo", attrs, "shape");
    const shape = shapeOrThrow("broadcastTo", broadcastToShape(x.shape, target));
    return { shape, dtype: x.dtype };
  },
  lower: ({ inputs }, indices) => atBroadcast(nth(inputs, 0), indices),
};

/** The operators that move elements. */
export const VIEW_OPS: readonly OpDef[] = [permute, reshape, slice, split, concat, broadcastTo];
