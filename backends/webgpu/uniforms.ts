/**
 * What a kernel reads from its uniform buffer, word by word.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import { evalInt } from "../../ir/eval.ts";
import type { Launch } from "../lower.ts";

/**
 * A 32-bit word of a kernel's uniforms: workgroups along some axes (their product), the bits of an infinity or NaN,
 * which WGSL has no literal for, or the value of a dim.
 */
export type UniformWord =
  | { readonly kind: "grid"; readonly axes: readonly number[] }
  | { readonly kind: "bits"; readonly of: "inf" | "nan" }
  | { readonly kind: "dim"; readonly name: string };

/** Bits of the float constants that come as uniforms. */
export const FLOAT_BITS: Readonly<Record<"inf" | "nan", number>> = { inf: 0x7f800000, nan: 0x7fc00000 };

/** The expression that reads word `index` of the uniforms. */
export function uniformText(index: number): string {
  return `u[${index >> 2}].${"xyzw"[index & 3]}`;
}

/** Bytes of a uniform block of that many words: whole `vec4<i32>`s. */
export function uniformBytes(words: number): number {
  return Math.ceil(words / 4) * 16;
}

/** Workgroups along x, y, z with these dim values; throws {@linkcode DeviceError} where one is missing. */
export function gridOf(
  launch: Launch,
  dims: Readonly<Record<string, number>>,
): readonly [number, number, number] {
  for (const name of launch.dims) {
    const value = Object.hasOwn(dims, name) ? dims[name] : undefined;
    if (value === undefined || !Number.isInteger(value) || value < 0) {
      throw new DeviceError(
        "validation",
        `Cannot run ${launch.name}: dim ${name} is ${value ?? "missing"}, it must be an integer from 0 on`,
      );
    }
  }
  const [x, y, z] = launch.grid;
  return [evalInt(x, dims), evalInt(y, dims), evalInt(z, dims)];
}

/** Writes a kernel's words to `into` from word `at` on. */
export function writeUniforms(
  words: readonly UniformWord[],
  grid: readonly number[],
  dims: Readonly<Record<string, number>>,
  into: Int32Array,
  at: number,
): void {
  words.forEach((word, i) => {
    into[at + i] = wordValue(word, grid, dims);
  });
}

function wordValue(
  word: UniformWord,
  grid: readonly number[],
  dims: Readonly<Record<string, number>>,
): number {
  switch (word.kind) {
    case "grid":
      return word.axes.reduce((product, axis) => product * (grid[axis] ?? 1), 1);
    case "bits":
      return FLOAT_BITS[word.of];
    case "dim":
      return dims[word.name] ?? 0;
    default:
      return word satisfies never;
  }
}
