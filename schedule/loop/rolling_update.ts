/**
 * `rollingUpdate`: sums relative to a maximum, made while the maximum is being found.
 *
 * @module
 */
import { constant, type Expr, int, load, mul, sub, unary, variable } from "../../ir/expr.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import {
  allBlocks,
  type BlockSite,
  boundVars,
  conjunction,
  conjuncts,
  decomposeAt,
  findBlock,
  replaceStmt,
} from "../../ir/reduction.ts";
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
  type Store,
  store,
} from "../../ir/stmt.ts";
import { substitute, substituteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, visitExpr } from "../../ir/visit.ts";
import { mentions } from "../analysis/elements.ts";
import { foldOf } from "../analysis/fold.ts";
import { forkOf, loopsAt, touches, touchesOf } from "../analysis/order.ts";
import { factorsOf } from "./factors.ts";
import { overLoops, sameInt, withLoop } from "./intermediate.ts";
import {
  blockSite,
  bufferOf,
  freshName,
  loopSite,
  namesOf,
  refuse,
  requireInits,
  requireSerial,
} from "./site.ts";

const STEP = "rollingUpdate";

/** The lowest number of f32: less than every other, and finite. */
const LOWEST = -3.4028234663852886e38;

/**
 * Moves a maximum over a loop into a later loop over the same elements that sums `exp(x - maximum)`: each iteration
 * first raises the maximum, and what was summed relative to the old one is multiplied by `exp(old - new)`. This is the
 * online softmax of M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax" (2018), which makes
 * attention one pass over keys and values as in T. Dao et al., "FlashAttention" (2022).
 *
 * Legal for a block that takes the maximum of f32 numbers, from its identity on, in a nest of serial loops of which the
 * outermost has the later loop's extent; where everything that reads it is in the later loop and sums, over that loop,
 * products with one factor `exp(x - maximum)`, or computes such a factor for these sums. The running maximum starts from the lowest number in place of -Infinity, so that a term of
 * `exp(-Infinity - maximum)` is 0 from the start. Equal up to rounding.
 *
 * rewrite: `for j: m = max(m, x[j]); for k: s += exp(x[k] - m) * v[k]`  becomes
 * `for k: { old = m; m = max(m, x[k]); old = exp(old - m); s *= old; s += exp(x[k] - m) * v[k] }`
 */
