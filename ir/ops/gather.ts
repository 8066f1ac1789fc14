/**
 * Look-ups by index tensors, and their inverses. Negative indices count from the end. A look-up out of range gives the
 * nearest element, an update out of range has no effect.
 *
 * @module
 */
import { type Dim, productDim } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import {
  add,
  and,
  binary,
  bool,
  cast,
  constant,
  type Expr,
  int,
  lt,
  max,
  min,
  mul,
  reduce,
  select,
  sub,
  variable,
} from "../expr.ts";
import type { TensorType } from "../graph.ts";
import {
  gatherElementsShape,
  gatherNDShape,
  gatherShape,
  scatterElementsShape,
  scatterNDShape,
} from "../shape/gather.ts";
import { arity, family, nth, numberAttr, type OpDef, type Operand, sameDType, shapeOrThrow } from "./op.ts";
import { axisOf } from "./reduce.ts";
import { unflatten } from "./views.ts";

const INDEX = ["signed", "unsigned"] as const;

/** An index as a position along an axis; still out of range where the index is. */
function position(index: Expr, dim: Dim): Expr {
  if (index.dtype === "u32") return cast("i32", min(index, constant("u32", 0x7fffffff)));
  return add(index, mul(cast("i32", lt(index, int(0))), dimExpr(dim)));
}

/** The position nearest to an index. */
function nearest(index: Expr, dim: Dim): Expr {
  return max(min(position(index, dim), sub(dimExpr(dim), int(1))), int(0));
}

/** The element of `x`, or 0 where the axes that are looked up have no elements at all. */
function elementAt(x: Operand, at: readonly Expr[], looked: readonly Dim[]): Expr {
  const element = x.at(at);
  const maybeEmpty = looked.filter((dim) => !(typeof dim === "number" && dim > 0));
  if (maybeEmpty.length === 0) return element;
  const some = maybeEmpty.map((dim) => lt(int(0), dimExpr(dim))).reduce(and);
  return select(some, element, constant(element.dtype, 0));
}

const gather: OpDef = {
  name: "gather",
  pattern: "elementwise",
  infer(inputs, attrs): TensorType {
    arity("gather", inputs, 2);
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    family("gather", ids.dtype, INDEX);
    const axis = numberAttr("gather", attrs, "axis");
    return { shape: shapeOrThrow("gather", gatherShape(x.shape, ids.shape, axis)), dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    const axis = axisOf("gather", numberAttr("gather", attrs, "axis"), x.shape);
    const dim = nth(x.shape, axis);
    const behind = axis + ids.shape.length;
    const at = nearest(ids.at(indices.slice(axis, behind)), dim);
    return elementAt(x, [...indices.slice(0, axis), at, ...indices.slice(behind)], [dim]);
  },
};

const gatherElements: OpDef = {
  name: "gatherElements",
  pattern: "elementwise",
  infer(inputs, attrs): TensorType {
    arity("gatherElements", inputs, 2);
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    family("gatherElements", ids.dtype, INDEX);
    const axis = numberAttr("gatherElements", attrs, "axis");
    return {
      shape: shapeOrThrow("gatherElements", gatherElementsShape(x.shape, ids.shape, axis)),
      dtype: x.dtype,
    };
  },
  lower({ inputs, attrs }, indices): Expr {
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    const axis = axisOf("gatherElements", numberAttr("gatherElements", attrs, "axis"), x.shape);
    const dim = nth(x.shape, axis);
    return elementAt(x, indices.with(axis, nearest(ids.at(indices), dim)), [dim]);
  },
};

const gatherND: OpDef = {
  name: "gatherND",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("gatherND", inputs, 2);
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    family("gatherND", ids.dtype, INDEX);
    return { shape: shapeOrThrow("gatherND", gatherNDShape(x.shape, ids.shape)), dtype: x.dtype };
  },
  lower({ inputs }, indices): Expr {
    const [x, ids] = [nth(inputs, 0), nth(inputs, 1)];
    const depth = Number(nth(ids.shape, -1));
    const outer = indices.slice(0, ids.shape.length - 1);
    const looked = x.shape.slice(0, depth);
    const at = looked.map((dim, d) => nearest(ids.at([...outer, int(d)]), dim));
    return elementAt(x, [...at, ...indices.slice(outer.length)], looked);
  },
};

/** Each element asks which updates are for it, and takes the last. */
const scatterElements: OpDef = {
  name: "scatterElements",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    arity("scatterElements", inputs, 3);
    const [x, ids, updates] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    family("scatterElements", ids.dtype, INDEX);
    const axis = numberAttr("scatterElements", attrs, "axis");
    const dtype = sameDType("scatterElements", [x, updates]);
    const shape = scatterElementsShape(x.shape, ids.shape, updates.shape, axis);
    return { shape: shapeOrThrow("scatterElements", shape), dtype };
  },
  lower({ inputs, attrs, fresh }, indices): Expr {
    const [x, ids, updates] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    const axis = axisOf("scatterElements", numberAttr("scatterElements", attrs, "axis"), x.shape);
    const name = fresh("hit");
    const j = variable(name);
    const hit = binary(
      "eq",
      position(ids.at(indices.with(axis, j)), nth(x.shape, axis)),
      nth(indices, axis),
    );
    const last = reduce("max", [{ name, extent: dimExpr(nth(ids.shape, axis)) }], select(hit, j, int(-1)));
    return select(lt(last, int(0)), x.at(indices), updates.at(indices.with(axis, last)));
  },
};

/** Each element asks which updates are for it, and takes the last in row-major order. */
const scatterND: OpDef = {
  name: "scatterND",
  pattern: "reduce",
  infer(inputs): TensorType {
    arity("scatterND", inputs, 3);
    const [x, ids, updates] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    family("scatterND", ids.dtype, INDEX);
    const dtype = sameDType("scatterND", [x, updates]);
    const shape = scatterNDShape(x.shape, ids.shape, updates.shape);
    return { shape: shapeOrThrow("scatterND", shape), dtype };
  },
  lower({ inputs, fresh }, indices): Expr {
    const [x, ids, updates] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    const depth = Number(nth(ids.shape, -1));
    const batch = ids.shape.slice(0, -1);
    const name = fresh("hit");
    const j = variable(name);
    const at = unflatten(batch, j);
    const hits = x.shape.slice(0, depth).map((dim, d) =>
      binary("eq", position(ids.at([...at, int(d)]), dim), nth(indices, d))
    );
    const found = select(hits.reduce<Expr>(and, bool(true)), j, int(-1));
    const last = reduce("max", [{ name, extent: dimExpr(productDim(batch)) }], found);
    const update = updates.at([...unflatten(batch, last), ...indices.slice(depth)]);
    return select(lt(last, int(0)), x.at(indices), update);
  },
};

/** Look-ups and their inverses. */
export const GATHER_OPS: readonly OpDef[] = [gather, gatherElements, gatherND, scatterElements, scatterND];
