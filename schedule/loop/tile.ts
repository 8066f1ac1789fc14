/**
 * `tile`: loops as a nest of tiles and a nest inside each tile.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { reorder } from "./reorder.ts";
import { freshName, namesOf, Refusal, refuse } from "./site.ts";
import { split } from "./split.ts";

const STEP = "tile";

/**
 * Splits serial loops of one chain, each by its factor, and puts the loops inside of tiles innermost.
 *
 * Legal where these splits and this reorder are: one block alone is inside, and each element that it writes sees its
 * executions in the order they had, or the block is a fold.
 *
 * rewrite: `for i in 0..n: for j in 0..m: B`  with sizes `[4, 8]`  becomes `for i_0 in 0..ceil(n / 4):
 * for j_0 in 0..ceil(m / 8): for i_1 in 0..4: for j_1 in 0..8: B where i_0 * 4 + i_1 < n and j_0 * 8 + j_1 < m`
 */
export function tile(
  func: PrimFunc,
  loops: readonly string[],
  sizes: readonly number[],
  names: readonly string[] = [...loops.map((l) => `${l}_0`), ...loops.map((l) => `${l}_1`)],
): PrimFunc {
  const wrong = (why: string): never => refuse(STEP, loops, why, "bad-argument");
  const again = loops.find((l, i) => loops.indexOf(l) !== i);
  if (loops.length < 2) wrong(`tiles have at least two loops, got ${loops.length}; split one instead`);
  if (again !== undefined) wrong(`loop ${again} is named twice`);
  if (sizes.length !== loops.length) {
    wrong(`${loops.length} loops need as many sizes of a tile, got ${sizes.length}`);
  }
  if (names.length !== 2 * loops.length) {
    wrong(`${loops.length} loops become ${2 * loops.length}, got ${names.length} names for them`);
  }
  try {
    const taken = namesOf(func);
    const fresh = names.map((name) => freshName(name, taken));
    const pair = (i: number): readonly string[] => fresh.filter((_, d) => d % loops.length === i);
    const apart = loops.reduce((f, loop, i) => split(f, loop, [null, sizes[i] ?? 1], pair(i)), func);
    return reorder(apart, fresh);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse(STEP, error.at, error.reason, error.code);
  }
}
