/**
 * Loops made anew around a block that moves into another nest, over just the box that is wanted there.
 *
 * @module
 */
import { add, binary, bool, type Expr, int, lt, variable } from "../../ir/expr.ts";
import { DIM_RANGE, type VarRange } from "../../ir/interval.ts";
import { conjunction } from "../../ir/reduction.ts";
import { scopeOf } from "../../ir/scope.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Block, block, type For, forLoop, seq, type Stmt } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { readsMemory } from "../analysis/elements.ts";
import { loopsAt } from "../analysis/order.ts";
import type { AxisRange } from "../analysis/region.ts";
import { isOne } from "./intermediate.ts";
import { freshName, refuse } from "./site.ts";

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
