/**
 * Sums of products over named axes.
 *
 * @module
 */
import type { Dim } from "../dim.ts";
import { dimExpr } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { type Axis, cast, type Expr, mul, reduce, variable } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import { einsumShape, parseEinsum } from "../shape/einsum.ts";
import { arity, family, nth, NUMBERS, type OpDef, sameDType, shapeOrThrow, widen } from "./op.ts";

const einsum: OpDef = {
  name: "einsum",
  pattern: "reduce",
  infer(inputs, attrs): TensorType {
    if (inputs.length === 0) arity("einsum", inputs, 1);
    const dtype = family("einsum", sameDType("einsum", inputs), NUMBERS);
    return {
      shape: shapeOrThrow("einsum", einsumShape(equationOf(attrs), inputs.map((t) => t.shape))),
      dtype,
    };
  },
  lower({ inputs, attrs, output, fresh }, indices): Expr {
    const parsed = parseEinsum(equationOf(attrs));
    if (typeof parsed === "string") throw new ShapeError("einsum", parsed);
    const { operands, result } = parsed;
    const at = new Map<string, Expr>(result.map((name, d) => [name, nth(indices, d)]));
    const axes: Axis[] = [];
    operands.forEach((names, i) =>
      names.forEach((name, d) => {
        if (at.has(name)) return;
        const own = fresh(name);
        at.set(name, variable(own));
        const dim: Dim = nth(nth(inputs, i).shape, d);
        axes.push({ name: own, extent: dimExpr(dim) });
      })
    );
    const factors = operands.map((names, i) =>
      widen(nth(inputs, i).at(names.map((name) => at.get(name) ?? nth(indices, 0))))
    );
    const product = factors.reduce(mul);
    const value = axes.length === 0 ? product : reduce("sum", axes, product);
    return cast(DTYPES[output.dtype].register, value);
  },
};

function equationOf(attrs: Attrs): string {
  const { equation } = attrs;
  if (typeof equation === "string") return equation;
  throw new ShapeError("einsum", "einsum: attribute equation must be a text");
}

/** Sums of products. */
export const EINSUM_OPS: readonly OpDef[] = [einsum];
