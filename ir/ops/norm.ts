/**
 * Operators that normalise along an axis: softmax and layerNorm. f16 input is summed in f32.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { add, cast, div, type Expr, f32, mul, reduce, sub, unary, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { printShape } from "../dim.ts";
import { arity, family, type LowerContext, nth, numberAttr, type OpDef, sameDType, widen } from "./op.ts";
import { axisOf } from "./reduce.ts";

/** The widened element at `indices` with the index of `axis` replaced by a fresh axis, and that axis. */
function along(context: LowerContext, indices: readonly Expr[], axis: number) {
  const x = nth(context.inputs, 0);
  const name = context.fresh("k");
  const at = indices.map((i, d) => (d === axis ? variable(name) : i));
  return { axes: [{ name, extent: dimExpr(nth(x.shape, axis)) }], element: widen(x.at(at)) };
}

/** `exp(x - max x) / sum exp(x - max x)` along `axis`: the form that cannot overflow. */
const softmax: OpDef = {
  name: "softmax",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    arity("softmax", inputs, 1);
    const x = nth(inputs, 0);
    axisOf("softmax", numberAttr("softmax", attrs, "axis"), x.shape);
    return { shape: x.shape, dtype: family("softmax", x.dtype, ["float"]) };
  },
  lower(context, indices): Expr {
    const x = nth(context.inputs, 0);
    const axis = axisOf("softmax", numberAttr("softmax", context.attrs, "axis"), x.shape);
    const top = along(context, indices, axis);
    const largest = reduce("max", top.axes, top.element);
    const all = along(context, indices, axis);
    const total = reduce("sum", all.axes, unary("exp", sub(all.element, largest)));
    const own = unary("exp", sub(widen(x.at(indices)), largest));
    return cast(DTYPES[context.output.dtype].register, div(own, total));
  },
};

/** `(x - mean) / sqrt(var + epsilon) * weight + bias` over the last axis (Ba, Kiros, Hinton 2016). */
const layerNorm: OpDef = {
  name: "layerNorm",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    arity("layerNorm", inputs, 3);
    const [x, weight, bias] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    numberAttr("layerNorm", attrs, "epsilon");
    if (x.shape.length === 0) throw new ShapeError("layerNorm", "layerNorm: needs at least one axis, got []");
    for (const [what, t] of [["weight", weight], ["bias", bias]] as const) {
      if (t.shape.length !== 1 || t.shape[0] !== x.shape.at(-1)) {
        throw new ShapeError(
          "layerNorm",
          `layerNorm: ${what} is ${printShape(t.shape)}, expected [${x.shape.at(-1)}]`,
        );
      }
    }
    return { shape: x.shape, dtype: family("layerNorm", sameDType("layerNorm", inputs), ["float"]) };
  },
  lower(context, indices): Expr {
    const [x, weight, bias] = [nth(context.inputs, 0), nth(context.inputs, 1), nth(context.inputs, 2)];
    const axis = x.shape.length - 1;
    const count = cast("f32", dimExpr(nth(x.shape, axis)));
    const first = along(context, indices, axis);
    const mean = div(reduce("sum", first.axes, first.element), count);
    const second = along(context, indices, axis);
    const centred = sub(second.element, mean);
    const variance = div(reduce("sum", second.axes, mul(centred, centred)), count);
    const epsilon = f32(numberAttr("layerNorm", context.attrs, "epsilon"));
    const normal = mul(sub(widen(x.at(indices)), mean), unary("rsqrt", add(variance, epsilon)));
    const last = [nth(indices, axis)];
    const result = add(mul(normal, widen(weight.at(last))), widen(bias.at(last)));
    return cast(DTYPES[context.output.dtype].register, result);
  },
};

/** The normalisations. */
export const NORM_OPS: readonly OpDef[] = [softmax, layerNorm];
