/**
 * Which box of a buffer is touched while a loop does one iteration: what has to be there before, or is wanted after.
 *
 * @module
 */
import { add, type Expr, floordiv, int } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import {
  difference,
  type Linear,
  linearConstant,
  linearExpr,
  linearOf,
  scale,
  sum,
} from "../../ir/linear.ts";
import { type Scope, scopeOf } from "../../ir/scope.ts";
import type { Buffer, For, Stmt } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { type ElementAccess, mentions, readsMemory } from "./elements.ts";
import { loopsIn } from "./nests.ts";

/** The elements along one axis of a buffer: `extent` of them from `min`, over the loops that are not free. */
export interface AxisRange {
  /** The first. */
  readonly min: Expr;
  /** How many; at least as many as are touched, for all iterations of the loops that are not free. */
  readonly extent: Expr;
}

/** A range whose extent is a number. */
export interface ConstantRange extends AxisRange {
  readonly extent: Extract<Expr, { readonly kind: "const" }>;
  /** The extent. */
  readonly count: number;
}

/** A box, one range an axis, or why there is none. */
export type BoxResult<R extends AxisRange = AxisRange> = { readonly box: readonly R[] } | {
  readonly refusal: string;
};

/** Where accesses are: the loops around them, and which of these run while the box is in use. */
export interface BoxScope {
  /** Loops whose iterations the box covers all. */
  readonly free: readonly For[];
  /** Loops in one iteration of which the box is meant: its place may depend on them. */
  readonly fixed: readonly For[];
}

/** One iteration of `loop`, which stands at `path`: what is inside is free. */
export function iterationOf(loop: For, path: readonly Stmt[]): BoxScope {
  return { free: loopsIn(loop.body), fixed: [...path.filter((s): s is For => s.kind === "for"), loop] };
}

/**
 * The box around the elements that accesses to a buffer touch while the free loops run, for each iteration of the fixed
 * ones: along each axis the hull of the indices, or all of the axis where the indices say nothing useful (they are
 * loaded, or depend on several loops in odd ways). Where a predicate keeps an access from being done, the box may
 * leave the buffer; it is no longer than the axis, or than `beyond`, which tiles need that are to be filled up.
 */
export function regionOf(
  buffer: Buffer,
  accesses: readonly ElementAccess[],
  scope: BoxScope,
  beyond = 0,
): readonly AxisRange[] {
  const known = scopeAt(accesses, scope);
  const free = new Map(scope.free.map((l) => [l.var, l.extent]));
  return buffer.shape.map((size, d): AxisRange => {
    const indices = [...new Set(accesses.flatMap((a) => a.indices[d] ?? []))];
    const whole: AxisRange = { min: int(0), extent: size };
    const spans = indices.map((e) => (readsMemory(e) ? undefined : spanOf(known.simplify(e), free, known)));
    const [first, ...others] = spans;
    const hull = others.reduce((a, b) => a && b && union(a, b), first);
    if (hull === undefined) return whole;
    const extent = known.simplify(linearExpr(hull.last, "i32"));
    const count = known.simplify(add(extent, int(1)));
    const large = count.kind === "const" && size.kind === "const" &&
      count.value > Math.max(size.value, beyond);
    return large ? whole : { min: known.simplify(linearExpr(hull.min, "i32")), extent: count };
  });
}

/**
 * {@linkcode regionOf} where every extent is a number, as memory of a workgroup or thread needs; else a refusal that
 * names the axis.
 */
export function boxOf(
  buffer: Buffer,
  accesses: readonly ElementAccess[],
  scope: BoxScope,
  beyond = 0,
): BoxResult<ConstantRange> {
  const box: ConstantRange[] = [];
  for (const [d, { min, extent }] of regionOf(buffer, accesses, scope, beyond).entries()) {
    if (extent.kind !== "const") {
      const loops = scope.free.filter((l) => l.extent.kind !== "const").map((l) => l.var);
      const why = loops.length === 0 ? "" : `; loops ${loops.join(", ")} inside have no constant extent`;
      return { refusal: `axis ${d} of ${buffer.name} is needed over an extent that is no constant${why}` };
    }
    box.push({ min, extent, count: extent.value });
  }
  return { box };
}

