/**
 * Kernel calls of a legalized graph, run by the interpreter: what an executable does, without a plan or a device.
 *
 * @module
 */
import { arrayFor, type TensorArray } from "../../ir/data.ts";
import { evalDim, type Shape, upperBound } from "../../ir/dim.ts";
import { valueTypes } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import type { LegalizedGraph } from "../../schedule/graph/legalize.ts";

/** Values by name: inputs and parameters dense, states laid out for their capacities. */
export type Arrays = Readonly<Record<string, TensorArray>>;

const count = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Empty buffers for the states of a legalized graph. */
export function stateArrays({ graph: g, capacities }: LegalizedGraph): Arrays {
  const states = g.inputs.filter((i) => i.role === "state");
  return Object.fromEntries(
    states.map((
      s,
    ) => [s.name, arrayFor(s.dtype, count(capacities.get(s.name)!.map((d) => upperBound(d, {})!)))]),
  );
}

/**
 * Runs the calls in order and gives the outputs, dense. Arrays of states are changed; an output that is a state is read
 * from its array after all calls.
 */
export function runCalls(
  legalized: LegalizedGraph,
  arrays: Arrays,
  dims: Readonly<Record<string, number>>,
): Arrays {
  const { graph: g, calls, aliases, capacities } = legalized;
  const types = valueTypes(g);
  const values = new Map<string, TensorArray>(Object.entries(arrays));
  const sizes = (shape: Shape): number[] => shape.map((dim) => evalDim(dim, dims));
  const valueOf = (name: string): TensorArray => {
    const root = aliases.get(name) ?? name;
    const known = values.get(root);
    if (known !== undefined) return known;
    const type = types.get(root)!;
    const made = arrayFor(type.dtype, count(sizes(type.shape)));
    values.set(root, made);
    return made;
  };
  for (const { func, args } of calls) {
    interpret(func, Object.fromEntries(func.params.map((p, i) => [p.buffer.name, valueOf(args[i]!)])), dims);
  }
  return Object.fromEntries(g.outputs.map((o) => {
    const data = valueOf(o.value);
    const room = capacities.get(o.name)?.map((d) => evalDim(d, {}));
    const shape = sizes(types.get(o.value)!.shape);
    return [o.name, room === undefined ? data : dense(data, shape, room, types.get(o.value)!.dtype)];
  }));
}

/** The elements of a tensor that lies in the corner of a larger one. */
function dense(
  data: TensorArray,
  shape: readonly number[],
  room: readonly number[],
  dtype: Parameters<typeof arrayFor>[0],
): TensorArray {
  const out = arrayFor(dtype, count(shape));
  for (let i = 0; i < out.length; i++) {
    let [rest, at, stride] = [i, 0, 1];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % shape[d]!) * stride;
      rest = Math.floor(rest / shape[d]!);
      stride *= room[d]!;
    }
    out[i] = data[at]!;
  }
  return out;
}
