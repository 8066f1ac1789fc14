/**
 * Which blocks need what others did.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { BlockSite } from "../../ir/reduction.ts";
import { visitStmt } from "../../ir/visit.ts";
import { determinedLoops } from "../../ir/determine.ts";
import { accessesTo, commonIndices, type ElementAccess } from "./elements.ts";
import { loopsIn, outerBlocks } from "./nests.ts";
import { forkOf, loopsAt } from "./order.ts";

/** A block that may touch an element which another touched before, one of them writing it. */
export interface Dependence {
  /** The block that is first, and the one that comes after it. */
  readonly from: string;
  readonly to: string;
  readonly buffer: string;
  /** What the two do: `flow` writes and reads, `anti` reads and writes, `output` writes twice. */
  readonly kind: "flow" | "anti" | "output";
  /** Whether it holds within one iteration of all loops around both. */
  readonly within: boolean;
  /** Loops around both that may carry it: from one iteration to a later one. */
  readonly carried: readonly string[];
}

/**
 * The dependences between blocks that are in no other block, in the order of the text. What is not listed is not there;
 * what is listed may be, for all that the indices say.
 *
 * @example
 * ```ts
 * import { dependencesOf } from "@weft/weft/schedule";
 * import { int, load, lowerCompute, mul, reduce, variable } from "@weft/weft/ir";
 *
 * const x = load("x", "f32", [variable("i"), variable("k")]);
 * const total = reduce("sum", [{ name: "k", extent: int(6) }], x);
 * const func = lowerCompute(
 *   { name: "square", axes: [{ name: "i", extent: int(4) }], body: mul(total, total) },
 *   [{ name: "x", dtype: "f32", shape: [int(4), int(6)], scope: "global" }],
 *   { name: "y", dtype: "f32", shape: [int(4)], scope: "global" },
 *   [],
 * );
 * for (const d of dependencesOf(func)) console.log(d.from, d.kind, d.to, d.carried);
 * // acc_sum flow acc_sum [ "k" ]
 * // acc_sum anti acc_sum [ "k" ]
 * // acc_sum output acc_sum [ "k" ]
 * // acc_sum flow square []
 * ```
 */
export function dependencesOf(func: PrimFunc): readonly Dependence[] {
  const sites = outerBlocks(func.body);
  const written = new Set<string>();
  visitStmt(func.body, (s) => {
    if (s.kind === "store") written.add(s.buffer);
  });
  const accesses = sites.map(({ block }) => accessesTo(block, written));
  return sites.flatMap((a, i) =>
    sites.flatMap((b, j) =>
      [...written].flatMap((buffer) => {
        const [first, second] = [accesses[i]?.get(buffer) ?? [], accesses[j]?.get(buffer) ?? []];
        return between(a, b, { buffer, first, second, inOrder: i < j });
      })
    )
  );
}

const KINDS = [["flow", true, false], ["anti", false, true], ["output", true, true]] as const;

/** The dependences of block `b` on block `a`; `inOrder`, whether `a` is before `b` in the text. */
function between(a: BlockSite, b: BlockSite, { buffer, first, second, inOrder }: {
  readonly buffer: string;
  readonly first: readonly ElementAccess[];
  readonly second: readonly ElementAccess[];
  readonly inOrder: boolean;
}): readonly Dependence[] {
  const { common } = forkOf([...a.path, a.block], [...b.path, b.block]);
  // What is allocated in a loop is another buffer in each iteration.
  const own = common.findLastIndex((s) => s.kind === "alloc" && s.buffer.name === buffer) + 1;
  const outside = loopsAt(common.slice(0, own)).map((l) => l.var);
  const loops = [...new Set([...loopsAt([...a.path, ...b.path]), ...loopsIn(a.block), ...loopsIn(b.block)])];
  return KINDS.flatMap(([kind, before, after]): readonly Dependence[] => {
    const [from, to] = [first.filter((x) => x.write === before), second.filter((x) => x.write === after)];
    if (from.length === 0 || to.length === 0) return [];
    const same = determinedLoops(commonIndices([...from, ...to]), outside, loops);
    const carried = loopsAt(common).map((l) => l.var).filter((name) =>
      !same.has(name) && !outside.includes(name)
    );
    if (!inOrder && carried.length === 0) return [];
    return [{ from: a.block.name, to: b.block.name, buffer, kind, within: inOrder, carried }];
  });
}
