/**
 * Other loops around the same blocks: expressions in place of loop variables.
 *
 * @module
 */
import { bool, type Expr, int, select } from "../../ir/expr.ts";
import { conjunction, conjuncts } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  alloc,
  type Block,
  block,
  type BlockIter,
  forLoop,
  ifThen,
  seq,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { freeVars } from "../../ir/visit.ts";
import { readsMemory } from "../analysis/elements.ts";

/**
 * Puts expressions in place of loop variables in all that sees them: the heads of blocks, but not what is in blocks.
 *
 * Where `guard` does not hold, nothing is run and no memory is read: it becomes a part of predicates, a condition
 * around stores that are in no block.
 */
export function rebind(s: Stmt, values: ReadonlyMap<string, Expr>, guard?: Expr): Stmt {
  const put = (e: Expr): Expr => {
    const made = substitute(e, values);
    return made === e ? e : simplify(made);
  };
  /** `e`, or something harmless where the guard does not hold and `e` would read memory. */
  const safe = (e: Expr, otherwise: Expr): Expr => {
    const made = put(e);
    return guard !== undefined && readsMemory(made) ? select(guard, made, otherwise) : made;
  };
  const visit = (node: Stmt): Stmt => {
    switch (node.kind) {
      case "for":
        return forLoop(node.var, safe(node.extent, int(0)), visit(node.body), node.loop);
      case "block": {
        const bound = substitute(node.predicate, values);
        const both = guard === undefined
          ? bound
          : readsMemory(bound)
          ? select(guard, bound, bool(false))
          : conjunction([...conjuncts(bound), guard]);
        return block({
          ...node,
          iters: reboundIters(node, values),
          predicate: simplePredicate(node, both),
        });
      }
      case "store": {
        const made = store(node.buffer, node.indices.map(put), put(node.value));
        return guard === undefined ? made : ifThen(guard, made);
      }
      case "alloc": {
        const { shape, strides, ...rest } = node.buffer;
        const extents = { shape: shape.map((e) => safe(e, int(0))) };
        const buffer = strides === undefined
          ? { ...rest, ...extents }
          : { ...rest, ...extents, strides: strides.map((e) => safe(e, int(0))) };
        return alloc(buffer, visit(node.body));
      }
      case "if":
        return ifThen(
          safe(node.cond, bool(false)),
          visit(node.then),
          node.otherwise === undefined ? undefined : visit(node.otherwise),
        );
      case "seq":
        return seq(node.body.map(visit));
      case "barrier":
        return node;
      default:
        return node satisfies never;
    }
  };
  return visit(s);
}

/**
 * Iterators with new bindings, simplified. Which loops feed reduce iterators says where a reduction's init is run, so a
 * loop that simplification would take out of the bindings of a role keeps them as they are.
 */
function reboundIters(b: Block, values: ReadonlyMap<string, Expr>): readonly BlockIter[] {
  const exact = b.iters.map((i) => ({ ...i, binding: substitute(i.binding, values) }));
  const simple = exact.map((i) => ({ ...i, binding: simplify(i.binding) }));
  if (b.init === undefined) return simple;
  const fed = (iters: readonly BlockIter[], role: string): ReadonlySet<string> =>
    new Set(iters.filter((i) => i.role === role).flatMap((i) => [...freeVars(i.binding)]));
  const lost = new Set(["spatial", "reduce"].filter((r) => fed(exact, r).size > fed(simple, r).size));
  return simple.map((i, d) => (lost.has(i.role) ? exact[d] ?? i : i));
}

/** A predicate that is never true because of a reduce loop does not keep the init from running: it stays as it is. */
function simplePredicate(b: Block, predicate: Expr): Expr {
  const simple = simplify(predicate);
  const never = simple.kind === "const" && simple.value === 0;
  return never && b.init !== undefined ? predicate : simple;
}
