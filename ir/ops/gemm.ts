/**
 * The general matrix product of linear algebra libraries.
 *
 * @module
 */
import { printShape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { add, cast, type Expr, f32, mul, reduce, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { broadcastToShape } from "../shape.ts";
import { gemmShape } from "../shape/gemm.ts";
import { atBroadcast } from "./elementwise.ts";
import {
  arity,
  family,
  flagAttr,
  nth,
  numberAttr,
  type OpDef,
  sameDType,
  shapeOrThrow,
  widen,
} from "./op.ts";

/** `alpha A B + beta C`, where A and B may be given transposed and C stretches. */
const gemm: OpDef = {
  name: "gemm",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    if (inputs.length !== 3) arity("gemm", inputs, 2);
    const dtype = family("gemm", sameDType("gemm", inputs), ["float"]);
    const [a, b, c] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    numberAttr("gemm", attrs, "alpha");
    numberAttr("gemm", attrs, "beta");
    const flags = [flagAttr("gemm", attrs, "transposeA"), flagAttr("gemm", attrs, "transposeB")] as const;
    const shape = shapeOrThrow("gemm", gemmShape(a.shape, b.shape, ...flags));
    if (c !== undefined) {
      if (typeof broadcastToShape(c.shape, shape) === "string") {
        throw new ShapeError(
          "gemm",
          `gemm: c is ${printShape(c.shape)}, which does not stretch to ${printShape(shape)}`,
        );
      }
    }
    return { shape, dtype };
  },
  lower({ inputs, attrs, output, fresh }, indices): Expr {
    const [a, b, c] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    const [i, j] = [nth(indices, 0), nth(indices, 1)];
    const name = fresh("k");
    const k = variable(name);
    const transposeA = flagAttr("gemm", attrs, "transposeA");
    const left = a.at(transposeA ? [k, i] : [i, k]);
    const right = b.at(flagAttr("gemm", attrs, "transposeB") ? [j, k] : [k, j]);
    const axes = [{ name, extent: dimExpr(nth(a.shape, transposeA ? 0 : 1)) }];
    const product = reduce("sum", axes, mul(widen(left), widen(right)));
    const scaled = times(numberAttr("gemm", attrs, "alpha"), product);
    const result = c === undefined
      ? scaled
      : add(scaled, times(numberAttr("gemm", attrs, "beta"), widen(atBroadcast(c, indices))));
    return cast(DTYPES[output.dtype].register, result);
  },
};

function times(factor: number, x: Expr): Expr {
  return factor === 1 ? x : mul(f32(factor), x);
}

/** The general matrix product. */
export const GEMM_OPS: readonly OpDef[] = [gemm];
