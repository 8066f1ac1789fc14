import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { JS_TARGET } from "../../backends/js/mod.ts";
import { VerifyError } from "../../ir/errors.ts";
import { f32, int, load, reduce, sub, variable } from "../../ir/expr.ts";
import { OPS } from "../../ir/ops/mod.ts";
import { parseFunc, parseGraph } from "../../ir/parse.ts";
import { withBody } from "../../ir/prim_func.ts";
import { allBlocks, replaceStmt } from "../../ir/reduction.ts";
import { block, store } from "../../ir/stmt.ts";
import {
  assertFunc,
  assertGraph,
  FUNC_VERIFY_RULES,
  GRAPH_VERIFY_RULES,
  verifyFunc,
  verifyGraph,
} from "../../ir/verify.ts";
import { defaultSchedule } from "../../schedule/rules/mod.ts";
import { apply } from "../../schedule/strategy.ts";
import { arbFunc, arbGraph, arbNest } from "../support/arbitrary.ts";
import { arbProgram } from "../support/arbitrary_graph.ts";

/** A function that keeps every rule; each line of {@linkcode BROKEN} breaks one of them by changing its text. */
const GOOD = `fn rows(x: read f32[n, 64], w: read f16[64], flag: read bool[], out: write f32[n]) dims(n) {
  alloc t: workgroup f32[64] {
    for i in 0..n @blockIdx.x {
      for j in 0..64 @threadIdx.x {
        block scale(vi: spatial 0..n = i, vj: spatial 0..64 = j) where j < 64 {
          reads x[vi, vj], w[vj], flag[]
          writes t[vj]
          t[vj] = select(flag[], x[vi, vj] * f32(w[vj]), 0.0)
        }
      }
      barrier
      for k in 0..64 {
        block rows(vi2: spatial 0..n = i, vk: reduce 0..64 = k) {
          reads t[vk]
          writes out[vi2]
          init {
            out[vi2] = 0.0
          }
          out[vi2] = out[vi2] + t[vk]
        }
      }
    }
  }
  for c in 0..n // 8 {
    for d in 0..8 {
      block half(v: spatial 0..n = c * 8 + d) where d != 7 {
        reads out[v]
        writes out[0:+n]
        for e in 0..2 {
          if e == 1 && v + e < n {
            out[v + e - 1] = out[v] / 2.0
          }
        }
      }
    }
  }
}`;

