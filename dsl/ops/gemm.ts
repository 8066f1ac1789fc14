/**
 * The general matrix product.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { GemmAddend, GemmShape } from "../types/gemm.ts";
import type { Float } from "./unary.ts";

/** Factors, transpositions and the addend of a {@linkcode gemm} of shape `R` and dtype `T`. */
export interface GemmOptions<
  R,
  T extends DType,
  C extends Shape,
  V extends DType,
  TA extends boolean = boolean,
  TB extends boolean = boolean,
> {
  /** Added, times `beta`; stretches to `[m, n]`. */
  readonly c?: Arg<SameDType<"gemm", T, V, GemmAddend<R, C>>, C, V>;
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
  C extends Shape,
  T extends Float,
  U extends DType,
  V extends DType,
  TA extends boolean = false,
  TB extends boolean = false,
>(
  a: Tensor<A, T>,
  b: Arg<SameDType<"gemm", T, U, GemmShape<A, B, TA, TB>>, B, U>,
  options: GemmOptions<GemmShape<A, B, TA, TB>, T, C, V, TA, TB> = {},
): TensorOr<GemmShape<A, B, TA, TB>, T> {
  const { c, alpha = 1, beta = 1, transposeA = false, transposeB = false } = options;
  const inputs = c === undefined ? [a, b as Tensor] : [a, b as Tensor, c as Tensor];
  return apply("gemm", inputs, { alpha, beta, transposeA, transposeB }) as never;
}
