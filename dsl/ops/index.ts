/**
 * Tensors from nothing, and look-ups.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { spellNumber } from "../../ir/ops/mod.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { HasDType } from "../types/dtype.ts";
import type { TakeShape } from "../types/part.ts";

/** Dtypes of whole numbers. */
export type Integer = "i32" | "u32" | "i8" | "u8";

/**
 * A tensor with one value everywhere; `f32` unless another dtype is given.
 *
 * @example
 * ```ts
 * import { full } from "@weft/weft";
 *
 * console.log(full(["b", 4], -Infinity).dtype, full([], 3, "i32").shape); // f32 []
 * ```
 */
export function full<const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  value: number,
  dtype?: T,
): Tensor<S, NoInfer<T>> {
  return apply("full", [], { shape: [...shape], value: spellNumber(value), dtype: dtype ?? "f32" }) as never;
}

/**
 * `start, start + 1, ...`: `length` numbers, `i32` unless another dtype is given.
 *
 * @example
 * ```ts
 * import { arange } from "@weft/weft";
 *
 * const positions = arange("s", { start: "past" });
 * console.log(positions.shape, positions.dtype); // ["s"] i32
 * ```
 */
export function arange<const N extends Dim, const T extends Exclude<DType, "bool"> = "i32">(
  length: N,
  options?: { readonly start?: Dim; readonly dtype?: T },
): Tensor<[N], NoInfer<T>> {
  return apply("arange", [], { length, start: options?.start ?? 0, dtype: options?.dtype ?? "i32" }) as never;
}

/**
 * Which of `cols` positions each of the last `rows` positions may look at: itself and all before. `true` where
 * `col <= row + (cols - rows)`.
 *
 * @example
 * ```ts
 * import { causalMask } from "@weft/weft";
 *
 * console.log(causalMask("s", "past+s").shape); // ["s", "past+s"]
 * ```
 */
export function causalMask<const R extends Dim, const C extends Dim>(
  rows: R,
  cols: C,
): Tensor<[R, C], "bool"> {
  return apply("causalMask", [], { rows, cols }) as never;
}

/**
 * Rows of a table by number: `[v, d...]` and ids `[i...]` give `[i..., d...]`. Numbers out of range are clamped to
 * the table; check ids where they come in.
 *
 * @example
 * ```ts
 * import { spec, take } from "@weft/weft";
 *
 * console.log(take(spec([50257, 768], "f32"), spec(["b", "s"], "i32")).shape); // ["b", "s", 768]
 * ```
 */
export function take<V extends Shape, I extends Shape, T extends DType, U extends DType>(
  table: Tensor<V, T>,
  ids: Arg<HasDType<"take", U, Integer, "signed or unsigned", TakeShape<"take", V, I>>, I, U>,
): TensorOr<TakeShape<"take", V, I>, T> {
  return apply("take", [table, ids as Tensor]) as never;
}
