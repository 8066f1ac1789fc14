/**
 * Shape functions of operators that slide a window over the last two axes: convolution and pooling.
 *
 * @module
 */
import {
  addDim,
  type Dim,
  dimEquals,
  dimTerms,
  divDim,
  mulDim,
  printShape,
  type Shape,
  subtractDim,
} from "../dim.ts";
import type { ShapeResult } from "../shape.ts";

/** How a window moves: over which margin, in which steps, with which distance between its elements. */
export interface Sliding {
  /** Rows above and below, columns left and right, that are added. */
  readonly padding: readonly [top: number, bottom: number, left: number, right: number];
  /** Steps along height and width. */
  readonly strides: readonly [number, number];
  /** Distances between neighbours in the window. */
  readonly dilations: readonly [number, number];
}

/**
 * How many positions a window has along an axis: `floor((size + padding - span) / stride) + 1`, where a window of `n`
 * elements spans `(n - 1) * dilation + 1`; rounded up with `ceil`. `undefined` if there is none, or if the names leave
 * it open.
 */
export function windowCount(
  size: Dim,
  window: Dim,
  padding: number,
  stride: number,
  dilation: number,
  ceil: boolean = false,
): Dim | undefined {
  const padded = addDim(size, padding + dilation + stride - 1 + (ceil ? stride - 1 : 0));
  const covered = subtractDim(padded, mulDim(window, dilation));
  const count = covered === undefined ? undefined : floorDim(covered, stride);
  return count === 0 ? undefined : count;
}

/** `floor(d / n)`, if the terms with names can be divided by `n`. */
function floorDim(d: Dim, n: number): Dim | undefined {
  const constant = dimTerms(d).find((term) => term.vars.length === 0)?.coef ?? 0;
  const rest = subtractDim(d, constant % n);
  return rest === undefined ? undefined : divDim(rest, n);
}

/** Height and width of the positions of a window over the last two axes of `x`, or the message. */
function slide(
  op: string,
  x: Shape,
  window: readonly [Dim, Dim],
  { padding, strides, dilations }: Sliding,
  ceil: boolean,
): ShapeResult {
  const counts = ([0, 1] as const).map((i) => {
    const margin = padding[2 * i]! + padding[2 * i + 1]!;
    return windowCount(x[i + 2]!, window[i], margin, strides[i], dilations[i], ceil);
  });
  const isOpen = (i: number): boolean => typeof x[i + 2] === "string" || typeof window[i] === "string";
  const missing = counts.flatMap((count, i) => (count === undefined ? [i] : []));
  const wrong = missing.find((i) => !isOpen(i)) ?? missing[0];
  if (wrong === undefined) return counts.filter((count) => count !== undefined);
  const why = isOpen(wrong) ? "is not known to fit a whole number of times" : "does not fit";
  return `${op}: window of ${window[wrong]} ${why} along axis ${wrong + 2} of ${printShape(x)}`;
}

/**
 * Convolution of images `[n, c, h, w]` with filters `[o, c/groups, kh, kw]`: `[n, o, h', w']`.
 *
 * The numbers of `sliding` and `groups` are integers in range; the operator checks that first.
 */
export function conv2dShape(x: Shape, filter: Shape, sliding: Sliding, groups: number = 1): ShapeResult {
  const [n, c] = x;
  const [o, i, kh, kw] = filter;
  if (x.length !== 4 || n === undefined || c === undefined) {
    return `conv2d: input needs 4 axes [n, c, h, w], got ${printShape(x)}`;
  }
  if (filter.length !== 4 || o === undefined || i === undefined || kh === undefined || kw === undefined) {
    return `conv2d: filter needs 4 axes [o, i, h, w], got ${printShape(filter)}`;
  }
  const taken = mulDim(i, groups);
  if (!dimEquals(taken, c)) {
    return `conv2d: filter ${printShape(filter)} takes ${taken} channels, input ${printShape(x)} has ${c}`;
  }
  if (divDim(o, groups) === undefined) {
    return `conv2d: ${o} output channels do not split into ${groups} groups`;
  }
  const counts = slide("conv2d", x, [kh, kw], sliding, false);
  return typeof counts === "string" ? counts : [n, o, ...counts];
}

/** Pooling of images `[n, c, h, w]` by a window, which is the whole image if none is given. */
export function poolShape(
  op: string,
  x: Shape,
  window: readonly [Dim, Dim] | undefined,
  sliding: Sliding,
  ceil: boolean = false,
): ShapeResult {
  const [n, c, h, w] = x;
  if (x.length !== 4 || n === undefined || c === undefined || h === undefined || w === undefined) {
    return `${op}: input needs 4 axes [n, c, h, w], got ${printShape(x)}`;
  }
  const counts = slide(op, x, window ?? [h, w], sliding, ceil);
  return typeof counts === "string" ? counts : [n, c, ...counts];
}
