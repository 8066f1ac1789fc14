/**
 * From operators to kernels: every value that gets a buffer becomes one call of a function, with the operators that
 * are computed in place of being stored put into it.
 *
 * @module
 */
import { productDim, type Shape } from "../../ir/dim.ts";
import { dimExpr, shapeDims, shapeExprs } from "../../ir/dim_expr.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { printTensorType } from "../../ir/text/dims.ts";
import { printAttr } from "../../ir/text/print_graph.ts";
import { lowerCompute } from "../../ir/compute.ts";
import { ShapeError, UnsupportedError } from "../../ir/errors.ts";
import { add, type Axis, type Expr, exprId, load, variable } from "../../ir/expr.ts";
import { type Compute, type Graph, type GraphNode, type TensorType, valueTypes } from "../../ir/graph.ts";
import { opDef, type Operand, OPS } from "../../ir/ops/mod.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { block, type Buffer, type Stmt, store } from "../../ir/stmt.ts";
import { renameVars, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars, visitExpr } from "../../ir/visit.ts";
import { simplify } from "../../ir/simplify.ts";
import { materialized, patternOf } from "./fuse.ts";
import { appendsInPlace, growingAxes, stateCapacities, withOwnOutputs } from "./state.ts";

export { growingAxes, stateCapacities };

/** A call of a kernel on values of the graph. */
export interface KernelCall {
  readonly func: PrimFunc;
  /** Value bound to each parameter, in order; the last is the result. */
  readonly args: readonly string[];
  /** Operators that the kernel does, for profiles. */
  readonly ops: readonly string[];
  /** Module path of the result, if any. */
  readonly path?: string;
}

/** A graph as kernel calls. */
export interface LegalizedGraph {
  readonly graph: Graph;
  readonly calls: readonly KernelCall[];
  /** Values that share the buffer of another: an append in place, a state's next value. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Extents that buffers of states are laid out for; they have room up to their bounds. */
  readonly capacities: ReadonlyMap<string, Shape>;
  /** Axes of states that lie outermost in memory (see {@linkcode growingAxes}). */
  readonly outermost: ReadonlyMap<string, number>;
}

/** How to legalize. */
export interface LegalizeOptions {
  /** Put elementwise operators into their neighbours (default true). */
  readonly fuse?: boolean;
  /** Most buffers that one kernel may use (default 8, what every WebGPU device has). */
  readonly maxBuffers?: number;
  /** Room for states (see {@linkcode stateCapacities}); by default what this graph alone needs. */
  readonly capacities?: ReadonlyMap<string, Shape>;
  /** Axes of states that lie outermost in memory; the others are row-major (default: none). */
  readonly outermost?: ReadonlyMap<string, number>;
}

/** Turns a graph into kernel calls. */
export function legalize(source: Graph, options: LegalizeOptions = {}): LegalizedGraph {
  const { fuse = true, maxBuffers = 8, outermost = new Map() } = options;
  const capacities = options.capacities ?? stateCapacities([source]);
  const g = withOwnOutputs(source);
  const aliases = appendsInPlace(g);
  const kept = materialized(g, fuse);
  for (;;) {
    const lowering = new Lowering(g, kept, { capacities, outermost }, aliases);
    const conflict = lowering.readsWhatItWrites();
    if (conflict !== undefined) {
      kept.add(conflict);
      continue;
    }
    const calls = g.nodes.filter((n) => kept.has(n.name)).map((n) => lowering.call(n));
    const crowded = calls.find((c) => buffersAtOnce(c) > maxBuffers);
    if (crowded === undefined) {
      return { graph: g, calls: [...calls, ...lowering.stateCopies()], aliases, capacities, outermost };
    }
    // Too many inputs for one kernel: give an operator that was put into it a buffer of its own.
    const spill = lowering.spillCandidate(crowded.args.at(-1) ?? "", maxBuffers - 1);
    if (spill === undefined) {
      throw new UnsupportedError(
        `Cannot lower ${crowded.func.name}: it uses ${buffersAtOnce(crowded)} buffers, a kernel can have ` +
          `${maxBuffers}; split the operator into several of fewer inputs`,
      );
    }
    kept.add(spill);
  }
}

