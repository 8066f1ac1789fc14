/**
 * Functions and graphs with the names taken out: two that differ in bound names only become equal.
 *
 * @module
 */
import { type Axis, type Expr, load, reduce, variable } from "./expr.ts";
import { type Compute, type Graph, graph } from "./graph.ts";
import { type PrimFunc, primFunc } from "./prim_func.ts";
import {
  alloc,
  type Block,
  block,
  type Buffer,
  forLoop,
  ifThen,
  type Region,
  seq,
  type Stmt,
  store,
} from "./stmt.ts";
import { mapExprChildren } from "./traverse.ts";

/** New names of what is bound at a place. Names that are not bound (dims) stay. */
interface Names {
  readonly vars: ReadonlyMap<string, string>;
  readonly buffers: ReadonlyMap<string, string>;
}

const NONE: Names = { vars: new Map(), buffers: new Map() };

// Canonical names have a `#` in them, which no dim has.
const bound = (kind: string, n: number): string => `${kind}#${n}`;

/**
 * The function with its own name, its parameters, loops, iterators, blocks and buffers named by order of appearance.
 * Dims keep their names.
 */
export function canonicalFunc(f: PrimFunc): PrimFunc {
  const buffers = new Map(f.params.map((p, i) => [p.buffer.name, bound("p", i)] as const));
  const params = f.params.map((p) => ({ ...p, buffer: renameBuffer(p.buffer, { ...NONE, buffers }) }));
  return primFunc("", params, f.dims, new Renamer().stmt(f.body, { ...NONE, buffers }));
}

/**
 * The graph with its own name and its nodes named by order of appearance, without module paths. Inputs and outputs
 * keep their names: they are how data gets in and out. So do dims.
 */
export function canonicalGraph(g: Graph): Graph {
  const names = new Map(g.nodes.map((n, i) => [n.name, bound("v", i)] as const));
  const value = (name: string): string => names.get(name) ?? name;
  return graph({
    name: "",
    bounds: g.bounds,
    inputs: g.inputs,
    nodes: g.nodes.map(({ path: _, compute, ...node }) => ({
      ...node,
      name: value(node.name),
      inputs: node.inputs.map(value),
      ...(compute === undefined ? {} : { compute: canonicalCompute(compute) }),
    })),
    outputs: g.outputs.map((o) => ({ name: o.name, value: value(o.value) })),
  });
}

function canonicalCompute({ axes, body }: Compute): Compute {
  const vars = new Map(axes.map((a, d) => [a.name, bound("i", d)] as const));
  return {
    name: "",
    axes: axes.map((a, d) => ({ name: bound("i", d), extent: a.extent })),
    body: rename(body, { ...NONE, vars }),
  };
}

/** Numbers statements as it goes. */
class Renamer {
  #loops = 0;
  #iters = 0;
  #blocks = 0;
  #buffers = 0;

  stmt(s: Stmt, names: Names): Stmt {
    switch (s.kind) {
      case "for": {
        const name = bound("l", this.#loops++);
        const vars = new Map(names.vars).set(s.var, name);
        return forLoop(name, rename(s.extent, names), this.stmt(s.body, { ...names, vars }), s.loop);
      }
      case "block":
        return this.#block(s, names);
      case "store": {
        const [indices, value] = [renameAll(s.indices, names), rename(s.value, names)];
        return store(names.buffers.get(s.buffer) ?? s.buffer, indices, value);
      }
      case "alloc": {
        const buffers = new Map(names.buffers).set(s.buffer.name, bound("t", this.#buffers++));
        return alloc(renameBuffer(s.buffer, { ...names, buffers }), this.stmt(s.body, { ...names, buffers }));
      }
      case "if": {
        const then = this.stmt(s.then, names);
        return ifThen(rename(s.cond, names), then, s.otherwise && this.stmt(s.otherwise, names));
      }
      case "seq":
        return seq(s.body.map((child) => this.stmt(child, names)));
      case "barrier":
        return s;
      default:
        return s satisfies never;
    }
  }

  #block(b: Block, names: Names): Block {
    const vars = new Map(names.vars);
    const iters = b.iters.map((i) => {
      const name = bound("v", this.#iters++);
      vars.set(i.var, name);
      return { ...i, var: name, extent: rename(i.extent, names), binding: rename(i.binding, names) };
    });
    const within = { ...names, vars };
    const region = (r: Region): Region => ({
      buffer: names.buffers.get(r.buffer) ?? r.buffer,
      min: renameAll(r.min, within),
      extent: renameAll(r.extent, within),
    });
    return block({
      name: bound("b", this.#blocks++),
      iters,
      predicate: rename(b.predicate, names),
      reads: b.reads.map(region),
      writes: b.writes.map(region),
      ...(b.init === undefined ? {} : { init: this.stmt(b.init, within) }),
      body: this.stmt(b.body, within),
    });
  }
}

function renameBuffer(b: Buffer, names: Names): Buffer {
  return {
    ...b,
    name: names.buffers.get(b.name) ?? b.name,
    shape: renameAll(b.shape, names),
    ...(b.strides === undefined ? {} : { strides: renameAll(b.strides, names) }),
  };
}

function renameAll(list: readonly Expr[], names: Names): readonly Expr[] {
  return list.map((e) => rename(e, names));
}

/** An expression with new names; axes of reductions are numbered from the outside in. */
function rename(e: Expr, names: Names, depth = 0): Expr {
  const done = new Map<Expr, Expr>();
  const visit = (node: Expr): Expr => {
    const known = done.get(node);
    if (known !== undefined) return known;
    const made = visitNew(node);
    done.set(node, made);
    return made;
  };
  const visitNew = (node: Expr): Expr => {
    switch (node.kind) {
      case "var": {
        const name = names.vars.get(node.name);
        return name === undefined ? node : variable(name);
      }
      case "load":
        return load(names.buffers.get(node.buffer) ?? node.buffer, node.dtype, node.indices.map(visit));
      case "reduce": {
        const vars = new Map(names.vars);
        const axes = node.axes.map((a, i): Axis => {
          vars.set(a.name, bound("r", depth + i));
          return { name: bound("r", depth + i), extent: visit(a.extent) };
        });
        return reduce(node.op, axes, rename(node.body, { ...names, vars }, depth + axes.length));
      }
      case "const":
      case "unary":
      case "binary":
      case "select":
      case "cast":
        return mapExprChildren(node, visit);
      default:
        return node satisfies never;
    }
  };
  return visit(e);
}