/** What to change, and the one problem that this makes. */
const BROKEN: readonly (readonly [from: string | RegExp, to: string, problem: string])[] = [
  ["alloc t:", "alloc x:", "unique-names: several buffers have the name x"],
  [/vi2/g, "vi", "unique-names: several variables have the name vi"],
  ["block half", "block rows", "unique-names: several blocks have the name rows"],
  [
    "for e in 0..2",
    "for e in 0..nn",
    "bound-variables: the extent of loop e uses nn, which nothing binds there, did you mean n?",
  ],
  [
    "t[vk]\n        }",
    "t[k]\n        }",
    "bound-variables: what block rows stores to out uses k, which is a loop that is not seen there",
  ],
  [
    "* f32(w[vj])",
    "* ww[vj]",
    "declared-buffers: what block scale stores to t loads from ww, which does not exist there, did you mean w?",
  ],
  [
    "          t[vj] =",
    "          tt[vj] =",
    "declared-buffers: block scale stores to tt, which does not exist there, did you mean t?",
  ],
  ["writes t[vj]", "writes tt[vj]", "declared-buffers: a region of block scale is of tt"],
  [
    "= out[v] /",
    "= out[v, v] /",
    "ranks: the list of indices of a load in what loop e stores to out has 2, but out has 1 axes",
  ],
  [
    "out[vi2] = out",
    "out[] = out",
    "ranks: the list of indices of a store in block rows has 0, but out has 1 axes",
  ],
  ["reads out[v]", "reads out[v, 0]", "ranks: a region of block half has 2, but out has 1 axes"],
  [
    "workgroup f32[64]",
    "workgroup f32[64] strides [1, 1]",
    "ranks: the list of strides of t has 2, but t has 1 axes",
  ],
  [
    "f32(w[vj])",
    "load.f32(w, vj)",
    "load-types: what block scale stores to t loads f32 from w, which is f16 and gives f16",
  ],
  [
    "init {\n            out[vi2] = 0.0",
    "init {\n            out[vi2] = 0",
    "store-types: block rows stores i32 to out, which is f32 and takes f32",
  ],
  ["for e in 0..2", "for e in 0..2.0", "expr-types: the extent of loop e is f32, it must be i32"],
  ["where j < 64", "where j", "expr-types: the predicate of block scale is i32, it must be bool"],
  ["out[v] / 2.0", "sum(q < 2: out[v])", "no-reductions: what loop e stores to out has a sum in it"],
  [
    "@threadIdx.x",
    "@blockIdx.x",
    "thread-axes: loop j is bound to blockIdx.x, which loop i around it has already",
  ],
  [
    /@blockIdx.x \{\n(.*)@threadIdx.x/,
    "@threadIdx.x {\n$1@blockIdx.y",
    "thread-axes: loop j (blockIdx.y) is inside loop i (threadIdx.x)",
  ],
  [
    "for k in 0..64",
    "for k in 0..64 @vectorized",
    "reduce-loops: loop k is vectorized and feeds a reduce iterator of block rows",
  ],
  ["for k in 0..64", "for k in 0..64 @parallel", "reduce-loops: loop k is parallel"],
  ["for k in 0..64", "for k in 0..64 @blockIdx.y", "reduce-loops: loop k is blockIdx.y"],
  [
    "x: read f32",
    "x: write f32",
    "param-access: block scale reads parameter x before anything writes it; make it read_write",
  ],
  ["out: write", "out: read", "param-access: block rows stores to parameter out, which is read only"],
  ["          t[vj] =", "          out[vi] =", "written-buffers: buffer t is read, but nothing writes it"],
  [
    "flag: read bool[]",
    "flag: read bool[], z: write f32[]",
    "written-buffers: parameter z is write, but nothing writes it",
  ],
  [
    "vk: reduce 0..64",
    "vk: reduce 0..63",
    "iterator-ranges: iterator vk of block rows is 63 with extent 63 at k = 63",
  ],
  ["= c * 8 + d", "= c * 9 + d", "iterator-ranges: iterator v of block half is"],
  ["writes out[0:+n]", "writes out[v + 1]", "regions-cover: block half stores to out"],
  [
    "reads out[v]\n        writes out[0:+n]",
    "writes out[v + 1:+2]",
    "regions-cover: block half stores to out, outside the regions that it names: at [",
  ],
  ["reads t[vk]", "", "regions-cover: block rows loads from t, for which it names no region"],
];

Deno.test("each rule of functions is broken by a change, and reported by its name", () => {
  assertEquals(verifyFunc(parseFunc(GOOD)), []);
  const found = new Set<string>();
  for (const [from, to, problem] of BROKEN) {
    const text = GOOD.replace(from, to);
    assert(text !== GOOD, `nothing to change: ${from}`);
    const problems = verifyFunc(parseFunc(text));
    assert(problems.some((p) => p.startsWith(problem)), `${problem}\nis not among\n${problems.join("\n")}`);
    found.add(problem.split(":")[0]!);
  }
  assertEquals(FUNC_VERIFY_RULES.map((r) => r.name).filter((name) => !found.has(name)), []);
});

Deno.test("regions may be larger than what is accessed, and select may keep a load from happening", () => {
  const wider = GOOD.replace("reads t[vk]", "reads t[0:+64]").replace("reads out[v]", "reads out[0:+n]");
  assertEquals(verifyFunc(parseFunc(wider)), []);
  const shifted = (region: string): string =>
    `fn f(x: read f32[n], y: write f32[n]) dims(n) {
      for i in 0..n {
        block b(v: spatial 0..n = i) {
          reads ${region}
          writes y[v]
          y[v] = select(v < 1, 0.0, x[v - 1])
        }
      }
    }`;
  assertEquals(verifyFunc(parseFunc(shifted("x[0:+n]"))), []);
  assertStringIncludes(
    verifyFunc(parseFunc(shifted("x[v]")))[0] ?? "",
    "regions-cover: block b loads from x",
  );
});

Deno.test("an element of a buffer as an index may be anywhere", () => {
  const gather = `fn f(x: read f32[n], at: read i32[n], y: write f32[n]) dims(n) {
    for i in 0..n {
      block b(v: spatial 0..n = i) where at[i] >= 0 {
        reads x[0:+n], at[v]
        writes y[v]
        if at[v] < n {
          y[v] = x[at[v]]
        }
      }
    }
  }`;
  assertEquals(verifyFunc(parseFunc(gather)), []);
});

Deno.test("what lowering makes keeps every rule, naive and scheduled", () => {
  fc.assert(
    fc.property(arbFunc(), fc.boolean(), (func, software) => {
      assertEquals(verifyFunc(func), []);
      const target = { ...JS_TARGET, kind: "webgpu", software } as const;
      const result = apply(func, defaultSchedule(), { target });
      assert(result.ok);
      assertEquals(verifyFunc(result.func), []);
    }),
    { numRuns: 150 },
  );
});

Deno.test("an iterator that is one short of its loop is found in any nest", () => {
  fc.assert(
    fc.property(arbFunc(), fc.nat(), fc.nat(), (func, which, iter) => {
      const sites = allBlocks(func.body).filter(({ block, path }) =>
        block.iters.length > 0 &&
        path.every((s) => s.kind !== "for" || s.extent.kind !== "const" || s.extent.value > 0)
      );
      fc.pre(sites.length > 0);
      const { block: b } = sites[which % sites.length]!;
      const iters = b.iters.map((i, d) =>
        d === iter % b.iters.length ? { ...i, extent: sub(i.extent, int(1)) } : i
      );
      const broken = replaceStmt(func.body, b, () => block({ ...b, iters }));
      const problems = verifyFunc(withBody(func, broken));
      assert(
        problems.some((p) => p.startsWith(`iterator-ranges: iterator ${iters[iter % iters.length]!.var}`)),
      );
    }),
    { numRuns: 150 },
  );
});

Deno.test("functions without sense are refused with words, not with a failure", () => {
  fc.assert(
    fc.property(arbNest(), (func) => {
      const names = new Set(FUNC_VERIFY_RULES.map((r) => r.name));
      for (const problem of verifyFunc(func)) assert(names.has(problem.split(":")[0]!), problem);
    }),
    { numRuns: 300 },
  );
});

Deno.test("graphs without sense are refused with words, not with a failure", () => {
  fc.assert(
    fc.property(arbGraph(), (g) => {
      const names = new Set(GRAPH_VERIFY_RULES.map((r) => r.name));
      for (const problem of verifyGraph(g, OPS)) assert(names.has(problem.split(":")[0]!), problem);
    }),
    { numRuns: 300 },
  );
});

Deno.test("assertFunc lists all problems", () => {
  const f = parseFunc(GOOD.replace("for e in 0..2", "for e in 0..m").replace("t: workgroup", "x: workgroup"));
  const error = assertThrows(() => assertFunc(f), VerifyError);
  assertEquals(error.problems.map((p) => p.split(":")[0]).includes("unique-names"), true);
  assertEquals(error.problems, verifyFunc(f));
  assertStringIncludes(error.message, "Cannot accept function rows:\n  - unique-names: ");
  assertFunc(parseFunc(GOOD));
});

Deno.test("a reduction that was not lowered is found below other expressions", () => {
  const f = parseFunc(GOOD);
  const half = allBlocks(f.body).find((s) => s.block.name === "half")!.block;
  const sum = reduce("sum", [{ name: "q", extent: int(2) }], load("out", "f32", [variable("q")]));
  const body = replaceStmt(f.body, half, () => block({ ...half, body: store("out", [int(0)], sum) }));
  assert(
    verifyFunc(withBody(f, body)).some((p) => p.startsWith("no-reductions: what block half stores to out")),
  );
  assertEquals(verifyFunc(withBody(f, replaceStmt(f.body, half, () => store("out", [int(0)], f32(1))))), []);
});

const GOOD_GRAPH = `graph step {
  bound past+seq <= 16
  bound seq <= 8
  input x: f32[seq, 4]
  param w: f32[4, 8]
  state keys: f32[past, 4]
  %0: f32[seq, 8] = matmul(x, w) @"h.0"
  %1: f32[seq] = compute(%0) with rows[i < seq] {
    sum(k < 8: in0[i, k])
  }
  %2: f32[past+seq, 4] = append(keys, x) {axis: 0}
  output y = %1
  output keys = %2
}`;

const BROKEN_GRAPHS: readonly (readonly [from: string | RegExp, to: string, problem: string])[] = [
  ["param w", "param x", "unique-values: value x is defined twice"],
  ["output keys", "output y", "unique-values: there are two outputs of the name y"],
  [
    "matmul(x, w)",
    "matmul(x, ww)",
    "defined-before-use: %0 (matmul in h.0) uses ww, which is defined nowhere, did you mean w?",
  ],
  [
    "matmul(x, w)",
    "matmul(x, %2)",
    "defined-before-use: %0 (matmul in h.0) uses %2, which is defined only later",
  ],
  ["output y = %1", "output y = %11", "outputs-exist: output y is %11, which is no value, did you mean %1?"],
  [
    "x: f32[seq, 4]",
    'x: f32["seq+0", 4]',
    'canonical-types: value x is [seq+0, 4]: the canonical form of "seq+0" is "seq"',
  ],
  [
    "w: f32[4, 8]",
    "w: f32[4, -8]",
    "canonical-types: value w is [4, -8]: dim: -8 is not a non-negative integer",
  ],
  ["bound seq <= 8", "bound seq <= -1", "bounds: the bound of seq is -1"],
  ["bound seq <= 8", 'bound "1*seq" <= 8', "bounds: there is a bound on 1*seq"],
  [
    "matmul(x, w)",
    "matmull(x, w)",
    "known-ops: %0 (matmull in h.0): there is no operator matmull, did you mean matmul?",
  ],
  [
    "w: f32[4, 8]",
    "w: f32[5, 8]",
    "node-types: %0 (matmul in h.0) is refused: matmul: inner dims 4 and 5 differ",
  ],
  [
    "%0: f32[seq, 8]",
    "%0: f32[seq, 9]",
    "node-types: %0 (matmul in h.0) is f32[seq, 9], but matmul gives f32[seq, 8]",
  ],
  ["%0: f32", "%0: f16", "node-types: %0 (matmul in h.0) is f16[seq, 8], but matmul gives f32[seq, 8]"],
  ["= compute(%0)", "= softmax(%0)", "computes: %1 (softmax) has a definition, but its operator is softmax"],
  ["matmul(x, w)", "compute(x, w)", "computes: %0 (compute in h.0) has no definition"],
  ["i < seq", "i < past", "computes: %1 (compute): its axes are [i < past]"],
  ["in0[i, k]", "load.i32(in0, i, k)", "computes: %1 (compute): it loads i32 from in0, which is f32[seq, 8]"],
  ["in0[i, k]", "in0[i]", "computes: %1 (compute): it loads from in0, which is f32[seq, 8], with 1 indices"],
  ["in0[i, k]", "in1[i, k]", "computes: %1 (compute): it loads from in1; there are in0"],
  ["in0[i, k]", "in0[i, kk]", "computes: %1 (compute): it uses kk, which is no axis and no dim of the graph"],
  ["sum(k < 8: in0[i, k])", "i", "computes: %1 (compute): its element is i32, it must be f32"],
  ["rows[i < seq]", "rows[i < seq, i < seq]", "computes: %1 (compute): several axes have the name i"],
  ["output keys", "output kees", "states: state keys has no output of its name"],
  [
    "output keys = %2",
    "output keys = %1",
    "states: state keys is f32[past, 4], its next value %1 is f32[seq]",
  ],
];

Deno.test("each rule of graphs is broken by a change, and reported by its name", () => {
  assertEquals(verifyGraph(parseGraph(GOOD_GRAPH), OPS), []);
  assertGraph(parseGraph(GOOD_GRAPH), OPS);
  const found = new Set<string>();
  for (const [from, to, problem] of BROKEN_GRAPHS) {
    const text = GOOD_GRAPH.replace(from, to);
    assert(text !== GOOD_GRAPH, `nothing to change: ${from}`);
    const g = parseGraph(text);
    const problems = verifyGraph(g, OPS);
    assert(problems.some((p) => p.startsWith(problem)), `${problem}\nis not among\n${problems.join("\n")}`);
    assertEquals(assertThrows(() => assertGraph(g, OPS), VerifyError).problems, problems);
    found.add(problem.split(":")[0]!);
  }
  assertEquals(GRAPH_VERIFY_RULES.map((r) => r.name).filter((name) => !found.has(name)), []);
});

Deno.test("without the table of operators, only structure is checked", () => {
  assertEquals(verifyGraph(parseGraph(GOOD_GRAPH.replace("matmul", "anything"))), []);
});

Deno.test("traced programs keep every rule", () => {
  fc.assert(
    fc.property(arbProgram(6), ({ program, text }) => {
      for (const g of Object.values(program.graphs)) assertEquals(verifyGraph(g, OPS), [], text);
    }),
    { numRuns: 100 },
  );
});
