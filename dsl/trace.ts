/**
 * From a model to graphs: its functions are called once with tensors that stand for the inputs, and what they
 * give is written down.
 *
 * @module
 */
import { canonicalDim, printShape, substituteDim } from "../ir/dim.ts";
import { ConfigError, ShapeError } from "../ir/errors.ts";
import {
  type Entries,
  type Graph,
  graph,
  type GraphInput,
  type GraphNode,
  type GraphOutput,
} from "../ir/graph.ts";
import { suggest } from "../ir/suggest.ts";
import { withPlace } from "./apply.ts";
import { siteOf } from "./call_site.ts";
import type { EntriesOf, TraceProblem } from "./entries.ts";
import { type AnyModule, instantiate, isModule } from "./module.ts";
import { withScope } from "./scope.ts";
import { instantiateInputs, isMethod, leaves, type Method } from "./spec.ts";
import type { InputSource, Tensor } from "./tensor.ts";
import type { Literal } from "./types/arg.ts";

/** How to trace. */
export interface TraceOptions {
  /** Values of dims that are known now (a model's config); all others stay symbolic. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Upper bounds of symbolic dims and of sums of them, for planning memory: `{ seq: 1024, "past+seq": 1024 }`. */
  readonly bounds?: Readonly<Record<string, number>>;
  /**
   * Which entry points (all by default), or which with further dims of their own: `{ prefill: {}, decode: { s: 1 } }`
   * makes two programs of one model, decode for a single token.
   */
  readonly methods?: readonly string[] | Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Paths of named tensors that become further outputs, or `"all"`. */
  readonly taps?: readonly string[] | "all";
}

/** The entry points of a traced model. */
export interface Program<out E extends Entries = Entries> {
  /** Tells a program from other values. */
  readonly kind: "program";
  /** A graph for each entry point, by name. */
  readonly graphs: Readonly<Record<string, Graph>>;
  /** Only a type, never a value: what goes into each entry point and comes out of it. */
  readonly entries?: E;
}

/** A record of entry points. */
export type Methods = Readonly<Record<string, Method>>;

/**
 * Traces every entry point of a model (a module that built a record with methods, or a plain record of methods).
 *
 * Throws {@linkcode ShapeError} where shapes do not fit with the dims put in (with the module's path), and
 * {@linkcode ConfigError} for taps or methods that do not exist.
 *
 * @example
 * ```ts
 * import { method, mul, printGraph, spec, trace } from "@weft/weft";
 *
 * const square = method({ x: spec(["n", "d"], "f32") }, ({ x }) => mul(x, x));
 * const program = trace({ square }, { dims: { d: 4 } });
 * console.log(printGraph(program.graphs.square!));
 * ```
 */
export function trace<M extends AnyModule | Methods, const O extends TraceOptions = TraceOptions>(
  model: M,
  options?: Literal<TraceProblem<M, O>, O>,
): Program<EntriesOf<M, O>> {
  const { dims = {}, bounds = {}, taps = [], methods } = (options ?? {}) as TraceOptions;
  const own: Readonly<Record<string, Readonly<Record<string, number>>>> =
    methods === undefined || isNames(methods) ? {} : methods;
  const names = methods === undefined
    ? methodNames(model)
    : isNames(methods)
    ? methods
    : Object.keys(methods);
  if (names.length === 0) {
    throw new ConfigError("Cannot trace: the model has no entry point; make one by method()");
  }
  const graphs = names.map((name): readonly [string, Graph] => {
    const bound = { ...dims, ...own[name] };
    return withScope({ dims: bound, path: "" }, () => {
      const placed: object = isModule(model) ? instantiate(model, "") : model;
      const found: unknown = Object.hasOwn(placed, name) ? placed[name as keyof typeof placed] : undefined;
      if (!isMethod(found)) throw unknownName("method", name, methodNames(model));
      return [name, traceMethod(name, found, bound, bounds, taps)];
    });
  });
  return Object.freeze({ kind: "program", graphs: Object.freeze(Object.fromEntries(graphs)) });
}

function isNames(methods: NonNullable<TraceOptions["methods"]>): methods is readonly string[] {
  return Array.isArray(methods);
}

function methodNames(model: object): readonly string[] {
  return Object.entries(model).filter(([, value]) => isMethod(value)).map(([name]) => name);
}

function unknownName(what: string, name: string, known: readonly string[]): ConfigError {
  const near = suggest(name, known);
  return new ConfigError(
    `Cannot trace ${what} ${JSON.stringify(name)}: the model has none of that name${
      near === undefined
        ? ` (it has ${known.join(", ") || "none"})`
        : `; did you mean ${JSON.stringify(near)}?`
    }`,
  );
}