/** What is known where the accesses are done: the loops that they mention run. */
function scopeAt(accesses: readonly ElementAccess[], { free, fixed }: BoxScope): Scope {
  const indices = accesses.flatMap((a) => a.indices);
  const mentioned = new Set(indices.flatMap((e) => [...freeVars(e)]));
  const around = [...fixed, ...free].filter((l) => mentioned.has(l.var));
  const ranges = new Map<string, VarRange>();
  for (const e of [...indices, ...around.map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of around) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  return scopeOf(ranges);
}

/** From `min`, which mentions no free loop, to `min + last`. */
interface Span {
  readonly min: Linear;
  readonly last: Linear;
}

/** Values of an index while the free loops run. */
function spanOf(e: Expr, free: ReadonlyMap<string, Expr>, scope: Scope): Span | undefined {
  const vars = new Set(free.keys());
  const form = linearOf(e);
  let span: Span | undefined = { min: linearConstant(form.constant), last: linearConstant(0) };
  for (const term of form.terms) {
    const factor = linearOf(linearExpr({ terms: [{ ...term, coef: 1 }], constant: 0 }, "i32"));
    const one: Span | undefined = term.factors.some((f) => mentions(f, vars))
      ? freeSpan(term.factors, free, scope)
      : { min: factor, last: linearConstant(0) };
    span = span && one && plus(span, one, term.coef);
  }
  return span;
}

/** Values of a product in which a free loop is. */
function freeSpan(factors: readonly Expr[], free: ReadonlyMap<string, Expr>, scope: Scope): Span | undefined {
  const [only] = factors;
  if (factors.length === 1 && only?.kind === "var") {
    const extent = free.get(only.name);
    const last = extent && difference(linearOf(extent), linearConstant(1));
    return last && { min: linearConstant(0), last };
  }
  if (factors.length === 1 && only?.kind === "binary" && only.op === "floordiv" && only.b.kind === "const") {
    const inner = spanOf(only.a, free, scope);
    const by = only.b.value;
    if (inner !== undefined && by > 0 && inner.last.terms.length === 0) {
      // The quotient grows by as many steps as fit, and one more where it starts inside of a step.
      const min = scope.simplify(floordiv(linearExpr(inner.min, "i32"), int(by)));
      return { min: linearOf(min), last: linearConstant(Math.ceil(inner.last.constant / by)) };
    }
  }
  const whole = linearExpr({ terms: [{ coef: 1, factors }], constant: 0 }, "i32");
  const { min, max } = scope.rangeOf(whole);
  if (max - min > MAX_SPAN) return undefined;
  return { min: linearConstant(min), last: linearConstant(max - min) };
}

/** A wider range of an index is no range worth knowing. */
const MAX_SPAN = 1 << 24;

/** `a + coef * b`. */
function plus(a: Span, b: Span, coef: number): Span | undefined {
  const [min, last] = [scale(b.min, coef), scale(b.last, Math.abs(coef))];
  // A negative multiple counts down: it starts at its last.
  const down = coef < 0 ? scale(b.last, coef) : linearConstant(0);
  const start = min && down && sum(min, down);
  const [from, to] = [start && sum(a.min, start), last && sum(a.last, last)];
  return from && to && { min: from, last: to };
}

/** The smallest span around both, where one can say which is first. */
function union(a: Span, b: Span): Span | undefined {
  const ahead = constantDifference(b.min, a.min);
  const [first, second, gap] = ahead === undefined || ahead >= 0 ? [a, b, ahead] : [b, a, -ahead];
  if (gap === undefined) return undefined;
  const end = sum(second.last, linearConstant(gap));
  const more = end && constantDifference(end, first.last);
  if (end === undefined || more === undefined) return undefined;
  return { min: first.min, last: more >= 0 ? end : first.last };
}

function constantDifference(a: Linear, b: Linear): number | undefined {
  const gap = difference(a, b);
  return gap === undefined || gap.terms.length > 0 ? undefined : gap.constant;
}
