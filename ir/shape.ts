/**
 * Shape functions: the shape an operator gives, or the message why its operands do not fit.
 *
 * A result that is a string is the message; callers add where it happened and throw. Rules common to all: two
 * dims are the same only if they are equal (a name is not a number, nor another name, whatever their values
 * may be), and only the literal 1 broadcasts. `dsl/types` has the same functions for the type checker, with
 * the same messages; a generated test keeps the two from drifting apart.
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
  productDim,
  type Shape,
  subtractDim,
} from "./dim.ts";

/** A shape, or the message of the mistake that leaves none. */
export type ShapeResult = Shape | string;

/**
 * The index of an axis, counted from the end if negative; or the message that there is no such axis.
 *
 * @example
 * ```ts
 * import { normalizeAxis } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeAxis("softmax", ["b", 768], -1), 1);
 * assertEquals(normalizeAxis("softmax", ["b", 768], 2), "softmax: axis 2 is out of range for [b, 768]");
 * ```
 */
export function normalizeAxis(op: string, shape: Shape, axis: number): number | string {
  const index = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(axis) && index >= 0 && index < shape.length) return index;
  return `${op}: axis ${axis} is out of range for ${printShape(shape)}`;
}

/**
 * Shapes of two operands aligned at their last axes, where a literal 1 stretches to the other's dim.
 *
 * @example
 * ```ts
 * import { broadcastShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(broadcastShape("add", ["b", "s", 768], [768]), ["b", "s", 768]);
 * assertEquals(
 *   broadcastShape("add", ["b", "s", 768], [3072]),
 *   "add: cannot broadcast [b, s, 768] with [3072]: 768 vs 3072",
 * );
 * ```
 */
export function broadcastShape(op: string, a: Shape, b: Shape): ShapeResult {
  const dims = broadcastDims(a, b);
  if (typeof dims !== "string") return dims;
  return `${op}: cannot broadcast ${printShape(a)} with ${printShape(b)}: ${dims}`;
}

/** Three-way broadcast of a condition and the two values to choose from. */
export function whereShape(cond: Shape, a: Shape, b: Shape): ShapeResult {
  const first = broadcastShape("where", cond, a);
  return typeof first === "string" ? first : broadcastShape("where", first, b);
}

/** `target`, if `x` stretches to it: axes of 1 grow, missing axes are put in front. */
export function broadcastToShape(x: Shape, target: Shape): ShapeResult {
  const dims = broadcastDims(x, target);
  const stretches = typeof dims !== "string" && dims.length === target.length &&
    dims.every((d, i) => dimEquals(d, target[i]!));
  return stretches ? target : `broadcastTo: ${printShape(x)} does not stretch to ${printShape(target)}`;
}

/** The common shape, or the rightmost pair of dims that do not fit: `"768 vs 3072"`. */
function broadcastDims(a: Shape, b: Shape): ShapeResult {
  const dims: Dim[] = [];
  for (let fromEnd = 1; fromEnd <= Math.max(a.length, b.length); fromEnd++) {
    const x = a[a.length - fromEnd] ?? 1;
    const y = b[b.length - fromEnd] ?? 1;
    if (!dimEquals(x, y) && x !== 1 && y !== 1) return `${x} vs ${y}`;
    dims.unshift(x === 1 ? y : x);
  }
  return dims;
}

/**
 * Matrix product over the last two axes, `[..., m, k] x [..., k, n]`; the axes before them broadcast.
 *
 * @example
 * ```ts
 * import { matmulShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(matmulShape(["b", 12, "s", 64], ["b", 12, 64, "s"]), ["b", 12, "s", "s"]);
 * assertEquals(matmulShape([2, 3], [4, 5]), "matmul: inner dims 3 and 4 differ: [2, 3] x [4, 5]");
 * ```
 */
export function matmulShape(a: Shape, b: Shape): ShapeResult {
  const [m, k] = a.slice(-2);
  const [k2, n] = b.slice(-2);
  if (m === undefined || k === undefined) return `matmul: left operand needs rank >= 2, got ${printShape(a)}`;
  if (k2 === undefined || n === undefined) {
    return `matmul: right operand needs rank >= 2, got ${printShape(b)}`;
  }
  const operands = `${printShape(a)} x ${printShape(b)}`;
  if (!dimEquals(k, k2)) return `matmul: inner dims ${k} and ${k2} differ: ${operands}`;
  const batch = broadcastDims(a.slice(0, -2), b.slice(0, -2));
  if (typeof batch === "string") return `matmul: batch dims do not broadcast: ${operands}`;
  return [...batch, m, n];
}

/** The product of a tensor's last axis with a weight: `[..., i] x [i, o]` gives `[..., o]`. */
export function linearShape(x: Shape, weight: Shape): ShapeResult {
  const [i, o, ...more] = weight;
  if (i === undefined || o === undefined || more.length > 0) {
    return `linear: weight needs rank 2, got ${printShape(weight)}`;
  }
  const checked = lastAxisShape("linear", x, i);
  return typeof checked === "string" ? checked : [...x.slice(0, -1), o];
}

