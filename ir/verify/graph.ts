/**
 * The rules of graphs.
 *
 * @module
 */
import { canonicalShape, type Dim, printShape } from "../dim.ts";
import { exprDim, shapeDims } from "../dim_expr.ts";
import { DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Attrs, Compute, Graph, GraphNode, TensorType } from "../graph.ts";
import { freeVars, visitExpr } from "../visit.ts";
import { didYouMean, repeated } from "./rule.ts";

/** What the verifier needs to know of operators: the type of the result, or a {@linkcode ShapeError}. */
export type OpTypes = ReadonlyMap<
  string,
  { infer(inputs: readonly TensorType[], attrs: Attrs): TensorType }
>;

/** What the rules of a graph look at. */
export interface GraphScan {
  readonly graph: Graph;
  readonly ops: OpTypes | undefined;
  /** Types of inputs and nodes; of values with the same name, the first. */
  readonly types: ReadonlyMap<string, TensorType>;
}

/** A rule that every graph keeps. */
export interface GraphRule {
  readonly name: string;
  /** What holds, in a sentence. */
  readonly about: string;
  /** The parts of a graph that it looks at. */
  readonly appliesTo: readonly ("input" | "node" | "output" | "bounds")[];
  /** What breaks it; each with where. */
  check(scan: GraphScan): Iterable<string>;
}

const uniqueValues: GraphRule = {
  name: "unique-values",
  about: "Inputs and nodes each define a name of their own, and so do outputs.",
  appliesTo: ["input", "node", "output"],
  *check({ graph: g }) {
    for (const name of repeated([...g.inputs, ...g.nodes].map((v) => v.name))) {
      yield `value ${name} is defined twice`;
    }
    for (const name of repeated(g.outputs.map((o) => o.name))) {
      yield `there are two outputs of the name ${name}`;
    }
  },
};

const definedBeforeUse: GraphRule = {
  name: "defined-before-use",
  about: "A node's inputs are inputs of the graph or nodes before it.",
  appliesTo: ["node"],
  *check({ graph: g, types }) {
    const known = new Set(g.inputs.map((i) => i.name));
    for (const node of g.nodes) {
      for (const value of node.inputs) {
        if (known.has(value)) continue;
        const why = types.has(value) ? "defined only later" : `defined nowhere${didYouMean(value, known)}`;
        yield `${label(node)} uses ${value}, which is ${why}`;
      }
      known.add(node.name);
    }
  },
};

const outputsExist: GraphRule = {
  name: "outputs-exist",
  about: "An output names a value of the graph.",
  appliesTo: ["output"],
  *check({ graph: g, types }) {
    for (const { name, value } of g.outputs) {
      if (!types.has(value)) {
        yield `output ${name} is ${value}, which is no value${didYouMean(value, types.keys())}`;
      }
    }
  },
};

const canonicalTypes: GraphRule = {
  name: "canonical-types",
  about:
    "Dims of shapes are non-negative integers or canonical text, and shapes have no more axes than work.",
  appliesTo: ["input", "node"],
  *check({ graph: g }) {
    for (const { name, shape } of [...g.inputs, ...g.nodes]) {
      const problem = shapeProblem(shape);
      if (problem !== undefined) yield `value ${name} is ${printShape(shape)}: ${problem}`;
    }
  },
};

function shapeProblem(shape: readonly Dim[]): string | undefined {
  const canonical = attempt(() => canonicalShape(shape));
  if (typeof canonical === "string") return canonical;
  const at = canonical.findIndex((dim, d) => dim !== shape[d]);
  return at < 0
    ? undefined
    : `the canonical form of ${JSON.stringify(shape[at])} is ${JSON.stringify(canonical[at])}`;
}

const bounds: GraphRule = {
  name: "bounds",
  about: "Bounds are integers of at least 0 on canonical dims with names in them.",
  appliesTo: ["bounds"],
  *check({ graph: g }) {
    for (const [dim, bound] of Object.entries(g.bounds)) {
      const problem = shapeProblem([dim]);
      if (problem !== undefined) yield `there is a bound on ${dim}: ${problem}`;
      if (!Number.isSafeInteger(bound) || bound < 0) yield `the bound of ${dim} is ${bound}`;
    }
  },
};

const knownOps: GraphRule = {
  name: "known-ops",
  about: "A node's operator is in the table or is compute.",
  appliesTo: ["node"],
  *check({ graph: g, ops }) {
    if (ops === undefined) return;
    for (const node of g.nodes) {
      if (node.op === "compute" || ops.has(node.op)) continue;
      yield `${label(node)}: there is no operator ${node.op}${
        didYouMean(node.op, [...ops.keys(), "compute"])
      }`;
    }
  },
};

