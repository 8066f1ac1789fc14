/**
 * `rfactor`: a reduction in parts.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { binary, type Const, type Expr, load, select, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { boundVars, conjunction, conjuncts, replaceStmt } from "../../ir/reduction.ts";
import { reduceIdentity } from "../../ir/scalar_ops.ts";
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
import { substitute } from "../../ir/traverse.ts";
import { mentions, readsMemory } from "../analysis/elements.ts";
import { type Fold, foldOf } from "../analysis/fold.ts";
import { nestsOf } from "../analysis/nests.ts";
import { blockSite, bufferOf, freshName, namesOf, refuse, requireInits, requireSerial } from "./site.ts";

const STEP = "rfactor";

/**
 * Reduces over all loops but one into partial results in device memory, one for each iteration of that loop, then
 * these into the result in a nest of its own. After that the loop is spatial in the first nest.
 *
 * Legal for a block that folds terms from the identity on with a combination that takes them in any order (of floats: up
 * to rounding), alone in a nest of serial loops, each of which feeds iterators of one role. Where the predicate leaves
 * out terms of the reduction, the identity is combined in their place.
 *
 * rewrite: `for i: for k_0: for k_1: B { init: C[i] = 0; C[i] += A[i, k] }`  on `k_0` becomes
 * `for i: for k_0: for k_1: B_rf { init: C_rf[k_0, i] = 0; C_rf[k_0, i] += A[i, k] }` and then
 * `for i: for k_0: B { init: C[i] = 0; C[i] += C_rf[k_0, i] }`
 */
export function rfactor(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const { block: b, path } = blockSite(STEP, func, blockName);
  const loops = chainOf(func, b, path);
  const loop = loops.find((l) => l.var === loopName) ??
    refuse(STEP, [blockName, loopName], `loop ${loopName} is not around block ${b.name}`);
  const [spatial, reduced] = rolesOf(b, loops);
  if (!reduced.includes(loop)) {
    refuse(STEP, [b.name, loopName], `loop ${loopName} does not feed a reduce iterator of block ${b.name}`);
  }
  const { fold, identity, target } = foldFrom(STEP, func, b);
  requireHeads(STEP, b, loops);

  const taken = namesOf(func);
  const own = b.iters.filter((i) => i.role === "spatial");
  const partial: Buffer = {
    name: freshName(`${target.name}_rf`, taken),
    dtype: target.dtype,
    shape: [loop.extent, ...own.map((i) => i.extent)],
    scope: "global",
  };
  const first = partialBlock(b, fold, { dims: func.dims, loop, reduced, identity, partial, taken });
  const nest = loops[0] ?? b;
  const second = combineNest(b, fold, { dims: func.dims, loop, spatial, reduced, identity, partial, taken });
  const body = replaceStmt(func.body, nest, () => seq([replaceStmt(nest, b, () => first), second]));
  // Around everything, so that both nests can move to where others read the result.
  return requireInits(STEP, [b.name, loopName], withBody(func, alloc(partial, body)));
}

/** The loops around a block that is all of a nest. */
function chainOf(func: PrimFunc, b: Block, path: readonly Stmt[]): readonly For[] {
  const nest = nestsOf(func.body).find((n) => n === b || path.includes(n));
  const around = nest === undefined || nest === b ? [] : path.slice(path.indexOf(nest));
  const loops: For[] = [];
  for (const s of around) {
    if (s.kind !== "for") {
      return refuse(
        STEP,
        [b.name],
        `there is a ${s.kind} around block ${b.name}; factor the reduction first`,
      );
    }
    requireSerial(STEP, s);
    loops.push(s);
  }
  return loops;
}

function rolesOf(b: Block, loops: readonly For[]): readonly [readonly For[], readonly For[]] {
  const [spatial, reduced] = [boundVars(b, "spatial"), boundVars(b, "reduce")];
  for (const l of loops) {
    if (spatial.has(l.var) !== reduced.has(l.var)) continue;
    const what = spatial.has(l.var) ? "spatial and reduce iterators" : "no iterator";
    refuse(STEP, [b.name, l.var], `loop ${l.var} feeds ${what} of block ${b.name}`);
  }
  return [loops.filter((l) => spatial.has(l.var)), loops.filter((l) => reduced.has(l.var))];
}

/** What a block folds, from which identity, into which buffer; refuses where the order of terms matters. */
export function foldFrom(
  step: string,
  func: PrimFunc,
  b: Block,
): { readonly fold: Fold; readonly identity: Const; readonly target: Buffer } {
  const fold = foldOf(b);
  if (fold === undefined) {
    return refuse(step, [b.name], `block ${b.name} is no fold whose order does not matter`);
  }
  const { store: { buffer, indices }, op, term } = fold;
  const target = bufferOf(func, buffer);
  const { init } = b;
  const starts = init?.kind === "store" && init.buffer === buffer &&
    init.indices.every((e, d) => e === indices[d]) && init.value.kind === "const" &&
    Object.is(init.value.value, reduceIdentity(op, init.value.dtype));
  if (target === undefined || !starts || init?.kind !== "store" || init.value.kind !== "const") {
    return refuse(step, [b.name], `block ${b.name} does not start from the identity of its ${op}`);
  }
  if (indices.some(readsMemory)) {
    return refuse(step, [b.name], `which element block ${b.name} writes depends on elements of buffers`);
  }
  // What is narrowed with every store has an order: max(300, 44) is 44 in 8 bits, whichever was first.
  const { family, register } = DTYPES[target.dtype];
  const wraps = family !== "float" && register !== target.dtype && (op === "max" || op === "min");
  const fits = term.kind === "load" && bufferOf(func, term.buffer)?.dtype === target.dtype;
  if (wraps && !fits) {
    return refuse(step, [b.name], `block ${b.name} narrows terms of its ${op} to ${target.dtype}, in order`);
  }
  return { fold, identity: init.value, target };
}

