/**
 * Loops made anew around a block that moves into another nest, over just the box that is wanted there.
 *
 * @module
 */
import { add, binary, bool, type Expr, int, load, lt, variable } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { conjunction, replaceStmt } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  type Alloc,
  alloc,
  type Block,
  block,
  type Buffer,
  type For,
  forLoop,
  type Region,
  seq,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { freeVars } from "../../ir/visit.ts";
import { readsMemory } from "../analysis/elements.ts";
import { loopsAt } from "../analysis/order.ts";
import type { AxisRange } from "../analysis/region.ts";
import { isOne } from "./intermediate.ts";
import { freshName, loopSite, refuse } from "./site.ts";

/** The loops of a block's nest, where each binds one iterator over its whole range and nothing else is in between. */
export function plainLoops(step: string, b: Block, path: readonly Stmt[]): ReadonlyMap<string, For> {
  const loops = new Map<string, For>();
  const outer = path.find((s) => s.kind === "block");
  if (outer?.kind === "block") {
    refuse(step, [b.name, outer.name], `block ${b.name} is inside block ${outer.name}`);
  }
  for (const i of b.iters) {
    const loop = loopsAt(path).find((l) => i.binding.kind === "var" && l.var === i.binding.name);
    const plain = loop?.loop === "serial" && loop.extent === i.extent && ![...loops.values()].includes(loop);
    if (!plain || loop === undefined) {
      return refuse(
        step,
        [b.name],
        `the loops of block ${b.name} were rewritten, iterator ${i.var} has none; move it first`,
      );
    }
    if (readsMemory(i.extent)) {
      refuse(step, [b.name], `the extent of ${i.var} depends on elements of buffers`);
    }
    loops.set(i.var, loop);
  }
  if (!(b.predicate.kind === "const" && b.predicate.value === 1)) {
    refuse(step, [b.name], `block ${b.name} has a predicate; move it before its loops are split`);
  }
  const condition = path.find((s) => s.kind === "if");
  if (condition !== undefined) refuse(step, [b.name], `block ${b.name} is under a condition`);
  return loops;
}

/** The block under loops over the box and over what it reduces. */
export function nestFor(
  b: Block,
  own: ReadonlyMap<string, For>,
  box: ReadonlyMap<string, AxisRange>,
  around: readonly For[],
  taken: Set<string>,
): Stmt {
  const loops: For[] = [];
  const fresh = (iter: string, extent: Expr): Expr => {
    const name = freshName(own.get(iter)?.var ?? iter, taken);
    loops.push(forLoop(name, extent, seq([])));
    return variable(name);
  };
  const terms: Expr[] = [];
  // Spatial loops outside: the init of a reduction is right before its reduce loops.
  const bindings = new Map<string, Expr>();
  for (const i of b.iters.filter((i) => i.role === "spatial")) {
    const range = box.get(i.var);
    const min = range?.min ?? int(0);
    const extent = range?.extent ?? i.extent;
    const binding = isOne(extent) ? min : simplify(add(min, fresh(i.var, extent)));
    bindings.set(i.var, binding);
    terms.push(binary("le", int(0), binding), lt(binding, i.extent));
  }
  for (const i of b.iters.filter((i) => i.role === "reduce")) bindings.set(i.var, fresh(i.var, i.extent));
  const ranges = new Map<string, VarRange>();
  for (const e of [...terms, ...[...around, ...loops].map((l) => l.extent)]) {
    for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
  }
  for (const l of [...around, ...loops]) {
    if (ranges.has(l.var)) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
  }
  const scope = scopeOf(ranges);
  const predicate = conjunction(
    terms.map((t) => (scope.simplify(t) === bool(true) ? bool(true) : simplify(t))),
  );
  const moved = block({
    ...b,
    iters: b.iters.map((i) => ({ ...i, binding: bindings.get(i.var) ?? i.binding })),
    predicate,
  });
  return loops.reduceRight<Stmt>((body, l) => forLoop(l.var, l.extent, body), moved);
}

/** Puts a nest into a loop's body, and makes the buffer that only the loop uses as large as its box, if that is small. */
export function placeIn(
  step: string,
  root: Stmt,
  loop: string,
  around: (body: Stmt) => Stmt,
  box: readonly AxisRange[],
  allocation: Alloc | undefined,
): Stmt {
  const old = loopSite(step, { kind: "prim_func", name: "", params: [], dims: [], body: root }, loop).loop;
  const inner = around(old.body);
  const kept = allocation === undefined ? undefined : keptAxes(box);
  const put = (body: Stmt): Stmt =>
    replaceStmt(root, old, () => forLoop(old.var, old.extent, body, old.loop));
  if (kept === undefined || allocation === undefined) return put(inner);
  const { name, dtype } = allocation.buffer;
  const small: Buffer = { name, dtype, scope: "local", shape: pick(box.map((r) => r.extent), kept) };
  return withoutOuter(put(alloc(small, shrunk(inner, name, kept, box))), allocation);
}

/** The axes of which more than one element is needed, where all that is needed is at a constant place. */
function keptAxes(box: readonly AxisRange[]): readonly number[] | undefined {
  const fits = box.every((r) => isOne(r.extent) || (r.extent.kind === "const" && r.min.kind === "const"));
  return fits ? [...box.keys()].filter((d) => !isOne(box[d]?.extent)) : undefined;
}

function pick<T>(list: readonly T[], axes: readonly number[]): readonly T[] {
  return axes.flatMap((d) => list[d] ?? []);
}

/** A statement that uses the box in place of the whole buffer. */
function shrunk(s: Stmt, name: string, kept: readonly number[], box: readonly AxisRange[]): Stmt {
  const within = (indices: readonly Expr[]): readonly Expr[] =>
    kept.flatMap((d) => {
      const [index, min] = [indices[d], box[d]?.min];
      return index === undefined || min === undefined
        ? []
        : min === int(0)
        ? [index]
        : [simplify(binary("sub", index, min))];
    });
  const region = (r: Region): Region =>
    r.buffer === name ? { ...r, min: within(r.min), extent: pick(r.extent, kept) } : r;
  const loads = mapStmtExprs(
    s,
    (e) =>
      rewriteExpr(
        e,
        (n) => (n.kind === "load" && n.buffer === name ? load(name, n.dtype, within(n.indices)) : n),
      ),
  );
  return rewriteStmt(loads, (n) => {
    if (n.kind === "store" && n.buffer === name) return store(name, within(n.indices), n.value);
    return n.kind === "block" ? block({ ...n, reads: n.reads.map(region), writes: n.writes.map(region) }) : n;
  });
}

/** Without the allocation of the whole buffer: the outermost of its name. */
function withoutOuter(root: Stmt, { buffer }: Alloc): Stmt {
  if (root.kind === "alloc" && root.buffer === buffer) return root.body;
  return rewriteStmt(root, (n) => (n.kind === "alloc" && n.buffer === buffer ? n.body : n));
}
