/**
 * Where an element of a buffer is.
 *
 * @module
 */
import { add, type Expr, int, mul, sub } from "./expr.ts";
import type { Buffer } from "./stmt.ts";

/** Elements to step over for one step along each axis. */
export function bufferStrides(buffer: Buffer): readonly Expr[] {
  return buffer.strides ?? rowMajor(buffer.shape);
}

function rowMajor(shape: readonly Expr[]): readonly Expr[] {
  const strides: Expr[] = [];
  let step: Expr = int(1);
  for (const extent of shape.toReversed()) {
    strides.unshift(step);
    step = isOne(step) ? extent : mul(extent, step);
  }
  return strides;
}

/**
 * The number of the element at `indices`, from the start of the buffer: `(i * n + j) * m + k` over a row-major buffer,
 * a sum of products over one with strides. Not simplified.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { flatIndex } from "./address.ts";
 * import { add, int, mul, variable } from "./expr.ts";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const x = { name: "x", dtype: "f32", shape: [int(4), int(6)], scope: "global" } as const;
 * assertEquals(flatIndex(x, [i, j]), add(mul(i, int(6)), j));
 * ```
 */
export function flatIndex(buffer: Buffer, indices: readonly Expr[]): Expr {
  if (buffer.strides === undefined) {
    return indices.reduce<Expr>((flat, index, d) => {
      const extent = buffer.shape[d];
      return d === 0 || extent === undefined ? index : add(mul(flat, extent), index);
    }, int(0));
  }
  const terms = buffer.strides.flatMap((stride, d) => {
    const index = indices[d];
    return index === undefined ? [] : [isOne(stride) ? index : mul(index, stride)];
  });
  return terms.reduce<Expr | undefined>((all, t) => (all === undefined ? t : add(all, t)), undefined) ??
    int(0);
}

/** Elements from the start of a buffer to one past its last, where no extent is 0. */
export function bufferSpan(buffer: Buffer): Expr {
  if (buffer.strides === undefined) {
    return buffer.shape.reduce<Expr>((n, extent) => (isOne(n) ? extent : mul(n, extent)), int(1));
  }
  return buffer.strides.reduce<Expr>(
    (n, stride, d) => add(n, mul(sub(buffer.shape[d] ?? int(1), int(1)), stride)),
    int(1),
  );
}

function isOne(e: Expr): boolean {
  return e.kind === "const" && e.value === 1;
}
