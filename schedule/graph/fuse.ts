/**
 * Which values of a graph are worth a buffer of their own. All others are computed where they are read: views and
 * conversions always, elementwise operators into the operator that they follow or lead to.
 *
 * @module
 */
import { dimEquals, productDim } from "../../ir/dim.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { type Expr, variable } from "../../ir/expr.ts";
import { type Graph, type GraphNode, type TensorType, valueTypes } from "../../ir/graph.ts";
import { opDef, type OpPattern, OPS } from "../../ir/ops/mod.ts";
import { load } from "../../ir/expr.ts";
import { freeVars, visitExpr } from "../../ir/visit.ts";

/** The pattern of a node. A user's kernel may read any element any number of times. */
export function patternOf(node: GraphNode): OpPattern {
  return node.compute === undefined ? OPS.get(node.op)?.pattern ?? "reduce" : "reduce";
}

/**
 * Values that get a buffer. With `fuse` off, every operator does.
 *
 * A value gets one if it is an output, or if computing it anew where it is read would repeat work: it is read more
 * than once, or by an operator that reads its inputs repeatedly, or reductions inside of it would be done again for
 * elements that share them. What views in between do counts as done by the value. Views themselves never get one, but
 * for storage that rounds.
 */
export function materialized(g: Graph, fuse: boolean): Set<string> {
  const outputs = new Set(g.outputs.map((o) => o.value));
  if (!fuse) return new Set([...g.nodes.map((n) => n.name), ...outputs]);
  const readers = new Map<string, GraphNode[]>();
  for (const node of g.nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...readers.get(input) ?? [], node]);
  }
  const kept = new Set<string>(outputs);
  keepWhatIsReadRepeatedly(g, readers, kept);
  keepSharedReductions(g, readers, kept);
  return kept;
}

type Readers = ReadonlyMap<string, readonly GraphNode[]>;

/** Adds values that are read more than once, from the last to the first: readers are decided before what they read. */
function keepWhatIsReadRepeatedly(g: Graph, readers: Readers, kept: Set<string>): void {
  /** Values that some operator reads repeatedly, or would if they were computed where they are read. */
  const repeated = new Set<string>();
  /** How many operators read a value, directly or through views. */
  const uses = new Map<string, number>();
  for (const node of [...g.nodes].reverse()) {
    const own = readers.get(node.name) ?? [];
    const isRepeated = own.some((r) => {
      const pattern = patternOf(r);
      return pattern === "reduce" || pattern === "update" || (!kept.has(r.name) && repeated.has(r.name)) ||
        stretches(node, r);
    });
    if (isRepeated) repeated.add(node.name);
    uses.set(
      node.name,
      own.reduce((n, r) => n + (patternOf(r) === "view" && !kept.has(r.name) ? uses.get(r.name) ?? 0 : 1), 0),
    );
    if (kept.has(node.name)) continue;
    const pattern = patternOf(node);
    // Narrow storage rounds, so a value of such a dtype must really be stored; a user's kernel keeps its own.
    const narrow = DTYPES[node.dtype].register !== node.dtype;
    const keep = pattern === "view"
      ? narrow
      : isRepeated || uses.get(node.name) !== 1 || pattern === "update" || narrow ||
        node.compute !== undefined;
    if (keep) kept.add(node.name);
  }
}

/** Whether a reader has more elements than the value (or is not known to have as many). */
function stretches(value: GraphNode, reader: GraphNode): boolean {
  return patternOf(value) === "elementwise" && !dimEquals(productDim(value.shape), productDim(reader.shape));
}

/**
 * Adds values with reductions inside that a reader would repeat. A reduction is done once for each index that it
 * depends on: the maximum of a softmax once a row. That holds while every index of the value is one of the reader's,
 * give or take a constant; a reshape that joins rows and columns, or a look-up, leaves no index of the row.
 */