function traceMethod(
  name: string,
  entry: Method,
  dims: Readonly<Record<string, number>>,
  bounds: Readonly<Record<string, number>>,
  taps: readonly string[] | "all",
): Graph {
  const named = new Map<string, Tensor>();
  const onNamed = (path: string, value: Tensor): void => {
    // A module called again in the same trace: `path#2`, `path#3`, ...
    let key = path;
    for (let n = 2; named.has(key); n++) key = `${path}#${n}`;
    named.set(key, value);
  };
  const inputs = instantiateInputs(entry.inputs);
  const result = withScope({ onNamed }, () => {
    try {
      return entry.forward(inputs);
    } catch (error) {
      throw withPlace(error, "", siteOf);
    }
  });
  const outputs: (readonly [string, Tensor])[] = leaves(result).map((
    [path, t],
  ) => [path === "" ? "output" : path, t]);
  const known = new Set(outputs.map(([path]) => path));
  for (const tap of taps === "all" ? named.keys() : taps) {
    const value = named.get(tap);
    if (value === undefined) throw unknownName("tap", tap, [...named.keys()]);
    if (!known.has(tap)) outputs.push([tap, value]);
  }
  if (outputs.length === 0) throw new ShapeError(name, `Cannot trace ${name}: it gives no tensor`);
  return new GraphBuilder(leaves(inputs).map(([, t]) => t)).finish(name, outputs, boundsInUse(bounds, dims));
}

/** Bounds of what is left of their dims when bound ones are put in: `past+s <= 256` with `s = 1` is `past+1 <= 256`. */
function boundsInUse(
  bounds: Readonly<Record<string, number>>,
  dims: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const [text, bound] of Object.entries(bounds)) {
    const dim = substituteDim(canonicalDim(text), dims);
    if (typeof dim === "string") used[dim] = Math.min(used[dim] ?? Infinity, bound);
  }
  return used;
}

/** Gives every tensor that an output needs a name, operands before operators. */
class GraphBuilder {
  readonly #names = new Map<Tensor, string>();
  readonly #inputs = new Map<string, GraphInput>();
  readonly #nodes: GraphNode[] = [];

  constructor(inputs: readonly Tensor[]) {
    for (const t of inputs) this.#visit(t);
  }

  finish(
    name: string,
    outputs: readonly (readonly [string, Tensor])[],
    bounds: Readonly<Record<string, number>>,
  ): Graph {
    const values = outputs.map(([path, t]): GraphOutput => ({ name: path, value: this.#visit(t) }));
    return graph({ name, bounds, inputs: [...this.#inputs.values()], nodes: this.#nodes, outputs: values });
  }

  #visit(root: Tensor): string {
    // An explicit stack: models are deeper than the call stack.
    const stack: Tensor[] = [root];
    for (let t = stack.at(-1); t !== undefined; t = stack.at(-1)) {
      if (this.#names.has(t)) {
        stack.pop();
        continue;
      }
      const { source } = t;
      if (source.kind === "input") {
        this.#names.set(t, this.#input(t, source));
        stack.pop();
        continue;
      }
      const waiting = source.inputs.filter((i) => !this.#names.has(i));
      if (waiting.length > 0) {
        stack.push(...waiting.reverse());
        continue;
      }
      const name = `%${this.#nodes.length}`;
      this.#nodes.push({
        kind: "node",
        name,
        op: source.op,
        inputs: source.inputs.map((i) => this.#names.get(i) ?? ""),
        attrs: source.attrs,
        shape: t.shape,
        dtype: t.dtype,
        ...(source.compute === undefined ? {} : { compute: source.compute }),
        ...(source.path === "" ? {} : { path: source.path }),
      });
      this.#names.set(t, name);
      stack.pop();
    }
    return this.#names.get(root) ?? "";
  }

  #input(t: Tensor, source: InputSource): string {
    if (source.name === "") {
      throw new ShapeError(
        "trace",
        `Cannot trace a tensor from outside, ${describe({ ...t, role: source.role })} that nothing names: ` +
          "a model must use the inputs and children that it is given",
      );
    }
    const known = this.#inputs.get(source.name);
    const found = { role: source.role, shape: t.shape, dtype: t.dtype };
    if (known !== undefined && describe(known) !== describe(found)) {
      throw new ShapeError(
        "trace",
        `Cannot trace two inputs under one name: ${source.name} is ${describe(known)} and ${describe(found)}`,
      );
    }
    this.#inputs.set(source.name, {
      kind: "input",
      name: source.name,
      role: source.role,
      shape: t.shape,
      dtype: t.dtype,
    });
    return source.name;
  }
}

/** Such as `a param f32[n, 3]`. */
function describe({ role, shape, dtype }: Pick<GraphInput, "role" | "shape" | "dtype">): string {
  return `${role === "input" ? "an" : "a"} ${role} ${dtype}${printShape(shape)}`;
}
