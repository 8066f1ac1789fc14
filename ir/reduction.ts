/**
 * Taking the initialisation of a reduction block apart from its update.
 *
 * A block's `init` means: for every spatial point, run it before the outermost loop that feeds one of the block's
 * reduce iterators. {@linkcode decomposeAt} makes that explicit at a loop of choice, {@linkcode desugarInit}
 * everywhere; the interpreter and the code generators both start from the latter, so they cannot disagree.
 *
 * @module
 */
import { ScheduleError } from "./errors.ts";
import { and, bool, type Expr, variable } from "./expr.ts";
import { type Block, block, type BlockIter, type For, forLoop, seq, type Stmt } from "./stmt.ts";
import { mapStmtChildren, substitute, substituteStmt } from "./traverse.ts";
import { freeVars, visitStmt } from "./visit.ts";

/** A block and the statements around it, outermost first. */
export interface BlockSite {
  readonly block: Block;
  readonly path: readonly Stmt[];
}

/** Finds the block `name`. */
export function findBlock(root: Stmt, name: string): BlockSite | undefined {
  return allBlocks(root).find((site) => site.block.name === name);
}

/** Every block, outer before inner, first to last. */
export function allBlocks(root: Stmt): readonly BlockSite[] {
  const sites: BlockSite[] = [];
  visitStmt(root, (s, path) => {
    if (s.kind === "block") sites.push({ block: s, path });
  });
  return sites;
}

/** The terms of a conjunction. */
export function conjuncts(e: Expr): readonly Expr[] {
  if (e.kind === "binary" && e.op === "and") return [...conjuncts(e.a), ...conjuncts(e.b)];
  return e.kind === "const" && e.value === 1 ? [] : [e];
}

/** The conjunction of terms. */
export function conjunction(terms: readonly Expr[]): Expr {
  const distinct = [...new Set(terms)].filter((t) => !(t.kind === "const" && t.value === 1));
  return distinct.reduce<Expr | undefined>((all, t) => (all === undefined ? t : and(all, t)), undefined) ??
    bool(true);
}

/** Variables of the loops that feed iterators of `role`. */
export function boundVars(b: Block, role: BlockIter["role"]): ReadonlySet<string> {
  return new Set(b.iters.filter((i) => i.role === role).flatMap((i) => [...freeVars(i.binding)]));
}

/** The outermost loop around the block that feeds a reduce iterator, if any. */
export function outermostReduceLoop(site: BlockSite): For | undefined {
  const vars = boundVars(site.block, "reduce");
  return site.path.find((s): s is For => s.kind === "for" && vars.has(s.var));
}

/**
 * Runs the block's `init` as a block of its own, `NAME_init`, right before `loop` (or right before the update
 * where `loop` is undefined).
 *
 * Throws {@linkcode ScheduleError} unless `loop` is around the block, no loop outside it feeds a reduce iterator,
 * and nothing but loops lies between it and the block.
 */
export function decomposeAt(root: Stmt, site: BlockSite, loop: For | undefined): Stmt {
  const { block: b, path } = site;
  const refuse = (why: string): never => {
    throw new ScheduleError("decomposeReduction", `decomposeReduction: block ${b.name} ${why}`);
  };
  if (b.init === undefined) return refuse("has no init: it is no reduction, or it was decomposed before");
  const at = loop === undefined ? path.length : path.indexOf(loop);
  if (at < 0) return refuse(`is not inside loop ${loop?.var}`);
  const reduceVars = boundVars(b, "reduce");
  const outer = path.slice(0, at).find((s) => s.kind === "for" && reduceVars.has(s.var));
  if (outer?.kind === "for") {
    return refuse(`is reduced over loop ${outer.var} too, which is outside ${loop?.var ?? "it"}`);
  }
  const between = path.slice(at);
  const other = between.find((s) => s.kind !== "for");
  if (other !== undefined) return refuse(`has a ${other.kind} between it and loop ${loop?.var}`);

  // Dims are in bindings, too, and tie nothing together.
  const around = new Set(path.flatMap((s) => (s.kind === "for" ? [s.var] : [])));
  const spatialVars = new Set([...boundVars(b, "spatial")].filter((name) => around.has(name)));
  const loops = between.filter((s): s is For => s.kind === "for");
  const kept = loops.filter((l) => spatialVars.has(l.var));
  const droppedVars = new Set(loops.filter((l) => !spatialVars.has(l.var)).map((l) => l.var));
  const uneven = kept.find((l) => [...freeVars(l.extent)].some((v) => droppedVars.has(v)));
  if (uneven !== undefined) return refuse(`has the extent of loop ${uneven.var} depend on loops that reduce`);
  const taken = new Set<string>();
  visitStmt(root, (s) => {
    if (s.kind === "for") [s.var, ...freeVars(s.extent)].forEach((name) => taken.add(name));
    if (s.kind === "alloc") taken.add(s.buffer.name);
    if (s.kind === "block") {
      taken.add(s.name);
      for (const i of s.iters) [i.var, ...freeVars(i.extent)].forEach((name) => taken.add(name));
      for (const r of [...s.reads, ...s.writes]) taken.add(r.buffer);
    }
  });
  const fresh = (name: string): string => {
    let candidate = `${name}_init`;
    for (let n = 1; taken.has(candidate); n++) candidate = `${name}_init${n}`;
    taken.add(candidate);
    return candidate;
  };
  const renamed = new Map(kept.map((l) => [l.var, variable(fresh(l.var))] as const));
  const terms = conjuncts(b.predicate).filter((term) => {
    const vars = freeVars(term);
    const dropped = [...vars].some((v) => droppedVars.has(v));
    if (dropped && [...vars].some((v) => spatialVars.has(v))) {
      return refuse("has a predicate that ties spatial and reduce loops together");
    }
    return !dropped;
  });
  const spatial = b.iters.filter((i) => i.role === "spatial");
  const iterNames = new Map(spatial.map((i) => [i.var, variable(fresh(i.var))] as const));
  const init = block({
    name: fresh(b.name),
    iters: spatial.map((i) => ({
      ...i,
      var: iterNames.get(i.var)?.name ?? i.var,
      binding: substitute(i.binding, renamed),
    })),
    predicate: substitute(conjunction(terms), renamed),
    body: substituteStmt(b.init, iterNames),
  });
  const initNest = kept.reduceRight<Stmt>(
    (body, l) => forLoop(renamed.get(l.var)?.name ?? l.var, substitute(l.extent, renamed), body, l.loop),
    init,
  );
  const { init: _gone, ...rest } = b;
  const update: Block = Object.freeze(rest);
  const target: Stmt = loop ?? b;
  return replaceStmt(root, target, (old) => seq([initNest, replaceStmt(old, b, () => update)]));
}

/** Replaces one statement, found by identity. */
export function replaceStmt(root: Stmt, target: Stmt, f: (old: Stmt) => Stmt): Stmt {
  const visit = (s: Stmt): Stmt => (s === target ? f(s) : mapStmtChildren(s, visit));
  return visit(root);
}

/** Makes every block's `init` explicit. */
export function desugarInit(root: Stmt): Stmt {
  for (let current = root;;) {
    const site = allBlocks(current).find((s) => s.block.init !== undefined);
    if (site === undefined) return current;
    current = decomposeAt(current, site, outermostReduceLoop(site));
  }
}
