/**
 * Shape functions of `einsum` and `rearrange`, which name the axes of their operands.
 *
 * @module
 */
import { type Dim, dimEquals, divDim, printShape, productDim, type Shape } from "../dim.ts";
import { reshapeShape, type ShapeResult } from "../shape.ts";

/** The names of the axes of each operand, and of the result. */
export interface Einsum {
  /** Names of each operand's axes. */
  readonly operands: readonly (readonly string[])[];
  /** Names of the result's axes. */
  readonly result: readonly string[];
}

/**
 * Reads `"t h d, s h d -> h t s"`: names between spaces, operands between commas, the result after the arrow. Gives the
 * message where it is none.
 */
export function parseEinsum(equation: string): Einsum | string {
  const [left, right, more] = equation.split("->");
  if (left === undefined || right === undefined || more !== undefined) {
    return `einsum: "${equation}" has not one ->`;
  }
  const operands = left.split(",").map(wordsOf);
  const result = wordsOf(right);
  const wrong = [...operands.flat(), ...result].find((name) => !isAxisName(name));
  return wrong === undefined ? { operands, result } : `einsum: "${wrong}" is no name of an axis`;
}

const wordsOf = (text: string): readonly string[] => text.split(" ").filter((word) => word !== "");
const isAxisName = (word: string): boolean => /^[A-Za-z_][A-Za-z_0-9]*$/.test(word);

/** The shape of the result: each name stands for one size. A name that the result lacks is summed over. */
export function einsumShape(equation: string, shapes: readonly Shape[]): ShapeResult {
  const parsed = parseEinsum(equation);
  if (typeof parsed === "string") return parsed;
  const { operands, result } = parsed;
  if (operands.length !== shapes.length) {
    return `einsum: "${equation}" is of ${operands.length} tensors, got ${shapes.length}`;
  }
  const sizes = new Map<string, Dim>();
  for (const [i, names] of operands.entries()) {
    const shape = shapes[i] ?? [];
    if (names.length !== shape.length) {
      return `einsum: "${names.join(" ")}" is of other rank than ${printShape(shape)}`;
    }
    for (const [d, name] of names.entries()) {
      const [known, dim] = [sizes.get(name), shape[d] ?? 1];
      if (known !== undefined && !dimEquals(known, dim)) {
        return `einsum: ${name} is ${known} and ${dim}`;
      }
      sizes.set(name, dim);
    }
  }
  const out: Dim[] = [];
  for (const [i, name] of result.entries()) {
    const size = sizes.get(name);
    if (size === undefined) return `einsum: ${name} is in the result and in no tensor`;
    if (result.indexOf(name) < i) return `einsum: ${name} is twice in the result`;
    out.push(size);
  }
  return out;
}

/** Names of axes, those of one axis of the tensor together. */
export type Groups = readonly (readonly string[])[];

/** The steps of a `rearrange`: axes taken apart, put into another order, and joined. */
export interface Rearrangement {
  /** The shape with every named axis of its own. */
  readonly apart: Shape;
  /** Axis `i` of the result, before axes are joined, is axis `order[i]` of that. */
  readonly order: readonly number[];
  /** The shape with axes joined. */
  readonly joined: Shape;
}

/** Reads `"b s (h d) -> b h s d"`, or gives the message. */
export function parseRearrange(pattern: string): readonly [Groups, Groups] | string {
  const [left, right, more] = pattern.split("->");
  if (left === undefined || right === undefined || more !== undefined) {
    return `rearrange: "${pattern}" has not one ->`;
  }
  const [from, to] = [groupsOf(left), groupsOf(right)];
  if (typeof from === "string") return from;
  if (typeof to === "string") return to;
  for (const side of [from, to]) {
    const names = side.flat();
    const again = names.find((name, i) => names.indexOf(name) < i);
    if (again !== undefined) return `rearrange: ${again} is twice on one side`;
  }
  const [a, b] = [from.flat(), to.flat()];
  const lone = a.find((name) => !b.includes(name)) ?? b.find((name) => !a.includes(name));
  return lone === undefined ? [from, to] : `rearrange: ${lone} is on one side only`;
}

function groupsOf(text: string): Groups | string {
  const groups: string[][] = [];
  let open: string[] | undefined;
  for (const word of text.replaceAll("(", " ( ").replaceAll(")", " ) ").split(" ")) {
    if (word === "") continue;
    if (word === "(" ? open !== undefined : word === ")" && open === undefined) {
      return `rearrange: parentheses of "${text.trim()}" do not match`;
    }
    if (word === "(") open = [];
    else if (word === ")") {
      groups.push(open ?? []);
      open = undefined;
    } else if (!isAxisName(word)) return `rearrange: "${word}" is no name of an axis`;
    else if (open === undefined) groups.push([word]);
    else open.push(word);
  }
  return open === undefined ? groups : `rearrange: parentheses of "${text.trim()}" do not match`;
}

/**
 * What a `rearrange` of a tensor does, or the message. `sizes` has the size of all names in a group but at most one;
 * where it has all, they make up the axis.
 */
export function rearrangement(
  x: Shape,
  pattern: string,
  sizes: Readonly<Record<string, Dim>>,
): Rearrangement | string {
  const parsed = parseRearrange(pattern);
  if (typeof parsed === "string") return parsed;
  const [from, to] = parsed;
  const unknown = Object.keys(sizes).find((name) => !from.flat().includes(name));
  if (unknown !== undefined) return `rearrange: there is no ${unknown} in "${pattern}"`;
  if (from.length !== x.length) {
    return `rearrange: "${pattern}" is of other rank than ${printShape(x)}`;
  }
  const found = new Map<string, Dim>();
  for (const [d, group] of from.entries()) {
    const dim = x[d] ?? 1;
    const given = group.flatMap((name) => (Object.hasOwn(sizes, name) ? sizes[name] ?? [] : []));
    const open = group.filter((name) => !Object.hasOwn(sizes, name));
    const [name, another] = open;
    if (another !== undefined) return `rearrange: sizes of ${name} and ${another} are not given`;
    for (const known of group) if (known !== name) found.set(known, sizes[known] ?? 1);
    if (name === undefined) {
      // The number of elements alone would let a mistake in one axis hide one in another.
      if (dimEquals(productDim(given), dim)) continue;
      return `rearrange: (${group.join(" ")}) is ${productDim(given)}, its axis is ${dim}`;
    }
    const size = divDim(dim, productDim(given));
    if (size === undefined) {
      return `rearrange: ${name} of (${group.join(" ")}) is ${dim} / ${productDim(given)}, which is no size`;
    }
    found.set(name, size);
  }
  const size = (name: string): Dim => found.get(name) ?? 1;
  const names = from.flat();
  const apart = reshapeShape(x, names.map(size));
  if (typeof apart === "string") return apart;
  return {
    apart,
    order: to.flat().map((name) => names.indexOf(name)),
    joined: to.map((group) => productDim(group.map(size))),
  };
}

/** The shape of the result of a `rearrange`, or the message. */
export function rearrangeShape(
  x: Shape,
  pattern: string,
  sizes: Readonly<Record<string, Dim>>,
): ShapeResult {
  const steps = rearrangement(x, pattern, sizes);
  return typeof steps === "string" ? steps : steps.joined;
}
