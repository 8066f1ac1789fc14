/**
 * Operators about indices: constants, ranges, masks, look-ups and the KV cache.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { add, binary, cast, constant, type Expr, int, lt, max, min, select, sub } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { appendShape, takeShape } from "../shape.ts";
import {
  arity,
  dimAttr,
  dtypeAttr,
  family,
  nth,
  numberAttr,
  type OpDef,
  realAttr,
  sameDType,
  shapeAttr,
  shapeOrThrow,
} from "./op.ts";
import { axisOf } from "./reduce.ts";

const full: OpDef = {
  name: "full",
  pattern: "view",
  dimAttrs: ["shape"],
  infer(inputs, attrs): TensorType {
    arity("full", inputs, 0);
    realAttr("full", attrs, "value");
    return { shape: shapeAttr("full", attrs, "shape"), dtype: dtypeAttr("full", attrs, "dtype") };
  },
  lower: ({ attrs, output }) => constant(DTYPES[output.dtype].register, realAttr("full", attrs, "value")),
};

/** `start, start + 1, ...`, `length` numbers. */
const arange: OpDef = {
  name: "arange",
  pattern: "view",
  dimAttrs: ["start", "length"],
  infer(inputs, attrs): TensorType {
    arity("arange", inputs, 0);
    dimAttr("arange", attrs, "start");
    const dtype = family("arange", dtypeAttr("arange", attrs, "dtype"), ["signed", "unsigned", "float"]);
    return { shape: [dimAttr("arange", attrs, "length")], dtype };
  },
  lower: ({ attrs, output }, indices) =>
    cast(DTYPES[output.dtype].register, add(nth(indices, 0), dimExpr(dimAttr("arange", attrs, "start")))),
};

/** Whether query `i` of the last `rows` positions may look at position `j` of `cols`: `j <= i + (cols - rows)`. */
const causalMask: OpDef = {
  name: "causalMask",
  pattern: "view",
  dimAttrs: ["rows", "cols"],
  infer(inputs, attrs): TensorType {
    arity("causalMask", inputs, 0);
    return {
      shape: [dimAttr("causalMask", attrs, "rows"), dimAttr("causalMask", attrs, "cols")],
      dtype: "bool",
    };
  },
  lower({ attrs }, indices): Expr {
    const [rows, cols] = [
      dimExpr(dimAttr("causalMask", attrs, "rows")),
      dimExpr(dimAttr("causalMask", attrs, "cols")),
    ];
    return binary("le", nth(indices, 1), add(nth(indices, 0), sub(cols, rows)));
  },
};

/**
 * Rows of a table: `out[..., d...] = table[ids[...], d...]`. Ids out of range are clamped to the table; a table without
 * rows gives 0.
 */
const take: OpDef = {
  name: "take",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("take", inputs, 2);
    const [table, ids] = [nth(inputs, 0), nth(inputs, 1)];
    family("take", ids.dtype, ["signed", "unsigned"]);
    return { shape: shapeOrThrow("take", takeShape("take", table.shape, ids.shape)), dtype: table.dtype };
  },
  lower({ inputs }, indices): Expr {
    const [table, ids] = [nth(inputs, 0), nth(inputs, 1)];
    const id = cast("i32", ids.at(indices.slice(0, ids.shape.length)));
    const rows = dimExpr(nth(table.shape, 0));
    const row = table.at([max(min(id, sub(rows, int(1))), int(0)), ...indices.slice(ids.shape.length)]);
    return select(lt(int(0), rows), row, constant(row.dtype, 0));
  },
};

/**
 * The first input followed by the second along an axis. Where the first is a state of the program and its dim along
 * the axis is bounded, only the new part is written, in place (a KV cache).
 */
const append: OpDef = {
  name: "append",
  pattern: "update",
  infer(inputs, attrs): TensorType {
    arity("append", inputs, 2);
    const [past, x] = [nth(inputs, 0), nth(inputs, 1)];
    const dtype = sameDType("append", inputs);
    const axis = numberAttr("append", attrs, "axis");
    return { shape: shapeOrThrow("append", appendShape(past.shape, x.shape, axis)), dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const [past, x] = [nth(inputs, 0), nth(inputs, 1)];
    const axis = axisOf("append", numberAttr("append", attrs, "axis"), past.shape);
    const before = dimExpr(nth(past.shape, axis));
    const i = nth(indices, axis);
    const later = indices.map((index, d) => (d === axis ? sub(index, before) : index));
    return select(lt(i, before), past.at(indices), x.at(later));
  },
};

/** The operators about indices. */
export const INDEX_OPS: readonly OpDef[] = [full, arange, causalMask, take, append];
