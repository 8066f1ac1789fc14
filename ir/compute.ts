/**
 * From a `compute` definition to a loop nest.
 *
 * A definition is one expression for the element at its axes; reductions may stand anywhere in it, also inside
 * each other. Each distinct reduction becomes a nest of its own, over just those axes that it depends on, into
 * an intermediate buffer; the last nest computes the result. So a softmax written as one expression gives three
 * nests (maximum, sum, result), and nobody has to name the intermediates.
 *
 * @module
 */
import { DTYPES } from "./dtype.ts";
import { VerifyError } from "./errors.ts";
import {
  type Axis,
  binary,
  bool,
  constant,
  type Expr,
  int,
  load,
  lt,
  type Reduce,
  reduce,
  select,
  unary,
  variable,
} from "./expr.ts";
import type { Compute } from "./graph.ts";
import { DIM_RANGE, type VarRange } from "./interval.ts";
import { type Param, type PrimFunc, primFunc } from "./prim_func.ts";
import { REDUCE_OPS, reduceIdentity } from "./scalar_ops.ts";
import { scopeOf } from "./scope.ts";
import { simplify } from "./simplify.ts";
import { alloc, block, type BlockIter, type Buffer, forLoop, seq, type Stmt, store } from "./stmt.ts";
import { mapExprChildren, substitute } from "./traverse.ts";
import { freeVars, visitExpr } from "./visit.ts";

/** A reduction that was taken out of an expression, and the intermediate that holds its results. */
interface Stage {
  readonly buffer: Buffer;
  readonly axes: readonly Axis[];
  readonly reduction: Reduce;
}

/**
 * Lowers a definition to a function with parameters `inputs` (read) and `out` (written). `dims` are the symbolic
 * sizes that the extents may mention.
 *
 * Throws {@linkcode VerifyError} where the body's type is not the one `out` stores, or a buffer is unknown.
 */
export function lowerCompute(
  compute: Compute,
  inputs: readonly Buffer[],
  out: Buffer,
  dims: readonly string[],
): PrimFunc {
  checkBody(compute, inputs, out);
  const names = new Names([...inputs, out].map((b) => b.name).concat(dims));
  const stages: Stage[] = [];
  const body = extract(compute.body, compute.axes, inputs, stages, names);
  const register = DTYPES[out.dtype].register;

  // The result of a lone reduction goes straight to the output; otherwise a last nest computes it.
  const last = stages.at(-1);
  const direct = last !== undefined && DTYPES[out.dtype].bytes === 4 && last.reduction.dtype === register &&
    body === load(last.buffer.name, register, compute.axes.map((a) => variable(a.name))) &&
    last.axes.length === compute.axes.length;
  const kept = direct ? stages.slice(0, -1) : stages;
  const nests = kept.map((s) => reductionNest(s, s.buffer.name, names));
  nests.push(direct ? reductionNest(last, out.name, names) : resultNest(compute, body, out.name, names));
  const params: Param[] = [
    ...inputs.map((buffer): Param => ({ buffer, access: "read" })),
    { buffer: out, access: "write" },
  ];
  const stmt = kept.reduceRight<Stmt>((inner, s) => alloc(s.buffer, inner), seq(nests));
  return primFunc(compute.name, params, dims, stmt);
}

function checkBody(compute: Compute, inputs: readonly Buffer[], out: Buffer): void {
  const problems: string[] = [];
  const register = DTYPES[out.dtype].register;
  if (compute.body.dtype !== register) {
    problems.push(`the body is ${compute.body.dtype}, but ${out.name} stores ${out.dtype}; cast it`);
  }
  const known = new Map(inputs.map((b) => [b.name, b]));
  visitExpr(compute.body, (e) => {
    if (e.kind !== "load") return;
    const buffer = known.get(e.buffer);
    if (buffer === undefined) problems.push(`the body loads from ${e.buffer}, which is no input`);
    else if (buffer.shape.length !== e.indices.length) {
      problems.push(
        `${e.buffer} has ${buffer.shape.length} axes and is loaded with ${e.indices.length} indices`,
      );
    }
  });
  if (problems.length > 0) throw new VerifyError(`compute ${compute.name}`, [...new Set(problems)]);
}