/**
 * The shape of `x` itself, if its last axis is `dim`: the rule of everything that has one weight for each
 * element of the last axis (linear, layer norm).
 */
export function lastAxisShape(op: string, x: Shape, dim: Dim): ShapeResult {
  const last = x.at(-1);
  if (last === undefined) return `${op}: input needs rank >= 1, got []`;
  if (!dimEquals(last, dim)) return `${op}: last axis of ${printShape(x)} is ${last}, expected ${dim}`;
  return x;
}

/** The shape of a weight or bias itself (`what`), if it has one element for each of the last axis of `x`. */
export function weightShape(op: string, what: string, x: Shape, weight: Shape): ShapeResult {
  const last = x.at(-1);
  if (last === undefined) return `${op}: needs at least one axis, got []`;
  const [width] = weight;
  if (weight.length === 1 && width !== undefined && dimEquals(width, last)) return weight;
  return `${op}: ${what} is ${printShape(weight)}, expected [${last}]`;
}

/**
 * Reduction over some axes (one, several, or all if `undefined`), which vanish or, with `keepDims`, become 1.
 *
 * @example
 * ```ts
 * import { reduceShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reduceShape("sum", ["b", "s", 768], -1, true), ["b", "s", 1]);
 * assertEquals(reduceShape("sum", ["b", "s", 768], [0, 2]), ["s"]);
 * ```
 */
export function reduceShape(
  op: string,
  x: Shape,
  axes: number | readonly number[] | undefined,
  keepDims: boolean = false,
): ShapeResult {
  const reduced = new Set<number>();
  for (const axis of axes === undefined ? x.keys() : typeof axes === "number" ? [axes] : axes) {
    const index = normalizeAxis(op, x, axis);
    if (typeof index === "string") return index;
    if (reduced.has(index)) return `${op}: axis ${axis} of ${printShape(x)} is given twice`;
    reduced.add(index);
  }
  return keepDims ? x.map((d, i) => reduced.has(i) ? 1 : d) : x.filter((_, i) => !reduced.has(i));
}

/** The shape of `x` itself, if it has the axis along which `op` (softmax, cumulative sum) runs. */
export function softmaxShape(op: string, x: Shape, axis: number): ShapeResult {
  const index = normalizeAxis(op, x, axis);
  return typeof index === "string" ? index : x;
}

/** Axis `i` of the result is axis `axes[i]` of `x`. */
export function permuteShape(x: Shape, axes: readonly number[]): ShapeResult {
  const indices = axes.map((axis) => normalizeAxis("permute", x, axis));
  const used = new Set(indices.filter((index) => typeof index === "number"));
  if (axes.length !== x.length || used.size !== x.length) {
    return `permute: ${printShape(axes)} is not a permutation of the axes of ${printShape(x)}`;
  }
  return [...used].map((index) => x[index]!);
}

/** Swaps the last two axes. */
export function transposeShape(x: Shape): ShapeResult {
  const [m, n] = x.slice(-2);
  if (m === undefined || n === undefined) return `transpose: needs rank >= 2, got ${printShape(x)}`;
  return [...x.slice(0, -2), n, m];
}

/**
 * The same elements in another shape. One `-1` in `target` stands for the dim that makes the counts equal.
 *
 * What the names leave open is accepted: `[n_embd]` as `[n_head, head_dim]` may be right, and binding the
 * names decides. Refused is what is wrong for all values of the names, taking no name to be 1. A `-1` that
 * the names leave open is refused too, for lack of a result.
 *
 * @example
 * ```ts
 * import { reshapeShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reshapeShape(["b", "s", 768], ["b", "s", 12, -1]), ["b", "s", 12, 64]);
 * assertEquals(
 *   reshapeShape(["b", "s", 768], ["b", "s", 12, 60]),
 *   "reshape: [b, s, 768] has 768*b*s elements, [b, s, 12, 60] has 720*b*s",
 * );
 * ```
 */
export function reshapeShape(x: Shape, target: Shape): ShapeResult {
  const known = target.filter((d) => d !== -1);
  if (known.length < target.length - 1) return `reshape: more than one -1 in ${printShape(target)}`;
  const [from, to] = cancel(factorsOf(x), factorsOf(known));
  if (known.length === target.length) {
    if (mayBeEqual(from, to)) return target;
    return `reshape: ${printShape(x)} has ${productDim(x)} elements, ${printShape(target)} has ${
      productDim(target)
    }`;
  }
  const missing = divDim(product(from), product(to));
  if (missing !== undefined) return target.map((d) => d === -1 ? missing : d);
  if (from.symbols.length === 0 && to.symbols.length === 0) {
    return `reshape: ${printShape(x)} cannot be viewed as ${printShape(target)}`;
  }
  return `reshape: -1 in ${printShape(target)} does not follow from ${printShape(x)}; give that dim a name`;
}

/** A product taken apart: a literal, and names or sums of several terms. */
interface Factors {
  readonly literal: number;
  readonly symbols: readonly string[];
}

