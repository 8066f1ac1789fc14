/**
 * The general matrix product.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { GemmShape } from "../types/gemm.ts";
import type { Float } from "./unary.ts";

/** Factors, transpositions and the addend of a {@linkcode gemm}. */
export interface GemmOptions<TA extends boolean = boolean, TB extends boolean = boolean> {
  /** Added, times `beta`; stretches to `[m, n]`. */
  readonly c?: Tensor;
  /** Factor of the product; 1 by default. */
  readonly alpha?: number;
  /** Factor of `c`; 1 by default. */
  readonly beta?: number;
  /** Whether `a` is given as `[k, m]`. */
  readonly transposeA?: TA;
  /** Whether `b` is given as `[n, k]`. */
  readonly transposeB?: TB;
}

/**
 * `alpha a b + beta c` of matrices `[m, k] x [k, n]`, giving `[m, n]`. f16 is summed in f32.
 *
 * @example
 * ```ts
 * import { gemm, spec } from "@weft/weft";
 *
 * const y = gemm(spec(["b", 768], "f32"), spec([3072, 768], "f32"), { transposeB: true });
 * console.log(y.shape); // ["b", 3072]
 * ```
 */
export function gemm<
  A extends Shape,
  B extends Shape,
  T extends Float,
  TA extends boolean = false,
  TB extends boolean = false,
>(
  a: Tensor<A, T>,
  b: Arg<GemmShape<A, B, TA, TB>, B, NoInfer<T>>,
  options: GemmOptions<TA, TB> = {},
): TensorOr<GemmShape<A, B, TA, TB>, T> {
  const { c, alpha = 1, beta = 1, transposeA = false, transposeB = false } = options;
  const inputs = c === undefined ? [a, b as Tensor] : [a, b as Tensor, c];
  return apply("gemm", inputs, { alpha, beta, transposeA, transposeB }) as never;
}