/** Replaces the reductions of `e` by loads of intermediates, innermost first, and lists them in `stages`. */
function extract(
  e: Expr,
  axes: readonly Axis[],
  inputs: readonly Buffer[],
  stages: Stage[],
  names: Names,
): Expr {
  const done = new Map<Expr, { readonly guards: readonly Expr[]; readonly result: Expr }[]>();
  const visit = (node: Expr, scope: readonly Axis[], guards: readonly Expr[]): Expr => {
    // What was computed under fewer conditions holds under these too.
    const known = done.get(node) ?? [];
    const found = known.find((k) => k.guards.every((g) => guards.includes(g)));
    if (found !== undefined) return found.result;
    const result = visitNew(node, scope, guards);
    done.set(node, [...done.get(node) ?? [], { guards, result }]);
    return result;
  };
  const visitNew = (node: Expr, scope: readonly Axis[], guards: readonly Expr[]): Expr => {
    if (node.kind === "select") {
      // A reduction in a branch may load out of bounds where the branch is not taken: it carries the condition.
      const cond = visit(node.cond, scope, guards);
      return select(
        cond,
        visit(node.then, scope, [...guards, cond]),
        visit(node.otherwise, scope, [...guards, unary("not", cond)]),
      );
    }
    if (node.kind !== "reduce") return mapExprChildren(node, (child) => visit(child, scope, guards));
    const body = visit(node.body, [...scope, ...node.axes], guards);
    // One select in the other: a condition may itself load what only the conditions before it allow.
    const neutral = constant(node.dtype, reduceIdentity(node.op, node.dtype));
    // What a condition on elements leaves out may be most of the work; one on indices is only there for what is loaded.
    const buffers = [...inputs, ...stages.map((s) => s.buffer)];
    const needless = !guards.some(readsMemory) && inBounds(body, [...scope, ...node.axes], buffers);
    const guarded = (needless ? [] : guards).reduceRight(
      (inner, guard) => select(guard, inner, neutral),
      body,
    );
    const reduction = reduce(node.op, node.axes, guarded);
    const free = freeVars(reduction);
    const stageAxes = scope.filter((a) => free.has(a.name));
    const buffer: Buffer = {
      name: names.fresh("acc"),
      dtype: node.dtype === "bool" ? "u8" : node.dtype,
      shape: stageAxes.map((a) => a.extent),
      scope: "global",
    };
    stages.push({ buffer, axes: stageAxes, reduction });
    return load(buffer.name, node.dtype, stageAxes.map((a) => variable(a.name)));
  };
  return visit(e, axes, []);
}

/**
 * Whether all that a body loads is there for every index, so that it can be computed whatever conditions hold around it:
 * a causal mask, say, then costs one test an element, and none a step of the reduction.
 */
function inBounds(body: Expr, axes: readonly Axis[], buffers: readonly Buffer[]): boolean {
  const ranges = new Map<string, VarRange>();
  const shapes = buffers.flatMap((b) => b.shape);
  for (const e of [body, ...shapes, ...axes.map((a) => a.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const a of axes) ranges.set(a.name, { ...DIM_RANGE, below: a.extent });
  const scope = scopeOf(ranges);
  const holds = (e: Expr): boolean => scope.simplify(e) === bool(true);
  let found = true;
  visitExpr(body, (e) => {
    if (e.kind !== "load") return;
    const shape = buffers.find((b) => b.name === e.buffer)?.shape;
    found &&= e.indices.every((index, d) => {
      const size = shape?.[d];
      return size !== undefined && holds(binary("le", int(0), index)) && holds(lt(index, size));
    });
  });
  return found;
}

function readsMemory(e: Expr): boolean {
  let found = false;
  visitExpr(e, (n) => {
    found ||= n.kind === "load";
  });
  return found;
}

/** `for axes: for reduce axes: into[axes] = combine(into[axes], body)`. */
function reductionNest(stage: Stage, into: string, names: Names): Stmt {
  const { reduction } = stage;
  const nest = new Nest(names, stage.axes, reduction.axes);
  const register = reduction.dtype;
  const body = substitute(reduction.body, nest.iterators);
  const current = load(into, register, nest.spatial);
  return nest.around(block({
    name: names.fresh(`${into}_${reduction.op}`),
    iters: nest.iters,
    init: store(into, nest.spatial, constant(register, reduceIdentity(reduction.op, register))),
    body: store(into, nest.spatial, binary(REDUCE_OPS[reduction.op].combine, current, body)),
  }));
}

/** `for axes: into[axes] = body`. */
function resultNest(compute: Compute, body: Expr, into: string, names: Names): Stmt {
  const nest = new Nest(names, compute.axes, []);
  return nest.around(block({
    name: names.fresh(compute.name),
    iters: nest.iters,
    body: store(into, nest.spatial, simplify(substitute(body, nest.iterators))),
  }));
}

/** Loops over axes, and iterators bound to them one to one. */
class Nest {
  readonly iters: readonly BlockIter[];
  readonly iterators: ReadonlyMap<string, Expr>;
  readonly spatial: readonly Expr[];
  readonly #loops: readonly Axis[];

  constructor(names: Names, spatial: readonly Axis[], reduced: readonly Axis[]) {
    const axes = [...spatial, ...reduced];
    this.#loops = axes.map((a) => ({ name: names.fresh(a.name), extent: a.extent }));
    this.iters = this.#loops.map((l, i) => ({
      var: names.fresh(`v${l.name}`),
      role: i < spatial.length ? "spatial" : "reduce",
      extent: l.extent,
      binding: variable(l.name),
    }));
    this.iterators = new Map(axes.map((a, i) => [a.name, variable(this.iters[i]?.var ?? a.name)]));
    this.spatial = this.iters.slice(0, spatial.length).map((i) => variable(i.var));
  }

  around(body: Stmt): Stmt {
    return this.#loops.reduceRight<Stmt>((inner, l) => forLoop(l.name, l.extent, inner), body);
  }
}

/** Gives names that no other part of a function has. */
class Names {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  fresh(name: string): string {
    let candidate = name;
    for (let n = 1; this.#taken.has(candidate); n++) candidate = `${name}_${n}`;
    this.#taken.add(candidate);
    return candidate;
  }
}
