/**
 * Contractions: sums of products of two operands, and what each of their loops is.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { type Expr, int, type Load } from "../../ir/expr.ts";
import { linearOf } from "../../ir/linear.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { boundVars, findBlock } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Block, Buffer, For } from "../../ir/stmt.ts";
import { rewriteExpr, substitute } from "../../ir/traverse.ts";
import { freeVars, visitExpr } from "../../ir/visit.ts";
import { bufferOf } from "../loop/site.ts";
import { readsMemory } from "./elements.ts";
import { loopsOf } from "./nests.ts";

/** One side of a contraction. */
export interface Operand {
  readonly buffer: Buffer;
  /** Whether steps of the reduction are neighbours in memory. */
  readonly reduceContiguous: boolean;
  /** Whether steps of the operand's own loop (m or n) are. */
  readonly ownContiguous: boolean;
  /** Axes of the buffer that the reduction goes along: several where it is over a fused axis, such as all heads. */
  readonly reduceAxes: readonly number[];
  /** Length of the runs that the reduction comes in along these axes: the least of its divisors there, if any. */
  readonly run?: number;
  /** Length of the runs in which steps of the operand's own loop are neighbours, where they are in panels. */
  readonly panel?: number;
}

/**
 * `out[b, m, n] += a[b, m, k] * b[b, k, n]`, in whatever order the axes lie: `n` is the innermost axis of the result
 * that only one operand has, `m` the innermost that only the other has. Loops of one iteration are in `unit`.
 */
export interface Contraction {
  readonly block: Block;
  readonly k: For;
  readonly n: For;
  readonly m?: For;
  /** Loops that both operands have, and further ones of either. */
  readonly batch: readonly For[];
  readonly unit: readonly For[];
  /** The operand that `m` belongs to, or that no loop but the batch and `k` does. */
  readonly a: Operand;
  /** The operand that `n` belongs to. */
  readonly b: Operand;
}

/**
 * A block as a contraction, or why it is none.
 *
 * @example
 * ```ts
 * import { contractionOf } from "@weft/weft/schedule";
 * import { f32, int, lowerCompute, load, mul, reduce, variable } from "@weft/weft/ir";
 *
 * const [i, j, k] = ["i", "j", "k"].map((name) => variable(name));
 * const buffer = (name: string) => ({ name, dtype: "f32", shape: [int(8), int(8)], scope: "global" } as const);
 * const axis = (name: string) => ({ name, extent: int(8) });
 * const product = mul(load("a", "f32", [i!, k!]), load("b", "f32", [k!, j!]));
 * const func = lowerCompute(
 *   { name: "c", axes: [axis("i"), axis("j")], body: reduce("sum", [axis("k")], product) },
 *   [buffer("a"), buffer("b")],
 *   buffer("c"),
 *   [],
 * );
 * const found = contractionOf(func, "c_sum");
 * if (typeof found !== "string") console.log(found.m?.var, found.n.var, found.k.var); // i j k
 * ```
 */
export function contractionOf(func: PrimFunc, blockName: string): Contraction | string {
  const site = findBlock(func.body, blockName);
  if (site === undefined) return `there is no block ${blockName}`;
  const { block: b, path } = site;
  const { init, body } = b;
  if (init?.kind !== "store" || body.kind !== "store") {
    return `block ${b.name} is no reduction of one element`;
  }
  const { value } = body;
  if (value.kind !== "binary" || value.op !== "add") return `block ${b.name} does not sum`;
  if (path.some((s) => s.kind !== "for" && s.kind !== "alloc" && s.kind !== "seq")) {
    return `block ${b.name} is under a condition or in another block`;
  }
  const loops = loopsOf(site);
  const scheduled = loops.find((l) => l.loop !== "serial");
  if (scheduled !== undefined) return `loop ${scheduled.var} is ${scheduled.loop} already`;
  const isUnit = (l: For): boolean => l.extent.kind === "const" && l.extent.value === 1;
  const unit = loops.filter(isUnit);
  const reduced = loops.filter((l) => !isUnit(l) && boundVars(b, "reduce").has(l.var));
  const [k, ...more] = reduced;
  if (k === undefined || more.length > 0) {
    return `block ${b.name} reduces over ${reduced.length} loops, not one`;
  }

  const overLoops = new Map(b.iters.map((i) => [i.var, i.binding]));
  const known = new Map<string, Expr>(unit.map((l) => [l.var, int(0)]));
  const indexOf = (l: Load): readonly Expr[] =>
    l.indices.map((e) => simplify(substitute(substitute(e, overLoops), known)));
  const operands = loadsIn(value, body.buffer).map((load) => ({ load, indices: indexOf(load) }))
    .filter(({ indices }) => indices.some((e) => freeVars(e).has(k.var)));
  const [first, second, third] = operands;
  if (first === undefined || second === undefined || third !== undefined) {
    return `block ${b.name} sums over ${operands.length} operands, not two`;
  }
  if (first.load.buffer === second.load.buffer) {
    return `both operands of block ${b.name} are ${first.load.buffer}`;
  }
  if (operands.some(({ indices }) => indices.some(readsMemory))) {
    return `where block ${b.name} reads depends on elements of buffers`;
  }
  const has = ({ indices }: typeof first, l: For): boolean => indices.some((e) => freeVars(e).has(l.var));
  const spatial = loops.filter((l) => l !== k && !isUnit(l));
  const lone = spatial.find((l) => !has(first, l) && !has(second, l));
  if (lone !== undefined) return `no operand of block ${b.name} has loop ${lone.var}`;
  const own = spatial.filter((l) => has(first, l) !== has(second, l));
  const written = new Set(body.indices.map((e) => simplify(substitute(e, overLoops))));
  const plain = own.filter((l) => [...written].some((e) => e.kind === "var" && e.name === l.var));
  const n = plain.at(-1);
  if (n === undefined) return `no loop of block ${b.name} belongs to one operand alone`;
  const [right, left] = has(first, n) ? [first, second] : [second, first];
  const m = plain.findLast((l) => has(left, l) && !has(right, l));
  const a = operandOf(func, left, k, m);
  const operandB = operandOf(func, right, k, n);
  if (a === undefined || operandB === undefined) return `an operand of block ${b.name} is no buffer`;
  const batch = spatial.filter((l) => l !== n && l !== m);
  return { block: b, k, n, ...(m === undefined ? {} : { m }), batch, unit, a, b: operandB };
}

