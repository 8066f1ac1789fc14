/**
 * The meaning of a graph: its naive nests, one an operator, run by the interpreter.
 *
 * @module
 */
import { arrayFor, type TensorArray } from "../../ir/data.ts";
import { evalDim } from "../../ir/dim.ts";
import { type Graph, valueTypes } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { legalize } from "../../schedule/graph/legalize.ts";

/** Runs a graph without states for some inputs and dims; gives its outputs by name. */
export function interpretGraph(
  g: Graph,
  inputs: Readonly<Record<string, TensorArray>>,
  dims: Readonly<Record<string, number>>,
): Readonly<Record<string, TensorArray>> {
  const types = valueTypes(g);
  const values = new Map<string, TensorArray>(Object.entries(inputs));
  const valueOf = (name: string): TensorArray => {
    const known = values.get(name);
    if (known !== undefined) return known;
    const type = types.get(name)!;
    const made = arrayFor(type.dtype, type.shape.reduce<number>((n, dim) => n * evalDim(dim, dims), 1));
    values.set(name, made);
    return made;
  };
  for (const { func, args } of legalize(g, { fuse: false, maxBuffers: 64 }).calls) {
    const buffers = Object.fromEntries(func.params.map((p, i) => [p.buffer.name, valueOf(args[i]!)]));
    interpret(func, buffers, dims);
  }
  return Object.fromEntries(g.outputs.map((o) => [o.name, valueOf(o.value)]));
}
