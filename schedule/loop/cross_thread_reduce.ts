/**
 * `crossThreadReduce`: a reduction by the threads of a workgroup together.
 *
 * @module
 */
import { add, binary, type Expr, int, load, lt, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import {
  alloc,
  type Block,
  block,
  type BlockIter,
  type Buffer,
  type For,
  forLoop,
  seq,
  type Stmt,
  store,
} from "../../ir/stmt.ts";
import { mentions } from "../analysis/elements.ts";
import { loopsIn, nestsOf } from "../analysis/nests.ts";
import { requireAlike } from "./bind.ts";
import { foldFrom, partialBlock, requireHeads } from "./rfactor.ts";
import { allLoops, blockSite, freshName, namesOf, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "crossThreadReduce";

/** The axis that reduces: neighbours along it read neighbours in memory. */
const AXIS = "threadIdx.x";

/**
 * Binds a loop that reduces to `threadIdx.x`: each thread folds its own terms into an element of memory that the workgroup
 * shares, then half of the threads each fold in the element of a thread of the other half, then half of these, and the
 * first stores the result. (TVM's cross-thread reduction; the tree is the one of Harris, Optimizing Parallel
 * Reduction in CUDA.) Floats are rounded in another order.
 *
 * Legal for a block that folds terms from the identity on with a combination that takes them in any order, whose
 * outermost loop that reduces this is, of constant extent, with nothing but serial loops that reduce inside and no loop
 * around or inside bound to the axis. Where the predicate leaves out terms, the identity is combined in their place: so
 * the reduction may be over a symbolic extent that was split.
 *
 * rewrite: `for t in 0..4: for k: B { init: C[i] = 0; C[i] += A[i, t, k] }`  becomes `alloc C_part[4] @workgroup:`
 * `for t in 0..4 @threadIdx.x: for k: B_rf { init: C_part[t] = 0; C_part[t] += A[i, t, k] }`
 * `for t @threadIdx.x: B_2 { C_part[t] += C_part[t + 2] where t < 2 }`, the same with 1, and
 * `for t @threadIdx.x: B { C[i] = C_part[0] where t < 1 }`
 */
export function crossThreadReduce(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const at = path.findIndex((s) => s.kind === "for" && s.var === loopName);
  const loop = path[at];
  if (loop?.kind !== "for") {
    return refuse(STEP, [b.name, loopName], `loop ${loopName} is not around block ${b.name}`);
  }
  const outer = path.slice(0, at).filter((s): s is For => s.kind === "for");
  const reduced = insideOf(b, loop, path.slice(at));
  const count = requirePlace(func, b, loop, path.slice(0, at));
  const { fold, identity, target } = foldFrom(STEP, func, b);
  requireHeads(STEP, b, reduced);

  const taken = namesOf(func);
  const rows = outer.filter((l) => l.loop.startsWith("threadIdx"));
  const own = (): readonly BlockIter[] =>
    rows.map((l) => ({
      var: freshName(`v${l.var}`, taken),
      role: "spatial",
      extent: l.extent,
      binding: variable(l.var),
    }));
  const partial: Buffer = {
    name: freshName(`${target.name}_part`, taken),
    dtype: target.dtype,
    shape: [...rows.map((l) => l.extent), loop.extent],
    scope: "workgroup",
  };
  const first = partialBlock(b, fold, {
    dims: func.dims,
    loop,
    reduced,
    identity,
    partial,
    taken,
    own: own(),
  });
  const inThreads = (name: string, make: (at: BlockIter, own: readonly BlockIter[]) => Block): For => {
    const thread = freshName(name, taken);
    const place: BlockIter = {
      var: freshName(`v${thread}`, taken),
      role: "spatial",
      extent: loop.extent,
      binding: variable(thread),
    };
    return forLoop(thread, loop.extent, make(place, own()), AXIS);
  };
  const element = (own: readonly BlockIter[], e: Expr): readonly Expr[] => [
    ...own.map((i) => variable(i.var)),
    e,
  ];
  const levels: Stmt[] = [];
  for (let left = count; left > 1;) {
    const half = Math.ceil(left / 2);
    const pairs = left - half;
    levels.push(inThreads(`${loop.var}_${half}`, (thread, own) => {
      const here = element(own, variable(thread.var));
      const there = element(own, add(variable(thread.var), int(half)));
      return block({
        name: freshName(`${b.name}_${half}`, taken),
        iters: [...own, thread],
        predicate: lt(thread.binding, int(pairs)),
        body: store(
          partial.name,
          here,
          binary(
            fold.combine,
            load(partial.name, identity.dtype, here),
            load(partial.name, identity.dtype, there),
          ),
        ),
      });
    }));
    left = half;
  }
  const vars = new Set(reduced.map((l) => l.var));
  const result = inThreads(`${loop.var}_result`, (thread, own) =>
    block({
      name: b.name,
      iters: [...b.iters.filter((i) => i.role === "spatial"), ...own],
      predicate: conjunction([
        lt(thread.binding, int(1)),
        ...conjuncts(b.predicate).filter((t) => !mentions(t, vars)),
      ]),
      body: store(
        fold.store.buffer,
        fold.store.indices,
        load(partial.name, identity.dtype, element(own, int(0))),
      ),
    }));
  const replaced = replaceStmt(
    func.body,
    loop,
    () => alloc(partial, seq([inAxis(replaceStmt(loop, b, () => first), loop), ...levels, result])),
  );
  const after = requireInits(STEP, [b.name, loopName], withBody(func, replaced));
  requireOthers(after, loop.var, result.var);
  return after;
}

function inAxis(s: Stmt, loop: For): Stmt {
  return s.kind === "for" ? forLoop(loop.var, loop.extent, s.body, AXIS) : s;
}

/** The loops from this one to the block, which all reduce. */
function insideOf(b: Block, loop: For, inside: readonly Stmt[]): readonly For[] {
  const [spatial, reduced] = [boundVars(b, "spatial"), boundVars(b, "reduce")];
  const loops: For[] = [];
  for (const s of inside) {
    if (s.kind !== "for") {
      return refuse(
        STEP,
        [b.name, loop.var],
        `there is a ${s.kind} between loop ${loop.var} and block ${b.name}`,
      );
    }
    if (s === loop || s.loop !== "unrolled") requireSerial(STEP, s);
    if (!reduced.has(s.var) || spatial.has(s.var)) {
      const what = spatial.has(s.var) ? "a spatial iterator" : "no iterator";
      refuse(
        STEP,
        [b.name, s.var],
        `loop ${s.var} feeds ${what} of block ${b.name}; only loops that reduce may be inside of ${loop.var}, reorder first`,
      );
    }
    loops.push(s);
  }
  return loops;
}

/** How many threads reduce; refuses where they cannot be threads of the axis or cannot wait for each other. */
function requirePlace(func: PrimFunc, b: Block, loop: For, around: readonly Stmt[]): number {
  const inBlock = around.find((s) => s.kind === "block");
  if (inBlock?.kind === "block") {
    refuse(
      STEP,
      [b.name, inBlock.name],
      `block ${b.name} is inside block ${inBlock.name}, which is run as a whole`,
    );
  }
  const { extent } = loop;
  if (extent.kind !== "const" || extent.value < 1) {
    return refuse(STEP, [b.name, loop.var], `loop ${loop.var} has no constant number of threads; split it`);
  }
  const reduced = boundVars(b, "reduce");
  const threads = new Set<string>();
  for (const l of around) {
    if (l.kind !== "for") continue;
    if (reduced.has(l.var)) {
      refuse(STEP, [b.name, l.var], `loop ${l.var} around ${loop.var} reduces, too; reorder first`);
    }
    if (l.loop === AXIS) {
      refuse(STEP, [b.name, l.var], `loop ${l.var}, around loop ${loop.var}, has ${AXIS} already`);
    }
    if (l.loop === "parallel" || l.loop === "vectorized" || mentions(l.extent, threads)) {
      const why = mentions(l.extent, threads) ? "is not run alike by all threads" : `is ${l.loop}`;
      refuse(STEP, [b.name, l.var], `loop ${l.var} around ${why}; threads cannot wait for each other in it`);
    }
    if (l.loop.startsWith("threadIdx")) threads.add(l.var);
  }
  const nest = nestsOf(func.body).find((n) => n === loop || around.includes(n)) ?? loop;
  const wrong = loopsIn(nest).find((l) => l.loop === AXIS && l.extent !== extent);
  if (wrong !== undefined) {
    refuse(
      STEP,
      [loop.var, wrong.var],
      `loop ${wrong.var} of the same nest has another number of threads of ${AXIS}`,
    );
  }
  return extent.value;
}

/** Refuses where other loops of the axis share more with these than memory of the workgroup. */
function requireOthers(func: PrimFunc, ...names: readonly string[]): void {
  const sites = allLoops(func.body);
  const nest = nestsOf(func.body).find((n) => loopsIn(n).some((l) => l.var === names[0])) ?? func.body;
  for (const name of names) {
    const site = sites.find((s) => s.loop.var === name);
    if (site === undefined) continue;
    for (const other of loopsIn(nest)) {
      if (other.loop === AXIS && !names.includes(other.var)) requireAlike(STEP, func, site, other);
    }
  }
}
