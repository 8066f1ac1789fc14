/**
 * Dims: the sizes that shapes are made of.
 *
 * A static dim is a non-negative integer, a symbolic one a string such as `"seq"`, `"past+seq"` or
 * `"3*n_embd"`. A string is always in canonical form, so that `===` is equality:
 *
 * - it is a sum of terms, a term is a coefficient (left out when 1) times names: `"2*b*s+b+1"`;
 * - the names of a term are in character order (`0-9 A-Z _ a-z`), and so are the terms, as words of names; a
 *   product comes before its own beginning (`"b*s+b"`), the constant is last;
 * - equal terms are merged, terms with coefficient 0 are dropped, a dim without names is a number.
 *
 * A dim is never negative or fractional: subtraction and division give a dim or nothing, and nothing rounds.
 * Coefficients are exact up to 2^53 - 1, and everything larger is refused. `dsl/types/dim.ts` is the same
 * algebra for the type checker.
 *
 * @module
 */
import { ShapeError } from "./errors.ts";

/** A size: a non-negative integer, or a canonical sum of products of names such as `"past+seq"`. */
export type Dim = number | string;

/** The sizes of a tensor, outermost axis first. */
export type Shape = readonly Dim[];

/** The most axes a shape may have. */
export const MAX_RANK = 8;