const nodeTypes: GraphRule = {
  name: "node-types",
  about: "A node has the shape and dtype that its operator gives for its inputs.",
  appliesTo: ["node"],
  *check({ graph: g, ops, types }) {
    for (const node of g.nodes) {
      const def = ops?.get(node.op);
      const inputs = node.inputs.map((value) => types.get(value)).filter((t) => t !== undefined);
      if (def === undefined || inputs.length < node.inputs.length) continue;
      const type = attempt(() => def.infer(inputs, node.attrs));
      if (typeof type === "string") yield `${label(node)} is refused: ${type}`;
      else if (type.dtype !== node.dtype || printShape(type.shape) !== printShape(node.shape)) {
        yield `${label(node)} is ${typeText(node)}, but ${node.op} gives ${typeText(type)}`;
      }
    }
  },
};

const computes: GraphRule = {
  name: "computes",
  about:
    "A node has a definition if and only if it is a compute, and the definition fits its type and inputs.",
  appliesTo: ["node"],
  *check({ graph: g, types }) {
    const dims = new Set([...types.values()].flatMap((t) => dimsOf(t)));
    for (const node of g.nodes) {
      if ((node.op === "compute") !== (node.compute !== undefined)) {
        yield `${label(node)} has ${
          node.compute === undefined ? "no" : "a"
        } definition, but its operator is ${node.op}`;
      }
      if (node.compute === undefined) continue;
      for (const problem of computeProblems(node, node.compute, types, dims)) {
        yield `${label(node)}: ${problem}`;
      }
    }
  },
};

function* computeProblems(
  node: GraphNode,
  { axes, body }: Compute,
  types: ReadonlyMap<string, TensorType>,
  dims: ReadonlySet<string>,
): Iterable<string> {
  const extents = axes.map((a) => attempt(() => exprDim(a.extent)));
  if (extents.length !== node.shape.length || extents.some((dim, d) => dim !== node.shape[d])) {
    yield `its axes are [${axes.map((a, d) => `${a.name} < ${extents[d] ?? "?"}`).join(", ")}]`;
  }
  const { register } = DTYPES[node.dtype];
  if (body.dtype !== register) yield `its element is ${body.dtype}, it must be ${register}`;
  for (const name of repeated(axes.map((a) => a.name))) yield `several axes have the name ${name}`;
  const bound = new Set([...dims, ...axes.map((a) => a.name)]);
  for (const name of freeVars(body)) {
    if (!bound.has(name)) {
      yield `it uses ${name}, which is no axis and no dim of the graph${didYouMean(name, bound)}`;
    }
  }
  const buffers = node.inputs.map((_, i) => `in${i}`);
  const problems = new Set<string>();
  visitExpr(body, (e) => {
    if (e.kind !== "load") return;
    const at = buffers.indexOf(e.buffer);
    const type = types.get(node.inputs[at] ?? "");
    if (at < 0) problems.add(`it loads from ${e.buffer}; there are ${buffers.join(", ") || "no inputs"}`);
    if (type === undefined) return;
    if (type.shape.length !== e.indices.length) {
      problems.add(`it loads from ${e.buffer}, which is ${typeText(type)}, with ${e.indices.length} indices`);
    }
    if (DTYPES[type.dtype].register !== e.dtype) {
      problems.add(`it loads ${e.dtype} from ${e.buffer}, which is ${typeText(type)}`);
    }
  });
  yield* problems;
}

const states: GraphRule = {
  name: "states",
  about: "A state has a next value: an output of its name, of its dtype and rank.",
  appliesTo: ["input", "output"],
  *check({ graph: g, types }) {
    for (const state of g.inputs) {
      if (state.role !== "state") continue;
      const output = g.outputs.find((o) => o.name === state.name);
      const next = types.get(output?.value ?? "");
      if (output === undefined) {
        yield `state ${state.name} has no output of its name, which would be its next value`;
      } else if (
        next !== undefined && (next.dtype !== state.dtype || next.shape.length !== state.shape.length)
      ) {
        yield `state ${state.name} is ${typeText(state)}, its next value ${output.value} is ${
          typeText(next)
        }`;
      }
    }
  },
};

/** Names in a shape; none where it is malformed, which is for {@linkcode canonicalTypes} to say. */
function dimsOf({ shape }: TensorType): readonly string[] {
  const names = attempt(() => shapeDims([shape]));
  return typeof names === "string" ? [] : names;
}

/** What `make` gives, or the text of its refusal. */
function attempt<T>(make: () => T): T | string {
  try {
    return make();
  } catch (error) {
    if (error instanceof ShapeError) return error.message;
    throw error;
  }
}

function typeText({ dtype, shape }: TensorType): string {
  return `${dtype}${printShape(shape)}`;
}

function label(node: GraphNode): string {
  return `${node.name} (${node.op}${node.path === undefined ? "" : ` in ${node.path}`})`;
}

/** Every rule of graphs. */
export const GRAPH_RULES: readonly GraphRule[] = [
  uniqueValues,
  definedBeforeUse,
  outputsExist,
  canonicalTypes,
  bounds,
  knownOps,
  nodeTypes,
  computes,
  states,
];
