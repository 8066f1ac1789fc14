/**
 * Choices that are known before anything runs.
 *
 * @module
 */
import { dimEquals } from "../../ir/dim.ts";
import { dimExpr, shapeDims } from "../../ir/dim_expr.ts";
import { type Expr, variable } from "../../ir/expr.ts";
import { type Graph, graph, type GraphNode, valueTypes } from "../../ir/graph.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { opDef } from "../../ir/ops/mod.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";

/**
 * Takes the side of each `where` whose condition depends on places alone and is the same everywhere: for a single query, a
 * causal mask hides nothing. Results of the program keep their operator.
 *
 * rewrite: `m = causalMask() {rows: 1, ..}; y = where(m, a, b); z = f(y)`  becomes  `z = f(a)`
 */
export function foldChoices(g: Graph): Graph {
  const types = valueTypes(g);
  const nodes = new Map(g.nodes.map((n) => [n.name, n]));
  const results = new Set(g.outputs.map((o) => o.value));
  const taken = new Map<string, string>();
  for (const node of g.nodes) {
    const [cond, then, otherwise] = node.inputs;
    if (node.op !== "where" || results.has(node.name) || cond === undefined) continue;
    const known = constantOf(nodes, cond);
    const side = known === 1 ? then : known === 0 ? otherwise : undefined;
    const shape = side === undefined ? undefined : types.get(side)?.shape;
    const same = shape?.length === node.shape.length &&
      shape.every((d, i) => dimEquals(d, node.shape[i] ?? 0));
    if (side !== undefined && same) taken.set(node.name, taken.get(side) ?? side);
  }
  if (taken.size === 0) return g;
  const rename = (value: string): string => taken.get(value) ?? value;
  return graph({
    ...g,
    nodes: g.nodes.filter((n) => !taken.has(n.name)).map((n) => ({ ...n, inputs: n.inputs.map(rename) })),
  });
}

/** The number that every element of a value is, where that follows from places alone. */
function constantOf(nodes: ReadonlyMap<string, GraphNode>, value: string): number | undefined {
  const node = nodes.get(value);
  if (node === undefined || !dependsOnPlaces(nodes, node, MOST_OPERATORS)) return undefined;
  const axes = node.shape.map((_, d) => `%${d}`);
  const body = elementOf(nodes, node, axes.map((name) => variable(name)));
  const ranges = new Map<string, VarRange>(shapeDims([node.shape]).map((name) => [name, DIM_RANGE]));
  node.shape.forEach((dim, d) => ranges.set(`%${d}`, { ...DIM_RANGE, below: dimExpr(dim) }));
  const known = scopeOf(ranges).simplify(simplify(body));
  return known.kind === "const" ? known.value : undefined;
}

/** Operators that a condition is computed by at most: beyond it, nobody looks. */
const MOST_OPERATORS = 8;

/** Whether a value is computed from nothing that is given, by no more operators than that. */
function dependsOnPlaces(nodes: ReadonlyMap<string, GraphNode>, node: GraphNode, most: number): boolean {
  return most > 0 && node.compute === undefined && node.inputs.every((value) => {
    const input = nodes.get(value);
    return input !== undefined && dependsOnPlaces(nodes, input, most - node.inputs.length);
  });
}

/** An element of a value that is computed from nothing that is given. */
function elementOf(nodes: ReadonlyMap<string, GraphNode>, node: GraphNode, indices: readonly Expr[]): Expr {
  return opDef(node.op).lower({
    inputs: node.inputs.flatMap((value) => {
      const input = nodes.get(value);
      return input === undefined ? [] : [{
        shape: input.shape,
        dtype: input.dtype,
        at: (at: readonly Expr[]) => elementOf(nodes, input, at),
      }];
    }),
    attrs: node.attrs,
    output: node,
    fresh: (name) => name,
  }, indices);
}