function factorsOf(shape: Shape): Factors {
  let literal: Dim = 1;
  const symbols: string[] = [];
  for (const d of shape) {
    const [term, ...more] = dimTerms(d);
    if (more.length > 0) symbols.push(String(d));
    else {
      literal = mulDim(literal, term?.coef ?? 0);
      symbols.push(...(term?.vars ?? []));
    }
  }
  return { literal: Number(literal), symbols };
}

/** Takes the symbols that both products have out of both. */
function cancel(a: Factors, b: Factors): [Factors, Factors] {
  const onlyB = [...b.symbols];
  const onlyA = a.symbols.filter((symbol) => {
    const at = onlyB.indexOf(symbol);
    if (at >= 0) onlyB.splice(at, 1);
    return at < 0;
  });
  return [{ literal: a.literal, symbols: onlyA }, { literal: b.literal, symbols: onlyB }];
}

function product({ literal, symbols }: Factors): Dim {
  return productDim([literal, ...symbols]);
}

/** Whether some values of the symbols, none of them 1, make two products equal (or nobody can tell). */
function mayBeEqual(a: Factors, b: Factors): boolean {
  if (a.symbols.length > 0 && b.symbols.length > 0) return true;
  if (a.symbols.length > 0) return isProperMultiple(b.literal, a.literal);
  if (b.symbols.length > 0) return isProperMultiple(a.literal, b.literal);
  return a.literal === b.literal;
}

function isProperMultiple(n: number, of: number): boolean {
  return n === 0 || (n !== of && n % of === 0);
}

/** One of `parts` equal parts along an axis. */
export function splitShape(x: Shape, parts: number, axis: number): ShapeResult {
  if (!Number.isInteger(parts) || parts < 1) {
    return `split: needs a whole number of parts from 1, got ${parts}`;
  }
  const index = normalizeAxis("split", x, axis);
  if (typeof index === "string") return index;
  const dim = x[index]!;
  const part = divDim(dim, parts);
  if (part !== undefined) return x.with(index, part);
  const open = typeof dim === "number" ? "" : "known to be ";
  return `split: axis ${axis} of ${printShape(x)} is ${dim}, not ${open}divisible by ${parts}`;
}

/**
 * Tensors one after the other along an axis, whose dims are added; the others must be the same.
 *
 * @example
 * ```ts
 * import { concatShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(concatShape([["b", "past", 64], ["b", "seq", 64]], 1), ["b", "past+seq", 64]);
 * ```
 */
export function concatShape(shapes: readonly Shape[], axis: number): ShapeResult {
  return joinShapes("concat", shapes, axis);
}

/** A cache that grows along an axis: the shape after `next` is put behind `past`. */
export function appendShape(past: Shape, next: Shape, axis: number): ShapeResult {
  return joinShapes("append", [past, next], axis);
}

function joinShapes(op: string, shapes: readonly Shape[], axis: number): ShapeResult {
  const [first, ...others] = shapes;
  if (first === undefined) return `${op}: needs at least one tensor`;
  const index = normalizeAxis(op, first, axis);
  if (typeof index === "string") return index;
  let sum = first[index]!;
  for (const other of others) {
    if (other.length !== first.length) {
      return `${op}: ${printShape(first)} and ${printShape(other)} differ in rank`;
    }
    if (!other.every((d, i) => i === index || dimEquals(d, first[i]!))) {
      return `${op}: ${printShape(first)} and ${printShape(other)} differ outside axis ${axis}`;
    }
    sum = addDim(sum, other[index]!);
  }
  return first.with(index, sum);
}

/**
 * `length` elements from `start` on along an axis. A negative `start` counts from the end; `undefined` is
 * one that only the run knows. Refused is what reaches beyond the axis for all values of the names.
 *
 * @example
 * ```ts
 * import { sliceShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sliceShape(["b", "s", 768], 1, -1, 1), ["b", 1, 768]);
 * assertEquals(sliceShape([768], 0, 700, 100), "slice: axis 0 of [768] is 768, no room for 100 from 700");
 * ```
 */
export function sliceShape(x: Shape, axis: number, start: Dim | undefined, length: Dim): ShapeResult {
  const index = normalizeAxis("slice", x, axis);
  if (typeof index === "string") return index;
  const dim = x[index]!;
  const refused = typeof start === "number" && start < 0
    ? exceeds(-start, dim) || exceeds(length, -start)
    : exceeds(addDim(start ?? 0, length), dim);
  if (!refused) return x.with(index, length);
  const wanted = start === undefined ? `${length}` : `${length} from ${start}`;
  return `slice: axis ${axis} of ${printShape(x)} is ${dim}, no room for ${wanted}`;
}

/** Whether `a > b` for all values of the names. */
function exceeds(a: Dim, b: Dim): boolean {
  return subtractDim(a, addDim(b, 1)) !== undefined;
}

/** Rows of a table by their numbers: `[v, ...row]` and `[...ids]` give `[...ids, ...row]`. */
export function takeShape(op: string, table: Shape, ids: Shape): ShapeResult {
  if (table.length === 0) return `${op}: table needs rank >= 1, got []`;
  return [...ids, ...table.slice(1)];
}