/** Most buffers that a nest of a kernel uses: its parameters, and results of the nests before it. */
function buffersAtOnce({ func, args }: KernelCall): number {
  let most = args.length;
  const nests = (s: Stmt): void => {
    if (s.kind === "alloc") nests(s.body);
    else if (s.kind === "seq") s.body.forEach(nests);
    else most = Math.max(most, new Set(bufferAccesses(s).map((a) => a.buffer)).size);
  };
  nests(func.body);
  return most;
}

/** Strides for these extents: row-major, but for an axis that lies outermost. */
function stridesOf(shape: Shape, outermost: number | undefined): readonly Expr[] {
  return shape.map((_, d) =>
    dimExpr(productDim(shape.filter((_, i) => d === outermost ? i !== d : i > d && i !== outermost)))
  );
}

/** Lowers the nodes of one graph for one choice of stored values. */
class Lowering {
  readonly #g: Graph;
  readonly #kept: ReadonlySet<string>;
  readonly #states: Pick<LegalizedGraph, "capacities" | "outermost">;
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #types: ReadonlyMap<string, TensorType>;
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #dimNames: ReadonlySet<string>;
  readonly #inlined = new Map<string, readonly GraphNode[]>();
  readonly #known = new Map<string, LoweredGroup>();

  constructor(
    g: Graph,
    kept: ReadonlySet<string>,
    states: Pick<LegalizedGraph, "capacities" | "outermost">,
    aliases: ReadonlyMap<string, string>,
  ) {
    this.#g = g;
    this.#kept = kept;
    this.#states = states;
    this.#aliases = aliases;
    this.#types = valueTypes(g);
    this.#nodes = new Map(g.nodes.map((n) => [n.name, n]));
    this.#dimNames = new Set(shapeDims([...[...this.#types.values()].map((t) => t.shape), ...attrShapes(g)]));
  }

  /** The call that computes a stored value. Equal groups of nodes, as layers have them, are lowered once. */
  call(node: GraphNode): KernelCall {
    const state = this.#aliases.get(node.name);
    const group = this.#groupOf(node, state);
    const known = this.#known.get(group.key);
    if (known !== undefined) {
      const inside = known.inside.flatMap((i) => group.nodes[i] ?? []);
      if (state === undefined) this.#inlined.set(node.name, inside);
      const args = known.args.flatMap((i) => group.stored[i] ?? []);
      return this.#result(known.func, [...args, node.name], node, inside);
    }
    const made = state === undefined ? this.#kernel(node) : this.#appendInPlace(node, state);
    const args = made.call.args.slice(0, -1).map((value) => group.stored.indexOf(value));
    const inside = made.inside.map((n) => group.nodes.indexOf(n));
    this.#known.set(group.key, { func: made.call.func, args, inside });
    return made.call;
  }