/** One term of a dim: a coefficient times a product of names. */
export interface DimTerm {
  /** At least 1. */
  readonly coef: number;
  /** The names, sorted, one repeated for each power; none for the constant. */
  readonly vars: readonly string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const INTEGER = /^(?:0|[1-9][0-9]*)$/;

/** Parsed dims by their text. A program has few distinct dims, so nothing is ever dropped. */
const parsed = new Map<string, readonly DimTerm[]>();

/**
 * Whether `text` is a name that can stand for a dim.
 *
 * @example
 * ```ts
 * import { isDimName } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["n_embd", "3d", "a+b"].map(isDimName), [true, false, false]);
 * ```
 */
export function isDimName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The canonical form of a sum of products of names and integers. Throws a {@link ShapeError} on other text.
 *
 * @example
 * ```ts
 * import { canonicalDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(canonicalDim("seq+past"), "past+seq");
 * assertEquals(canonicalDim("n_embd*3"), "3*n_embd");
 * assertEquals(canonicalDim("2*3+4"), 10);
 * ```
 */
export function canonicalDim(text: string): Dim {
  return fromTerms(dimTerms(text));
}

/**
 * The canonical form of each dim of a shape. Throws a {@link ShapeError} on a number that is not a
 * non-negative integer, on text that is not a dim, and on more than {@link MAX_RANK} axes.
 *
 * @example
 * ```ts
 * import { canonicalShape } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(canonicalShape(["b", "seq+past", "4*2"]), ["b", "past+seq", 8]);
 * ```
 */
export function canonicalShape(shape: readonly Dim[]): Shape {
  if (shape.length > MAX_RANK) {
    throw new ShapeError(
      "shape",
      `shape: ${printShape(shape)} has ${shape.length} axes, at most ${MAX_RANK} work`,
    );
  }
  return shape.map((d) => fromTerms(dimTerms(d)));
}

/**
 * The terms of a dim, in canonical order; none for 0. Throws a {@link ShapeError} if `d` is not a dim.
 *
 * @example
 * ```ts
 * import { dimTerms } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(dimTerms("3*b*s+1"), [{ coef: 3, vars: ["b", "s"] }, { coef: 1, vars: [] }]);
 * ```
 */
export function dimTerms(d: Dim): readonly DimTerm[] {
  if (typeof d === "number") return d === 0 ? [] : [{ coef: checked(d), vars: [] }];
  const known = parsed.get(d);
  if (known !== undefined) return known;
  const terms = Object.freeze(merge(d.split("+").map((text) => parseTerm(text, d))));
  parsed.set(d, terms);
  return terms;
}

/** The names a dim mentions, sorted and without repetition: `["b", "s"]` for `"2*b*s+b+1"`. */
export function dimVars(d: Dim): readonly string[] {
  return [...new Set(dimTerms(d).flatMap((term) => term.vars))].sort();
}

/** Whether two canonical dims are the same size for every value of their names. */
export function dimEquals(a: Dim, b: Dim): boolean {
  return a === b;
}

/**
 * `a + b`.
 *
 * @example
 * ```ts
 * import { addDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(addDim("seq", "past+1"), "past+seq+1");
 * ```
 */
export function addDim(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return checked(checked(a) + checked(b));
  return fromTerms(merge([...dimTerms(a), ...dimTerms(b)]));
}

/**
 * `a * b`.
 *
 * @example
 * ```ts
 * import { mulDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mulDim("past+seq", 3), "3*past+3*seq");
 * ```
 */
export function mulDim(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return checked(checked(a) * checked(b));
  return fromTerms(mulTerms(dimTerms(a), dimTerms(b)));
}

/**
 * `a / b` where it is a dim, that is, where some dim times `b` is `a`; else `undefined`.
 *
 * @example
 * ```ts
 * import { divDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(divDim("3*n_embd", 3), "n_embd");
 * assertEquals(divDim("n_embd", "n_head"), undefined);
 * ```
 */
export function divDim(a: Dim, b: Dim): Dim | undefined {
  const divisor = dimTerms(b);
  const lead = divisor[0];
  if (lead === undefined) return undefined;
  // Long division: multiplication keeps the order of terms, so the leading terms give the next quotient term.
  const quotient: DimTerm[] = [];
  let rest = dimTerms(a);
  for (let first = rest[0]; first !== undefined; first = rest[0]) {
    const term = divTerm(first, lead);
    if (term === undefined) return undefined;
    const less = subtractTerms(rest, mulTerms([term], divisor));
    if (less === undefined) return undefined;
    quotient.push(term);
    rest = less;
  }
  return fromTerms(quotient);
}

/**
 * `a - b` where no coefficient becomes negative; else `undefined`. So a result proves `a >= b`, and no result
 * proves nothing.
 */
export function subtractDim(a: Dim, b: Dim): Dim | undefined {
  const rest = subtractTerms(dimTerms(a), dimTerms(b));
  return rest === undefined ? undefined : fromTerms(rest);
}

/**
 * Replaces names by dims; names without a value stay.
 *
 * @example
 * ```ts
 * import { substituteDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(substituteDim("past+seq", { seq: 1 }), "past+1");
 * assertEquals(substituteDim("3*n_embd", { n_embd: 768 }), 2304);
 * ```
 */
export function substituteDim(d: Dim, values: Readonly<Record<string, Dim>>): Dim {
  if (typeof d === "number") return checked(d);
  let sum: Dim = 0;
  for (const { coef, vars } of dimTerms(d)) {
    let product: Dim = coef;
    for (const name of vars) product = mulDim(product, Object.hasOwn(values, name) ? values[name]! : name);
    sum = addDim(sum, product);
  }
  return sum;
}

/**
 * The number a dim is for given values of its names. Throws a {@link ShapeError} that names an unbound name.
 *
 * @example
 * ```ts
 * import { evalDim } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(evalDim("past+seq", { past: 10, seq: 1 }), 11);
 * ```
 */
export function evalDim(d: Dim, values: Readonly<Record<string, number>>): number {
  if (typeof d === "number") return checked(d);
  let sum = 0;
  for (const { coef, vars } of dimTerms(d)) {
    let product = coef;
    for (const name of vars) {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined) {
        const bound = Object.keys(values);
        throw new ShapeError(
          "dim",
          `dim: ${d} has no value: ${name} is not bound (bound: ${
            bound.length === 0 ? "nothing" : bound.join(", ")
          })`,
        );
      }
      product = checked(product * checked(value));
    }
    sum = checked(sum + product);
  }
  return sum;
}

/** The number of elements of a shape. */
export function productDim(shape: Shape): Dim {
  return shape.reduce(mulDim, 1);
}

/** The text of a shape, as in messages: `"[b, s, 768]"`. */
export function printShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * The largest value a dim can have when the dims that are the keys of `bounds` (names, or sums and products
 * such as `"past+seq"`) are at most the given values; the least such value that a few tries find. `undefined`
 * when a name is not bounded.
 *
 * @example
 * ```ts
 * import { upperBound } from "@weft/weft/ir";
 * import { assertEquals } from "@std/assert";
 *
 * const bounds = { past: 1024, seq: 1024, "past+seq": 1024 };
 * assertEquals(upperBound("past+seq+1", bounds), 1025);
 * assertEquals(upperBound("2*seq", bounds), 2048);
 * assertEquals(upperBound("b*seq", bounds), undefined);
 * ```
 */
