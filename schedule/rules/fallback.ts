/**
 * The rule that always fits: one thread an element.
 *
 * @module
 */
import type { BlockSite } from "../../ir/reduction.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { suggest } from "../../ir/suggest.ts";
import type { Target } from "../../ir/target.ts";
import { isScheduled, loopRole, loopsOf, nestsOf, outerBlocks } from "../analysis/nests.ts";
import { freshName, namesOf } from "../loop/site.ts";
import {
  attempt,
  bind,
  cacheWrite,
  choose,
  fuse,
  reorder,
  type RuleParams,
  type Schedule,
  seq,
  split,
} from "../schedule.ts";
import { type FallbackParams, fallbackParams } from "./params.ts";
import type { Rule } from "./rule.ts";

/**
 * For every nest in which nothing is bound yet: spatial loops outside reduce loops, fused, split by `threads`, bound to
 * blockIdx.x and threadIdx.x; a reduction accumulates in a register.
 *
 * It fits every function. Where a nest does not allow all of that (several blocks in it, say), only the loops around
 * all its blocks are bound; where not even that is allowed, or there is no spatial loop, it runs as one thread.
 */
export const fallbackRule: Rule = {
  name: "fallback",
  schedule(func, params, target) {
    const used: FallbackParams & RuleParams = { ...fallbackParams(target), ...params };
    const wrong = wrongParams(used, target);
    if (wrong !== undefined) return { refusal: wrong };
    const taken = namesOf(func);
    const steps = nestsOf(func.body).filter((nest) => !isScheduled(nest)).flatMap((nest) =>
      schedulesOf(nest, used.threads, taken)
    );
    return { schedule: seq(...steps), params: used };
  },
};

function wrongParams(params: FallbackParams & RuleParams, target: Target | undefined): string | undefined {
  const unknown = Object.keys(params).find((name) => name !== "threads");
  if (unknown !== undefined) {
    const near = suggest(unknown, ["threads"]);
    return `there is no parameter ${unknown}; ${
      near === undefined ? "the only one is" : "did you mean"
    } threads`;
  }
  const { threads } = params;
  if (!Number.isInteger(threads) || threads < 1) return `threads must be a positive integer, got ${threads}`;
  const most = target === undefined ? Infinity : Math.min(target.maxThreads, target.maxThreadsPerAxis[0]);
  if (threads > most) {
    return `${target?.name} has at most ${most} threads in a workgroup, got threads=${threads}`;
  }
  return undefined;
}

/** What to do to one nest: binding its loops, then each reduction in it. */
function schedulesOf(nest: Stmt, threads: number, taken: Set<string>): readonly Schedule[] {
  const sites = outerBlocks(nest);
  const [first] = sites;
  if (first === undefined) return [];
  const name = first.block.name;
  const names: Names = {
    fused: freshName(`${name}_i`, taken),
    blocks: freshName(`${name}_bx`, taken),
    threads: freshName(`${name}_tx`, taken),
  };
  const ways = [wholeNest(sites, first), commonLoops(nest, sites)].flatMap((loops) =>
    loops === undefined ? [] : [seq(...bound(loops, names, threads))]
  );
  const binding = ways.length === 0 ? [] : [choose(...ways, seq())];
  const reductions = sites.filter((s) => s.block.init !== undefined);
  return [...binding, ...reductions.map((s) => attempt(cacheWrite(s.block.name)))];
}

interface Names {
  readonly fused: string;
  readonly blocks: string;
  readonly threads: string;
}

/** Loops to fuse and bind, and the order that the nest's loops get before. */
interface Loops {
  readonly spatial: readonly For[];
  readonly order: readonly For[];
  readonly now: readonly For[];
}

/** All spatial loops of a nest that is nothing but loops around a block. */
function wholeNest(sites: readonly BlockSite[], site: BlockSite): Loops | undefined {
  const now = loopsOf(site);
  if (sites.length !== 1 || site.path.some((s) => s.kind === "if")) return undefined;
  const spatial = now.filter((l) => loopRole(l, site.block) === "spatial");
  if (spatial.length === 0) return undefined;
  return { spatial, now, order: [...spatial, ...now.filter((l) => !spatial.includes(l))] };
}

/** The outermost loops, as far as they are around everything and spatial for every block. */
function commonLoops(nest: Stmt, sites: readonly BlockSite[]): Loops | undefined {
  const spatial: For[] = [];
  for (let s = nest; s.kind === "for"; s = s.body) {
    const loop = s;
    if (loop.loop !== "serial" || !sites.every((site) => loopRole(loop, site.block) === "spatial")) break;
    spatial.push(loop);
  }
  return spatial.length === 0 ? undefined : { spatial, now: spatial, order: spatial };
}

function bound({ spatial, order, now }: Loops, names: Names, threads: number): readonly Schedule[] {
  const moved = order.some((l, i) => l !== now[i]);
  return [
    ...(moved ? [reorder(...order.map((l) => l.var))] : []),
    fuse(spatial.map((l) => l.var), names.fused),
    split(names.fused, [null, threads], [names.blocks, names.threads]),
    bind(names.blocks, "blockIdx.x"),
    bind(names.threads, "threadIdx.x"),
  ];
}