  /** The nodes of a kernel and what they read, with a text that is the same for all that are lowered alike. */
  #groupOf(root: GraphNode, state: string | undefined): Group {
    const stored: string[] = [];
    const nodes: GraphNode[] = [];
    const valueText = (value: string): string => {
      const node = this.#nodes.get(value);
      if (node !== undefined && !this.#kept.has(value)) return nodeText(node);
      const known = stored.indexOf(value);
      const { dtype, shape, strides } = this.#buffer("", value);
      return known >= 0
        ? `$${known}`
        : `$${stored.push(value) - 1}:${dtype}${
          [shape, strides ?? []].map((list) => `[${list.map(exprId)}]`).join("")
        }`;
    };
    const nodeText = (node: GraphNode): string => {
      const known = nodes.indexOf(node);
      if (known >= 0) return `@${known}`;
      nodes.push(node);
      const attrs = Object.entries(node.attrs).map(([name, value]) => `${name}=${printAttr(value)}`);
      // Definitions of users are not compared.
      const op = node.compute === undefined ? node.op : `${node.op} of ${node.name}`;
      return `${op}{${attrs.join()}}:${printTensorType(node)}(${node.inputs.map(valueText).join()})`;
    };
    if (state === undefined) return { key: nodeText(root), stored, nodes };
    const { dtype, strides } = this.#buffer("", root.name);
    const past = printTensorType(this.#typeOf(state));
    const into = `${root.attrs["axis"]}:${past}:${dtype}[${(strides ?? []).map(exprId)}]:${
      printTensorType(root)
    }`;
    return { key: `append ${into} ${valueText(root.inputs[1] ?? "")}`, stored, nodes };
  }

  /**
   * An operator inside the kernel of `value` to store instead: the one that most stored values go into, but no more
   * than `most`, so that its own kernel has room for them; if there is none, the one that fewest go into.
   */
  spillCandidate(value: string, most: number): string | undefined {
    const inlined = (this.#inlined.get(value) ?? [])
      .map((node) => ({ node, reads: this.#storedInputs(node.name).size }));
    const candidates = inlined.filter(({ reads }) => reads > 1);
    const fitting = candidates.filter(({ reads }) => reads <= most).sort((a, b) => b.reads - a.reads);
    // A reduction of one input (a softmax) may still bring buffers of its own: what its nests pass on.
    const chosen = fitting[0] ?? candidates.sort((a, b) => a.reads - b.reads)[0] ??
      inlined.find(({ node }) => patternOf(node) === "reduce");
    return chosen?.node.name;
  }

  /** A value that an append in place would compute from the state that it writes to: it must be stored before. */
  readsWhatItWrites(): string | undefined {
    for (const [name, state] of this.#aliases) {
      const appended = this.#nodes.get(name)?.inputs[1] ?? "";
      const buffers = [...this.#storedInputs(appended)].map((v) => this.#aliases.get(v) ?? v);
      if (!this.#kept.has(appended) && this.#nodes.has(appended) && buffers.includes(state)) return appended;
    }
    return undefined;
  }

  /** Stored values that a value is computed from, if it is not stored itself. */
  #storedInputs(value: string): ReadonlySet<string> {
    const found = new Set<string>();
    const seen = new Set<string>();
    const stack = [...this.#nodes.get(value)?.inputs ?? []];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const node = this.#nodes.get(next);
      if (node === undefined || this.#kept.has(next)) found.add(next);
      else if (!seen.has(next)) stack.push(...node.inputs);
      seen.add(next);
    }
    return found;
  }

  /** Copies of next values into the buffers of states that are not appended to in place. */
  stateCopies(): readonly KernelCall[] {
    return this.#g.inputs.filter((i) => i.role === "state").flatMap((state): KernelCall[] => {
      const value = this.#g.outputs.find((o) => o.name === state.name)?.value ?? "";
      if (this.#aliases.get(value) === state.name || value === state.name) return [];
      const type = this.#typeOf(value);
      const axes = this.#axes(type.shape);
      const from = this.#buffer("in0", value);
      const into: Buffer = { ...this.#buffer("out", state.name), shape: shapeExprs(type.shape) };
      const body = load("in0", DTYPES[type.dtype].register, axes.map((a) => variable(a.name)));
      const func = lowerCompute({ name: "copy", axes, body }, [from], into, shapeDims([type.shape]));
      return [{ func, args: [value, state.name], ops: ["copy"] }];
    });
  }

  #typeOf(value: string): TensorType {
    const type = this.#types.get(value);
    if (type === undefined) throw new ShapeError(this.#g.name, `${this.#g.name}: there is no value ${value}`);
    return type;
  }

  /** The buffer that a kernel sees of a stored value. */
  #buffer(name: string, value: string): Buffer {
    const type = this.#typeOf(value);
    const state = this.#aliases.get(value) ?? value;
    const capacity = this.#states.capacities.get(state);
    return {
      name,
      dtype: type.dtype,
      shape: shapeExprs(type.shape),
      scope: "global",
      ...(capacity === undefined ? {} : { strides: stridesOf(capacity, this.#states.outermost.get(state)) }),
    };
  }

  #kernel(node: GraphNode): Made {
    const compute = node.compute === undefined ? undefined : renamedApart(node.compute, this.#dimNames);
    const axes = compute?.axes ?? this.#axes(node.shape);
    const { body, inputs, inside } = this.#element(
      compute === undefined ? node : { ...node, compute },
      axes.map((a) => variable(a.name)),
    );
    this.#inlined.set(node.name, inside);
    const name = kernelName([node, ...inside]);
    const buffers = inputs.map((value, i) => this.#buffer(`in${i}`, value));
    const dims = this.#dims([...inputs, node.name, ...inside.map((n) => n.name)], body, axes);
    const func = lowerCompute({ name, axes, body }, buffers, this.#buffer("out", node.name), dims);
    return { call: this.#result(func, [...inputs, node.name], node, inside), inside };
  }

  /** `state[.., past + i, ..] = x[.., i, ..]`: what is there already stays where it is. */
  #appendInPlace(node: GraphNode, state: string): Made {
    const axis = Number(node.attrs["axis"]);
    const rank = node.shape.length;
    const at = axis < 0 ? axis + rank : axis;
    const x = node.inputs[1] ?? "";
    const type = this.#typeOf(x);
    const axes = this.#axes(type.shape);
    const { body, inputs, inside } = this.#operandElement(x, axes.map((a) => variable(a.name)));
    const buffers = inputs.map((value, i) => this.#buffer(`in${i}`, value));
    const out = this.#buffer("out", node.name);
    const dims = this.#dims([...inputs, x, node.name, ...inside.map((n) => n.name)], body, axes);
    const name = kernelName([node, ...inside]);
    const plain = lowerCompute(
      { name, axes, body },
      buffers,
      { ...out, shape: shapeExprs(type.shape) },
      dims,
    );
    const past = dimExpr(this.#typeOf(state).shape[at] ?? 0);
    const shifted = rewriteStmt(plain.body, (s) => {
      if (s.kind === "store") {
        return store(s.buffer, s.indices.map((i, d) => (d === at ? add(i, past) : i)), s.value);
      }
      if (s.kind !== "block") return s;
      const { reads: _r, writes: _w, ...rest } = s;
      return block(rest);
    });
    const params = plain.params.map((p) => (p.buffer.name === "out" ? { ...p, buffer: out } : p));
    const func: PrimFunc = Object.freeze({ ...plain, params: Object.freeze(params), body: shifted });
    return { call: this.#result(func, [...inputs, node.name], node, inside), inside };
  }

  /** Axes `i0`, `i1`, ... over a shape, with names that no dim has. */
  #axes(shape: Shape): readonly Axis[] {
    return shape.map((dim, d) => {
      let name = `i${d}`;
      while (this.#dimNames.has(name)) name += "_";
      return { name, extent: dimExpr(dim) };
    });
  }

  #result(
    func: PrimFunc,
    args: readonly string[],
    node: GraphNode,
    inside: readonly GraphNode[],
  ): KernelCall {
    const ops = [...inside, node].map((n) => n.op);
    return { func, args, ops, ...(node.path === undefined ? {} : { path: node.path }) };
  }

  /** Dims that the values of a kernel and its index arithmetic mention: every free name that is no axis. */
  #dims(values: readonly string[], body: Expr, axes: readonly Axis[]): readonly string[] {
    const names = new Set([...shapeDims(values.map((v) => this.#typeOf(v).shape)), ...freeVars(body)]);
    for (const axis of axes) names.delete(axis.name);
    return [...names];
  }

  /** The element of a node at `indices`, in terms of stored values named `in0`, `in1`, ... */
  #element(node: GraphNode, indices: readonly Expr[]): KernelBody {
    const scope = new KernelScope(this.#dimNames);
    const body = this.#lower(node, indices, scope);
    return { body: simplify(body), inputs: scope.inputs, inside: scope.inside };
  }

  #operandElement(value: string, indices: readonly Expr[]): KernelBody {
    const scope = new KernelScope(this.#dimNames);
    const body = this.#operand(value, scope).at(indices);
    return { body: simplify(body), inputs: scope.inputs, inside: scope.inside };
  }

  #lower(node: GraphNode, indices: readonly Expr[], scope: KernelScope): Expr {
    const inputs = node.inputs.map((value) => this.#operand(value, scope));
    // Always the root of its kernel (see materialized), which takes its axes from the definition.
    if (node.compute !== undefined) return inlineCompute(node.compute, inputs);
    return opDef(node.op).lower(
      { inputs, attrs: node.attrs, output: node, fresh: (name) => scope.fresh(name) },
      indices,
    );
  }

  #operand(value: string, scope: KernelScope): Operand {
    const type = this.#typeOf(value);
    const node = this.#nodes.get(value);
    if (node === undefined || this.#kept.has(value)) {
      return { ...type, at: (indices) => load(scope.input(value), DTYPES[type.dtype].register, indices) };
    }
    return {
      ...type,
      at: (indices) =>
        scope.once(node, indices, () => {
          scope.enter(node);
          return this.#lower(node, indices, scope);
        }),
    };
  }
}

/** Nodes of one kernel. */
interface Group {
  readonly key: string;
  /** Values that they read, and the nodes, in the order in which the key names them. */
  readonly stored: readonly string[];
  readonly nodes: readonly GraphNode[];
}

/** What a group is lowered to: arguments and nodes by their places in it. */
interface LoweredGroup {
  readonly func: PrimFunc;
  readonly args: readonly number[];
  readonly inside: readonly number[];
}

interface Made {
  readonly call: KernelCall;
  readonly inside: readonly GraphNode[];
}

interface KernelBody {
  readonly body: Expr;
  readonly inputs: readonly string[];
  readonly inside: readonly GraphNode[];
}

/** Names within one kernel, and each inlined operator's element at each index once. */
class KernelScope {
  readonly #inputs: string[] = [];
  readonly #inside: GraphNode[] = [];
  readonly #done = new Map<string, Expr>();
  readonly #counts = new Map<string, number>();
  readonly #taken: ReadonlySet<string>;

  constructor(taken: ReadonlySet<string>) {
    this.#taken = taken;
  }

  get inputs(): readonly string[] {
    return this.#inputs;
  }

  get inside(): readonly GraphNode[] {
    return this.#inside;
  }

  input(value: string): string {
    const known = this.#inputs.indexOf(value);
    return `in${known >= 0 ? known : this.#inputs.push(value) - 1}`;
  }

  enter(node: GraphNode): void {
    if (!this.#inside.includes(node)) this.#inside.push(node);
  }

  once(node: GraphNode, indices: readonly Expr[], make: () => Expr): Expr {
    const key = `${node.name}:${indices.map(exprId).join(",")}`;
    const known = this.#done.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#done.set(key, made);
    return made;
  }

  /** A name that no axis of the kernel and no dim of the graph has. */
  fresh(name: string): string {
    for (;;) {
      const n = this.#counts.get(name) ?? 0;
      this.#counts.set(name, n + 1);
      const candidate = n === 0 ? name : `${name}${n}`;
      if (!this.#taken.has(candidate)) return candidate;
    }
  }
}

/** Dims in the attributes of a graph's operators: those of shapes, and more. */
function attrShapes(g: Graph): readonly Shape[] {
  return g.nodes.flatMap((node) =>
    (OPS.get(node.op)?.dimAttrs ?? []).map((name) =>
      [node.attrs[name] ?? []].flat().filter((d) => typeof d === "string")
    )
  );
}

/** A user's definition whose axes have names that no dim of the graph has: what it reads may depend on any. */
function renamedApart(compute: Compute, dims: ReadonlySet<string>): Compute {
  const bound = new Set(compute.axes.map((a) => a.name));
  visitExpr(compute.body, (e) => {
    if (e.kind === "reduce") { for (const axis of e.axes) bound.add(axis.name); }
  });
  const names = new Map<string, string>();
  for (const name of bound) {
    let apart = name;
    while (dims.has(apart) || (apart !== name && bound.has(apart))) apart += "_";
    if (apart !== name) names.set(name, apart);
    bound.add(apart);
  }
  const axes = compute.axes.map((a) => ({ ...a, name: names.get(a.name) ?? a.name }));
  return { ...compute, axes, body: renameVars(compute.body, names) };
}

/** A user's definition with its loads replaced by operands. */
function inlineCompute(compute: Compute, inputs: readonly Operand[]): Expr {
  return rewriteExpr(compute.body, (e) => {
    if (e.kind !== "load") return e;
    const operand = inputs[Number(e.buffer.slice(2))];
    return operand === undefined ? e : operand.at(e.indices);
  });
}

function kernelName(nodes: readonly GraphNode[]): string {
  const names = [...nodes].reverse().filter((n) => patternOf(n) !== "view").map((n) =>
    n.compute?.name ?? n.op
  );
  const last = nodes[0];
  return names.length > 0 ? [...new Set(names)].join("_") : last?.op ?? "kernel";
}
