/**
 * Points of the iteration space of a function, to look for counterexamples.
 *
 * What a rule finds by trying is a fact with values to show; what it does not find may still be wrong. So rules of
 * this kind never refuse what is right, and need no proofs of index arithmetic.
 *
 * @module
 */
import { evalExpr } from "../eval.ts";
import type { Expr } from "../expr.ts";
import type { Stmt } from "../stmt.ts";
import { visitExpr } from "../visit.ts";

/** Values of variables. */
export type Point = Readonly<Record<string, number>>;

/** Dims that are tried. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 16, 64, 100];
const POINTS = 40;

/** The same numbers in every run: what is refused must not depend on chance. */
class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(n: number): number {
    // A linear congruence modulo 2^32; its high bits are good enough here.
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 4294967296) * n);
  }
}

/** The value of an expression at a point; `undefined` where it depends on elements of buffers. */
export function valueAt(e: Expr, point: Point): number | undefined {
  return readsMemory(e) ? undefined : evalExpr(e, { vars: point });
}

const memory = new WeakMap<Expr, boolean>();

function readsMemory(e: Expr): boolean {
  const known = memory.get(e);
  if (known !== undefined) return known;
  let found = false;
  visitExpr(e, (n) => {
    if (n.kind === "load") found = true;
  });
  memory.set(e, found);
  return found;
}

/**
 * Points that the statements of `path` let through to the statement `last` inside them, which is not entered: values
 * of dims, loops and iterators. Conditions on elements of buffers let everything through.
 */
export function* pointsAt(dims: readonly string[], path: readonly Stmt[], last: Stmt): Iterable<Point> {
  const numbers = new Numbers(path.length + 1);
  for (let n = 0; n < POINTS; n++) {
    const values: Record<string, number> = Object.create(null);
    for (const dim of dims) values[dim] = SIZES[numbers.below(SIZES.length)] ?? 1;
    const pick = CORNERS[n] ?? ((extent: number) => anywhere(extent, numbers));
    if (path.every((s, i) => enter(s, path[i + 1] ?? last, values, pick))) yield values;
  }
}

/** Picks one of the iterations of a loop. */
type Pick = (extent: number) => number;

/** Faults sit at the edges: the last and the first iteration of every loop come first. */
const CORNERS: readonly Pick[] = [(extent) => extent - 1, () => 0];

function anywhere(extent: number, numbers: Numbers): number {
  const edge = numbers.below(4);
  return edge === 0 ? 0 : edge === 1 ? extent - 1 : numbers.below(extent);
}

/** Goes into a statement towards `next`; false where nothing does for the values so far. */
function enter(s: Stmt, next: Stmt, values: Record<string, number>, pick: Pick): boolean {
  switch (s.kind) {
    case "for": {
      const extent = valueAt(s.extent, values) ?? 1;
      if (extent <= 0) return false;
      values[s.var] = pick(extent);
      return true;
    }
    case "block": {
      if (valueAt(s.predicate, values) === 0) return false;
      const bindings = s.iters.map((i) => valueAt(i.binding, values));
      s.iters.forEach((i, d) => values[i.var] = bindings[d] ?? 0);
      return bindings.every((v) => v !== undefined);
    }
    case "if": {
      const cond = valueAt(s.cond, values);
      return cond === undefined || (cond === 1) === (next === s.then);
    }
    case "alloc":
    case "seq":
    case "store":
    case "barrier":
      return true;
    default:
      return s satisfies never;
  }
}

/** The values of some variables, for a message. */
export function showPoint(names: Iterable<string>, point: Point): string {
  const shown = [...new Set(names)].filter((name) => point[name] !== undefined).map((name) =>
    `${name} = ${point[name]}`
  );
  return shown.length === 0 ? "always" : `at ${shown.join(", ")}`;
}
