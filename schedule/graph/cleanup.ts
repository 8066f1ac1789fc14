/**
 * Rules that only remove work: common subexpressions and dead code.
 *
 * @module
 */
import { exprId } from "../../ir/expr.ts";
import { type Graph, graph, type GraphNode } from "../../ir/graph.ts";

/** Merges nodes that apply the same operator to the same values with the same attributes. */
export function cse(g: Graph): Graph {
  const same = new Map<string, string>();
  const renamed = new Map<string, string>();
  const resolve = (value: string): string => renamed.get(value) ?? value;
  const nodes: GraphNode[] = [];
  // A user's kernel is what it computes: expressions are one object where they are equal.
  const kernel = ({ compute }: GraphNode): unknown =>
    compute && [compute.name, exprId(compute.body), compute.axes.map((a) => [a.name, exprId(a.extent)])];
  for (const node of g.nodes) {
    const inputs = node.inputs.map(resolve);
    const attrs = Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([node.op, inputs, attrs, node.dtype, node.shape, kernel(node)], signOfZero);
    const first = same.get(key);
    if (first !== undefined) {
      renamed.set(node.name, first);
      continue;
    }
    same.set(key, node.name);
    nodes.push({ ...node, inputs });
  }
  return graph({ ...g, nodes, outputs: g.outputs.map((o) => ({ ...o, value: resolve(o.value) })) });
}

/** JSON writes -0 like 0, but they are different constants. */
function signOfZero(_: string, value: unknown): unknown {
  return Object.is(value, -0) ? "-0" : value;
}

/** Drops nodes that no output needs. Inputs stay: they are the program's interface. */
export function deadCode(g: Graph): Graph {
  const live = new Set(g.outputs.map((o) => o.value));
  const nodes = [...g.nodes].reverse().filter((node) => {
    if (!live.has(node.name)) return false;
    for (const input of node.inputs) live.add(input);
    return true;
  });
  return graph({ ...g, nodes: nodes.reverse() });
}
