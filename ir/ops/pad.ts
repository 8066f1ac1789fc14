/**
 * Operators that repeat, mirror or blank out elements: pad, tile, reverse, triangular.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { ShapeError } from "../errors.ts";
import { add, and, binary, constant, type Expr, int, lt, max, min, mod, mul, select, sub } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import { padShape, reverseShape, tileShape, triangularShape } from "../shape/layout.ts";
import {
  arity,
  flagAttr,
  intsAttr,
  nth,
  numberAttr,
  type OpDef,
  type Operand,
  realAttr,
  shapeAttr,
  shapeOrThrow,
} from "./op.ts";
import { axisOf } from "./reduce.ts";

/** What stands in the margins: a value, the nearest element, or the elements mirrored (the edge once or twice). */
export type PadMode = "constant" | "edge" | "reflection" | "symmetric";

const MODES: readonly string[] = ["constant", "edge", "reflection", "symmetric"];

function modeAttr(attrs: Attrs): PadMode {
  const mode = attrs["mode"];
  if (typeof mode !== "string" || !MODES.includes(mode)) {
    throw new ShapeError(
      "pad",
      `pad: mode must be ${MODES.join(", ")}, got ${JSON.stringify(mode) ?? "nothing"}`,
    );
  }
  return mode as PadMode;
}

/** Where index `i` of an axis of `n`, which may lie outside of it, takes its element from. */
function folded(mode: Exclude<PadMode, "constant">, i: Expr, n: Expr): Expr {
  const last = sub(n, int(1));
  if (mode === "edge") return max(min(i, last), int(0));
  // A mirror at each end makes a pattern with this period.
  const period = mul(mode === "reflection" ? last : n, int(2));
  const m = mod(i, period);
  return select(lt(m, n), m, sub(mode === "reflection" ? period : sub(period, int(1)), m));
}

const pad: OpDef = {
  name: "pad",
  pattern: "view",
  dimAttrs: ["begin", "end"],
  infer(inputs, attrs): TensorType {
    arity("pad", inputs, 1);
    const x = nth(inputs, 0);
    const mode = modeAttr(attrs);
    realAttr("pad", attrs, "value");
    const [begin, end] = [shapeAttr("pad", attrs, "begin"), shapeAttr("pad", attrs, "end")];
    const shape = shapeOrThrow("pad", padShape(x.shape, begin, end));
    const empty = x.shape.findIndex((dim, d) => dim === 0 && shape[d] !== 0);
    if (mode !== "constant" && empty >= 0) {
      throw new ShapeError(
        "pad",
        `pad: axis ${empty} is 0 long, so there is nothing to repeat; use mode constant`,
      );
    }
    return { shape, dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const x = nth(inputs, 0);
    const mode = modeAttr(attrs);
    const [begin, end] = [shapeAttr("pad", attrs, "begin"), shapeAttr("pad", attrs, "end")];
    const inner = indices.map((i, d) => (begin[d] === 0 ? i : sub(i, dimExpr(nth(begin, d)))));
    const padded = [...x.shape.keys()].filter((d) => begin[d] !== 0 || end[d] !== 0);
    if (mode === "constant") {
      const inside = padded.flatMap((d) => [
        ...(begin[d] === 0 ? [] : [binary("le", int(0), nth(inner, d))]),
        ...(end[d] === 0 ? [] : [lt(nth(inner, d), dimExpr(nth(x.shape, d)))]),
      ]);
      const element = x.at(inner);
      if (inside.length === 0) return element;
      return select(inside.reduce(and), element, constant(element.dtype, realAttr("pad", attrs, "value")));
    }
    const at = inner.map((i, d) => (padded.includes(d) ? folded(mode, i, dimExpr(nth(x.shape, d))) : i));
    return orZero(x, at, padded);
  },
};

/** The element, or 0 where one of some axes with names turns out to be empty. */
function orZero(x: Operand, at: readonly Expr[], axes: readonly number[]): Expr {
  const element = x.at(at);
  const named = axes.map((d) => nth(x.shape, d)).filter((dim) => typeof dim === "string");
  if (named.length === 0) return element;
  const some = named.map((dim) => lt(int(0), dimExpr(dim))).reduce(and);
  return select(some, element, constant(element.dtype, 0));
}

const tile: OpDef = {
  name: "tile",
  pattern: "view",
  dimAttrs: ["repeats"],
  infer(inputs, attrs): TensorType {
    arity("tile", inputs, 1);
    const x = nth(inputs, 0);
    const repeats = shapeAttr("tile", attrs, "repeats");
    return { shape: shapeOrThrow("tile", tileShape(x.shape, repeats)), dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const x = nth(inputs, 0);
    const repeats = shapeAttr("tile", attrs, "repeats");
    return x.at(indices.map((i, d) => (repeats[d] === 1 ? i : mod(i, dimExpr(nth(x.shape, d))))));
  },
};

const reverse: OpDef = {
  name: "reverse",
  pattern: "view",
  infer(inputs, attrs): TensorType {
    arity("reverse", inputs, 1);
    const x = nth(inputs, 0);
    const shape = reverseShape(x.shape, intsAttr("reverse", attrs, "axes"));
    return { shape: shapeOrThrow("reverse", shape), dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const x = nth(inputs, 0);
    const axes = intsAttr("reverse", attrs, "axes").map((a) => axisOf("reverse", a, x.shape));
    const mirrored = (i: Expr, d: number): Expr => sub(sub(dimExpr(nth(x.shape, d)), int(1)), i);
    return x.at(indices.map((i, d) => (axes.includes(d) ? mirrored(i, d) : i)));
  },
};

/** Elements on and above (`upper`) or below a diagonal of the last two axes; 0 elsewhere. */
const triangular: OpDef = {
  name: "triangular",
  pattern: "view",
  infer(inputs, attrs): TensorType {
    arity("triangular", inputs, 1);
    const x = nth(inputs, 0);
    flagAttr("triangular", attrs, "upper");
    int(numberAttr("triangular", attrs, "diagonal"));
    return { shape: shapeOrThrow("triangular", triangularShape(x.shape)), dtype: x.dtype };
  },
  lower({ inputs, attrs }, indices): Expr {
    const element = nth(inputs, 0).at(indices);
    const diagonal = add(nth(indices, -2), int(numberAttr("triangular", attrs, "diagonal")));
    const [column, zero] = [nth(indices, -1), constant(element.dtype, 0)];
    const kept = flagAttr("triangular", attrs, "upper")
      ? binary("le", diagonal, column)
      : binary("le", column, diagonal);
    return select(kept, element, zero);
  },
};

/** The operators that repeat, mirror or blank out. */
export const PAD_OPS: readonly OpDef[] = [pad, tile, reverse, triangular];
