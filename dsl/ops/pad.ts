/**
 * Margins, repetition, mirror images and triangles.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { spellNumber } from "../../ir/ops/op.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, Literal, TensorOr } from "../types/arg.ts";
import type { BroadcastToShape } from "../types/match.ts";
import type { PadShape, ReverseShape, TileShape, TriangularShape } from "../types/margins.ts";

/** What stands in margins. */
export interface PadOptions {
  /**
   * A value everywhere (the default), the nearest element, or the elements mirrored: `"reflection"` does not repeat the
   * edge (`c b | a b c`), `"symmetric"` does (`b a | a b c`).
   */
  readonly mode?: "constant" | "edge" | "reflection" | "symmetric";
  /** The value for mode `"constant"`; 0 by default. */
  readonly value?: number;
}

/**
 * Margins of `begin` in front of and `end` behind the elements of each axis.
 *
 * @example
 * ```ts
 * import { pad, spec } from "@weft/weft";
 *
 * const y = pad(spec(["n", "h", 4], "f32"), [0, 1, 0], [0, 1, 2], { mode: "edge" });
 * console.log(y.shape); // ["n", "h+2", 6]
 * ```
 */
export function pad<X extends Shape, T extends DType, const B extends Shape, const E extends Shape>(
  x: Tensor<X, T>,
  begin: Literal<PadShape<X, B, E>, readonly [...B]>,
  end: readonly [...E],
  options?: PadOptions,
): TensorOr<PadShape<X, B, E>, T> {
  return apply("pad", [x], {
    begin: [...begin as readonly Dim[]],
    end: [...end],
    mode: options?.mode ?? "constant",
    value: spellNumber(options?.value ?? 0),
  }) as never;
}

/**
 * Each axis repeated as a whole, a number of times.
 *
 * @example
 * ```ts
 * import { spec, tile } from "@weft/weft";
 *
 * console.log(tile(spec(["n", 4], "f32"), [2, 3]).shape); // ["2*n", 12]
 * ```
 */
export function tile<X extends Shape, T extends DType, const R extends Shape>(
  x: Tensor<X, T>,
  repeats: Literal<TileShape<X, R>, readonly [...R]>,
): TensorOr<TileShape<X, R>, T> {
  return apply("tile", [x], { repeats: [...repeats as readonly Dim[]] }) as never;
}

/**
 * The elements in opposite order along some axes; along all, if none are given.
 *
 * @example
 * ```ts
 * import { reverse, spec } from "@weft/weft";
 *
 * console.log(reverse(spec(["b", "s"], "f32"), [-1]).shape); // ["b", "s"]
 * ```
 */
export function reverse<X extends Shape, T extends DType, const A extends readonly number[] = readonly []>(
  x: Tensor<X, T>,
  axes?: Literal<ReverseShape<X, A>, readonly [...A]>,
): Tensor<X, T> {
  return apply("reverse", [x], {
    axes: axes === undefined ? [...x.shape.keys()] : [...axes as number[]],
  }) as never;
}

/** Which triangle of a matrix. */
export interface TriangularOptions {
  /** The part on and above the diagonal (the default), or on and below it. */
  readonly upper?: boolean;
  /** How many places the diagonal lies above the main one (negative: below). */
  readonly diagonal?: number;
}

/**
 * A triangle of the matrices along the last two axes; 0 elsewhere.
 *
 * @example
 * ```ts
 * import { spec, triangular } from "@weft/weft";
 *
 * console.log(triangular(spec(["b", "n", "n"], "f32"), { upper: false }).shape); // ["b", "n", "n"]
 * ```
 */
export function triangular<X extends Shape, T extends DType>(
  x: Arg<TriangularShape<X>, X, T>,
  options?: TriangularOptions,
): TensorOr<TriangularShape<X>, T> {
  return apply("triangular", [x as Tensor], {
    upper: options?.upper ?? true,
    diagonal: options?.diagonal ?? 0,
  }) as never;
}

/**
 * `x` stretched to a shape, as {@linkcode broadcastTo}: the name that ONNX and WebNN have for it.
 *
 * @example
 * ```ts
 * import { expand, spec } from "@weft/weft";
 *
 * console.log(expand(spec(["b", 1], "f32"), ["b", 4]).shape); // ["b", 4]
 * ```
 */
export function expand<S extends Shape, T extends DType, const N extends Shape>(
  x: Tensor<S, T>,
  shape: Literal<BroadcastToShape<S, N>, readonly [...N]>,
): TensorOr<BroadcastToShape<S, N>, T> {
  return apply("broadcastTo", [x], { shape: [...shape as readonly Dim[]] }) as never;
}