function loadsIn(e: Expr, except: string): readonly Load[] {
  const found: Load[] = [];
  visitExpr(e, (node) => {
    if (node.kind === "load" && node.buffer !== except) found.push(node);
  });
  return found;
}

function operandOf(
  func: PrimFunc,
  { load, indices }: { readonly load: Load; readonly indices: readonly Expr[] },
  k: For,
  own: For | undefined,
): Operand | undefined {
  const buffer = bufferOf(func, load.buffer);
  if (buffer === undefined) return undefined;
  const reduceAxes = indices.flatMap((e, d) => (freeVars(e).has(k.var) ? [d] : []));
  const divisors = indices.flatMap((e) => divisorsOf(e, k.var));
  const run = divisors.length === 0 ? undefined : Math.min(...divisors);
  // Within a run quotients stand still.
  const inRun = run === undefined ? indices : indices.map((e) => withoutQuotients(e, k.var));
  const { terms } = linearOf(simplify(flatIndex(buffer, inRun)));
  const contiguous = (l: For | undefined): boolean =>
    l !== undefined &&
    terms.every((t) =>
      !t.factors.some((f) => freeVars(f).has(l.var)) ||
      (t.coef === 1 && t.factors.length === 1 && t.factors[0]?.kind === "var")
    );
  const panel = own === undefined ? undefined : panelOf(buffer, indices, own);
  return {
    buffer,
    reduceAxes,
    reduceContiguous: contiguous(k),
    ownContiguous: contiguous(own),
    ...(run === undefined ? {} : { run }),
    ...(panel === undefined ? {} : { panel }),
  };
}

/** The one number that a loop is divided by, where its steps in between are neighbours. */
function panelOf(buffer: Buffer, indices: readonly Expr[], loop: For): number | undefined {
  const [width, ...others] = new Set(indices.flatMap((e) => divisorsOf(e, loop.var)));
  if (width === undefined || others.length > 0) return undefined;
  const inPanel = indices.map((e) => withoutQuotients(e, loop.var));
  const own = linearOf(simplify(flatIndex(buffer, inPanel))).terms.filter((t) =>
    t.factors.some((f) => freeVars(f).has(loop.var))
  );
  return own.length === 1 && own[0]?.coef === 1 && own[0].factors.length === 1 &&
      own[0].factors[0]?.kind === "var"
    ? width
    : undefined;
}

/** Numbers that a variable is divided by in an index. */
function divisorsOf(e: Expr, name: string): readonly number[] {
  const found: number[] = [];
  visitExpr(e, (n) => {
    if (n.kind !== "binary" || (n.op !== "floordiv" && n.op !== "mod") || !freeVars(n).has(name)) return;
    found.push(n.b.kind === "const" ? n.b.value : 1);
  });
  return found;
}

/** The index with `x // c` as 0 and `x % c` as `x`, for those that mention the variable. */
function withoutQuotients(e: Expr, name: string): Expr {
  return rewriteExpr(e, (n) => {
    if (n.kind !== "binary" || !freeVars(n).has(name)) return n;
    if (n.op === "floordiv") return int(0);
    return n.op === "mod" ? n.a : n;
  });
}
