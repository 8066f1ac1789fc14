/**
 * Which values of a graph are worth a buffer of their own. All others are computed where they are read: views and
 * conversions always, elementwise operators into the operator that they follow or lead to.
 *
 * @module
 */
import { dimEquals, productDim } from "../../ir/dim.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { type Expr, load, variable } from "../../ir/expr.ts";
import { type Graph, type GraphNode, type TensorType, valueTypes } from "../../ir/graph.ts";
import { opDef, type OpPattern, OPS } from "../../ir/ops/mod.ts";
import { freeVars, visitExpr } from "../../ir/visit.ts";

/** The pattern of a node. A user's kernel may read any element any number of times. */
export function patternOf(node: GraphNode): OpPattern {
  return node.compute === undefined ? OPS.get(node.op)?.pattern ?? "reduce" : "reduce";
}

/**
 * Values that get a buffer. With `fuse` off, every operator does.
 *
 * A value gets one if it is an output, or if computing it anew where it is read would repeat work: it is read more
 * than once, or by an operator that reads its inputs repeatedly (a sum of all elements does not), or reductions inside of it would be done again for
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
  limitSizes(g, kept);
  keepSharedReductions(g, readers, kept);
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

type Readers = ReadonlyMap<string, readonly GraphNode[]>;

/** Adds values that are read more than once, from the last to the first: readers are decided before what they read. */
function keepWhatIsReadRepeatedly(g: Graph, readers: Readers, kept: Set<string>): void {
  const types = valueTypes(g);
  /** Values that some operator reads repeatedly, or would if they were computed where they are read. */
  const repeated = new Set<string>();
  /** How many operators read a value, directly or through views. */
  const uses = new Map<string, number>();
  for (const node of [...g.nodes].reverse()) {
    const own = readers.get(node.name) ?? [];
    const isRepeated = own.some((r) => {
      if (readsOnce(node.name, r, types)) return false;
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

/** Whether a reduction reads each element of a value once, as a sum of all of them does: then it can compute it. */
function readsOnce(value: string, reader: GraphNode, types: Types): boolean {
  if (patternOf(reader) !== "reduce" || reader.compute !== undefined) return false;
  const { body, reads } = elementOf(reader, types);
  const [read, ...others] = reads.filter((r) => r.value === value);
  if (read === undefined || others.length > 0) return false;
  const own = read.indices.flatMap((e) => (e.kind === "var" ? [e.name] : []));
  const rest = read.indices.filter((e) => e.kind !== "var" && e.kind !== "const");
  const axes = [...allAxes(reader)].filter((d) => reader.shape[d] !== 1).map((d) => `${AXIS}${d}`);
  let reductions = 0;
  visitExpr(body, (e) => {
    if (e.kind !== "reduce") return;
    reductions++;
    axes.push(...e.axes.map((a) => a.name));
  });
  return reductions === 1 && rest.length === 0 && new Set(own).size === own.length &&
    axes.every((name) => own.includes(name));
}

/** Whether a reader has more elements than the value (or is not known to have as many). */
function stretches(value: GraphNode, reader: GraphNode): boolean {
  return patternOf(value) === "elementwise" && !dimEquals(productDim(value.shape), productDim(reader.shape));
}

/**
 * Adds values with reductions inside that a reader would repeat. A reduction is done once for each index that it
 * depends on: the maximum of a softmax once a row. That holds while these indices of the value are indices of the
 * reader, give or take a constant; a reshape that joins rows and columns, or a look-up, leaves no index of the row.
 * And it holds while nothing chooses by other indices whether the value is read.
 */
function keepSharedReductions(g: Graph, readers: Readers, kept: Set<string>): void {
  const types = valueTypes(g);
  const inside = new Map<string, Reductions>();
  for (const node of g.nodes) {
    const own = reductionsIn(node, types, (value) => (kept.has(value) ? undefined : inside.get(value)));
    if (own === undefined) continue;
    inside.set(node.name, own);
    if (kept.has(node.name)) continue;
    const repeats = (readers.get(node.name) ?? []).some((reader) => {
      // A reduction in a branch depends on the condition, too, and is skipped where that does not hold.
      const grows = !dimEquals(productDim(node.shape), productDim(reader.shape));
      if ((own.shared.size > 0 || grows) && readsInBranch(node.name, reader, types)) return true;
      return !keepsIndices(node.name, own.shared, reader, types) ||
        // What no two elements share is done once by a reader that reads every element once.
        (own.whole && reader.op !== "reshape" && !keepsIndices(node.name, allAxes(node), reader, types));
    });
    if (repeats) kept.add(node.name);
  }
}

/** The reductions inside a value. */
interface Reductions {
  /** Whether there are some that every element has of its own. */
  readonly whole: boolean;
  /** Axes that the others, which some elements share, depend on. */
  readonly shared: ReadonlySet<number>;
}

/** The reductions in the definition of a node and in what it is computed from; `undefined` if there are none. */
function reductionsIn(
  node: GraphNode,
  types: Types,
  insideOf: (value: string) => Reductions | undefined,
): Reductions | undefined {
  const isReduction = patternOf(node) === "reduce" && node.compute === undefined;
  if (!isReduction && !node.inputs.some((value) => insideOf(value) !== undefined)) return undefined;
  // Axes of length 1 tell no elements apart.
  const telling = [...allAxes(node)].filter((d) => node.shape[d] !== 1);
  const shared = new Set<number>();
  let whole = false;
  const found = (axes: ReadonlySet<number>): void => {
    if (telling.every((d) => axes.has(d))) whole = true;
    else for (const d of axes) shared.add(d);
  };
  const { body, reads } = elementOf(node, types);
  if (isReduction) visitExpr(body, (e) => e.kind === "reduce" && found(axesIn([e])));
  for (const { value, indices } of reads) {
    const theirs = insideOf(value);
    if (theirs === undefined) continue;
    if (theirs.whole) found(axesIn(indices));
    for (const d of axesIn(indices.filter((_, d) => theirs.shared.has(d)))) shared.add(d);
  }
  return { whole, shared };
}

/** Whether some indices of a value in its reader's definition are indices of the reader, or these and a constant. */
function keepsIndices(value: string, axes: ReadonlySet<number>, reader: GraphNode, types: Types): boolean {
  if (axes.size === 0 || reader.compute !== undefined) return true; // a user's kernel reads what is stored
  return elementOf(reader, types).reads.filter((read) => read.value === value).every(({ indices }) => {
    const chosen = indices.filter((index, d) => axes.has(d) && axesIn([index]).size > 0);
    return chosen.every(isOffset) && axesIn(chosen).size === chosen.length;
  });
}

/** Whether a value's reader reads it in a branch of a choice. */
function readsInBranch(value: string, reader: GraphNode, types: Types): boolean {
  if (reader.compute !== undefined) return false;
  let found = false;
  visitExpr(elementOf(reader, types).body, (e) => {
    if (e.kind !== "select") return;
    for (const branch of [e.then, e.otherwise]) {
      visitExpr(branch, (node) => found ||= node.kind === "load" && node.buffer === value);
    }
  });
  return found;
}

/** A variable, plus or minus what does not depend on axes. */
function isOffset(e: Expr): boolean {
  if (e.kind === "var") return true;
  if (e.kind !== "binary" || (e.op !== "add" && e.op !== "sub")) return false;
  const [left, right] = [axesIn([e.a]).size > 0, axesIn([e.b]).size > 0];
  return left !== right && isOffset(left ? e.a : e.b);
}

type Types = ReadonlyMap<string, TensorType>;

/** Begins the names of axes in {@linkcode elementOf}, and no dim's. */
const AXIS = "%";

const allAxes = (node: GraphNode): ReadonlySet<number> => new Set(node.shape.keys());

/** Axes that expressions in a definition depend on. */
function axesIn(exprs: readonly Expr[]): ReadonlySet<number> {
  const names = exprs.flatMap((e) => [...freeVars(e)]).filter((name) => name.startsWith(AXIS));
  return new Set(names.map((name) => Number(name.slice(AXIS.length))).filter(Number.isInteger));
}

/** The definition of one element of an operator, and at which indices it reads its inputs. */
function elementOf(node: GraphNode, types: Types): {
  readonly body: Expr;
  readonly reads: readonly { readonly value: string; readonly indices: readonly Expr[] }[];
} {
  const reads: { value: string; indices: readonly Expr[] }[] = [];
  let reductions = 0;
  const body = opDef(node.op).lower({
    inputs: node.inputs.map((value) => {
      const { shape, dtype } = types.get(value) ?? node;
      return {
        shape,
        dtype,
        at: (indices) => {
          reads.push({ value, indices });
          return load(value, DTYPES[dtype].register, indices);
        },
      };
    }),
    attrs: node.attrs,
    output: node,
    fresh: (name) => `${AXIS}${name}.${reductions++}`,
  }, node.shape.map((_, d) => variable(`${AXIS}${d}`)));
  return { body, reads };
}
