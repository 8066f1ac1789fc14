/**
 * States of a graph: what a program keeps on the device from run to run, in buffers with room for what it may grow to.
 *
 * @module
 */
import { type Dim, dimVars, printShape, type Shape, upperBound } from "../../ir/dim.ts";
import { ShapeError } from "../../ir/errors.ts";
import { type Graph, graph, type GraphInput, type GraphNode, valueTypes } from "../../ir/graph.ts";

/**
 * The graph with a copy of every state that is a result under another name, or the next value of another state. The
 * buffer of a state holds its next value after a run, laid out for what it may grow to.
 */
export function withOwnOutputs(g: Graph): Graph {
  const states = new Set(g.inputs.filter((i) => i.role === "state").map((i) => i.name));
  const inPlace = appendsInPlace(g);
  const types = valueTypes(g);
  const copies = new Map<string, GraphNode>();
  const outputs = g.outputs.map((o) => {
    const isState = states.has(o.value) || inPlace.has(o.value);
    const isOwn = o.value === o.name || inPlace.get(o.value) === o.name;
    // A next value is copied at the end; it must not be another state's buffer, which may be overwritten by then.
    if (!isState || isOwn || (inPlace.has(o.value) && states.has(o.name))) return o;
    const type = types.get(o.value);
    if (type === undefined) return o;
    const copy: GraphNode = copies.get(o.value) ?? {
      kind: "node",
      name: `${o.value}.copy`,
      op: "identity",
      inputs: [o.value],
      attrs: {},
      shape: type.shape,
      dtype: type.dtype,
    };
    copies.set(o.value, copy);
    return { ...o, value: copy.name };
  });
  return copies.size === 0 ? g : graph({ ...g, nodes: [...g.nodes, ...copies.values()], outputs });
}

/** Extents that hold every state of some graphs at the bounds of its dims, before and after a run. */
export function stateCapacities(graphs: readonly Graph[]): ReadonlyMap<string, Shape> {
  const capacities = new Map<string, readonly number[]>();
  for (const g of graphs) {
    for (const state of g.inputs.filter((i) => i.role === "state")) {
      const next = nextShape(g, state);
      const known = capacities.get(state.name);
      const room = state.shape.map((dim, d) => roomFor(g, state.name, [dim, next[d] ?? dim]));
      capacities.set(state.name, room.map((size, d) => Math.max(size, known?.[d] ?? 0)));
    }
  }
  return capacities;
}

/**
 * The axes along which states grow: of the symbolic axes of a state that may be at least sixteen times a first block of
 * this length, the one with the most room. Such an axis lies outermost in memory, so that what is there stays where it
 * is when there is room for more: no stride depends on the room. A second symbolic axis has its whole room from the
 * beginning, for its extent is a stride.
 */
export function growingAxes(
  graphs: readonly Graph[],
  capacities: ReadonlyMap<string, Shape>,
  block: number,
): ReadonlyMap<string, number> {
  const grows = new Map<string, number>();
  for (const g of graphs) {
    for (const state of g.inputs.filter((i) => i.role === "state")) {
      const next = nextShape(g, state);
      const room = (d: number): number => Number(capacities.get(state.name)?.[d] ?? 0);
      state.shape.forEach((dim, d) => {
        const known = grows.get(state.name);
        const changes = dimVars(dim).length > 0 || next[d] !== dim;
        if (!changes || room(d) < 16 * block || (known !== undefined && room(known) >= room(d))) return;
        grows.set(state.name, d);
      });
    }
  }
  return grows;
}

function nextShape(g: Graph, state: GraphInput): Shape {
  const { name } = state;
  const value = g.outputs.find((o) => o.name === name)?.value;
  const type = value === undefined ? undefined : valueTypes(g).get(value);
  if (type === undefined) {
    throw new ShapeError(g.name, `${g.name}: state ${name} has no next value: give an output of that path`);
  }
  if (type.dtype !== state.dtype || type.shape.length !== state.shape.length) {
    throw new ShapeError(
      g.name,
      `${g.name}: state ${name} is ${state.dtype}${printShape(state.shape)}, ` +
        `but its next value is ${type.dtype}${printShape(type.shape)}`,
    );
  }
  return type.shape;
}

/** Next values of states that are an append to the state: they share its buffer. */
export function appendsInPlace(g: Graph): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const state of g.inputs.filter((i) => i.role === "state")) {
    const value = g.outputs.find((o) => o.name === state.name)?.value;
    const node = g.nodes.find((n) => n.name === value);
    if (node?.op === "append" && node.inputs[0] === state.name) aliases.set(node.name, state.name);
  }
  return aliases;
}

function roomFor(g: Graph, name: string, dims: readonly Dim[]): number {
  return Math.max(...dims.map((dim) => {
    const bound = upperBound(dim, g.bounds);
    if (bound === undefined) {
      throw new ShapeError(
        g.name,
        `${g.name}: state ${name} has dim ${dim}, whose bound is not known; add it to bounds`,
      );
    }
    return bound;
  }));
}
