/**
 * How what a nest keeps is stored: `setScope`, `storageAlign`, `doubleBuffer`.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import { type Expr, int, load, mod, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { allBlocks, boundVars, replaceStmt } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import {
  type Alloc,
  alloc,
  type Block,
  block,
  type Buffer,
  type For,
  forLoop,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { mapStmtChildren, mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, visitStmt } from "../../ir/visit.ts";
import { accessesTo, mentions } from "../analysis/elements.ts";
import { loopsAt } from "../analysis/order.ts";
import { loopsIn } from "../analysis/nests.ts";
import { freshName, loopSite, namesOf, refuse, requireInits, requireSerial } from "./site.ts";

/**
 * Keeps a buffer that is allocated in a nest in memory of the thread's own, or of the workgroup.
 *
 * Legal for a buffer of constant extents: in scope `workgroup` where no loop around is bound to threads, which would share
 * it, unless they all fill it with the same; in scope `local` where no loop inside is, whose threads may pass elements
 * to each other.
 *
 * rewrite: `alloc s @local: S`  becomes  `alloc s @workgroup: S`
 */
export function setScope(func: PrimFunc, name: string, scope: "local" | "workgroup"): PrimFunc {
  const step = "setScope";
  const { site, path } = allocSite(step, func, name);
  const { buffer } = site;
  if (buffer.scope === scope) refuse(step, [], `${name} is in scope ${scope} already`);
  requireConstant(step, buffer);
  const loops = scope === "workgroup"
    ? path.flatMap((s) => (s.kind === "for" ? [s] : []))
    : loopsIn(site.body);
  const wrong = loops.find((l) => l.loop.startsWith("threadIdx") || l.loop === "parallel");
  if (wrong !== undefined && !(scope === "workgroup" && isAlike(site, path))) {
    const why = scope === "workgroup" ? "around: its iterations would share" : "inside: its iterations share";
    refuse(step, [wrong.var], `loop ${wrong.var} is ${wrong.loop}, ${why} ${name}`);
  }
  return withBody(func, replaceStmt(func.body, site, () => alloc({ ...buffer, scope }, site.body)));
}

/** Whether threads around an allocation all fill it with the same: nothing that is stored depends on which thread it is. */
function isAlike({ buffer }: Alloc, path: readonly Stmt[]): boolean {
  const loops = path.filter((s): s is For => s.kind === "for");
  if (loops.some((l) => l.loop === "parallel")) return false;
  const outer = loops.findIndex((l) => l.loop.startsWith("threadIdx"));
  const threads = new Set(loops.filter((l) => l.loop.startsWith("threadIdx")).map((l) => l.var));
  const [top] = loops.slice(outer);
  if (top === undefined) return true;
  // Buffers of which an element may depend on the thread, directly or by way of others.
  const varying = new Set<string>();
  for (let before = -1; before !== varying.size;) {
    before = varying.size;
    for (const { block: b, path: inside } of allBlocks(top)) {
      const exprs = [b.predicate, ...loopsAt(inside).map((l) => l.extent), ...b.iters.map((i) => i.binding)];
      const accesses = bufferAccesses(b);
      if (!exprs.some((e) => mentions(e, threads)) && !accesses.some((a) => varying.has(a.buffer))) continue;
      for (const a of accesses) if (a.write) varying.add(a.buffer);
    }
  }
  return !varying.has(buffer.name);
}

/**
 * Gives a buffer that is allocated in a nest rows further apart: one step along an axis is a multiple of `factor`
 * elements and `offset`, so that threads beside each other meet other banks of the memory.
 *
 * Legal for any axis of a buffer of constant extents.
 *
 * rewrite: `alloc s[8, 32]: S`  becomes, with factor 32 and offset 1 on axis 0,  `alloc s[8, 32] strides [33, 1]: S`
 */
export function storageAlign(
  func: PrimFunc,
  name: string,
  axis: number,
  factor: number,
  offset: number,
): PrimFunc {
  const step = "storageAlign";
  const { site } = allocSite(step, func, name);
  const { buffer } = site;
  const shape = requireConstant(step, buffer);
  const whole = Number.isInteger(factor) && Number.isInteger(offset);
  if (!whole || factor < 1 || offset < 0 || offset >= factor || factor > 1024) {
    refuse(
      step,
      [],
      `factor ${factor} is not 1 to 1024, or offset ${offset} not from 0 to below it`,
      "bad-argument",
    );
  }
  if (shape[axis] === undefined) {
    refuse(step, [], `${name} has no axis ${axis}; it has ${shape.length} axes`, "bad-argument");
  }
  const strides: number[] = [];
  let next = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const stride = d === axis ? next + (((offset - next) % factor) + factor) % factor : next;
    strides[d] = stride;
    next = stride * Math.max(shape[d] ?? 1, 1);
  }
  const moved = { ...buffer, strides: strides.map((n) => int(n)) };
  return withBody(func, replaceStmt(func.body, site, () => alloc(moved, site.body)));
}

