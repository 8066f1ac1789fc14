/**
 * Layers: the modules that models are built from. Their parameters have the names and layouts of published
 * checkpoints.
 *
 * @module
 */
import type { Dim, Shape } from "../ir/dim.ts";
import type { DType } from "../ir/dtype.ts";
import { type Module, module, type Param, param } from "./module.ts";
import {
  type Integer,
  layerNorm as normalize,
  linear as affine,
  rmsNorm as normalizeBySquares,
  take,
  transpose,
} from "./ops/mod.ts";
import type { Tensor } from "./tensor.ts";
import type { Arg, TensorOr } from "./types/arg.ts";
import type { HasDType, SameDType } from "./types/dtype.ts";
import type { LinearShape, WeightShape } from "./types/matmul.ts";
import type { TakeShape } from "./types/part.ts";

/** `x W + b`, with parameters `weight` `[I, O]` (GPT-2's Conv1D layout) and `bias` `[O]`. */
export type Linear<I extends Dim, O extends Dim> = Module<
  { readonly weight: Param<[I, O], "f32">; readonly bias: Param<[O], "f32"> },
  <X extends Shape, T extends DType>(
    x: Arg<SameDType<"linear", T, "f32", LinearShape<X, [I, O]>>, X, T>,
  ) => TensorOr<LinearShape<X, [I, O]>, "f32">
>;

/**
 * A linear layer with bias.
 *
 * @example
 * ```ts
 * import { nn, spec } from "@weft/weft";
 *
 * const up = nn.linear(768, 3072);
 * console.log(up(spec(["b", "s", 768], "f32")).shape); // ["b", "s", 3072]
 * ```
 */
export function linear<const I extends Dim, const O extends Dim>(inputs: I, outputs: O): Linear<I, O> {
  return module(
    { weight: param([inputs, outputs], "f32"), bias: param([outputs], "f32") },
    ({ weight, bias }) => (x: unknown) =>
      affine(x as Tensor<Shape, "f32">, weight as Tensor<Shape, "f32">, bias as never),
  ) as never;
}

/** `x W^T` without bias, with the parameter `weight` `[O, I]` (PyTorch's Linear layout, as of an output head). */
export type Head<I extends Dim, O extends Dim> = Module<
  { readonly weight: Param<[O, I], "f32"> },
  <X extends Shape, T extends DType>(
    x: Arg<SameDType<"linear", T, "f32", LinearShape<X, [I, O]>>, X, T>,
  ) => TensorOr<LinearShape<X, [I, O]>, "f32">
>;

/**
 * An output head: a linear layer without bias whose weight is `[outputs, inputs]`, like an embedding's table.
 *
 * @example
 * ```ts
 * import { nn, spec } from "@weft/weft";
 *
 * console.log(nn.head("n", 50257)(spec(["b", "n"], "f32")).shape); // ["b", 50257]
 * ```
 */
export function head<const I extends Dim, const O extends Dim>(inputs: I, outputs: O): Head<I, O> {
  return module(
    { weight: param([outputs, inputs], "f32") },
    ({ weight }) => (x: unknown) =>
      affine(x as Tensor<Shape, "f32">, transpose(weight as Tensor<Shape, "f32">)),
  ) as never;
}

/** Layer normalisation over the last axis, with parameters `weight` and `bias` `[N]`. */
export type LayerNorm<N extends Dim> = Module<
  { readonly weight: Param<[N], "f32">; readonly bias: Param<[N], "f32"> },
  <X extends Shape, T extends DType>(
    x: Arg<SameDType<"layerNorm", T, "f32", WeightShape<"layerNorm", "weight", X, [N]>>, X, T>,
  ) => Tensor<X, "f32">
>;

/**
 * A layer normalisation (Ba, Kiros and Hinton 2016) of width `n`.
 *
 * @example
 * ```ts
 * import { nn, spec } from "@weft/weft";
 *
 * console.log(nn.layerNorm(768)(spec(["b", "s", 768], "f32")).shape); // ["b", "s", 768]
 * ```
 */
export function layerNorm<const N extends Dim>(n: N, epsilon: number = 1e-5): LayerNorm<N> {
  return module(
    { weight: param([n], "f32"), bias: param([n], "f32") },
    ({ weight, bias }) => (x: unknown) =>
      normalize(
        x as Tensor<Shape, "f32">,
        weight as Tensor<Shape, "f32">,
        bias as Tensor<Shape, "f32">,
        epsilon,
      ),
  ) as never;
}

/** Normalisation by the mean of squares over the last axis, with the parameter `weight` `[N]`. */
export type RMSNorm<N extends Dim> = Module<
  { readonly weight: Param<[N], "f32"> },
  <X extends Shape, T extends DType>(
    x: Arg<SameDType<"rmsNorm", T, "f32", WeightShape<"rmsNorm", "weight", X, [N]>>, X, T>,
  ) => Tensor<X, "f32">
>;

/**
 * An RMS normalisation (Zhang and Sennrich 2019) of width `n`.
 *
 * @example
 * ```ts
 * import { nn, spec } from "@weft/weft";
 *
 * console.log(nn.rmsNorm("n")(spec(["b", "n"], "f32")).shape); // ["b", "n"]
 * ```
 */
export function rmsNorm<const N extends Dim>(n: N, epsilon: number = 1e-6): RMSNorm<N> {
  return module(
    { weight: param([n], "f32") },
    ({ weight }) => (x: unknown) =>
      normalizeBySquares(x as Tensor<Shape, "f32">, weight as Tensor<Shape, "f32">, epsilon),
  ) as never;
}

/** A table of `V` rows, looked up by number: `[i...]` gives `[i..., D]`. Parameter: `weight` `[V, D]`. */
export type Embedding<V extends Dim, D extends Dim> = Module<
  { readonly weight: Param<[V, D], "f32"> },
  <I extends Shape, T extends DType>(
    ids: Arg<HasDType<"take", T, Integer, "signed or unsigned", TakeShape<"take", [V, D], I>>, I, T>,
  ) => TensorOr<TakeShape<"take", [V, D], I>, "f32">
>;

/**
 * An embedding of `count` rows of `width`.
 *
 * @example
 * ```ts
 * import { nn, spec } from "@weft/weft";
 *
 * const wte = nn.embedding(50257, 768);
 * console.log(wte(spec(["b", "s"], "i32")).shape); // ["b", "s", 768]
 * ```
 */
export function embedding<const V extends Dim, const D extends Dim>(count: V, width: D): Embedding<V, D> {
  return module(
    { weight: param([count, width], "f32") },
    ({ weight }) => (ids: unknown) => take(weight as Tensor<Shape, "f32">, ids as Tensor<Shape, "i32">),
  ) as never;
}
