/**
 * Convolution of images.
 *
 * @module
 */
import { printShape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { add, cast, type Expr, f32, floordiv, int, mul, reduce, select, variable } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { conv2dShape } from "../shape/window.ts";
import { arity, family, nth, numberAttr, type OpDef, sameDType, shapeOrThrow, widen } from "./op.ts";
import { slidingAttrs, under } from "./window.ts";

/**
 * `out[n, o, y, x]` is the sum over channels `i` of the output's group and over the filter of
 * `x[n, i, y * stride + ky * dilation - padding, ...] * filter[o, i, ky, kx]`, plus `bias[o]`. Outside of the image is 0.
 */
const conv2d: OpDef = {
  name: "conv2d",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    if (inputs.length !== 3) arity("conv2d", inputs, 2);
    const [x, filter, bias] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    const dtype = family("conv2d", sameDType("conv2d", inputs), ["float"]);
    const groups = numberAttr("conv2d", attrs, "groups");
    if (!Number.isInteger(groups) || groups < 1) {
      throw new ShapeError("conv2d", `conv2d: groups must be an integer from 1 on, got ${groups}`);
    }
    const sliding = slidingAttrs("conv2d", attrs);
    const shape = shapeOrThrow("conv2d", conv2dShape(x.shape, filter.shape, sliding, groups));
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== shape[1])) {
      throw new ShapeError("conv2d", `conv2d: bias is ${printShape(bias.shape)}, expected [${shape[1]}]`);
    }
    return { shape, dtype };
  },
  lower(context, indices): Expr {
    const { inputs, attrs, output } = context;
    const [x, filter, bias] = [nth(inputs, 0), nth(inputs, 1), inputs[2]];
    const groups = numberAttr("conv2d", attrs, "groups");
    const [n, o, ...position] = [nth(indices, 0), nth(indices, 1), nth(indices, 2), nth(indices, 3)];
    const channels = nth(filter.shape, 1);
    const name = context.fresh("wc");
    const channel = variable(name);
    const { axes, at, from, inside } = under(
      context,
      filter.shape.slice(2),
      x.shape.slice(2),
      position,
      slidingAttrs("conv2d", attrs),
      false,
    );
    const perGroup = floordiv(dimExpr(nth(output.shape, 1)), int(groups));
    const first = groups === 1 ? int(0) : mul(floordiv(o, perGroup), dimExpr(channels));
    const element = widen(x.at([n, add(first, channel), ...from]));
    const product = mul(element, widen(filter.at([o, channel, ...at])));
    const sum = reduce(
      "sum",
      [{ name, extent: dimExpr(channels) }, ...axes],
      inside === undefined ? product : select(inside, product, f32(0)),
    );
    return cast(DTYPES[output.dtype].register, bias === undefined ? sum : add(sum, widen(bias.at([o]))));
  },
};

/** Convolutions. */
export const CONV_OPS: readonly OpDef[] = [conv2d];
