/**
 * Intermediates made as large as the box of them that is needed, in memory of the thread's own.
 *
 * @module
 */
import { type Expr, load, sub, variable } from "../../ir/expr.ts";
import { allBlocks, boundVars, replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  type Alloc,
  alloc,
  type Block,
  block,
  type BlockIter,
  type Buffer,
  forLoop,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { mapStmtChildren, mapStmtExprs, rewriteExpr, rewriteStmt, substitute } from "../../ir/traverse.ts";
import { bufferAccesses } from "../../ir/visit.ts";
import { accessesTo, mentions } from "../analysis/elements.ts";
import type { AxisRange } from "../analysis/region.ts";
import { isOne } from "./intermediate.ts";
import { freshName, loopSite } from "./site.ts";

/** Largest box at a moving place that becomes the thread's own. */
const MAX_BOX = 256;

/** Puts a nest into a loop's body, and makes the buffer that only the loop uses as large as its box, if that is small. */
export function placeIn(
  step: string,
  root: Stmt,
  loop: string,
  around: (body: Stmt) => Stmt,
  box: readonly AxisRange[],
  allocation: Alloc | undefined,
  taken: Set<string>,
): Stmt {
  const old = loopSite(step, { kind: "prim_func", name: "", params: [], dims: [], body: root }, loop).loop;
  const inner = around(old.body);
  const put = (body: Stmt): Stmt =>
    replaceStmt(root, old, () => forLoop(old.var, old.extent, body, old.loop));
  const small = allocation && smaller(inner, allocation.buffer, box, taken);
  return small === undefined || allocation === undefined ? put(inner) : withoutOuter(put(small), allocation);
}

/** The statement with a buffer as large as the box, where its extents are numbers. */
function smaller(
  inner: Stmt,
  { name, dtype }: Buffer,
  box: readonly AxisRange[],
  taken: Set<string>,
): Stmt | undefined {
  const kept = [...box.keys()].filter((d) => !isOne(box[d]?.extent));
  const counts = kept.map((d) => box[d]?.extent).map((e) => (e?.kind === "const" ? e.value : Infinity));
  const count = counts.reduce((a, b) => a * b, 1);
  if (!Number.isFinite(count)) return undefined;
  const moving = kept.some((d) => box[d]?.min.kind !== "const");
  const accesses = accessesTo(inner, [name]).get(name) ?? [];
  // A moving place is an iterator of the block, which blocks in other blocks cannot have.
  if (moving && (count > MAX_BOX || nested(inner))) return undefined;
  if (accesses.some((a) => a.head || a.block === undefined)) return undefined;
  const shape = kept.flatMap((d) => box[d]?.extent ?? []);
  let whole = true;
  const inBox = (s: Stmt): Stmt => {
    if (s.kind !== "block") return mapStmtChildren(s, inBox);
    if (!bufferAccesses(s).some((a) => a.buffer === name)) return s;
    const moved = shrunk(s, name, kept, box, taken);
    whole &&= moved !== undefined;
    return moved ?? s;
  };
  const changed = inBox(inner);
  return whole ? alloc({ name, dtype, scope: "local", shape }, changed) : undefined;
}

function nested(s: Stmt): boolean {
  return allBlocks(s).some((site) => allBlocks(site.block.body).length > 0);
}

/** A block that uses the box in place of the whole buffer; nothing where a place is of both spatial and reduce loops. */
function shrunk(
  b: Block,
  name: string,
  kept: readonly number[],
  box: readonly AxisRange[],
  taken: Set<string>,
): Block | undefined {
  const values = new Map(b.iters.map((i) => [i.var, i.binding]));
  const [reduced, spatial] = [boundVars(b, "reduce"), boundVars(b, "spatial")];
  const places = new Map<Expr, Expr>();
  const iters: BlockIter[] = [];
  let mixed = false;
  const place = (index: Expr, range: AxisRange): Expr => {
    if (range.min.kind === "const") return simplify(sub(index, range.min));
    const binding = simplify(sub(substitute(index, values), range.min));
    if (binding.kind === "const") return binding;
    const known = places.get(binding);
    if (known !== undefined) return known;
    const reduces = mentions(binding, reduced);
    mixed ||= reduces && mentions(binding, spatial);
    const own = freshName(`v${name}_at`, taken);
    iters.push({ var: own, role: reduces ? "reduce" : "spatial", extent: range.extent, binding });
    places.set(binding, variable(own));
    return variable(own);
  };
  const within = (indices: readonly Expr[]): readonly Expr[] =>
    kept.flatMap((d) => {
      const [index, range] = [indices[d], box[d]];
      return index === undefined || range === undefined ? [] : [place(index, range)];
    });
  const inBox = (s: Stmt): Stmt =>
    rewriteStmt(
      mapStmtExprs(
        s,
        (e) =>
          rewriteExpr(
            e,
            (n) => (n.kind === "load" && n.buffer === name ? load(name, n.dtype, within(n.indices)) : n),
          ),
      ),
      (n) => (n.kind === "store" && n.buffer === name ? store(name, within(n.indices), n.value) : n),
    );
  const { reads: _r, writes: _w, init, body, ...parts } = b;
  const moved = { body: inBox(body), ...(init === undefined ? {} : { init: inBox(init) }) };
  return mixed ? undefined : block({ ...parts, ...moved, iters: [...b.iters, ...iters] });
}

/** Without the allocation of the whole buffer: the outermost of its name. */
function withoutOuter(root: Stmt, { buffer }: Alloc): Stmt {
  if (root.kind === "alloc" && root.buffer === buffer) return root.body;
  return rewriteStmt(root, (n) => (n.kind === "alloc" && n.buffer === buffer ? n.body : n));
}
