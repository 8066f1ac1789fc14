/**
 * Rules about names, scopes and types.
 *
 * @module
 */
import { DTYPES } from "../dtype.ts";
import type { Expr } from "../expr.ts";
import type { Buffer } from "../stmt.ts";
import { freeVars, visitExpr } from "../visit.ts";
import { didYouMean, type FuncRule, repeated } from "./rule.ts";
import { type ExprSite, type InScope, type Scan, sitesOf } from "./scan.ts";

const uniqueNames: FuncRule = {
  name: "unique-names",
  about:
    "Variables (dims, loops, iterators), buffers and blocks each have a name of their own in a function.",
  appliesTo: ["param", "for", "block", "alloc"],
  level: "form",
  *check(scan) {
    const blocks = sitesOf(scan, "block").map((s) => s.stmt);
    const lists = {
      variables: [
        ...scan.func.dims,
        ...sitesOf(scan, "for").map((s) => s.stmt.var),
        ...blocks.flatMap((b) => b.iters.map((i) => i.var)),
      ],
      buffers: [
        ...scan.func.params.map((p) => p.buffer.name),
        ...sitesOf(scan, "alloc").map((s) => s.stmt.buffer.name),
      ],
      blocks: blocks.map((b) => b.name),
    };
    for (const [what, names] of Object.entries(lists)) {
      for (const name of repeated(names)) yield `several ${what} have the name ${name}`;
    }
  },
};

const boundVariables: FuncRule = {
  name: "bound-variables",
  about:
    "A variable is a dim, a loop around it or an iterator of its block; a block's body sees no loops outside it.",
  appliesTo: ["expr"],
  level: "form",
  *check(scan) {
    const loops = new Set(sitesOf(scan, "for").map((s) => s.stmt.var));
    for (const { e, what, vars } of scan.exprs) {
      for (const name of freeVars(e)) {
        if (vars.has(name)) continue;
        const why = loops.has(name)
          ? "is a loop that is not seen there (a block sees loops outside it through its iterators)"
          : `nothing binds there${didYouMean(name, vars)}`;
        yield `${what} uses ${name}, which ${why}`;
      }
    }
  },
};

const declaredBuffers: FuncRule = {
  name: "declared-buffers",
  about:
    "A buffer that is loaded from, stored to or named by a region is a parameter or allocated around it.",
  appliesTo: ["expr", "store", "block"],
  level: "form",
  *check(scan) {
    const missing = (buffer: string, { buffers }: InScope): string | undefined =>
      buffers.has(buffer)
        ? undefined
        : `${buffer}, which does not exist there${didYouMean(buffer, buffers.keys())}`;
    for (const { load, site } of loads(scan)) {
      const name = missing(load.buffer, site);
      if (name !== undefined) yield `${site.what} loads from ${name}`;
    }
    for (const site of sitesOf(scan, "store")) {
      const name = missing(site.stmt.buffer, site);
      if (name !== undefined) yield `${site.where} stores to ${name}`;
    }
    for (const site of sitesOf(scan, "block")) {
      for (const region of [...site.stmt.reads, ...site.stmt.writes]) {
        const name = missing(region.buffer, site);
        if (name !== undefined) yield `a region of ${site.where} is of ${name}`;
      }
    }
  },
};

const ranks: FuncRule = {
  name: "ranks",
  about: "Loads, stores, regions and strides have one entry for each axis of their buffer.",
  appliesTo: ["param", "alloc", "expr", "store", "block"],
  level: "form",
  *check(scan) {
    const wrong = (what: string, count: number, buffer: Buffer | undefined): string[] =>
      buffer === undefined || buffer.shape.length === count
        ? []
        : [`${what} has ${count}, but ${buffer.name} has ${buffer.shape.length} axes`];
    const declared = [
      ...scan.func.params.map((p) => p.buffer),
      ...sitesOf(scan, "alloc").map((s) => s.stmt.buffer),
    ];
    for (const b of declared) {
      if (b.strides !== undefined) yield* wrong(`the list of strides of ${b.name}`, b.strides.length, b);
    }
    for (const { load, site } of loads(scan)) {
      const what = `the list of indices of a load in ${site.what}`;
      yield* wrong(what, load.indices.length, site.buffers.get(load.buffer));
    }
    for (const { stmt, where, buffers } of sitesOf(scan, "store")) {
      const what = `the list of indices of a store in ${where}`;
      yield* wrong(what, stmt.indices.length, buffers.get(stmt.buffer));
    }
    for (const { stmt, where, buffers } of sitesOf(scan, "block")) {
      for (const r of [...stmt.reads, ...stmt.writes]) {
        yield* wrong(`a region of ${where}`, Math.min(r.min.length, r.extent.length), buffers.get(r.buffer));
      }
    }
  },
};

const loadTypes: FuncRule = {
  name: "load-types",
  about: "A load gives the register type of its buffer's dtype.",
  appliesTo: ["expr"],
  level: "form",
  *check(scan) {
    for (const { load, site } of loads(scan)) {
      const buffer = site.buffers.get(load.buffer);
      if (buffer === undefined || DTYPES[buffer.dtype].register === load.dtype) continue;
      const { register } = DTYPES[buffer.dtype];
      yield `${site.what} loads ${load.dtype} from ${buffer.name}, which is ${buffer.dtype} and gives ${register}`;
    }
  },
};

const storeTypes: FuncRule = {
  name: "store-types",
  about: "A stored value has the register type of its buffer's dtype.",
  appliesTo: ["store"],
  level: "form",
  *check(scan) {
    for (const { stmt, where, buffers } of sitesOf(scan, "store")) {
      const buffer = buffers.get(stmt.buffer);
      if (buffer === undefined || DTYPES[buffer.dtype].register === stmt.value.dtype) continue;
      const { register } = DTYPES[buffer.dtype];
      yield `${where} stores ${stmt.value.dtype} to ${buffer.name}, which is ${buffer.dtype} and takes ${register}`;
    }
  },
};

const exprTypes: FuncRule = {
  name: "expr-types",
  about: "Extents, indices, strides, bindings and regions are i32, conditions and predicates bool.",
  appliesTo: ["expr"],
  level: "form",
  *check(scan) {
    for (const { e, what, wants } of scan.exprs) {
      if (wants !== "any" && e.dtype !== wants) yield `${what} is ${e.dtype}, it must be ${wants}`;
    }
  },
};

const noReductions: FuncRule = {
  name: "no-reductions",
  about: "Lowering has turned every reduction of a definition into a block.",
  appliesTo: ["expr"],
  level: "form",
  *check(scan) {
    for (const { e, what } of scan.exprs) {
      const found = nodes(e).find((n) => n.kind === "reduce");
      if (found?.kind === "reduce") yield `${what} has a ${found.op} in it; lower the definition first`;
    }
  },
};

function nodes(e: Expr): readonly Expr[] {
  const found: Expr[] = [];
  visitExpr(e, (node) => void found.push(node));
  return found;
}

interface LoadSite {
  readonly load: Extract<Expr, { readonly kind: "load" }>;
  readonly site: ExprSite;
}

/** Every distinct load of every expression. */
function loads(scan: Scan): readonly LoadSite[] {
  return scan.exprs.flatMap((site) =>
    nodes(site.e).flatMap((load): LoadSite[] => (load.kind === "load" ? [{ load, site }] : []))
  );
}

/** The rules about names, scopes and types. */
export const FORM_RULES: readonly FuncRule[] = [
  uniqueNames,
  boundVariables,
  declaredBuffers,
  ranks,
  loadTypes,
  storeTypes,
  exprTypes,
  noReductions,
];
