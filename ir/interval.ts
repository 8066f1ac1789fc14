/**
 * Bounds of integer expressions.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import type { Memo } from "./rules.ts";
import { exprChildren } from "./visit.ts";

/** Numbers from `min` to `max`, both included. */
export interface Interval {
  /** The least. */
  readonly min: number;
  /** The greatest. */
  readonly max: number;
}

/** What is known of a variable. */
export interface VarRange extends Interval {
  /** The variable is less than this: a symbolic bound besides the numbers. */
  readonly below?: Expr;
}

/** Ranges of variables by name. A variable that is not listed may have any value. */
export type Ranges = ReadonlyMap<string, VarRange>;

/** What may be assumed while simplifying. */
export interface Facts {
  /** What is known of variables. */
  readonly ranges: Ranges;
  /**
   * Arithmetic on variables and constants alone does not overflow 32 bits: what holds for the index
   * arithmetic of any kernel whose buffers can exist.
   */
  readonly noOverflow: boolean;
  /** Intervals that were computed already. */
  readonly intervals: Memo<Interval>;
}

const MIN = -2147483648;
const MAX = 2147483647;
/** Every `i32`. */
export const FULL: Interval = { min: MIN, max: MAX };
/** What is known of a dim: it is no less than 0. */
export const DIM_RANGE: VarRange = { min: 0, max: MAX };

const U32: Interval = { min: 0, max: 4294967295 };
const BIT: Interval = { min: 0, max: 1 };

/** Facts with nothing known, or with ranges, under which index arithmetic does not overflow. */
export function factsOf(ranges?: Ranges): Facts {
  return { ranges: ranges ?? new Map(), noOverflow: ranges !== undefined, intervals: new WeakMap() };
}

/**
 * Bounds of an `i32` expression. Where ranges are given, index arithmetic on the variables is taken not to overflow
 * (see {@linkcode Facts}); anything else that may wrap around has the full range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { add, int, mod, variable } from "./expr.ts";
 * import { rangeOf } from "./interval.ts";
 *
 * const i = variable("i");
 * assertEquals(rangeOf(add(mod(i, int(8)), int(1)), new Map()), { min: 1, max: 8 });
 * ```
 */
export function rangeOf(e: Expr, ranges?: Ranges): Interval {
  return intervalOf(e, factsOf(ranges));
}

/** {@linkcode rangeOf} with facts at hand. */
export function intervalOf(e: Expr, facts: Facts): Interval {
  const known = facts.intervals.get(e);
  if (known !== undefined) return known;
  const whole = e.dtype === "bool" ? BIT : e.dtype === "u32" ? U32 : FULL;
  facts.intervals.set(e, whole); // so that a symbolic bound that leads back here ends
  const found = e.dtype === "f32" || e.dtype === "f16" ? whole : compute(e, facts, whole);
  facts.intervals.set(e, found);
  return found;
}

function compute(e: Expr, facts: Facts, whole: Interval): Interval {
  switch (e.kind) {
    case "const":
      return { min: e.value, max: e.value };
    case "var":
      return varInterval(facts.ranges.get(e.name), facts);
    case "unary":
      if (e.dtype !== "i32") return whole;
      return fit(unaryInterval(e.op, intervalOf(e.x, facts)), e, facts);
    case "binary":
      if (e.dtype !== "i32") return whole;
      return fit(binaryInterval(e.op, intervalOf(e.a, facts), intervalOf(e.b, facts)), e, facts);
    case "select":
      return union(intervalOf(e.then, facts), intervalOf(e.otherwise, facts));
    case "cast":
      return e.x.dtype === "bool" ? BIT : whole;
    case "load":
    case "reduce":
      return whole;
    default:
      return e satisfies never;
  }
}

function varInterval(range: VarRange | undefined, facts: Facts): Interval {
  if (range === undefined) return FULL;
  const bound = range.below === undefined ? MAX : intervalOf(range.below, facts).max - 1;
  const max = Math.min(range.max, bound);
  return { min: Math.min(range.min, max), max };
}

/** The interval of an operator's exact result, made one of `i32` values. */
function fit(exact: Interval, e: Expr, facts: Facts): Interval {
  if (exact.min >= MIN && exact.max <= MAX) return exact;
  if (!facts.noOverflow || !isIndex(e)) return FULL;
  return { min: clamp(exact.min), max: clamp(exact.max) };
}

const clamp = (x: number): number => Math.min(Math.max(x, MIN), MAX);

const indexNodes = new WeakMap<Expr, boolean>();

/** Whether an expression is made of variables and integer constants alone. */
export function isIndex(e: Expr): boolean {
  const known = indexNodes.get(e);
  if (known !== undefined) return known;
  const result = (e.dtype === "i32" || e.dtype === "bool") && e.kind !== "load" && e.kind !== "reduce" &&
    exprChildren(e).every(isIndex);
  indexNodes.set(e, result);
  return result;
}

/** The smallest interval with both in it. */
export function union(a: Interval, b: Interval): Interval {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

/** Bounds of the product of a number of each. */
export function product(a: Interval, b: Interval): Interval {
  return corners(a, b, (x, y) => x * y);
}

function corners(a: Interval, b: Interval, f: (x: number, y: number) => number): Interval {
  // + 0 makes -0 the integer 0.
  const values = [f(a.min, b.min), f(a.min, b.max), f(a.max, b.min), f(a.max, b.max)].map((v) => v + 0);
  return { min: Math.min(...values), max: Math.max(...values) };
}

function unaryInterval(op: string, x: Interval): Interval {
  switch (op) {
    case "neg":
      return { min: 0 - x.max, max: 0 - x.min };
    case "abs":
      return {
        min: x.min > 0 ? x.min : x.max < 0 ? -x.max : 0,
        max: Math.max(Math.abs(x.min), Math.abs(x.max)),
      };
    case "sign":
      return { min: Math.sign(x.min), max: Math.sign(x.max) };
    default:
      return { min: -Infinity, max: Infinity };
  }
}

function binaryInterval(op: string, a: Interval, b: Interval): Interval {
  switch (op) {
    case "add":
      return { min: a.min + b.min, max: a.max + b.max };
    case "sub":
      return { min: a.min - b.max, max: a.max - b.min };
    case "mul":
      return product(a, b);
    case "min":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "max":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case "div":
      return quotient(a, b, Math.trunc);
    case "floordiv":
      return quotient(a, b, Math.floor);
    case "mod":
      return remainder(a, b);
    default:
      return { min: -Infinity, max: Infinity };
  }
}

function quotient(a: Interval, b: Interval, round: (x: number) => number): Interval {
  if (b.min >= 0) {
    // Division by 0 gives the dividend, as division by 1 does.
    const divisor = { min: Math.max(1, b.min), max: Math.max(1, b.max) };
    return corners(a, b.min === 0 ? { ...divisor, min: 1 } : divisor, (x, y) => round(x / y));
  }
  const most = Math.max(Math.abs(a.min), Math.abs(a.max));
  return { min: -most, max: most };
}

function remainder(a: Interval, b: Interval): Interval {
  const max = Math.max(0, b.max - 1);
  if (b.min < 0) return { min: Math.min(0, b.min + 1), max };
  if (a.min >= 0 && a.max < b.min) return a;
  return { min: 0, max: a.min >= 0 ? Math.min(a.max, max) : max };
}
