/**
 * Operators that normalise: softmax along an axis, and layers that centre and scale over axes. f16 is computed in f32.
 *
 * @module
 */
import { type Dim, dimEquals, printShape, productDim, type Shape } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { add, type Axis, cast, div, type Expr, f32, mul, reduce, sub, unary, variable } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import {
  arity,
  family,
  intsAttr,
  type LowerContext,
  nth,
  numberAttr,
  type OpDef,
  sameDType,
  widen,
} from "./op.ts";
import { axisOf } from "./reduce.ts";

/** The widened element at `indices` with the indices of `axes` replaced by fresh axes, and those axes. */
function along(
  context: LowerContext,
  indices: readonly Expr[],
  axes: readonly number[],
): { readonly axes: readonly Axis[]; readonly element: Expr } {
  const x = nth(context.inputs, 0);
  const over: Axis[] = [];
  const at = indices.map((i, d): Expr => {
    if (!axes.includes(d)) return i;
    const name = context.fresh("k");
    over.push({ name, extent: dimExpr(nth(x.shape, d)) });
    return variable(name);
  });
  return { axes: over, element: widen(x.at(at)) };
}

/** An operator on a tensor and one of its axes, which changes neither shape nor dtype. */
function alongAxis(
  name: string,
  lower: (context: LowerContext, indices: readonly Expr[], axis: number) => Expr,
): OpDef {
  const axisAttr = (attrs: Attrs, shape: Shape): number =>
    axisOf(name, numberAttr(name, attrs, "axis"), shape);
  return {
    name,
    pattern: "reduce",
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      axisAttr(attrs, x.shape);
      return { shape: x.shape, dtype: family(name, x.dtype, ["float"]) };
    },
    lower: (context, indices) =>
      cast(
        DTYPES[context.output.dtype].register,
        lower(context, indices, axisAttr(context.attrs, nth(context.inputs, 0).shape)),
      ),
  };
}

/** `x - max x` and `sum exp(x - max x)` along an axis. */
function shifted(context: LowerContext, indices: readonly Expr[], axis: number) {
  const top = along(context, indices, [axis]);
  const largest = reduce("max", top.axes, top.element);
  const all = along(context, indices, [axis]);
  const total = reduce("sum", all.axes, unary("exp", sub(all.element, largest)));
  return { own: sub(widen(nth(context.inputs, 0).at(indices)), largest), total };
}

/** `exp(x - max x) / sum exp(x - max x)` along `axis`: the form that cannot overflow. */
const softmax = alongAxis("softmax", (context, indices, axis) => {
  const { own, total } = shifted(context, indices, axis);
  return div(unary("exp", own), total);
});

/** `x - max x - log sum exp(x - max x)` along `axis`. */
const logSoftmax = alongAxis("logSoftmax", (context, indices, axis) => {
  const { own, total } = shifted(context, indices, axis);
  return sub(own, unary("log", total));
});

/** The inputs of a normalisation by role. Of two, the second is the weight unless attribute `only` is `"bias"`. */
function affine<T>(inputs: readonly T[], attrs: Attrs): { readonly weight?: T; readonly bias?: T } {
  const [, first, second] = inputs;
  if (first === undefined) return {};
  if (second !== undefined) return { weight: first, bias: second };
  return attrs["only"] === "bias" ? { bias: first } : { weight: first };
}

/** The axes of an attribute, none negative, in the order given; none twice. */
function axesAttr(op: string, attrs: Attrs, shape: Shape, fallback: readonly number[]): readonly number[] {
  const given = attrs["axes"] === undefined ? fallback : intsAttr(op, attrs, "axes");
  const axes = given.map((axis) => axisOf(op, axis, shape));
  const twice = given.find((_, i) => axes.indexOf(nth(axes, i)) !== i);
  if (twice !== undefined) {
    throw new ShapeError(op, `${op}: axis ${twice} of ${printShape(shape)} is given twice`);
  }
  return axes;
}

/** How a normalisation goes. */
interface Norm {
  /** Subtract the mean first. */
  readonly centre: boolean;
  /** Axes that are normalised over. */
  readonly over: (attrs: Attrs, shape: Shape) => readonly number[];
  /** Axes that weight and bias have, in their order. */
  readonly weighted: (attrs: Attrs, shape: Shape) => readonly number[];
}

