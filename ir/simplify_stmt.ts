/**
 * Simplifying whole nests: every expression with what the loops, blocks and conditions around it say.
 *
 * @module
 */
import { int } from "./expr.ts";
import { DIM_RANGE, type Ranges, type VarRange } from "./interval.ts";
import { allBlocks, boundVars } from "./reduction.ts";
import { type Scope, scopeOf } from "./scope.ts";
import { alloc, type Block, block, forLoop, ifThen, type Region, seq, type Stmt, store } from "./stmt.ts";
import { substituteStmt } from "./traverse.ts";
import { freeVars, stmtExprs, visitStmt } from "./visit.ts";

/** How to simplify a nest. */
export interface SimplifyStmtOptions {
  /** Take away loops that run once, and those that never run (default false: schedules refer to loops by name). */
  readonly dropLoops?: boolean;
}

/**
 * Simplifies every expression of a nest under `0 <= var < extent` for its loops and iterators, what conditions around
 * say, and `ranges`; variables that are bound nowhere are dims, no less than 0. Predicates and conditions
 * that always hold are dropped, statements that never run too. Index arithmetic is taken not to overflow (see
 * `simplify.ts`).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { add, ceildiv, int, load, lt, mul, variable } from "./expr.ts";
 * import { simplifyStmt } from "./simplify_stmt.ts";
 * import { forLoop, ifThen, store } from "./stmt.ts";
 *
 * const [io, ii, size] = [variable("io"), variable("ii"), mul(variable("n"), int(64))];
 * const i = add(mul(io, int(64)), ii);
 * const copy = store("y", [i], load("x", "f32", [i]));
 * const nest = (body: typeof copy | ReturnType<typeof ifThen>, extent: typeof size) =>
 *   forLoop("io", extent, forLoop("ii", int(64), body));
 * const guarded = nest(ifThen(lt(i, size), copy), ceildiv(size, int(64)));
 * assertEquals(simplifyStmt(guarded), nest(copy, variable("n")));
 * ```
 */
export function simplifyStmt(s: Stmt, ranges: Ranges = new Map(), options: SimplifyStmtOptions = {}): Stmt {
  const dims = new Map<string, VarRange>([...dimsOf(s)].map((name) => [name, DIM_RANGE]));
  return visit(s, scopeOf(new Map([...dims, ...ranges])), options.dropLoops ?? false);
}

/** Variables that are bound nowhere in a statement. */
function dimsOf(s: Stmt): ReadonlySet<string> {
  const names = new Set<string>();
  visitStmt(s, (node) => stmtExprs(node).forEach((e) => freeVars(e).forEach((name) => names.add(name))));
  visitStmt(s, (node) => {
    if (node.kind === "for") names.delete(node.var);
    if (node.kind === "block") node.iters.forEach((i) => names.delete(i.var));
  });
  return names;
}

function visit(s: Stmt, scope: Scope, dropLoops: boolean): Stmt {
  const inner = (child: Stmt, within: Scope): Stmt => visit(child, within, dropLoops);
  const { simplify } = scope;
  switch (s.kind) {
    case "for": {
      const extent = simplify(s.extent);
      const times = extent.kind === "const" ? extent.value : undefined;
      if (times !== undefined && times <= 0 && dropLoops && !allBlocks(s.body).some((b) => b.block.init)) {
        return seq([]);
      }
      if (times === 1 && dropLoops) return inner(substituteStmt(s.body, new Map([[s.var, int(0)]])), scope);
      // The init of a reduction over this loop runs even if the loop does not: its extent may be 0 there.
      const runs = allBlocks(s.body).some((b) =>
        b.block.init !== undefined && boundVars(b.block, "reduce").has(s.var)
      );
      const body = inner(s.body, scope.bind([{ var: s.var, extent }], !runs));
      return isEmpty(body) ? body : forLoop(s.var, extent, body, s.loop);
    }
    case "block":
      return visitBlock(s, scope, inner);
    case "store":
      return store(s.buffer, s.indices.map((e) => simplify(e)), simplify(s.value));
    case "alloc": {
      const { shape, strides, ...rest } = s.buffer;
      const buffer = {
        ...rest,
        shape: shape.map((e) => simplify(e)),
        ...(strides === undefined ? {} : { strides: strides.map((e) => simplify(e)) }),
      };
      const body = inner(s.body, scope);
      return isEmpty(body) ? body : alloc(buffer, body);
    }
    case "if": {
      const cond = simplify(s.cond);
      const otherwise = s.otherwise === undefined ? undefined : inner(s.otherwise, scope);
      if (cond.kind === "const") return cond.value === 1 ? inner(s.then, scope) : otherwise ?? seq([]);
      const then = inner(s.then, scope.assume(cond));
      const kept = otherwise === undefined || isEmpty(otherwise) ? undefined : otherwise;
      return isEmpty(then) && kept === undefined ? then : ifThen(cond, then, kept);
    }
    case "seq":
      return seq(s.body.map((child) => inner(child, scope)));
    case "barrier":
      return s;
    default:
      return s satisfies never;
  }
}

function visitBlock(b: Block, scope: Scope, inner: (child: Stmt, within: Scope) => Stmt): Stmt {
  const iters = b.iters.map((i) => ({
    ...i,
    extent: scope.simplify(i.extent),
    binding: scope.simplify(i.binding),
  }));
  const predicate = scope.simplify(b.predicate);
  const never = predicate.kind === "const" && predicate.value === 0;
  if (never && b.init === undefined) return seq([]);
  const spatial = iters.filter((i) => i.role === "spatial");
  const within = scope.assume(predicate).bind(iters, true);
  const region = (r: Region): Region => ({
    ...r,
    min: r.min.map((e) => within.simplify(e)),
    extent: r.extent.map((e) => within.simplify(e)),
  });
  return block({
    name: b.name,
    iters,
    // A predicate that is false because of a reduction loop does not keep the init from running.
    predicate: never ? b.predicate : predicate,
    reads: b.reads.map(region),
    writes: b.writes.map(region),
    ...(b.init === undefined ? {} : { init: inner(b.init, scope.bind(spatial, true)) }),
    body: inner(b.body, within),
  });
}

function isEmpty(s: Stmt): boolean {
  return s.kind === "seq" && s.body.length === 0;
}