/** Heads are copied to where other things are in memory and other loops run. */
export function requireHeads(step: string, b: Block, loops: readonly For[]): void {
  const heads = [
    b.predicate,
    ...b.iters.flatMap((i) => [i.binding, i.extent]),
    ...loops.map((l) => l.extent),
  ];
  if (heads.some(readsMemory)) {
    refuse(step, [b.name], `what runs in block ${b.name} depends on elements of buffers`);
  }
  const vars = new Set([...loops.map((l) => l.var), ...b.iters.map((i) => i.var)]);
  const uneven = loops.find((l) => mentions(l.extent, vars)) ??
    b.iters.find((i) => mentions(i.extent, vars));
  if (uneven === undefined) return;
  refuse(step, [b.name, uneven.var], `the extent of ${uneven.var} depends on loops`);
}

interface Parts {
  /** The function's. */
  readonly dims: readonly string[];
  readonly loop: For;
  readonly reduced: readonly For[];
  readonly identity: Const;
  readonly partial: Buffer;
  readonly taken: Set<string>;
  /** Iterators that say where a partial result is, beside the loop; by default the block's own spatial ones. */
  readonly own?: readonly BlockIter[];
}

/** The block that makes partial results: an iterator for each loop that reduces, of the factored one spatial. */
export function partialBlock(
  b: Block,
  { combine, term }: Fold,
  { dims, loop, reduced, identity, partial, taken, own }: Parts,
): Block {
  const iters = reduced.map((l): BlockIter => ({
    var: freshName(`v${l.var}`, taken),
    role: l === loop ? "spatial" : "reduce",
    extent: l.extent,
    binding: variable(l.var),
  }));
  const inner = new Map(reduced.map((l, i) => [l.var, variable(iters[i]?.var ?? l.var)]));
  const spatial = b.iters.filter((i) => i.role === "spatial").map((i) => ({
    ...i,
    var: freshName(i.var, taken),
  }));
  const values = new Map<string, Expr>();
  for (const i of b.iters) if (i.role === "reduce") values.set(i.var, substitute(i.binding, inner));
  b.iters.filter((i) => i.role === "spatial").forEach((i, d) => {
    values.set(i.var, variable(spatial[d]?.var ?? i.var));
  });
  const vars = new Set(reduced.map((l) => l.var));
  const terms = conjuncts(b.predicate);
  const tied = terms.filter((t) => mentions(t, vars));
  // Dims are in bindings, too, and tie nothing together.
  const spatialLoops = new Set([...boundVars(b, "spatial")].filter((name) => !dims.includes(name)));
  const both = tied.find((t) => mentions(t, spatialLoops));
  if (both !== undefined) {
    return refuse(STEP, [b.name], `the predicate of block ${b.name} ties spatial and reduce loops together`);
  }
  const guard = tied.length === 0 ? undefined : conjunction(tied.map((t) => substitute(t, inner)));
  const value = substitute(term, values);
  const place = inner.get(loop.var) ?? variable(loop.var);
  const places = own === undefined
    ? [place, ...spatial.map((i) => variable(i.var))]
    : [...own.map((i) => variable(i.var)), place];
  const current = load(partial.name, identity.dtype, places);
  return block({
    name: freshName(`${b.name}_rf`, taken),
    iters: [...spatial, ...(own ?? []), ...iters],
    predicate: conjunction(terms.filter((t) => !mentions(t, vars))),
    init: store(partial.name, places, identity),
    body: store(
      partial.name,
      places,
      binary(combine, current, guard === undefined ? value : select(guard, value, identity)),
    ),
  });
}

/** Loops like those outside, around a block of the old name that reduces the partial results. */
function combineNest(
  b: Block,
  { combine, store: { buffer, indices } }: Fold,
  { loop, spatial, reduced, identity, partial, taken }: Parts & { readonly spatial: readonly For[] },
): Stmt {
  const loops = [...spatial, loop].map((l) => ({ ...l, to: freshName(l.var, taken) }));
  const moved = new Map(loops.map((l) => [l.var, variable(l.to)]));
  const own = b.iters.filter((i) => i.role === "spatial");
  const iters = own.map((i): BlockIter => ({ ...i, binding: substitute(i.binding, moved) }));
  const place = freshName(`v${loop.var}`, taken);
  iters.push({
    var: place,
    role: "reduce",
    extent: loop.extent,
    binding: moved.get(loop.var) ?? variable(loop.var),
  });
  const vars = new Set(reduced.map((l) => l.var));
  const { dtype } = identity;
  const update = block({
    name: b.name,
    iters,
    predicate: conjunction(
      conjuncts(b.predicate).filter((t) => !mentions(t, vars)).map((t) => substitute(t, moved)),
    ),
    ...(b.init === undefined ? {} : { init: b.init }),
    body: store(
      buffer,
      indices,
      binary(
        combine,
        load(buffer, dtype, indices),
        load(partial.name, dtype, [variable(place), ...own.map((i) => variable(i.var))]),
      ),
    ),
  });
  return loops.reduceRight<Stmt>((body, l) => forLoop(l.to, l.extent, body), update);
}
