/**
 * `fuse`: several loops as one.
 *
 * @module
 */
import { type Expr, floordiv, int, max, mod, mul, variable } from "../../ir/expr.ts";
import { DIM_RANGE, rangeOf, type VarRange } from "../../ir/interval.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Block, type For, forLoop, type Stmt } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { commonIndices, isOneElement, mentions, sharedAccesses } from "../analysis/elements.ts";
import { loopRole, loopsIn } from "../analysis/nests.ts";
import { rebind } from "./rebind.ts";
import { loopSite, newNames, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "fuse";
/** Index arithmetic is in `i32`. */
const MAX = 2147483647;

/**
 * Fuses serial loops, each the only child of the one before, into one. Points are visited in the same order as before.
 *
 * Legal where no extent depends on another of the loops, and the init of each reduction inside stays where it was,
 * once before the outermost loop that reduces: all loops feed iterators of one role, or none of them can be empty.
 *
 * rewrite: `for i in 0..n: for j in 0..m: B(vi = i, vj = j)`  becomes
 * `for i_j in 0..n*m: B(vi = i_j // m, vj = i_j % m)`
 */
export function fuse(func: PrimFunc, names: readonly string[], name?: string): PrimFunc {
  const sites = names.map((n) => loopSite(STEP, func, n));
  const loops = sites.map((s) => s.loop);
  const [first] = loops;
  const last = loops.at(-1);
  if (first === undefined || last === undefined) {
    return refuse(STEP, [], "there is no loop to fuse", "bad-argument");
  }
  loops.forEach((loop, i) => {
    requireSerial(STEP, loop);
    const next = loops[i + 1];
    if (next !== undefined && loop.body !== next) {
      refuse(STEP, [loop.var, next.var], `loop ${next.var} is not the only child of loop ${loop.var}`);
    }
  });
  const vars = new Set(names);
  for (const loop of loops) {
    if (!mentions(loop.extent, vars)) continue;
    const other = [...freeVars(loop.extent)].find((v) => vars.has(v));
    refuse(STEP, [loop.var], `the extent of loop ${loop.var} depends on loop ${other}`);
  }
  requireOneRole(loops, sites[0]?.path ?? []);
  const constant = loops.map((l) => (l.extent.kind === "const" ? l.extent.value : 1)).reduce(
    (a, b) => a * b,
    1,
  );
  if (constant > MAX) refuse(STEP, names, "together the loops have more points than an i32 counts");

  const asked = name ?? names.join("_");
  const [fused = asked] = newNames(func, names, [asked]);
  let rest: Expr = variable(fused);
  const values = new Map<string, Expr>();
  for (const loop of loops.toReversed()) {
    values.set(loop.var, loop === first ? rest : mod(rest, loop.extent));
    rest = floordiv(rest, loop.extent);
  }
  const extent = simplify(counts(loops).reduce((a, b) => mul(a, b)));
  const body = rebind(last.body, values);
  const nest = forLoop(fused, extent, body);
  return requireInits(STEP, names, withBody(func, replaceStmt(func.body, first, () => nest)));
}

/** Extents to multiply: of two that may be negative, which is as good as 0, the product must not be positive. */
function counts(loops: readonly For[]): readonly Expr[] {
  const ranges = new Map<string, VarRange>();
  for (const { extent } of loops) for (const name of freeVars(extent)) ranges.set(name, DIM_RANGE);
  const natural = loops.map((l) => rangeOf(l.extent, ranges).min >= 0);
  const enough = natural.filter((n) => !n).length < 2;
  return loops.map((l, i) => (natural[i] || enough ? l.extent : max(l.extent, int(0))));
}

/** Refuses loops of several roles around a reduction, unless its init is run as often and as early as before. */
function requireOneRole(loops: readonly For[], path: readonly Stmt[]): void {
  const [first] = loops;
  if (first === undefined) return;
  for (const { block } of allBlocks(first)) {
    if (block.init === undefined) continue;
    const roles = loops.map((l) => loopRole(l, block));
    const other = loops[roles.findIndex((role) => role !== roles[0])];
    if (other === undefined || keepsInit(loops, path, block)) continue;
    refuse(
      STEP,
      [first.var, other.var, block.name],
      `loop ${first.var} feeds ${
        words(loopRole(first, block))
      } of reduction ${block.name} and loop ${other.var} ` +
        `${words(loopRole(other, block))}; as one loop they would move its init`,
    );
  }
}

/** Whether every loop runs and feeds an iterator, each element is reduced once, and no predicate is on a reduce loop. */
function keepsInit(loops: readonly For[], path: readonly Stmt[], block: Block): boolean {
  const [first] = loops;
  if (first === undefined) return true;
  const outside = path.filter((s): s is For => s.kind === "for");
  const accesses = [...sharedAccesses(first).values()];
  const known = accesses.map((list) =>
    determinedLoops(commonIndices(list), outside.map((l) => l.var), [...outside, ...loopsIn(first)])
  );
  return accesses.every(isOneElement) && loops.every((l) => {
    if (l.extent.kind !== "const" || l.extent.value < 1) return false;
    const role = loopRole(l, block);
    if (role === "spatial") return known.every((k) => k.has(l.var));
    return role === "reduce" && !mentions(block.predicate, new Set([l.var]));
  });
}

function words(role: ReturnType<typeof loopRole>): string {
  switch (role) {
    case "spatial":
      return "a spatial iterator";
    case "reduce":
      return "a reduce iterator";
    case "both":
      return "spatial and reduce iterators";
    case "none":
      return "no iterator";
    default:
      return role satisfies never;
  }
}
