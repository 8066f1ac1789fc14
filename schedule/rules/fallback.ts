/**
 * The rule that always fits: one thread an element.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import { allBlocks, type BlockSite, boundVars } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars, visitStmt } from "../../ir/visit.ts";
import { attempt, bind, cacheWrite, fuse, reorder, type Schedule, seq, split } from "../schedule.ts";
import { freshName, namesOf } from "../loop/site.ts";
import { fallbackParams } from "./params.ts";
import type { Rule } from "./rule.ts";

/**
 * For every nest that is not scheduled yet: spatial loops outside reduce loops, fused, split by `threads`, bound to
 * blockIdx.x and threadIdx.x; a reduction accumulates in a register. A nest without spatial loops, or one that these
 * steps refuse, runs as one thread.
 */
export const fallbackRule: Rule = {
  name: "fallback",
  schedule(func, params, target) {
    const used = { ...fallbackParams(target), ...params };
    const { threads } = used;
    if (!Number.isInteger(threads) || threads < 1) {
      return { refusal: `threads must be a positive integer, got ${threads}` };
    }
    const taken = new Set(namesOf(func));
    const fresh = (name: string): string => {
      const made = freshName(name, taken);
      taken.add(made);
      return made;
    };
    const all = nestsOf(func.body).flatMap((nest) => steps(nest, threads, fresh));
    return { schedule: seq(...all), params: used };
  },
};

/** What is launched one after the other. */
function nestsOf(s: Stmt): readonly Stmt[] {
  if (s.kind === "seq") return s.body.flatMap(nestsOf);
  return s.kind === "alloc" && s.buffer.scope === "global" ? nestsOf(s.body) : [s];
}

function steps(nest: Stmt, threads: number, fresh: (name: string) => string): readonly Schedule[] {
  const sites = allBlocks(nest);
  const [only] = sites;
  if (only === undefined || !isUntouched(nest)) return [];
  const registers = sites.filter((s) => s.block.init !== undefined).map((s) =>
    attempt(cacheWrite(s.block.name))
  );
  const order = sites.length === 1 ? alone(only) : together(nest, sites);
  if (order.spatial.length === 0) return registers;
  const { name } = only.block;
  const fused = fresh(`${name}_i`);
  const names = [fresh(`${name}_bx`), fresh(`${name}_tx`)] as const;
  const parallel = seq(
    ...order.moved,
    fuse(order.spatial, fused),
    split(fused, [null, threads], names),
    bind(names[0], "blockIdx.x"),
    bind(names[1], "threadIdx.x"),
  );
  return [attempt(parallel), ...registers];
}

/** Whether nobody has chosen how the loops of a nest run, and nothing but loops is around its blocks. */
function isUntouched(nest: Stmt): boolean {
  let untouched = true;
  visitStmt(nest, (s, path) => {
    if (s.kind === "for" && s.loop !== "serial") untouched = false;
    if (s.kind === "block" && path.some((p) => p.kind === "block" || p.kind === "if")) untouched = false;
  });
  return untouched;
}

interface Order {
  /** Steps that bring the spatial loops outside. */
  readonly moved: readonly Schedule[];
  /** The loops to run in parallel: one chain. */
  readonly spatial: readonly string[];
}

/** The loops of a block that is alone in its nest. */
function alone({ block, path }: BlockSite): Order {
  const loops = path.filter((s): s is For => s.kind === "for").map((l) => l.var);
  const reduced = boundVars(block, "reduce");
  const spatial = loops.filter((l) => !reduced.has(l));
  const order = [...spatial, ...loops.filter((l) => reduced.has(l))];
  const moved = spatial.length > 0 && order.some((v, i) => v !== loops[i]) ? [reorder(...order)] : [];
  return { moved, spatial };
}

/** The outermost loops around several blocks, as far as no iteration sees what another one writes. */
function together(nest: Stmt, sites: readonly BlockSite[]): Order {
  const spatial: string[] = [];
  const reduced = new Set(sites.flatMap((s) => [...boundVars(s.block, "reduce")]));
  for (let s = nest; s.kind === "for" && !reduced.has(s.var); s = s.body) spatial.push(s.var);
  return { moved: [], spatial: spatial.every((l) => separates(l, nest, sites)) ? spatial : [] };
}

/** Whether every access to a buffer that the blocks write is at an index of this loop, the same for all of them. */
function separates(loop: string, nest: Stmt, sites: readonly BlockSite[]): boolean {
  const own = new Set<string>();
  visitStmt(nest, (s) => {
    if (s.kind === "alloc") own.add(s.buffer.name);
  });
  const accesses = sites.flatMap(({ block }) => {
    const values = new Map(block.iters.map((i) => [i.var, i.binding] as const));
    return [...(block.init === undefined ? [] : bufferAccesses(block.init)), ...bufferAccesses(block.body)]
      .map((a) => ({ ...a, indices: a.indices.map((e) => substitute(e, values)) }));
  });
  return accesses.filter((a) => a.write && !own.has(a.buffer)).every((written) => {
    const same = accesses.filter((a) => a.buffer === written.buffer);
    return written.indices.some((index: Expr, d: number) =>
      freeVars(index).has(loop) && same.every((a) => a.indices[d] === index)
    );
  });
}