function keepSharedReductions(g: Graph, readers: Readers, kept: Set<string>): void {
  const types = valueTypes(g);
  const inside = new Map<string, Reductions>();
  for (const node of g.nodes) {
    const own = reductionsIn(
      node,
      types,
      (value) => (kept.has(value) ? "none" : inside.get(value) ?? "none"),
    );
    inside.set(node.name, own);
    if (own === "none" || kept.has(node.name)) continue;
    const repeats = (readers.get(node.name) ?? []).some((reader) =>
      !keepsIndices(node.name, reader, types) && (own === "shared" || reader.op !== "reshape")
    );
    if (repeats) kept.add(node.name);
  }
}

/** What reductions are inside a value: none, some whose results no two elements share, or some that are shared. */
type Reductions = "none" | "own" | "shared";

function reductionsIn(node: GraphNode, types: Types, insideOf: (value: string) => Reductions): Reductions {
  let found: Reductions = "none";
  for (const input of node.inputs) {
    const theirs = insideOf(input);
    if (theirs === "none") continue;
    const shape = types.get(input)?.shape ?? [];
    const stretched = patternOf(node) === "elementwise" &&
      !dimEquals(productDim(shape), productDim(node.shape));
    if (theirs === "shared" || stretched) return "shared";
    found = "own";
  }
  if (patternOf(node) !== "reduce") return found;
  if (node.compute !== undefined) return "own"; // always stored
  // Axes of length 1 tell no elements apart.
  const telling = axisNames(node.shape).filter((_, d) => node.shape[d] !== 1);
  let shared = false;
  visitExpr(elementOf(node, types).body, (e) => {
    if (e.kind !== "reduce") return;
    const free = freeVars(e);
    shared ||= !telling.every((name) => free.has(name));
  });
  return shared ? "shared" : "own";
}

/** Whether each index of a value in its reader's definition is an index of the reader, or that and a constant. */
function keepsIndices(value: string, reader: GraphNode, types: Types): boolean {
  if (reader.compute !== undefined) return true; // it reads what is stored
  const own = new Set(axisNames(reader.shape));
  return elementOf(reader, types).reads.every(({ value: read, indices }) => {
    if (read !== value) return true;
    const used = indices.map((index) => [...freeVars(index)].filter((name) => own.has(name)));
    const names = used.flat();
    return indices.every((index, d) => (used[d] ?? []).length === 0 || isOffset(index)) &&
      new Set(names).size === names.length;
  });
}

/** A variable, plus or minus what does not depend on axes. */
function isOffset(e: Expr): boolean {
  if (e.kind === "var") return true;
  if (e.kind !== "binary" || (e.op !== "add" && e.op !== "sub")) return false;
  const [left, right] = [hasAxis(e.a), hasAxis(e.b)];
  return left !== right && isOffset(left ? e.a : e.b);
}

const hasAxis = (e: Expr): boolean => [...freeVars(e)].some((name) => name.startsWith(AXIS));

type Types = ReadonlyMap<string, TensorType>;

/** Begins the names of axes here, and no dim's. */
const AXIS = "%";

const axisNames = (shape: readonly unknown[]): readonly string[] => shape.map((_, d) => `${AXIS}${d}`);

/** The definition of one element of an operator, and at which indices it reads its inputs. */
function elementOf(node: GraphNode, types: Types): {
  readonly body: Expr;
  readonly reads: readonly { readonly value: string; readonly indices: readonly Expr[] }[];
} {
  const reads: { value: string; indices: readonly Expr[] }[] = [];
  let reductions = 0;
  const body = opDef(node.op).lower({
    inputs: node.inputs.map((value) => {
      const type = types.get(value) ?? node;
      return {
        shape: type.shape,
        dtype: type.dtype,
        at: (indices) => {
          reads.push({ value, indices });
          return load(value, DTYPES[type.dtype].register, indices);
        },
      };
    }),
    attrs: node.attrs,
    output: node,
    fresh: (name) => `${AXIS}${name}${reductions++}`,
  }, axisNames(node.shape).map((name) => variable(name)));
  return { body, reads };
}
