/**
 * What a kernel reads from its uniform buffer, word by word.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { Launch } from "../lower.ts";
import { evalInt } from "./ints.ts";

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

/** Workgroups along x, y, z with these dim values. */
export function gridOf(
  launch: Launch,
  dims: Readonly<Record<string, number>>,
): readonly [number, number, number] {
  const axis = (d: 0 | 1 | 2): number => {
    const n = evalInt(launch.grid[d], dims);
    if (n !== undefined) return n;
    const missing = launch.dims.filter((name) => !Object.hasOwn(dims, name));
    throw new DeviceError(
      "validation",
      `Cannot run ${launch.name}: its grid needs dims ${missing.join(", ") || "of another kind"}, got ${
        Object.keys(dims).join(", ") || "none"
      }`,
    );
  };
  return [axis(0), axis(1), axis(2)];
}

/** Writes a kernel's words to `into` from word `at` on. */
export function writeUniforms(
  words: readonly UniformWord[],
  launch: Launch,
  grid: readonly number[],
  dims: Readonly<Record<string, number>>,
  into: Int32Array,
  at: number,
): void {
  words.forEach((word, i) => {
    into[at + i] = wordValue(word, launch, grid, dims);
  });
}

function wordValue(
  word: UniformWord,
  launch: Launch,
  grid: readonly number[],
  dims: Readonly<Record<string, number>>,
): number {
  switch (word.kind) {
    case "grid":
      return word.axes.reduce((product, axis) => product * (grid[axis] ?? 1), 1);
    case "bits":
      return FLOAT_BITS[word.of];
    case "dim": {
      const value = Object.hasOwn(dims, word.name) ? dims[word.name] : undefined;
      if (value === undefined || !Number.isInteger(value)) {
        throw new DeviceError(
          "validation",
          `Cannot run ${launch.name}: dim ${word.name} is ${value ?? "missing"}, it must be an integer`,
        );
      }
      return value;
    }
    default:
      return word satisfies never;
  }
}
