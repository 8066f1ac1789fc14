/**
 * `reorder`: the same loops in another order.
 *
 * @module
 */
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { type Block, type For, forLoop, type Stmt } from "../../ir/stmt.ts";
import { freeVars } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { commonIndices, isOneElement, mentions, sharedAccesses } from "../analysis/elements.ts";
import { foldOf } from "../analysis/fold.ts";
import { isBound, loopRole, loopsIn } from "../analysis/nests.ts";
import { loopSite, refuse, requireInits } from "./site.ts";

const STEP = "reorder";

/**
 * Puts loops of one chain into the given order; loops of the chain that are not named stay where they are.
 *
 * Legal where one block alone is inside, whose iterators the loops feed, and each element that it writes sees
 * its executions in the order they had. Executions depend on each other only through an element that they both
 * touch; so loops whose value the place of the element determines (the spatial ones, as a rule) may move freely, and of
 * the others two may change places only if the block is a fold such as a sum, which takes its terms in any order (up
 * to rounding). A reduction's init stays before its first update, as every loop must feed iterators of one role.
 *
 * rewrite: `for i: for j: B`  becomes  `for j: for i: B`
 */
export function reorder(func: PrimFunc, names: readonly string[]): PrimFunc {
  if (new Set(names).size !== names.length) {
    refuse(STEP, names, `a loop is named twice in ${names.join(", ")}`, "bad-argument");
  }
  if (names.length === 0) refuse(STEP, [], "no loop is named", "bad-argument");
  const sites = names.map((n) => loopSite(STEP, func, n));
  const outer = sites.reduce((a, b) => (a.path.length <= b.path.length ? a : b));
  const { chain, below } = chainOf(outer.loop, names);
  requireIndependentExtents(chain);
  const block = onlyBlock(below, names);
  const order = names.map((n) => chain.find((l) => l.var === n));
  let next = 0;
  const placed = chain.map((l) => (names.includes(l.var) ? order[next++] ?? l : l));
  requireAxes(placed, outer.path);
  requireOrder(chain, placed, block, outer.path);
  const nest = placed.reduceRight<Stmt>((body, l) => forLoop(l.var, l.extent, body, l.loop), below);
  return requireInits(STEP, names, withBody(func, replaceStmt(func.body, outer.loop, () => nest)));
}

/** The loops from the outermost named one to the innermost, and what is inside. */
function chainOf(outer: For, names: readonly string[]): { chain: readonly For[]; below: Stmt } {
  const chain: For[] = [];
  const missing = new Set(names);
  let below: Stmt = outer;
  while (below.kind === "for" && missing.size > 0) {
    chain.push(below);
    missing.delete(below.var);
    below = below.body;
  }
  if (missing.size > 0) {
    refuse(STEP, names, `loops ${names.join(", ")} are not one right inside the other`);
  }
  return { chain, below };
}

function requireIndependentExtents(chain: readonly For[]): void {
  const vars = new Set(chain.map((l) => l.var));
  for (const loop of chain) {
    if (!mentions(loop.extent, vars)) continue;
    const other = [...freeVars(loop.extent)].find((v) => vars.has(v));
    refuse(STEP, [loop.var], `the extent of loop ${loop.var} depends on loop ${other}`);
  }
}

/** The block under loops, with nothing else beside it. */
function onlyBlock(below: Stmt, loops: readonly string[]): Block {
  switch (below.kind) {
    case "block":
      return below;
    case "for":
    case "alloc":
      return onlyBlock(below.body, loops);
    case "if":
      if (below.otherwise === undefined) return onlyBlock(below.then, loops);
      return refuse(STEP, loops, "there are two branches inside; their order may matter");
    case "seq": {
      const blocks = below.body.length;
      return refuse(
        STEP,
        loops,
        `${blocks} statements are inside, one after the other; their order may matter`,
      );
    }
    case "store":
    case "barrier":
      return refuse(STEP, loops, `a ${below.kind} that is in no block is inside`);
    default:
      return below satisfies never;
  }
}

/** Workgroups do not start inside of threads. */
function requireAxes(placed: readonly For[], path: readonly Stmt[]): void {
  const loops = [...path.filter((s): s is For => s.kind === "for"), ...placed];
  const thread = loops.findIndex((l) => l.loop.startsWith("threadIdx"));
  const inside = thread < 0 ? undefined : loops.slice(thread).find((l) => l.loop.startsWith("blockIdx"));
  if (inside === undefined) return;
  const outside = loops[thread]?.var ?? "";
  refuse(
    STEP,
    [inside.var, outside],
    `loop ${inside.var} (${inside.loop}) would be inside loop ${outside} of a workgroup's threads`,
  );
}

function requireOrder(
  chain: readonly For[],
  placed: readonly For[],
  block: Block,
  path: readonly Stmt[],
): void {
  const [top] = chain;
  if (top === undefined) return;
  const accesses = sharedAccesses(top);
  const outside = path.filter((s): s is For => s.kind === "for");
  const loops = [...outside, ...loopsIn(top)];
  for (const [buffer, list] of accesses) {
    const known = determinedLoops(commonIndices(list), outside.map((l) => l.var), loops);
    if (block.init !== undefined) requireInit(chain, block, buffer, known, isOneElement(list));
    const open = (l: For): boolean => !known.has(l.var) && !isBound(l);
    const [before, after] = [chain.filter(open), placed.filter(open)];
    if (
      before.every((l, i) => l === after[i]) || (foldOf(block)?.store.buffer === buffer && isOneElement(list))
    ) continue;
    const vars = before.map((l) => l.var);
    refuse(
      STEP,
      [...vars, block.name],
      `block ${block.name} touches one element of ${buffer} in several iterations of loops ${
        vars.join(", ")
      }, ` +
        "and is no fold whose order does not matter",
    );
  }
}

/** Loops may trade places around a reduction only if its init is run once for each element wherever they stand. */
function requireInit(
  chain: readonly For[],
  block: Block,
  buffer: string,
  known: ReadonlySet<string>,
  oneElement: boolean,
): void {
  if (!oneElement) {
    refuse(STEP, [block.name], `reduction ${block.name} reads elements of ${buffer} that it does not write`);
  }
  for (const l of chain) {
    const role = loopRole(l, block);
    if (role === "reduce" || (role === "spatial" && known.has(l.var))) continue;
    if (l.extent.kind === "const" && l.extent.value === 1) continue;
    const what = role === "none"
      ? `feeds no iterator of reduction ${block.name}, which is run anew in each iteration`
      : role === "both"
      ? `feeds spatial and reduce iterators of block ${block.name}`
      : `may give block ${block.name} one element in several iterations`;
    refuse(STEP, [l.var, block.name], `loop ${l.var} ${what}`);
  }
}
