/**
 * The rule that always fits: one thread an element.
 *
 * @module
 */
import { allBlocks, type BlockSite, boundVars } from "../../ir/reduction.ts";
import type { For } from "../../ir/stmt.ts";
import type { Primitive } from "../schedule.ts";
import { fallbackParams } from "./params.ts";
import type { Rule } from "./rule.ts";

/**
 * For every nest that is not scheduled yet: spatial loops outside reduce loops, fused, split by `threads`, bound to
 * blockIdx.x and threadIdx.x; a reduction accumulates in a register. A nest without spatial loops runs as one thread.
 */
export const fallbackRule: Rule = {
  name: "fallback",
  schedule(func, params, target) {
    const used = { ...fallbackParams(target), ...params };
    const { threads } = used;
    if (!Number.isInteger(threads) || threads < 1) {
      return { refusal: `threads must be a positive integer, got ${threads}` };
    }
    const all = allBlocks(func.body).flatMap((site) => steps(site, threads));
    return { schedule: { kind: "seq", steps: all }, params: used };
  },
};

function steps(site: BlockSite, threads: number): readonly Primitive[] {
  const { block, path } = site;
  const loops = path.filter((s): s is For => s.kind === "for");
  const untouched = loops.every((l) => l.loop === "serial") &&
    path.every((s) => s.kind !== "block" && s.kind !== "if");
  if (!untouched) return [];
  const reduced = boundVars(block, "reduce");
  const spatial = loops.filter((l) => !reduced.has(l.var));
  const inner = loops.filter((l) => reduced.has(l.var));
  const result: Primitive[] = [];
  if (spatial.length > 0) {
    const order = [...spatial, ...inner].map((l) => l.var);
    if (order.some((v, i) => v !== loops[i]?.var)) result.push({ kind: "reorder", loops: order });
    const fused = `${block.name}_i`;
    result.push({ kind: "fuse", loops: spatial.map((l) => l.var), name: fused });
    const names = [`${block.name}_bx`, `${block.name}_tx`] as const;
    result.push({ kind: "split", loop: fused, factors: [null, threads], names });
    result.push({ kind: "bind", loop: names[0], axis: "blockIdx.x" }, {
      kind: "bind",
      loop: names[1],
      axis: "threadIdx.x",
    });
  }
  if (block.init !== undefined && inner.length > 0) {
    result.push({ kind: "cacheWrite", block: block.name, scope: "local" });
  }
  return result;
}
