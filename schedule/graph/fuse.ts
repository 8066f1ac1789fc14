/**
 * Which values of a graph are worth a buffer of their own. All others are computed where they are read: views and
 * conversions always, elementwise operators into the operator that they follow or lead to.
 *
 * @module
 */
import { dimEquals, productDim } from "../../ir/dim.ts";
import { DTYPES } from "../../ir/dtype.ts";
import type { Graph, GraphNode } from "../../ir/graph.ts";
import { type OpPattern, OPS } from "../../ir/ops/mod.ts";

/** The pattern of a node. A user's kernel may read any element any number of times. */
export function patternOf(node: GraphNode): OpPattern {
  return node.compute === undefined ? OPS.get(node.op)?.pattern ?? "reduce" : "reduce";
}

/**
 * Values that get a buffer. With `fuse` off, every operator does.
 *
 * A value gets one if it is an output, or if computing it anew where it is read would repeat work: it is read more
 * than once, or (directly or through views) by an operator that reads its inputs repeatedly. Views never do on their
 * own account.
 */
export function materialized(g: Graph, fuse: boolean): Set<string> {
  const outputs = new Set(g.outputs.map((o) => o.value));
  if (!fuse) return new Set([...g.nodes.map((n) => n.name), ...outputs]);
  const consumers = new Map<string, GraphNode[]>();
  for (const node of g.nodes) {
    for (const input of new Set(node.inputs)) consumers.set(input, [...consumers.get(input) ?? [], node]);
  }
  const kept = new Set<string>(outputs);
  /** Values that some operator reads repeatedly, or would if they were computed where they are read. */
  const repeated = new Set<string>();
  for (const node of [...g.nodes].reverse()) {
    const readers = consumers.get(node.name) ?? [];
    const isRepeated = readers.some((r) => {
      const pattern = patternOf(r);
      return pattern === "reduce" || pattern === "update" || (!kept.has(r.name) && repeated.has(r.name)) ||
        stretches(node, r);
    });
    if (isRepeated) repeated.add(node.name);
    if (kept.has(node.name)) continue;
    const pattern = patternOf(node);
    // Narrow storage rounds, so a value of such a dtype must really be stored; a user's kernel keeps its own.
    const narrow = DTYPES[node.dtype].register !== node.dtype;
    const keep = pattern === "view"
      ? narrow
      : isRepeated || readers.length !== 1 || pattern === "update" || narrow || node.compute !== undefined;
    if (keep) kept.add(node.name);
  }
  limitSizes(g, kept);
  return kept;
}

/** Operators that one kernel may do at most: beyond it, code grows faster than stores are saved. */
const MOST_OPERATORS = 48;

/** Gives a buffer to values in the middle of chains that are longer than one kernel should be. */
function limitSizes(g: Graph, kept: Set<string>): void {
  const sizes = new Map<string, number>();
  for (const node of g.nodes) {
    const inputs = new Set(node.inputs.filter((i) => !kept.has(i)));
    const size = [...inputs].reduce((sum, i) => sum + (sizes.get(i) ?? 0), 1);
    if (size > MOST_OPERATORS) kept.add(node.name);
    sizes.set(node.name, kept.has(node.name) ? 0 : size);
  }
}

/** Whether a reader has more elements than the value (or is not known to have as many). */
function stretches(value: GraphNode, reader: GraphNode): boolean {
  return patternOf(value) === "elementwise" && !dimEquals(productDim(value.shape), productDim(reader.shape));
}
