/**
 * Contractions: batched matrix product and linear layers.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { add, cast, type Expr, mul, reduce, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { linearShape, matmulShape, weightShape } from "../shape.ts";
import { broadcastIndices } from "./elementwise.ts";
import { arity, family, nth, NUMBERS, type OpDef, sameDType, shapeOrThrow, widen } from "./op.ts";

const matmul: OpDef = {
  name: "matmul",
  pattern: "reduce",
  infer(inputs): TensorType {
    arity("matmul", inputs, 2);
    const dtype = family("matmul", sameDType("matmul", inputs), NUMBERS);
    return { shape: shapeOrThrow("matmul", matmulShape(nth(inputs, 0).shape, nth(inputs, 1).shape)), dtype };
  },
  lower({ inputs, output, fresh }, indices): Expr {
    const [a, b] = [nth(inputs, 0), nth(inputs, 1)];
    const [batch, i, j] = [indices.slice(0, -2), nth(indices, -2), nth(indices, -1)];
    const name = fresh("k");
    const k = variable(name);
    const left = a.at([...broadcastIndices(a.shape.slice(0, -2), batch), i, k]);
    const right = b.at([...broadcastIndices(b.shape.slice(0, -2), batch), k, j]);
    const axes = [{ name, extent: dimExpr(nth(a.shape, -1)) }];
    return cast(DTYPES[output.dtype].register, reduce("sum", axes, mul(widen(left), widen(right))));
  },
};

const linear: OpDef = {
  name: "linear",
  pattern: "reduce",
  infer(inputs): TensorType {
    if (inputs.length !== 3) arity("linear", inputs, 2);
    const dtype = family("linear", sameDType("linear", inputs), ["float"]);
    const [x, weight, bias] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    const shape = shapeOrThrow("linear", linearShape(x.shape, weight.shape));
    if (bias !== undefined) shapeOrThrow("linear", weightShape("linear", "bias", shape, bias.shape));
    return { shape, dtype };
  },
  lower({ inputs, output, fresh }, indices): Expr {
    const [x, weight, bias] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    const name = fresh("k");
    const k = variable(name);
    const o = nth(indices, -1);
    const axes = [{ name, extent: dimExpr(nth(x.shape, -1)) }];
    const product = mul(widen(x.at([...indices.slice(0, -1), k])), widen(weight.at([k, o])));
    const sum = reduce("sum", axes, product);
    return cast(DTYPES[output.dtype].register, bias === undefined ? sum : add(sum, widen(bias.at([o]))));
  },
};

/** The contractions. */
export const MATMUL_OPS: readonly OpDef[] = [matmul, linear];