/**
 * Keeps memory of the workgroup that is filled in each iteration of a loop twice, for even and odd iterations: threads
 * that are done may fill the one while others still read the other, and one barrier an iteration is enough.
 *
 * Legal for a buffer that is allocated at the start of the body of a serial loop: nothing of it is left in the next
 * iteration.
 *
 * rewrite: `for k: alloc s[4]: { s[t] = A[k, t]; B { ... s[0] ... } }`  becomes
 * `alloc s[2, 4]: for k: { s[k % 2, t] = A[k, t]; B { ... s[k % 2, 0] ... } }`
 */
export function doubleBuffer(func: PrimFunc, name: string, loopName: string): PrimFunc {
  const step = "doubleBuffer";
  const { site, path } = allocSite(step, func, name);
  const { loop } = loopSite(step, func, loopName);
  requireSerial(step, loop);
  const { buffer } = site;
  requireConstant(step, buffer);
  if (buffer.scope !== "workgroup") {
    refuse(
      step,
      [loop.var],
      `${name} is in scope ${buffer.scope}; only memory of the workgroup is waited for`,
    );
  }
  const from = path.indexOf(loop);
  if (from < 0 || path.slice(from + 1).some((s) => s.kind !== "alloc" && s.kind !== "seq")) {
    refuse(step, [loop.var], `${name} is not allocated right in the body of loop ${loop.var}`);
  }
  const accesses = accessesTo(site.body, [name]).get(name) ?? [];
  if (accesses.some((a) => a.head || a.block === undefined)) {
    refuse(step, [loop.var], `${name} is used outside of blocks`);
  }
  const taken = namesOf(func);
  const half: Expr = mod(variable(loop.var), int(2));
  const inBlock = (b: Block): Block => {
    if (!bufferAccesses(b).some((a) => a.buffer === name)) return b;
    const own = freshName(`v${name}_half`, taken);
    const role = boundVars(b, "reduce").has(loop.var) ? "reduce" : "spatial";
    const halved = (s: Stmt): Stmt =>
      rewriteStmt(
        mapStmtExprs(s, (e) =>
          rewriteExpr(
            e,
            (n) => (n.kind === "load" && n.buffer === name
              ? load(name, n.dtype, [variable(own), ...n.indices])
              : n),
          )),
        (n) => (n.kind === "store" && n.buffer === name
          ? store(name, [variable(own), ...n.indices], n.value)
          : n),
      );
    const { reads: _r, writes: _w, init, body, ...parts } = b;
    return block({
      ...parts,
      body: halved(body),
      ...(init === undefined ? {} : { init: halved(init) }),
      iters: [...b.iters, { var: own, role, extent: int(2), binding: half }],
    });
  };
  const visit = (s: Stmt): Stmt => (s.kind === "block" ? inBlock(s) : mapStmtChildren(s, visit));
  const twice: Buffer = {
    ...buffer,
    shape: [int(2), ...buffer.shape],
    ...(buffer.strides === undefined ? {} : { strides: [simplify(bufferSpan(buffer)), ...buffer.strides] }),
  };
  const body = replaceStmt(
    func.body,
    loop,
    () =>
      alloc(
        twice,
        forLoop(loop.var, loop.extent, replaceStmt(loop.body, site, () => visit(site.body)), loop.loop),
      ),
  );
  return requireInits(step, [loop.var], withBody(func, body));
}

/** The allocation of a buffer inside a nest, and what is around it. */
function allocSite(
  step: string,
  func: PrimFunc,
  name: string,
): { readonly site: Alloc; readonly path: readonly Stmt[] } {
  const found: { readonly site: Alloc; readonly path: readonly Stmt[] }[] = [];
  const known: string[] = [];
  visitStmt(func.body, (s, path) => {
    if (s.kind !== "alloc" || s.buffer.scope === "global") return;
    known.push(s.buffer.name);
    if (s.buffer.name === name) found.push({ site: s, path });
  });
  const [first] = found;
  if (first !== undefined) return first;
  return refuse(
    step,
    [],
    `no buffer ${name} is allocated inside a nest; ${known.join(", ") || "none"} ${
      known.length === 1 ? "is" : "are"
    }`,
    "bad-argument",
  );
}

function requireConstant(step: string, { name, shape }: Buffer): readonly number[] {
  return shape.map((e, d) =>
    e.kind === "const" ? e.value : refuse(step, [], `axis ${d} of ${name} has no constant extent`)
  );
}
