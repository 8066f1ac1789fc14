/**
 * Inputs kept in another dtype than the program computes in: a checkpoint's f16 stays f16 in memory.
 *
 * @module
 */
import type { DType } from "../../ir/dtype.ts";
import { type Graph, graph, type GraphNode } from "../../ir/graph.ts";

/**
 * The graph with some inputs stored as other dtypes, converted where they are read.
 *
 * rewrite: `w: param f32[n]; ... f(w)`  becomes  `w: param f16[n]; c = cast(w) {dtype: f32}; ... f(c)`
 */
export function storeAs(g: Graph, dtypes: ReadonlyMap<string, DType>): Graph {
  const changed = g.inputs.filter((i) => dtypes.has(i.name) && dtypes.get(i.name) !== i.dtype);
  if (changed.length === 0) return g;
  const casts = new Map(changed.map((i): [string, GraphNode] => [i.name, {
    kind: "node",
    name: `%${i.name}.${i.dtype}`,
    op: "cast",
    inputs: [i.name],
    attrs: { dtype: i.dtype },
    shape: i.shape,
    dtype: i.dtype,
  }]));
  const rename = (value: string): string => casts.get(value)?.name ?? value;
  return graph({
    ...g,
    inputs: g.inputs.map((i) => ({ ...i, dtype: dtypes.get(i.name) ?? i.dtype })),
    nodes: [...casts.values(), ...g.nodes.map((n) => ({ ...n, inputs: n.inputs.map(rename) }))],
    outputs: g.outputs.map((o) => ({ ...o, value: rename(o.value) })),
  });
}
