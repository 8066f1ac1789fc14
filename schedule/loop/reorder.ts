/**
 * `reorder`: the same loops in another order.
 *
 * @module
 */
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { replaceStmt } from "../../ir/reduction.ts";
import { type For, forLoop, type Stmt } from "../../ir/stmt.ts";
import { freeVars, visitStmt } from "../../ir/visit.ts";
import { loopSite, refuse, requireInit } from "./site.ts";

/**
 * Puts loops of one chain into the given order; loops of the chain that are not named stay where they are.
 *
 * Legal where exactly one block is inside: its iterators are spatial, whose points are independent of each other, or
 * reduce, whose order an associative and commutative fold does not see.
 *
 * rewrite: `for i: for j: B`  becomes  `for j: for i: B`
 */
export function reorder(func: PrimFunc, names: readonly string[]): PrimFunc {
  if (new Set(names).size !== names.length) refuse("reorder", `a loop is named twice in ${names.join(", ")}`);
  if (names.length === 0) refuse("reorder", "needs at least one loop");
  const sites = names.map((n) => loopSite("reorder", func, n));
  const outer = sites.reduce((a, b) => (a.path.length <= b.path.length ? a : b)).loop;
  const chain: For[] = [];
  let current: Stmt = outer;
  const wanted = new Set(names);
  let found = 0;
  while (current.kind === "for" && found < names.length) {
    chain.push(current);
    if (wanted.has(current.var)) found++;
    current = current.body;
  }
  if (found < names.length) refuse("reorder", `loops ${names.join(", ")} are not on one chain of loops`);
  let blocks = 0;
  visitStmt(current, (s) => {
    if (s.kind === "block") blocks++;
  });
  if (blocks !== 1) refuse("reorder", `${blocks} blocks are inside; the order of more than one may matter`);
  const vars = new Set(chain.map((l) => l.var));
  for (const loop of chain) {
    const dependent = [...freeVars(loop.extent)].find((v) => vars.has(v));
    if (dependent !== undefined) {
      refuse("reorder", `the extent of loop ${loop.var} depends on loop ${dependent}`);
    }
  }
  const order = names.map((n) => chain.find((l) => l.var === n));
  let next = 0;
  const placed = chain.map((l) => (wanted.has(l.var) ? order[next++] ?? l : l));
  const thread = placed.findIndex((l) => l.loop.startsWith("threadIdx"));
  const group = thread < 0 ? undefined : placed.slice(thread).find((l) => l.loop.startsWith("blockIdx"));
  if (group !== undefined) {
    refuse(
      "reorder",
      `loop ${group.var} of workgroups would be inside loop ${placed[thread]?.var} of threads`,
    );
  }
  const nest = placed.reduceRight<Stmt>((body, l) => forLoop(l.var, l.extent, body, l.loop), current);
  return requireInit("reorder", withBody(func, replaceStmt(func.body, outer, () => nest)));
}
