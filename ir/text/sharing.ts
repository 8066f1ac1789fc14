/**
 * Which parts of an expression the text writes once. Expressions share parts, and a chain of operators that use
 * their operand twice is exponentially larger written out than it is in memory; so what is used more than once, and
 * is not small, gets a name: `let $0 = x[i] * 2.0 + y[i], $1 = ... in $1 * exp($1)`.
 *
 * @module
 */
import type { Expr, Reduce } from "../expr.ts";
import { exprChildren } from "../visit.ts";

/** Nodes up to which a shared part is written out where it is used. */
const SMALL = 8;

/** Where a definition can stand: before the whole expression, or before the body of a reduction. */
interface Place {
  readonly reduction: Reduce | undefined;
  readonly outer: Place | undefined;
  readonly depth: number;
}

/** Shared parts, operands first, by the reduction in whose body they are defined; `undefined` is the whole expression. */
export type SharedParts = ReadonlyMap<Reduce | undefined, readonly Expr[]>;

/** Finds the parts to name. Each is defined at the innermost place that all of its uses are in. */
export function sharedParts(root: Expr): SharedParts {
  const nodes = operandsFirst(root);
  const whole: Place = { reduction: undefined, outer: undefined, depth: 0 };
  const places = new Map<Expr, Place>([[root, whole]]);
  const uses = new Map<Expr, number>();
  for (const node of nodes.toReversed()) {
    const here = places.get(node) ?? whole;
    const use = (child: Expr, place: Place): void => {
      const known = places.get(child);
      places.set(child, known === undefined ? place : innermostAround(known, place));
      uses.set(child, (uses.get(child) ?? 0) + 1);
    };
    if (node.kind === "reduce") {
      for (const axis of node.axes) use(axis.extent, here);
      use(node.body, { reduction: node, outer: here, depth: here.depth + 1 });
    } else exprChildren(node).forEach((child) => use(child, here));
  }
  const named = new Set<Expr>();
  const sizes = new Map<Expr, number>();
  const parts = new Map<Reduce | undefined, Expr[]>();
  for (const node of nodes) {
    const defined = node.kind === "reduce" ? parts.get(node) ?? [] : [];
    const written = (e: Expr): number => sizes.get(e) ?? 1;
    const size = exprChildren(node).reduce((n, c) => n + (named.has(c) ? 1 : written(c)), 1) +
      defined.reduce((n, part) => n + written(part), 0);
    sizes.set(node, size);
    if (size <= SMALL || (uses.get(node) ?? 0) < 2) continue;
    named.add(node);
    const at = places.get(node)?.reduction;
    parts.set(at, [...(parts.get(at) ?? []), node]);
  }
  return parts;
}

function operandsFirst(root: Expr): readonly Expr[] {
  const seen = new Set<Expr>();
  const visit = (node: Expr): void => {
    if (seen.has(node)) return;
    exprChildren(node).forEach(visit);
    seen.add(node); // a set keeps the order in which things were added
  };
  visit(root);
  return [...seen];
}

function innermostAround(a: Place, b: Place): Place {
  let [x, y]: [Place, Place] = [a, b];
  while (x.reduction !== y.reduction) {
    if (x.depth >= y.depth) x = x.outer ?? x;
    else y = y.outer ?? y;
  }
  return x;
}
