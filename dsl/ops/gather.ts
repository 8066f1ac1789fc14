/**
 * Look-ups by index tensors, and their inverses. Negative indices count from the end; a look-up out of range gives the
 * nearest element, an update out of range has no effect.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { HasDType, SameDType } from "../types/dtype.ts";
import type {
  GatherElementsShape,
  GatherNDShape,
  GatherShape,
  ScatterElementsShape,
  ScatterNDShape,
} from "../types/gather.ts";
import type { Integer } from "./index.ts";

/**
 * Slices along an axis, by number: the axis is replaced by the axes of `indices`.
 *
 * @example
 * ```ts
 * import { gather, spec } from "@weft/weft";
 *
 * const columns = gather(spec(["n", 10, 4], "f32"), spec(["b", "s"], "i32"), 1);
 * console.log(columns.shape); // ["n", "b", "s", 4]
 * ```
 */
export function gather<
  X extends Shape,
  I extends Shape,
  T extends DType,
  U extends DType,
  const A extends number = 0,
>(
  x: Tensor<X, T>,
  indices: Arg<HasDType<"gather", U, Integer, "signed or unsigned", GatherShape<X, I, A>>, I, U>,
  axis?: A,
): TensorOr<GatherShape<X, I, A>, T> {
  return apply("gather", [x, indices as Tensor], { axis: axis ?? 0 }) as never;
}

/**
 * One element for each index: `out[i, j, k] = x[i, indices[i, j, k], k]` along axis 1.
 *
 * @example
 * ```ts
 * import { gatherElements, spec } from "@weft/weft";
 *
 * const logProbabilities = spec(["n", 50257], "f32");
 * const ofTargets = gatherElements(logProbabilities, spec(["n", 1], "i32"), 1);
 * console.log(ofTargets.shape); // ["n", 1]
 * ```
 */
export function gatherElements<
  X extends Shape,
  I extends Shape,
  T extends DType,
  U extends DType,
  const A extends number = 0,
>(
  x: Tensor<X, T>,
  indices: Arg<
    HasDType<"gatherElements", U, Integer, "signed or unsigned", GatherElementsShape<X, I, A>>,
    I,
    U
  >,
  axis?: A,
): TensorOr<GatherElementsShape<X, I, A>, T> {
  return apply("gatherElements", [x, indices as Tensor], { axis: axis ?? 0 }) as never;
}

/**
 * Parts at places: each vector along the last axis of `indices` names a place in the first axes of `x`, and is replaced
 * by what is there. `[..., k]` and `[a, b, c...]` give, for `k = 2`, `[..., c...]`.
 *
 * @example
 * ```ts
 * import { gatherND, spec } from "@weft/weft";
 *
 * console.log(gatherND(spec([768, "n", 3], "f32"), spec(["k", 2], "i32")).shape); // ["k", 3]
 * ```
 */
export function gatherND<X extends Shape, I extends Shape, T extends DType, U extends DType>(
  x: Tensor<X, T>,
  indices: Arg<HasDType<"gatherND", U, Integer, "signed or unsigned", GatherNDShape<X, I>>, I, U>,
): TensorOr<GatherNDShape<X, I>, T> {
  return apply("gatherND", [x, indices as Tensor]) as never;
}

/**
 * `x` with elements replaced: `out[i, indices[i, j, k], k] = updates[i, j, k]` along axis 1. Of updates of one element
 * the last one counts.
 *
 * @example
 * ```ts
 * import { scatterElements, spec } from "@weft/weft";
 *
 * const rows = spec(["n", 10], "f32");
 * const y = scatterElements(rows, spec(["n", 1], "i32"), spec(["n", 1], "f32"), 1); // one element a row
 * console.log(y.shape); // ["n", 10]
 * ```
 */
export function scatterElements<
  X extends Shape,
  I extends Shape,
  U extends Shape,
  T extends DType,
  V extends DType,
  W extends DType,
  const A extends number = 0,
>(
  x: Tensor<X, T>,
  indices: Arg<HasDType<"scatterElements", V, Integer, "signed or unsigned", I>, I, V>,
  updates: Arg<SameDType<"scatterElements", T, W, ScatterElementsShape<X, I, U, A>>, U, W>,
  axis?: A,
): TensorOr<ScatterElementsShape<X, I, U, A>, T> {
  return apply("scatterElements", [x, indices as Tensor, updates as Tensor], { axis: axis ?? 0 }) as never;
}

/**
 * `x` with parts replaced: the inverse of {@linkcode gatherND}. Of updates of one place the last one counts.
 *
 * @example
 * ```ts
 * import { scatterND, spec } from "@weft/weft";
 *
 * const table = spec(["rows", 4], "f32");
 * const changed = scatterND(table, spec(["n", 1], "i32"), spec(["n", 4], "f32"));
 * console.log(changed.shape); // ["rows", 4]
 * ```
 */
export function scatterND<
  X extends Shape,
  I extends Shape,
  U extends Shape,
  T extends DType,
  V extends DType,
  W extends DType,
>(
  x: Tensor<X, T>,
  indices: Arg<HasDType<"scatterND", V, Integer, "signed or unsigned", I>, I, V>,
  updates: Arg<SameDType<"scatterND", T, W, ScatterNDShape<X, I, U>>, U, W>,
): TensorOr<ScatterNDShape<X, I, U>, T> {
  return apply("scatterND", [x, indices as Tensor, updates as Tensor]) as never;
}