/** `(x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and variance over axes. */
function normOp(name: string, { centre, over, weighted }: Norm): OpDef {
  return {
    name,
    pattern: "reduce",
    infer(inputs, attrs): TensorType {
      if (inputs.length > 2) arity(name, inputs, 3);
      const x = nth(inputs, 0);
      numberAttr(name, attrs, "epsilon");
      over(attrs, x.shape);
      const expected = weighted(attrs, x.shape).map((axis): Dim => nth(x.shape, axis));
      const { weight, bias } = affine(inputs, attrs);
      checkShape(name, "weight", weight, expected);
      checkShape(name, "bias", bias, expected);
      return { shape: x.shape, dtype: family(name, sameDType(name, inputs), ["float"]) };
    },
    lower(context, indices): Expr {
      const { attrs } = context;
      const x = nth(context.inputs, 0);
      const axes = over(attrs, x.shape);
      const count = cast("f32", dimExpr(productDim(axes.map((axis) => nth(x.shape, axis)))));
      const mean = (of: (element: Expr) => Expr): Expr => {
        const all = along(context, indices, axes);
        return all.axes.length === 0 ? of(all.element) : div(reduce("sum", all.axes, of(all.element)), count);
      };
      const centred = centre ? minus(mean((element) => element)) : (element: Expr) => element;
      const variance = mean((element) => mul(centred(element), centred(element)));
      const epsilon = f32(numberAttr(name, attrs, "epsilon"));
      const normal = mul(centred(widen(x.at(indices))), unary("rsqrt", add(variance, epsilon)));
      const { weight, bias } = affine(context.inputs, attrs);
      const at = weighted(attrs, x.shape).map((axis) => nth(indices, axis));
      const scaled = weight === undefined ? normal : mul(normal, widen(weight.at(at)));
      const result = bias === undefined ? scaled : add(scaled, widen(bias.at(at)));
      return cast(DTYPES[context.output.dtype].register, result);
    },
  };
}

const minus = (mean: Expr) => (element: Expr): Expr => sub(element, mean);

/** Throws unless a weight or bias, where there is one, has the shape `expected`. */
function checkShape(op: string, what: string, t: TensorType | undefined, expected: Shape): void {
  if (t === undefined) return;
  if (t.shape.length === expected.length && t.shape.every((dim, d) => dimEquals(dim, nth(expected, d)))) {
    return;
  }
  throw new ShapeError(op, `${op}: ${what} is ${printShape(t.shape)}, expected ${printShape(expected)}`);
}

const chosenAxes = (op: string) => (attrs: Attrs, shape: Shape): readonly number[] => {
  if (attrs["axes"] === undefined && shape.length === 0) {
    throw new ShapeError(op, `${op}: needs at least one axis, got []`);
  }
  return axesAttr(op, attrs, shape, [-1]);
};

/** Over the last axis, or those of attribute `axes` (Ba, Kiros, Hinton 2016). */
const layerNorm = normOp("layerNorm", {
  centre: true,
  over: chosenAxes("layerNorm"),
  weighted: chosenAxes("layerNorm"),
});

/** `x / sqrt(mean of squares + epsilon) * weight` over the last axis (Zhang, Sennrich 2019). */
const rmsNorm = normOp("rmsNorm", {
  centre: false,
  over: chosenAxes("rmsNorm"),
  weighted: chosenAxes("rmsNorm"),
});

/** Over the axes behind batch and channel (Ulyanov, Vedaldi, Lempitsky 2016). */
const instanceNorm = normOp("instanceNorm", {
  centre: true,
  over: (_, shape) => {
    if (shape.length < 2) {
      throw new ShapeError("instanceNorm", `instanceNorm: needs rank >= 2, got ${printShape(shape)}`);
    }
    return [...shape.keys()].slice(2);
  },
  weighted: () => [1],
});

/** With mean and variance given: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, one of each a channel. */
const batchNorm: OpDef = {
  name: "batchNorm",
  pattern: "elementwise",
  infer(inputs, attrs): TensorType {
    if (inputs.length < 3 || inputs.length > 4) arity("batchNorm", inputs, 5);
    const x = nth(inputs, 0);
    const axis = axisOf("batchNorm", numberAttr("batchNorm", attrs, "axis"), x.shape);
    numberAttr("batchNorm", attrs, "epsilon");
    const expected = [nth(x.shape, axis)];
    checkShape("batchNorm", "mean", inputs[1], expected);
    checkShape("batchNorm", "variance", inputs[2], expected);
    const { weight, bias } = affine(inputs.slice(2), attrs);
    checkShape("batchNorm", "weight", weight, expected);
    checkShape("batchNorm", "bias", bias, expected);
    return { shape: x.shape, dtype: family("batchNorm", sameDType("batchNorm", inputs), ["float"]) };
  },
  lower({ inputs, attrs, output }, indices): Expr {
    const x = nth(inputs, 0);
    const at = [nth(indices, axisOf("batchNorm", numberAttr("batchNorm", attrs, "axis"), x.shape))];
    const [mean, variance] = [widen(nth(inputs, 1).at(at)), widen(nth(inputs, 2).at(at))];
    const epsilon = f32(numberAttr("batchNorm", attrs, "epsilon"));
    const deviation = unary("sqrt", add(variance, epsilon));
    const { weight, bias } = affine(inputs.slice(2), attrs);
    const normal = div(sub(widen(x.at(indices)), mean), deviation);
    const scaled = weight === undefined ? normal : mul(normal, widen(weight.at(at)));
    const result = bias === undefined ? scaled : add(scaled, widen(bias.at(at)));
    return cast(DTYPES[output.dtype].register, result);
  },
};

/** The normalisations. */
export const NORM_OPS: readonly OpDef[] = [softmax, logSoftmax, layerNorm, rmsNorm, instanceNorm, batchNorm];