export function rollingUpdate(func: PrimFunc, blockName: string, loopName: string): PrimFunc {
  const max = maximumOf(func, blockName);
  const at = [blockName, loopName];
  const target = loopSite(STEP, func, loopName);
  requireSerial(STEP, target.loop);
  const outer = requirePlaces(func, max, [...target.path, target.loop], at);
  const sums = sumsIn(target.loop, max, at);

  // The inits of the sums stand before the loop from now on, as does that of the maximum.
  const taken = namesOf(func);
  let root = func.body;
  for (const name of sums) {
    const sum = siteIn(root, name);
    if (sum.block.init !== undefined) root = decomposeAt(root, sum, loopNamed(sum, loopName));
  }
  const start = {
    ...max.site.block,
    init: store(max.store.buffer, max.store.indices, constant("f32", LOWEST)),
  };
  root = replaceStmt(root, max.site.block, () => start);
  root = decomposeAt(root, siteIn(root, blockName), loopNamed(siteIn(root, blockName), outer.var));
  for (const name of namesOf(withBody(func, root))) taken.add(name);

  const old: Buffer = {
    name: freshName(`${max.store.buffer}_old`, taken),
    dtype: "f32",
    shape: [int(1)],
    scope: "local",
  };
  const site = siteIn(root, blockName);
  const moving = loopNamed(site, outer.var);
  /** A block beside the maximum's in an iteration of the loop, which sees the maximum. */
  const beside = (
    name: string,
    iters: readonly BlockIter[],
    body: (maximum: Expr) => Stmt,
    terms: readonly Expr[],
  ) => {
    const own = new Map<string, Expr>();
    const copies = [...iters, ...site.block.iters.filter((i) => i.role === "spatial")].map((i): BlockIter => {
      const fresh = freshName(`${i.var}_${name}`, taken);
      own.set(i.var, variable(fresh));
      return { ...i, var: fresh };
    });
    const over: BlockIter = {
      var: freshName(`v${loopName}`, taken),
      role: "reduce",
      extent: target.loop.extent,
      binding: variable(loopName),
    };
    return block({
      name: freshName(name, taken),
      iters: [...copies, over],
      predicate: conjunction(terms),
      body: substituteStmt(body(load(max.store.buffer, "f32", max.store.indices)), own),
    });
  };
  const first = [int(0)];
  const keep = beside(`${blockName}_old`, [], (maximum) => store(old.name, first, maximum), []);
  const change = beside(
    `${blockName}_change`,
    [],
    (maximum) => store(old.name, first, unary("exp", sub(load(old.name, "f32", first), maximum))),
    [],
  );
  const rescaled = sums.map((name): Stmt => {
    const sum = siteIn(root, name);
    const { buffer, indices, value } = requireStore(sum.block);
    const spatial = boundVars(sum.block, "spatial");
    const inside = sum.path.slice(sum.path.indexOf(loopNamed(sum, loopName)) + 1);
    const loops = loopsAt(inside).filter((l) => spatial.has(l.var));
    const dropped = new Set(loopsAt(inside).filter((l) => !spatial.has(l.var)).map((l) => l.var));
    const names = new Map(loops.map((l) => [l.var, variable(freshName(`${l.var}_scale`, taken))] as const));
    const made = beside(
      `${name}_scale`,
      sum.block.iters.filter((i) => i.role === "spatial")
        .map((i) => ({ ...i, binding: substitute(i.binding, names) })),
      () => store(buffer, indices, mul(load(buffer, value.dtype, indices), load(old.name, "f32", first))),
      conjuncts(sum.block.predicate).filter((t) => !mentions(t, dropped)).map((t) => substitute(t, names)),
    );
    return loops.reduceRight<Stmt>(
      (body, l) => forLoop(names.get(l.var)?.name ?? l.var, substitute(l.extent, names), body),
      made,
    );
  });
  const current = loopSite(STEP, withBody(func, root), loopName).loop;
  const inner = substituteStmt(moving.body, new Map([[moving.var, variable(loopName)]]));
  const rolled = forLoop(
    current.var,
    current.extent,
    seq([alloc(old, seq([keep, inner, change, ...rescaled])), current.body]),
    current.loop,
  );
  return requireInits(STEP, at, withBody(func, withLoop(root, rolled, moving.var)));
}

interface Maximum {
  readonly site: BlockSite;
  readonly store: Store;
}

/** The block, where it takes a maximum from the identity on. */
function maximumOf(func: PrimFunc, name: string): Maximum {
  const site = blockSite(STEP, func, name);
  const fold = foldOf(site.block);
  const { init } = site.block;
  const starts = init?.kind === "store" && init.value.kind === "const" && init.value.dtype === "f32" &&
    [reduceIdentity("max", "f32"), LOWEST].includes(init.value.value);
  if (fold?.op !== "max" || !starts || bufferOf(func, fold.store.buffer)?.dtype !== "f32") {
    return refuse(STEP, [name], `block ${name} does not take a maximum of f32 numbers from its identity on`);
  }
  return { site, store: fold.store };
}

/** The outermost loop of the maximum's nest; refuses where the nest cannot move into the loop at the end of `to`. */
function requirePlaces(func: PrimFunc, max: Maximum, to: readonly Stmt[], at: readonly string[]): For {
  const { block: b, path } = max.site;
  const fork = forkOf([...path, b], to);
  const outside = new Set(fork.common);
  const own = path.filter((s) => !outside.has(s));
  const [outer] = own;
  const target = to.at(-1);
  if (fork.seq === undefined || outer?.kind !== "for") {
    return refuse(STEP, at, `loop ${at[1]} and the loops of block ${b.name} are not in one sequence`);
  }
  // Once a maximum is found, finding it again changes nothing.
  for (const s of to.slice(fork.common.length, -1)) if (s.kind === "for") requireSerial(STEP, s);
  for (const l of own) {
    if (l.kind !== "for") return refuse(STEP, at, `there is a ${l.kind} around block ${b.name}`);
    requireSerial(STEP, l);
  }
  if (target?.kind === "for" && outer.extent !== target.extent) {
    refuse(STEP, [...at, outer.var], `loops ${outer.var} and ${target.var} have different extents`);
  }
  const used = bufferAccesses(b).filter((a) => a.buffer !== max.store.buffer).map((a) => a.buffer);
  for (const s of fork.seq.body.slice(fork.at[0] + 1, fork.at[1] + 1)) {
    const changed = used.find((name) => touches(s, name, true));
    if (changed !== undefined) {
      refuse(STEP, at, `${changed}, which block ${b.name} reads, is written after it`);
    }
  }
  const block = fork.common.find((s) => s.kind === "block");
  if (block?.kind === "block") refuse(STEP, [...at, block.name], `they are inside block ${block.name}`);
  for (const { place } of touchesOf(func.body, max.store.buffer)) {
    if (place.includes(b) || (target !== undefined && place.includes(target))) continue;
    refuse(STEP, at, `${max.store.buffer} is used outside of loop ${at[1]}`);
  }
  return outer;
}

