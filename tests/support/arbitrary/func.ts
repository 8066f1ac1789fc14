/**
 * Random kernels and data to run them on.
 *
 * @module
 */
import fc from "fast-check";
import { bufferSpan } from "../../../ir/address.ts";
import { lowerCompute } from "../../../ir/compute.ts";
import { arrayFor, fromNumbers, type TensorArray } from "../../../ir/data.ts";
import { DTYPES } from "../../../ir/dtype.ts";
import { evalInt } from "../../../ir/eval.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { arbCompute, type ComputeOptions } from "./compute.ts";

/** Random naive nests: what lowering makes of random definitions. */
export function arbFunc(options: ComputeOptions = {}): fc.Arbitrary<PrimFunc> {
  return arbCompute(options).map(({ compute, inputs, out, dims }) =>
    lowerCompute(compute, inputs, out, dims)
  );
}

/** Random small values of a function's dims, 0 among them. */
export function arbDims(names: readonly string[]): fc.Arbitrary<Readonly<Record<string, number>>> {
  return fc.array(fc.constantFrom(3, 1, 2, 5, 0), { minLength: names.length, maxLength: names.length })
    .map((sizes) => Object.fromEntries(names.map((name, i) => [name, sizes[i]!])));
}

/**
 * Arrays for all parameters of a function, by name, the same for the same seed. Floats are quarters from -2 to 2 and
 * integers small, so that sums and products of a few are exact. What the function writes only gets junk too: who leaves
 * it shows.
 */
export function randomInputs(
  func: PrimFunc,
  dims: Readonly<Record<string, number>>,
  seed: number,
): Record<string, TensorArray> {
  let state = (seed ^ 0x5eed5eed) >>> 0;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
  const value = (family: (typeof DTYPES)["f32"]["family"]): number => {
    switch (family) {
      case "float":
        return (below(17) - 8) / 4;
      case "signed":
        return below(14) - 5;
      case "unsigned":
        return below(10);
      case "bool":
        return below(2);
    }
  };
  return Object.fromEntries(func.params.map(({ buffer }): [string, TensorArray] => {
    const { dtype } = buffer;
    const isEmpty = buffer.shape.some((e) => evalInt(e, dims) <= 0);
    const count = isEmpty ? 0 : evalInt(bufferSpan(buffer), dims);
    if (count === 0) return [buffer.name, arrayFor(dtype, 0)];
    return [
      buffer.name,
      fromNumbers(dtype, Array.from({ length: count }, () => value(DTYPES[dtype].family))),
    ];
  }));
}
