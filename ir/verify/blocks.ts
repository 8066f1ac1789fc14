/**
 * Rules about what blocks say of themselves: ranges of iterators, regions.
 *
 * @module
 */
import { and, bool, type Expr, unary } from "../expr.ts";
import type { Block, Region, Stmt } from "../stmt.ts";
import { exprChildren, freeVars, stmtChildren } from "../visit.ts";
import type { FuncRule } from "./rule.ts";
import { pointsAt, showPoint, valueAt } from "./sample.ts";
import { loopsAround, type Site, sitesOf } from "./scan.ts";

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

/** An access in a block, how to get there, and what must hold for it to happen. */
interface Access {
  readonly buffer: string;
  readonly indices: readonly Expr[];
  readonly write: boolean;
  readonly path: readonly Stmt[];
  readonly stmt: Stmt;
  readonly guard: Expr;
}

const regionsCover: FuncRule = {
  name: "regions-cover",
  about: "What a block's init and body load lies in a region that it reads or writes, what they store in one it writes.",
  appliesTo: ["block"],
  level: "meaning",
  *check(scan) {
    for (const site of sitesOf(scan, "block")) {
      const wrong = new Set<string>();
      for (const access of accessesOf(site.stmt)) {
        const { name, reads, writes } = site.stmt;
        const key = `${access.write ? "stores to" : "loads from"} ${access.buffer}`;
        if (wrong.has(key)) continue;
        const regions = (access.write ? writes : [...reads, ...writes]).filter((r) => r.buffer === access.buffer);
        if (regions.some((r) => isPoint(r, access.indices))) continue;
        const why = regions.length === 0
          ? `which no region that it ${access.write ? "writes" : "reads"} is of`
          : outside(access, regions, site, scan.func.dims);
        if (why === undefined) continue;
        wrong.add(key);
        yield `block ${name} ${key}, ${why}`;
      }
    }
  },
};

function isPoint(r: Region, indices: readonly Expr[]): boolean {
  return r.min.every((min, d) => min === indices[d]) &&
    r.extent.every((e) => e.kind === "const" && e.value >= 1);
}

/** Says where an access is outside all regions, if a point is found. */
function outside(
  access: Access,
  regions: readonly Region[],
  site: Site<Block>,
  dims: readonly string[],
): string | undefined {
  const path = [...site.path, site.stmt, ...access.path];
  for (const point of pointsAt(dims, path, access.stmt)) {
    if (valueAt(access.guard, point) !== 1) continue;
    const at = access.indices.map((i) => valueAt(i, point));
    const inside = regions.some((r) =>
      at.every((index, d) => {
        const [min, extent] = [r.min[d], r.extent[d]].map((e) => e && valueAt(e, point));
        // What depends on elements of buffers may be anywhere.
        if (index === undefined || min === undefined || extent === undefined) return true;
        return index >= min && index < min + extent;
      })
    );
    if (inside) continue;
    const names = access.indices.flatMap((i) => [...freeVars(i)]);
    return `outside the regions that it names: at [${at.join(", ")}] ${showPoint(names, point)}`;
  }
  return undefined;
}

function accessesOf(b: Block): readonly Access[] {
  const found: Access[] = [];
  const inExpr = (e: Expr, path: readonly Stmt[], stmt: Stmt, guard: Expr): void => {
    if (e.kind === "load") found.push({ buffer: e.buffer, indices: e.indices, write: false, path, stmt, guard });
    if (e.kind !== "select") return exprChildren(e).forEach((c) => inExpr(c, path, stmt, guard));
    inExpr(e.cond, path, stmt, guard);
    inExpr(e.then, path, stmt, and(guard, e.cond));
    inExpr(e.otherwise, path, stmt, and(guard, unary("not", e.cond)));
  };
  const visit = (s: Stmt, path: readonly Stmt[]): void => {
    const here = (e: Expr): void => inExpr(e, path, s, bool(true));
    switch (s.kind) {
      case "store":
        found.push({
          buffer: s.buffer,
          indices: s.indices,
          write: true,
          path,
          stmt: s,
          guard: bool(true),
        });
        [...s.indices, s.value].forEach(here);
        break;
      case "for":
        here(s.extent);
        break;
      case "if":
        here(s.cond);
        break;
      case "block":
        [...s.iters.map((i) => i.binding), s.predicate].forEach(here);
        break;
      case "alloc":
      case "seq":
      case "barrier":
        break;
      default:
        s satisfies never;
    }
    for (const child of stmtChildren(s)) visit(child, [...path, s]);
  };
  for (const child of stmtChildren(b)) visit(child, []);
  // What a block allocates inside is its own business.
  const own = new Set<string>();
  const collect = (s: Stmt): void => {
    if (s.kind === "alloc") own.add(s.buffer.name);
    stmtChildren(s).forEach(collect);
  };
  collect(b);
  return found.filter((a) => !own.has(a.buffer));
}

/** The rules about iterators and regions. */
export const BLOCK_RULES: readonly FuncRule[] = [iteratorRanges, regionsCover];
