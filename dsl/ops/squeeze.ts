/**
 * Taking axes of 1 out and putting them in.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import type { ShapeResult } from "../../ir/shape.ts";
import { squeezeShape, unsqueezeShape } from "../../ir/shape/squeeze.ts";
import { apply, refusal } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Literal, TensorOr } from "../types/arg.ts";
import type { Axes } from "../types/reduce.ts";
import type { SqueezeShape, UnsqueezeShape } from "../types/squeeze.ts";

function viewAs(op: string, x: Tensor, shape: ShapeResult): Tensor {
  if (typeof shape === "string") throw refusal(op, shape);
  return apply("reshape", [x], { shape: [...shape] });
}

/**
 * The tensor without axes that are 1 long: one, several, or all of them if none is given.
 *
 * @example
 * ```ts
 * import { spec, squeeze } from "@weft/weft";
 *
 * console.log(squeeze(spec(["b", 1, 768], "f32"), 1).shape); // ["b", 768]
 * ```
 */
export function squeeze<S extends Shape, T extends DType, const A extends Axes = undefined>(
  x: Tensor<S, T>,
  axes?: Literal<SqueezeShape<S, A>, A>,
): TensorOr<SqueezeShape<S, A>, T> {
  return viewAs("squeeze", x, squeezeShape(x.shape, axes as number | readonly number[] | undefined)) as never;
}

/**
 * The tensor with one more axis, 1 long, which is axis `axis` of the result.
 *
 * @example
 * ```ts
 * import { spec, unsqueeze } from "@weft/weft";
 *
 * console.log(unsqueeze(spec(["b", 768], "f32"), 1).shape); // ["b", 1, 768]
 * ```
 */
export function unsqueeze<S extends Shape, T extends DType, const A extends number>(
  x: Tensor<S, T>,
  axis: Literal<UnsqueezeShape<S, A>, A>,
): TensorOr<UnsqueezeShape<S, A>, T> {
  return viewAs("unsqueeze", x, unsqueezeShape(x.shape, axis as number)) as never;
}
