/**
 * Tensor programs: named operators over named values, each value assigned once (A-normal form).
 *
 * @module
 */
import type { Dim, Shape } from "./dim.ts";
import type { DType } from "./dtype.ts";
import type { Axis, Expr } from "./expr.ts";

/** Shape and dtype of a tensor. Dims are numbers or canonical names and sums of products (`"past+seq"`). */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Value of an operator's attribute; plain JSON. */
export type Attr = number | string | boolean | null | readonly Attr[];

/** Attributes of an operator, by name. */
export type Attrs = Readonly<Record<string, Attr>>;

/** Where an input's data comes from. */
export type InputRole =
  /** Given with each call. */
  | "input"
  /** A weight: uploaded once. */
  | "param"
  /** Kept on the device from call to call; the output of the same name is its next value (a KV cache). */
  | "state";

/** An input of a graph. */
export interface GraphInput extends TensorType {
  readonly kind: "input";
  readonly name: string;
  readonly role: InputRole;
}

/** A user's kernel: its element at `axes` is `body`, which loads from buffers named `in0`, `in1`, ... */
export interface Compute {
  readonly name: string;
  readonly axes: readonly Axis[];
  readonly body: Expr;
}

/** One operator applied to values; it defines the value `name`. */
export interface GraphNode extends TensorType {
  readonly kind: "node";
  readonly name: string;
  /** A row of the operator table, or `"compute"` for a user's kernel. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: Attrs;
  /** Present if and only if `op` is `"compute"`. */
  readonly compute?: Compute;
  /** Module path that made it (`h.0.attn`), for messages and profiles. */
  readonly path?: string;
}

/** A result of a graph: value `value` under the name `name`. */
export interface GraphOutput {
  readonly name: string;
  readonly value: string;
}

/** A tensor program with one entry point. */
export interface Graph {
  readonly kind: "graph";
  readonly name: string;
  /** Upper bounds of dims that are known only at run time, by canonical dim (`{ seq: 1024, "past+seq": 1024 }`). */
  readonly bounds: Readonly<Record<string, number>>;
  readonly inputs: readonly GraphInput[];
  /** In an order in which every value is defined before it is used. */
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly GraphOutput[];
}

/** Builds a graph. */
export function graph(parts: Omit<Graph, "kind">): Graph {
  return Object.freeze({
    kind: "graph",
    name: parts.name,
    bounds: Object.freeze(
      Object.fromEntries(Object.entries(parts.bounds).sort(([a], [b]) => (a < b ? -1 : 1))),
    ),
    inputs: Object.freeze([...parts.inputs]),
    nodes: Object.freeze([...parts.nodes]),
    outputs: Object.freeze([...parts.outputs]),
  });
}

/** Type of every value of a graph, by name. */
export function valueTypes(g: Graph): ReadonlyMap<string, TensorType> {
  return new Map<string, TensorType>([...g.inputs, ...g.nodes].map((v) => [v.name, v]));
}

/** How often each value is used, outputs counted. */
export function useCounts(g: Graph): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const use = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const node of g.nodes) node.inputs.forEach(use);
  for (const output of g.outputs) use(output.value);
  return counts;
}

export type { Dim, Shape };

/** Tensors that go into an entry point and come out of it, by path. */
export interface EntryTypes {
  /** What is given with a call, and states. */
  readonly inputs: Readonly<Record<string, TensorType>>;
  /** Results, and next values of states. */
  readonly outputs: Readonly<Record<string, TensorType>>;
}

/** Entry points of a program, by name. */
export type Entries = Readonly<Record<string, EntryTypes>>;
