/**
 * What is known at a place of a nest: ranges of the loops around it, and what conditions around it say.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import {
  DIM_RANGE,
  type Facts,
  factsOf,
  FULL,
  type Interval,
  intervalOf,
  isIndex,
  type Ranges,
  type VarRange,
} from "./interval.ts";
import { conjuncts } from "./reduction.ts";
import { simplifier } from "./simplify.ts";
import { freeVars } from "./visit.ts";

/** A variable that runs from 0 to below an extent. */
export interface Loop {
  /** Its name. */
  readonly var: string;
  /** Where it ends. */
  readonly extent: Expr;
}

/** What is known at a place of a nest. */
export class Scope {
  /** Simplifies an expression by what is known here. */
  readonly simplify: (e: Expr) => Expr;
  readonly #ranges: Ranges;
  readonly #facts: Facts;

  /** The scope in which variables have just these ranges; see {@linkcode scopeOf}. */
  constructor(ranges: Ranges) {
    this.#ranges = ranges;
    this.#facts = factsOf(ranges);
    this.simplify = simplifier(ranges);
  }

  /** Bounds of an integer expression. */
  rangeOf(e: Expr): Interval {
    return intervalOf(e, this.#facts);
  }

  /** Inside loops or iterators; `runs` says that they run at least once, so that their extents are positive. */
  bind(axes: readonly Loop[], runs = true): Scope {
    if (axes.length === 0) return this;
    const ranges = new Map(this.#ranges);
    for (const { var: name, extent } of axes) {
      if (runs) raise(ranges, extent, 1);
      ranges.set(name, { ...DIM_RANGE, below: extent });
    }
    return new Scope(ranges);
  }

  /** Where a condition holds. */
  assume(cond: Expr): Scope {
    const ranges = new Map(this.#ranges);
    for (const term of conjuncts(cond)) {
      if (term.kind !== "binary" || (term.op !== "lt" && term.op !== "le")) continue;
      if (term.a.dtype !== "i32" || !isIndex(term)) continue; // what was loaded may change
      const { a, b } = term;
      const gap = term.op === "lt" ? 1 : 0;
      const facts = factsOf(ranges);
      const [low, high] = [intervalOf(a, facts).min + gap, intervalOf(b, facts).max - gap];
      raise(ranges, b, low);
      if (a.kind !== "var") continue;
      const known: VarRange = ranges.get(a.name) ?? FULL;
      const below = known.below ?? (gap === 1 && !freeVars(b).has(a.name) ? b : undefined);
      ranges.set(a.name, {
        ...known,
        max: Math.min(known.max, high),
        ...(below === undefined ? {} : { below }),
      });
    }
    return ranges.size === 0 ? this : new Scope(ranges);
  }
}

/** The scope in which variables have these ranges: where one has room, the sizes that bound it are positive. */
export function scopeOf(ranges: Ranges): Scope {
  const all = new Map(ranges);
  for (const { min, below } of ranges.values()) if (below !== undefined && min >= 0) raise(all, below, 1);
  return new Scope(all);
}

/** Makes known that `e >= least`, as far as that says something of single variables. */
function raise(ranges: Map<string, VarRange>, e: Expr, least: number): void {
  if (e.kind === "var") {
    const known = ranges.get(e.name) ?? FULL;
    ranges.set(e.name, { ...known, min: Math.max(known.min, Math.min(least, known.max)) });
    return;
  }
  if (e.kind !== "binary") return;
  const { op, a, b } = e;
  const natural = (x: Expr): boolean => intervalOf(x, factsOf(ranges)).min >= 0;
  if (op === "add" && b.kind === "const") raise(ranges, a, least - b.value);
  if (op === "sub" && b.kind === "const") raise(ranges, a, least + b.value);
  if (op === "floordiv" && b.kind === "const" && b.value > 0) raise(ranges, a, least * b.value);
  if (op === "mul" && least >= 1 && natural(a) && natural(b)) {
    // A product that is positive has no factor 0.
    raise(ranges, a, b.kind === "const" && b.value > 0 ? Math.ceil(least / b.value) : 1);
    raise(ranges, b, 1);
  }
}
