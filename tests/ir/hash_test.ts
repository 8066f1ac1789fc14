import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { canonicalFunc, canonicalGraph } from "../../ir/canonical.ts";
import { type Expr, load, reduce, variable } from "../../ir/expr.ts";
import { fnv1a64 } from "../../ir/fnv.ts";
import { type Graph, graph } from "../../ir/graph.ts";
import { hashFunc, hashGraph } from "../../ir/hash.ts";
import { parseFunc, parseGraph } from "../../ir/parse.ts";
import { type PrimFunc, primFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { alloc, block, type Buffer, forLoop, type Stmt, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { arbFunc, arbGraph } from "../support/arbitrary.ts";

Deno.test("FNV-1a gives its published values", () => {
  assertEquals(fnv1a64(""), "cbf29ce484222325");
  assertEquals(fnv1a64("a"), "af63dc4c8601ec8c");
  assertEquals(fnv1a64("foobar"), "85944171f73967e8");
});

/** The function with every name that it binds changed by `f`, dims apart. */
function renamed(func: PrimFunc, f: (name: string) => string): PrimFunc {
  const dims = new Set(func.dims);
  const to = (name: string): string => (dims.has(name) ? name : f(name));
  const expr = (e: Expr): Expr =>
    rewriteExpr(e, (n) => {
      if (n.kind === "var") return variable(to(n.name));
      if (n.kind === "load") return load(to(n.buffer), n.dtype, n.indices);
      return n.kind === "reduce" ? reduce(n.op, n.axes.map((a) => ({ ...a, name: to(a.name) })), n.body) : n;
    });
  const buffer = (b: Buffer): Buffer => ({ ...b, name: to(b.name) });
  const body = rewriteStmt(mapStmtExprs(func.body, expr), (s): Stmt => {
    switch (s.kind) {
      case "for":
        return forLoop(to(s.var), s.extent, s.body, s.loop);
      case "block":
        return block({
          ...s,
          name: to(s.name),
          iters: s.iters.map((i) => ({ ...i, var: to(i.var) })),
          reads: s.reads.map((r) => ({ ...r, buffer: to(r.buffer) })),
          writes: s.writes.map((r) => ({ ...r, buffer: to(r.buffer) })),
        });
      case "store":
        return store(to(s.buffer), s.indices, s.value);
      case "alloc":
        return alloc(buffer(s.buffer), s.body);
      default:
        return s;
    }
  });
  const params = func.params.map((p) => ({ ...p, buffer: buffer(p.buffer) }));
  return primFunc(f(func.name), params, func.dims, body);
}

Deno.test("names that a function binds do not count", () => {
  fc.assert(
    fc.property(arbFunc(), fc.string(), (func, salt) => {
      const other = renamed(func, (name) => `${name}${salt}`);
      assertEquals(hashFunc(other), hashFunc(func));
      // Reversing gives names in another alphabetical order.
      assertEquals(hashFunc(renamed(func, (name) => [...name].reverse().join("") + "_")), hashFunc(func));
      assertMatch(hashFunc(func), /^[0-9a-f]{16}$/);
      assertEquals(canonicalFunc(canonicalFunc(func)), canonicalFunc(func));
    }),
    { numRuns: 200 },
  );
});

Deno.test("functions with different canonical text have different hashes", () => {
  const texts = new Map<string, string>();
  for (const func of fc.sample(arbFunc(), { numRuns: 1500, seed: 5 })) {
    const [hash, text] = [hashFunc(func), printFunc(canonicalFunc(func))];
    assertEquals(texts.get(hash) ?? text, text);
    texts.set(hash, text);
  }
  assert(texts.size > 800, `${texts.size}`);
});

const BASE = `fn f(x: read f32[n, 4], y: write f32[n]) dims(n) {
  alloc t: local f32[2] {
    for i in 0..n {
      for k in 0..4 {
        block b(v: spatial 0..n = i, r: reduce 0..4 = k) where k < 4 {
          reads x[v, r]
          writes y[v]
          init { y[v] = 0.0 }
          y[v] = y[v] + x[v, r] * 2.0
        }
      }
    }
  }
}`;

Deno.test("everything else counts", () => {
  const changes: readonly (readonly [string | RegExp, string])[] = [
    ["x: read f32[n, 4]", "x: read bf16[n, 4]"],
    ["f32[n, 4]", "f32[n, 5]"],
    ["f32[n, 4]", "f32[n, 4] strides [4, 1]"],
    ["x: read", "x: read_write"],
    ["x: read f32[n, 4], y: write f32[n]", "y: write f32[n], x: read f32[n, 4]"],
    [/\bn\b/g, "m"],
    ["local", "workgroup"],
    ["f32[2]", "f32[3]"],
    ["for k in 0..4", "for k in 0..8"],
    ["for k in 0..4", "for k in 0..4 @unrolled"],
    ["v: spatial", "v: reduce"],
    ["where k < 4", "where k < 3"],
    ["reads x[v, r]", ""],
    ["y[v] = 0.0", "y[v] = -0.0"],
    ["* 2.0", "* 2.5"],
    ["x[v, r] *", "x[r, v] *"],
    ["y[v] +", "y[v] -"],
    ["init { y[v] = 0.0 }", ""],
  ];
  const hashes = [BASE, ...changes.map(([from, to]) => BASE.replace(from, to))].map((t) =>
    hashFunc(parseFunc(t))
  );
  assertEquals(new Set(hashes).size, changes.length + 1);
});

Deno.test("bound names are told apart by what binds them", () => {
  const f = (element: string): string =>
    `fn f(x: write f32[3, 3]) { for i in 0..3 { for j in 0..3 { x[${element}] = 1.0 } } }`;
  const hash = (text: string): string => hashFunc(parseFunc(text));
  assertNotEquals(hash(f("i, j")), hash(f("j, i")));
  assertEquals(
    hash(f("i, j")),
    hash(f("j, i").replace("for i", "for t").replace("for j", "for i").replace("for t", "for j")),
  );
  // An inner loop of the same name hides the outer one.
  assertNotEquals(hash(f("i, j")), hash(f("i, i").replace("for j", "for i")));
  assertEquals(hash(f("j, j")), hash(f("i, i").replace("for j", "for i")));
  // A dim is not renamed, even where a loop has its name elsewhere.
  assertNotEquals(
    hash(f("i, n").replace(") {", ") dims(n) {")),
    hash(f("i, j").replace(") {", ") dims(n) {")),
  );
});

Deno.test("a hash is the same in every process", async () => {
  const from = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  // Other expressions come first there, so that nodes are numbered differently.
  const code = `import { hashFunc } from ${from("../../ir/hash.ts")};
    import { parseExpr, parseFunc } from ${from("../../ir/parse.ts")};
    parseExpr("2.0 * y[v] - x[r, v] < 4.0 && k < n");
    console.log(hashFunc(parseFunc(${JSON.stringify(BASE)})));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", "--no-lock", code] }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), hashFunc(parseFunc(BASE)));
});

/** The graph with other names for its own values. */
function renamedGraph(g: Graph): Graph {
  const names = new Map(g.nodes.map((n, i) => [n.name, `value ${g.nodes.length - i}`] as const));
  const to = (name: string): string => names.get(name) ?? name;
  return graph({
    ...g,
    name: `${g.name}2`,
    nodes: g.nodes.map(({ path: _, ...n }) => ({
      ...n,
      name: to(n.name),
      inputs: n.inputs.map(to),
      ...(n.compute === undefined ? {} : { compute: { ...n.compute, name: "other" } }),
    })),
    outputs: g.outputs.map((o) => ({ ...o, value: to(o.value) })),
  });
}

Deno.test("a graph's hash: names of its own values and module paths do not count, all else does", () => {
  fc.assert(
    fc.property(arbGraph(), (g) => {
      assertEquals(hashGraph(renamedGraph(g)), hashGraph(g));
      assertEquals(canonicalGraph(canonicalGraph(g)), canonicalGraph(g));
    }),
    { numRuns: 200 },
  );
  const base = `graph g {
    bound n <= 8
    input x: f32[n]
    %0: f32[n] = softmax(x) {axis: -1} @"h.0"
    %1: f32[n] = compute(%0, x) with d[i < n] { in0[i] * sum(k < n: in1[k]) }
    output y = %1
  }`;
  const change = (pairs: readonly (readonly [RegExp, string])[]): readonly string[] =>
    pairs.map(([from, to]) => {
      const text = base.replace(from, to);
      assertNotEquals(text, base);
      return hashGraph(parseGraph(text));
    });
  const same = change([[/%0/g, "a"], [/@"h.0"/, ""], [/with d/, "with e"], [/\bk\b/g, "q"], [/\bi\b/g, "j"]]);
  const other = change([
    [/<= 8/, "<= 9"],
    [/x: f32/, "x: bf16"],
    [/input x/, "param x"],
    [/axis: -1/, "axis: 0"],
    [/softmax\(/, "logSoftmax("],
    [/\(%0, x\)/, "(x, %0)"],
    [/output y/, "output z"],
    [/y = %1/, "y = %0"],
    [/\bx\b/g, "w"],
    [/\bn\b/g, "m"],
    [/in0\[i\] \*/, "in0[i] +"],
  ]);
  const hash = hashGraph(parseGraph(base));
  assertEquals(new Set([hash, ...same]).size, 1);
  assertEquals(new Set([hash, ...other]).size, other.length + 1);
});