export function upperBound(d: Dim, bounds: Readonly<Record<string, number>>): number | undefined {
  if (typeof d === "number") return checked(d);
  const terms = dimTerms(d);
  const tries: (number | undefined)[] = [];
  if (terms.length > 1) {
    const parts = terms.map((term) => upperBound(fromTerms([term]), bounds));
    tries.push(
      parts.reduce((sum, part) => sum === undefined || part === undefined ? undefined : sum + part, 0),
    );
  }
  for (const [key, bound] of Object.entries(bounds)) {
    const keyTerms = dimTerms(key);
    if (keyTerms.every((term) => term.vars.length === 0)) continue;
    const quotient = divDim(d, key);
    if (quotient !== undefined) {
      const factor = upperBound(quotient, bounds);
      if (factor !== undefined) tries.push(bound * factor);
    } else if (keyTerms.length > 1) {
      const times = timesInside(terms, keyTerms);
      if (times === 0) continue;
      const rest = upperBound(subtractDim(d, mulDim(times, key))!, bounds);
      if (rest !== undefined) tries.push(times * bound + rest);
    }
  }
  const found = tries.filter((value) => value !== undefined);
  return found.length === 0 ? undefined : checked(Math.min(...found));
}

/** How many times the sum `part` can be taken out of `whole`. */
function timesInside(whole: readonly DimTerm[], part: readonly DimTerm[]): number {
  return Math.min(...part.map(({ coef, vars }) => {
    const same = whole.find((term) => orderKey(term.vars) === orderKey(vars));
    return Math.floor((same?.coef ?? 0) / coef);
  }));
}

/**
 * The text whose character order is the order of terms. The closing `+` lies between `*` and the characters
 * of names: `b*s+` < `b+` < `b2+`. `~` puts the constant last.
 */
function orderKey(vars: readonly string[]): string {
  return vars.length === 0 ? "~" : `${vars.join("*")}+`;
}

function parseTerm(text: string, whole: string): DimTerm {
  let coef = 1;
  const vars: string[] = [];
  for (const factor of text.split("*")) {
    if (NAME.test(factor)) vars.push(factor);
    else if (INTEGER.test(factor)) coef = checked(coef * checked(Number(factor)));
    else {
      const found = factor === "" ? "a factor is missing" : `"${factor}" is neither a name nor an integer`;
      throw new ShapeError(
        "dim",
        `dim: cannot read "${whole}": ${found}; write names, integers, + and * (no spaces)`,
      );
    }
  }
  return { coef, vars: vars.sort() };
}

/** Sorts terms and merges those with the same names. */
function merge(terms: readonly DimTerm[]): DimTerm[] {
  const byKey = new Map<string, DimTerm>();
  for (const { coef, vars } of terms) {
    if (coef === 0) continue;
    const key = orderKey(vars);
    byKey.set(key, { coef: checked(coef + (byKey.get(key)?.coef ?? 0)), vars });
  }
  return [...byKey].sort(([a], [b]) => a < b ? -1 : 1).map(([, term]) => term);
}

function mulTerms(a: readonly DimTerm[], b: readonly DimTerm[]): DimTerm[] {
  return merge(
    a.flatMap((x) => b.map((y) => ({ coef: checked(x.coef * y.coef), vars: [...x.vars, ...y.vars].sort() }))),
  );
}

/** `a - b`, or `undefined` if a coefficient would be negative. */
function subtractTerms(a: readonly DimTerm[], b: readonly DimTerm[]): readonly DimTerm[] | undefined {
  const left = new Map(a.map((term) => [orderKey(term.vars), term]));
  for (const { coef, vars } of b) {
    const key = orderKey(vars);
    const rest = (left.get(key)?.coef ?? 0) - coef;
    if (rest < 0) return undefined;
    if (rest === 0) left.delete(key);
    else left.set(key, { coef: rest, vars });
  }
  return [...left.values()];
}

function divTerm(a: DimTerm, b: DimTerm): DimTerm | undefined {
  if (a.coef % b.coef !== 0) return undefined;
  const vars = [...a.vars];
  for (const name of b.vars) {
    const at = vars.indexOf(name);
    if (at < 0) return undefined;
    vars.splice(at, 1);
  }
  return { coef: a.coef / b.coef, vars };
}

function fromTerms(terms: readonly DimTerm[]): Dim {
  const only = terms[0];
  if (only === undefined) return 0;
  if (terms.length === 1 && only.vars.length === 0) return only.coef;
  return terms.map(({ coef, vars }) => (coef === 1 && vars.length > 0 ? vars : [coef, ...vars]).join("*"))
    .join("+");
}

/** Passes a non-negative exact integer through; refuses anything else. */
function checked(n: number): number {
  if (Number.isSafeInteger(n) && n >= 0) return n;
  const found = Number.isInteger(n) && n > 0 ? `${n} is over 2^53 - 1` : `${n} is not a non-negative integer`;
  throw new ShapeError("dim", `dim: ${found}`);
}
