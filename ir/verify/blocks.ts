/**
 * Rules about what blocks say of themselves: ranges of iterators, regions.
 *
 * @module
 */
import type { Expr } from "../expr.ts";
import type { Block, Region, Stmt } from "../stmt.ts";
import { exprChildren, freeVars, stmtChildren, stmtExprs } from "../visit.ts";
import type { FuncRule } from "./rule.ts";
import { type Point, pointsAt, showPoint, valueAt } from "./sample.ts";
import { loopsAround, sitesOf } from "./scan.ts";

const iteratorRanges: FuncRule = {
  name: "iterator-ranges",
  about: "Wherever a block's predicate holds, what binds an iterator is at least 0 and below its extent.",
  appliesTo: ["block"],
  level: "meaning",
  *check(scan) {
    for (const site of sitesOf(scan, "block")) {
      const { stmt: b, path } = site;
      const loops = loopsAround(site);
      const open = b.iters.filter((i) =>
        !loops.some((l) => i.binding.kind === "var" && l.var === i.binding.name && l.extent === i.extent)
      );
      const wrong = new Set<string>();
      for (const point of open.length === 0 ? [] : pointsAt(scan.func.dims, path, b)) {
        if (valueAt(b.predicate, point) !== 1) continue;
        for (const i of open) {
          const [value, extent] = [valueAt(i.binding, point), valueAt(i.extent, point)];
          if (wrong.has(i.var) || value === undefined || extent === undefined) continue;
          if (value >= 0 && value < extent) continue;
          wrong.add(i.var);
          const at = showPoint([...freeVars(i.binding), ...freeVars(i.extent)], point);
          yield `iterator ${i.var} of block ${b.name} is ${value} with extent ${extent} ${at}`;
        }
      }
    }
  },
};

/** An element that a statement loads or stores. */
interface Access {
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly write: boolean;
}

const regionsCover: FuncRule = {
  name: "regions-cover",
  about:
    "What a block's init and body load lies in a region that it reads or writes, what they store in one it writes.",
  appliesTo: ["block"],
  level: "meaning",
  *check(scan) {
    for (const site of sitesOf(scan, "block")) {
      const { name, reads, writes } = site.stmt;
      const inside = statementsIn(site.stmt);
      // What a block allocates inside is its own business.
      const own = new Set(inside.flatMap(({ stmt }) => (stmt.kind === "alloc" ? [stmt.buffer.name] : [])));
      const regionsOf = (a: Access): readonly Region[] =>
        (a.write ? writes : [...reads, ...writes]).filter((r) => r.buffer === a.buffer);
      const wrong = new Map<string, string>();
      for (const { stmt, path } of inside) {
        const open = accesses(stmt, undefined).filter((a) =>
          !own.has(a.buffer) && !regionsOf(a).some((r) => isPoint(r, a.indices))
        );
        for (const a of open) {
          if (regionsOf(a).length === 0) wrong.set(words(a), "for which it names no region");
        }
        const around = [...site.path, site.stmt, ...path];
        for (const point of open.length === 0 ? [] : pointsAt(scan.func.dims, around, stmt)) {
          for (const a of accesses(stmt, point)) {
            if (own.has(a.buffer) || wrong.has(words(a)) || isCovered(a, regionsOf(a), point)) continue;
            const at = a.indices.map((i) => valueAt(i, point)).join(", ");
            const names = a.indices.flatMap((i) => [...freeVars(i)]);
            wrong.set(words(a), `outside the regions that it names: at [${at}] ${showPoint(names, point)}`);
          }
        }
      }
      for (const [what, why] of wrong) yield `block ${name} ${what}, ${why}`;
    }
  },
};

function words(a: Access): string {
  return `${a.write ? "stores to" : "loads from"} ${a.buffer}`;
}

function isPoint(r: Region, indices: readonly Expr[]): boolean {
  return r.min.every((min, d) => min === indices[d]) &&
    r.extent.every((e) => e.kind === "const" && e.value >= 1);
}

function isCovered(a: Access, regions: readonly Region[], point: Point): boolean {
  const at = a.indices.map((i) => valueAt(i, point));
  return regions.some((r) =>
    at.every((index, d) => {
      const [min, extent] = [r.min[d], r.extent[d]].map((e) => e && valueAt(e, point));
      // What depends on elements of buffers may be anywhere.
      if (index === undefined || min === undefined || extent === undefined) return true;
      return index >= min && index < min + extent;
    })
  );
}

interface Inside {
  readonly stmt: Stmt;
  /** Statements between the block and it. */
  readonly path: readonly Stmt[];
}

/** Every statement in a block, with what is between. */
function statementsIn(b: Block): readonly Inside[] {
  const found: Inside[] = [];
  const visit = (stmt: Stmt, path: readonly Stmt[]): void => {
    found.push({ stmt, path });
    for (const child of stmtChildren(stmt)) visit(child, [...path, stmt]);
  };
  for (const child of stmtChildren(b)) visit(child, []);
  return found;
}

/**
 * What a statement itself loads and stores: at a point only what happens there for certain, without one all that may
 * happen anywhere.
 */
function accesses(s: Stmt, point: Point | undefined): readonly Access[] {
  const found: Access[] = [];
  const seen = new Set<Expr>();
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "load") found.push({ buffer: e.buffer, indices: e.indices, write: false });
    if (e.kind !== "select" || point === undefined) return exprChildren(e).forEach(visit);
    visit(e.cond);
    const cond = valueAt(e.cond, point);
    if (cond !== undefined) visit(cond === 1 ? e.then : e.otherwise);
  };
  const exprs = s.kind === "block" ? [s.predicate, ...s.iters.map((i) => i.binding)] : stmtExprs(s);
  exprs.forEach(visit);
  if (s.kind === "store") found.push({ buffer: s.buffer, indices: s.indices, write: true });
  return found;
}

/** The rules about iterators and regions. */
export const BLOCK_RULES: readonly FuncRule[] = [iteratorRanges, regionsCover];
