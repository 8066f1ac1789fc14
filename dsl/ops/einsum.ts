/**
 * Operators that name the axes of their tensors.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { einsumShape, parseEinsum, rearrangement } from "../../ir/shape/einsum.ts";
import { apply, refusal } from "../apply.ts";
import { bindShape } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import type { Literal, TensorOr } from "../types/arg.ts";
import type { EinsumShape, RearrangeShape } from "../types/einsum.ts";
import type { Numeric } from "./binary.ts";
import type { SameDTypes, Shapes } from "./views.ts";

/**
 * Sums of products, with a name for every axis: a name stands for one size in all tensors, and what the result lacks
 * is summed over. A name that is twice in one tensor goes along its diagonal. Three tensors and more are
 * multiplied from left to right. f16 is summed in f32.
 *
 * Named as in NumPy's `einsum`, with names of any length between spaces (as in einops, Rogozhnikov 2022).
 *
 * @example
 * ```ts
 * import { einsum, spec } from "@weft/weft";
 *
 * const [q, k] = [spec(["t", 12, 64], "f32"), spec(["s", 12, 64], "f32")];
 * console.log(einsum("t h d, s h d -> h t s", q, k).shape); // [12, "t", "s"]
 * ```
 */
export function einsum<const E extends string, const L extends readonly Tensor<Shape, Numeric>[]>(
  equation: Literal<SameDTypes<"einsum", L, EinsumShape<E, Shapes<L>>>, E>,
  ...tensors: L
): TensorOr<EinsumShape<E, Shapes<L>>, L[0]["dtype"]> {
  return multiply(equation as string, tensors) as never;
}

function multiply(equation: string, tensors: readonly Tensor[]): Tensor {
  const checked = einsumShape(equation, tensors.map((t) => t.shape));
  if (typeof checked === "string") throw refusal("einsum", checked);
  const parsed = parseEinsum(equation);
  const [first, second, ...rest] = tensors;
  if (typeof parsed === "string" || first === undefined) return apply("einsum", tensors, { equation });
  const { operands: [a = [], b = [], ...others], result } = parsed;
  if (second === undefined && new Set(a).size === a.length && a.length === result.length) {
    return apply("permute", [first], { axes: result.map((name) => a.indexOf(name)) });
  }
  if (second === undefined || rest.length === 0) return apply("einsum", tensors, { equation });
  // Two at a time: of each product only the axes are kept that something after it has.
  const later = new Set([...others.flat(), ...result]);
  const kept = [...new Set([...a, ...b])].filter((name) => later.has(name));
  const product = apply("einsum", [first, second], {
    equation: `${a.join(" ")}, ${b.join(" ")} -> ${kept.join(" ")}`,
  });
  const next = [kept, ...others].map((names) => names.join(" ")).join(", ");
  return multiply(`${next} -> ${result.join(" ")}`, [product, ...rest]);
}

/**
 * The same elements with other axes, by name: `(h d)` is one axis of the tensor made of two. Sizes of all names in
 * parentheses but one are given in `sizes`; where all are given, they make up the axis.
 *
 * Written as in einops (Rogozhnikov 2022).
 *
 * @example
 * ```ts
 * import { rearrange, spec } from "@weft/weft";
 *
 * const x = spec(["b", "s", 768], "f32");
 * console.log(rearrange(x, "b s (h d) -> b h s d", { h: 12 }).shape); // ["b", 12, "s", 64]
 * console.log(rearrange(x, "b s d -> (b s) d").shape); // ["b*s", 768]
 * ```
 */
export function rearrange<
  S extends Shape,
  const P extends string,
  T extends DType,
  const Z extends Readonly<Record<string, Dim>> = Record<never, never>,
>(
  x: Tensor<S, T>,
  pattern: Literal<RearrangeShape<S, P, Z>, P>,
  sizes?: Z,
): TensorOr<RearrangeShape<S, P, Z>, T> {
  const names = Object.keys(sizes ?? {});
  const values = bindShape(Object.values<Dim>(sizes ?? {}));
  const known = Object.fromEntries(names.map((name, i) => [name, values[i] ?? 1]));
  const steps = rearrangement(x.shape, pattern as string, known);
  if (typeof steps === "string") throw refusal("rearrange", steps);
  const { apart, order, joined } = steps;
  const split = apply("reshape", [x], { shape: [...apart] });
  const moved = order.every((axis, i) => axis === i)
    ? split
    : apply("permute", [split], { axes: [...order] });
  return apply("reshape", [moved], { shape: [...joined] }) as never;
}