/** The sums in the loop that are relative to the maximum; refuses where something else reads it. */
function sumsIn(loop: For, max: Maximum, at: readonly string[]): readonly string[] {
  const element = max.store.indices.map((e) => overLoops(max.site.block, e));
  const isMaximum = (b: Block, e: Expr): boolean =>
    e.kind === "load" && e.buffer === max.store.buffer &&
    e.indices.every((i, d) => sameInt(overLoops(b, i), element[d] ?? int(-1)));
  const isRelative = (b: Block, e: Expr): boolean =>
    e.kind === "unary" && e.op === "exp" && e.x.kind === "binary" && e.x.op === "sub" &&
    isMaximum(b, e.x.b) &&
    !reads(e.x.a, max.store.buffer);
  const blocks = allBlocks(loop).map((site) => ({ ...site, store: site.block.body }));
  /** Buffers of the loop's own that hold a factor. */
  const factors = new Set<string>();
  const sums: string[] = [];
  for (const { block: b, path, store: s } of blocks) {
    const names = [max.store.buffer, ...factors];
    if (!bufferAccesses(b).some((a) => names.includes(a.buffer))) continue;
    if (s.kind !== "store") return refuse(STEP, [...at, b.name], `block ${b.name} is more than one store`);
    const fold = foldOf(b);
    const relative = (e: Expr): boolean => isRelative(b, e) || (e.kind === "load" && factors.has(e.buffer));
    const parts = factorsOf(fold?.term ?? s.value);
    const others = parts.filter((e) => !relative(e));
    if (parts.length - others.length !== 1 || others.some((e) => names.some((name) => reads(e, name)))) {
      refuse(
        STEP,
        [...at, b.name],
        `block ${b.name} reads ${
          names.filter((n) => touches(b, n)).join(", ")
        } other than as one factor exp(x - ${max.store.buffer})`,
      );
    }
    if (fold === undefined) {
      if (!path.some((p) => p.kind === "alloc" && p.buffer.name === s.buffer)) {
        refuse(
          STEP,
          [...at, b.name],
          `${s.buffer}, which block ${b.name} writes, lives on after an iteration`,
        );
      }
      factors.add(s.buffer);
      continue;
    }
    if (fold.op !== "sum" || !boundVars(b, "reduce").has(loop.var)) {
      refuse(STEP, [...at, b.name], `block ${b.name} does not sum over loop ${loop.var}`);
    }
    const other = blocks.find((x) => x.block !== b && touches(x.block, s.buffer));
    if (other !== undefined) {
      refuse(STEP, [...at, other.block.name], `block ${other.block.name} uses ${s.buffer}, too`);
    }
    sums.push(b.name);
  }
  if (sums.length === 0) {
    refuse(STEP, at, `nothing in loop ${loop.var} is summed relative to ${max.store.buffer}`);
  }
  return sums;
}

function reads(e: Expr, buffer: string): boolean {
  let found = false;
  visitExpr(e, (n) => {
    if (n.kind === "load" && n.buffer === buffer) found = true;
  });
  return found;
}

function siteIn(root: Stmt, name: string): BlockSite {
  return findBlock(root, name) ?? refuse(STEP, [name], `there is no block ${name}`);
}

function loopNamed({ path }: BlockSite, name: string): For {
  return loopsAt(path).find((l) => l.var === name) ?? refuse(STEP, [name], `there is no loop ${name}`);
}

function requireStore(b: Block): Store {
  return b.body.kind === "store" ? b.body : refuse(STEP, [b.name], `block ${b.name} is more than one store`);
}
