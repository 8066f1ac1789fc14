/**
 * Which loop steps through memory element by element.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import type { Expr } from "../../ir/expr.ts";
import { linearOf } from "../../ir/linear.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { BlockSite } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import type { For } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { type Access, bufferAccesses, freeVars } from "../../ir/visit.ts";
import { loopsOf } from "../analysis/nests.ts";
import { bufferOf } from "../loop/site.ts";

/** An access of a block to device memory. */
export interface GlobalAccess extends Access {
  /** The loop of which neighbouring iterations touch neighbours, if there is one. */
  readonly along: For | undefined;
  /** Loops that the place depends on. */
  readonly loops: readonly For[];
}

/** The accesses of a block's body to buffers of the function, each place once. */
export function globalAccesses(func: PrimFunc, site: BlockSite): readonly GlobalAccess[] {
  const values = new Map(site.block.iters.map((i) => [i.var, i.binding]));
  const loops = loopsOf(site);
  const found: GlobalAccess[] = [];
  for (const a of bufferAccesses(site.block.body)) {
    const buffer = bufferOf(func, a.buffer);
    const known = found.some((f) =>
      f.buffer === a.buffer && f.write === a.write && f.indices.every((e, d) => e === a.indices[d])
    );
    if (buffer === undefined || buffer.scope !== "global" || known) continue;
    const indices = a.indices.map((e) => simplify(substitute(e, values)));
    const flat = simplify(flatIndex(buffer, indices));
    const used = loops.filter((l) => indices.some((e) => freeVars(e).has(l.var)));
    found.push({ ...a, along: used.find((l) => stepsOne(flat, l)), loops: used });
  }
  return found;
}

function stepsOne(flat: Expr, loop: For): boolean {
  const terms = linearOf(flat).terms.filter((t) => t.factors.some((f) => freeVars(f).has(loop.var)));
  const [only, ...others] = terms;
  return others.length === 0 && only?.coef === 1 && only.factors.length === 1 &&
    only.factors[0]?.kind === "var";
}
