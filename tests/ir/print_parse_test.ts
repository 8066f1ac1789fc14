import { assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { ParseError, WeftError } from "../../ir/errors.ts";
import {
  add,
  binary,
  cast,
  constant,
  type Expr,
  f32,
  int,
  load,
  mul,
  reduce,
  sub,
  unary,
  variable,
} from "../../ir/expr.ts";
import { lowerCompute } from "../../ir/compute.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Buffer } from "../../ir/stmt.ts";
import { parseExpr, parseFunc, parseGraph, parseStmt } from "../../ir/parse.ts";
import { type BufferTypes, printExpr, printFunc, printGraph, printStmt } from "../../ir/print.ts";
import { arbGraph } from "../support/arbitrary/graph.ts";
import { arbAnyExpr, arbConst, ODD_NAMES, SCALARS } from "../support/arbitrary/expr.ts";
import { arbNest } from "../support/arbitrary/nest.ts";

const BUFFERS: BufferTypes = { x: "bf16", y: "i8", h: "f16", b: "bool" };

Deno.test("an expression is the very node that its text gives back", () => {
  const odd = {
    vars: ["i", ...ODD_NAMES],
    axes: ["k", ...ODD_NAMES],
    buffers: ["x", "y", "h", "b", "z", ...ODD_NAMES],
  };
  fc.assert(
    fc.property(fc.oneof(arbAnyExpr({ maxDepth: 6 }), arbAnyExpr(odd)), fc.boolean(), (e, known) => {
      const buffers = known ? BUFFERS : {};
      assertStrictEquals(parseExpr(printExpr(e, buffers), buffers), e);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("literals keep their type and every bit of their value", () => {
  fc.assert(
    fc.property(fc.oneof(...SCALARS.map(arbConst)), (e) => {
      assertStrictEquals(parseExpr(printExpr(e)), e);
      assertStrictEquals(parseExpr(printExpr(mul(f32(2), f32(-3)))), mul(f32(2), f32(-3)));
      for (const op of e.dtype === "bool" ? ["not"] as const : ["neg", "abs"] as const) {
        const applied = unary(op, e);
        assertStrictEquals(parseExpr(printExpr(applied)), applied);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a function is equal to what its text gives back, and so is a statement", () => {
  fc.assert(
    fc.property(arbNest(), (f) => {
      const text = printFunc(f);
      const back = parseFunc(text);
      assertEquals(back, f);
      assertStrictEquals(printFunc(back), text);
      assertEquals(parseStmt(printStmt(f.body)), f.body);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a graph is equal to what its text gives back", () => {
  fc.assert(
    fc.property(arbGraph(), (g) => {
      const text = printGraph(g);
      const back = parseGraph(text);
      assertEquals(back, g);
      assertStrictEquals(printGraph(back), text);
    }),
    { numRuns: 300 },
  );
});

Deno.test("white space, line breaks and comments do not matter", () => {
  fc.assert(
    fc.property(arbNest(), (f) => {
      const text = printFunc(f);
      // Strings can hold anything: leave functions with quoted names alone.
      fc.pre(!text.includes('"'));
      assertEquals(parseFunc(text.replaceAll("\n", " # a comment\n\t ")), f);
    }),
    { numRuns: 100 },
  );
  assertStrictEquals(parseExpr("1+2*3"), parseExpr(" 1 + (2 * 3) "));
  assertStrictEquals(parseExpr("i % 3"), parseExpr("i%3"));
  assertStrictEquals(parseExpr("a - -1"), parseExpr("a--1"));
});

Deno.test("what an expression shares is written once", () => {
  const [i, k] = [variable("i"), variable("k")];
  const x = add(mul(load("x", "f32", [i]), load("y", "f32", [i])), load("z", "f32", [i, i]));
  assertEquals(
    printExpr(mul(x, x)),
    "let $0 = x[i] * y[i] + z[i, i] in $0 * $0",
  );
  // Within the reduction that binds what it depends on.
  const xk = add(mul(load("x", "f32", [k]), load("y", "f32", [k])), load("z", "f32", [i, k]));
  const sum = reduce("sum", [{ name: "k", extent: int(3) }], mul(xk, xk));
  assertEquals(printExpr(add(sum, f32(1))), "sum(k < 3: let $0 = x[k] * y[k] + z[i, k] in $0 * $0) + 1.0");
  assertEquals(
    printExpr(mul(binary("max", sum, x), binary("min", sum, x))),
    "let $1 = sum(k < 3: let $0 = x[k] * y[k] + z[i, k] in $0 * $0), $2 = x[i] * y[i] + z[i, i] " +
      "in max($1, $2) * min($1, $2)",
  );
});

Deno.test("the text grows with the nodes of an expression, not with its paths", () => {
  let e: Expr = load("x", "f32", [variable("i")]);
  for (let n = 0; n < 60; n++) e = unary("tanh", add(mul(e, e), e));
  let nested: Expr = load("x", "f32", [variable("k0")]);
  for (let n = 0; n < 30; n++) {
    const axis = { name: `k${n + 1}`, extent: int(2) };
    nested = add(reduce("sum", [axis], mul(nested, add(nested, f32(1)))), nested);
  }
  for (const big of [e, nested]) {
    const text = printExpr(big);
    assertLess(text.length, 10000);
    assertStrictEquals(parseExpr(text), big);
  }
});

const KERNELS: Readonly<Record<string, string>> = {
  linear: `fn linear(x: read f32[s, 768], w: read f16[768, 3072], out: write f32[s, 3072]) dims(s) {
  alloc acc: global f32[s, 3072] {
    for i in 0..s {
      for j in 0..3072 {
        for k in 0..768 {
          block matmul(vi: spatial 0..s = i, vj: spatial 0..3072 = j, vk: reduce 0..768 = k) {
            reads x[vi, vk], w[vk, vj]
            writes acc[vi, vj]
            init {
              acc[vi, vj] = 0.0
            }
            acc[vi, vj] = acc[vi, vj] + x[vi, vk] * f32(w[vk, vj])
          }
        }
      }
    }
    for i_1 in 0..s {
      for j_1 in 0..3072 {
        block result(vi_1: spatial 0..s = i_1, vj_1: spatial 0..3072 = j_1) {
          reads acc[vi_1, vj_1]
          writes out[vi_1, vj_1]
          out[vi_1, vj_1] = max(acc[vi_1, vj_1], 0.0)
        }
      }
    }
  }
}`,
  scheduled: `fn "a scheduled copy"(x: read i8[n], y: read_write bool[n] strides [4]) dims(n) {
  for b in 0..(n + 63) // 64 @blockIdx.x {
    alloc tile: workgroup i32[64] {
      for t in 0..64 @threadIdx.x {
        block load(v: spatial 0..n = b * 64 + t) where b * 64 + t < n {
          reads x[v]
          writes tile[v % 64:+1 + 1]
          tile[v % 64] = x[v]
        }
        barrier
        if t < 32 && b != 0 {
          y[t] = tile[63 - t] == -1
        } else {
          y[t] = false
        }
      }
    }
  }
}`,
};

for (const [name, text] of Object.entries(KERNELS)) {
  Deno.test(`the text of ${name} is as a person would write it`, () => {
    assertEquals(printFunc(parseFunc(text)), text);
  });
}

Deno.test("the text of lowered kernels", async (t) => {
  const buffer = (name: string, dtype: DType, shape: readonly Expr[]): Buffer => ({
    name,
    dtype,
    shape,
    scope: "global",
  });
  const [i, j, k, s, wide] = [variable("i"), variable("j"), variable("k"), variable("s"), int(64)];
  const axes = [{ name: "i", extent: s }, { name: "j", extent: wide }];
  const over = (index: Expr): Expr => load("x", "f32", [i, index]);
  const rowMax = reduce("max", [{ name: "k", extent: wide }], over(k));
  const l = variable("l");
  const total = reduce("sum", [{ name: "l", extent: wide }], unary("exp", sub(over(l), rowMax)));
  const softmax = binary("div", unary("exp", sub(over(j), rowMax)), total);
  const w = cast("f32", load("w", "f16", [k, j]));
  const matmul = reduce("sum", [{ name: "k", extent: wide }], mul(over(k), w));
  const x = buffer("x", "f32", [s, wide]);
  const out = buffer("out", "f32", [s, wide]);
  const kernels = [
    lowerCompute({ name: "softmax", axes, body: softmax }, [x], out, ["s"]),
    lowerCompute({ name: "matmul", axes, body: matmul }, [x, buffer("w", "f16", [wide, wide])], out, ["s"]),
  ];
  const texts = kernels.map(printFunc);
  await t.assertSnapshot(texts.join("\n\n"));
});

Deno.test("long lists take a line for each item", () => {
  const params = Array.from({ length: 6 }, (_, i) => `parameter${i}: read f32[n, 768]`);
  const f = parseFunc(`fn f(${params.join(", ")}) dims(n) { parameter0[0, 0] = 1.0 }`);
  assertEquals(printFunc(f).split("\n").slice(0, 3), ["fn f(", `  ${params[0]},`, `  ${params[1]},`]);
  assertEquals(parseFunc(printFunc(f)), f);
});

Deno.test("the text of a graph", () => {
  const text = `graph decode {
  bound past <= 1023
  bound past+seq <= 1024
  input ids: i32[b, seq]
  param h.0.attn.c_attn.weight: f16[768, 2304]
  state "0 keys": f32[b, past, 64]
  %0: f32[b, seq, 768] = take(h.0.attn.c_attn.weight, ids) {axis: -1, fill: -inf, name: "x", list: [1, [null]]} @"h.0"
  %1: f32[b, seq] = compute(%0) @"h.0.norm" with rows[i < b, j < seq] {
    sum(k < 768: in0[i, j, k]) / 768.0
  }
  %2: f32[b, past+seq, 64] = append("0 keys", %1) {axis: 1}
  output logits = %1
  output "0 keys" = %2
}`;
  assertEquals(printGraph(parseGraph(text)), text);
});

Deno.test("a wrong text is refused with the place, what was expected and what was found", async (t) => {
  const exprs = [
    "",
    "1 +",
    "x[i",
    "x[1.0]",
    "softmx(1.0)",
    "tahn(1.0)",
    "max(1)",
    "$0",
    "1.5u",
    "12x",
    "f(",
    "for",
  ]
    .concat([
      "2147483648",
      "1 + 1.0",
      "max(k < 3, 1)",
      "sum(k < 3)",
      "let $0 = 1 $0",
      "let x = 1 in x",
      "a = b",
    ])
    .concat(['"open', "a ? b : c", '"\\q"', "load.f32(x i)", "1 2"]);
  const stmts = ["for i in 1..2 {}", "for i in 0..n @thread.x {}", "for i in 0..n @blockIdx.w {}", "x[i] = "]
    .concat([
      "block b(v: spatal 0..3 = i) {}",
      "alloc a: local f23[2] {}",
      "if true {",
      "barrier {}",
      "}",
      "x = 1",
    ]);
  const funcs = ["f(x: read f32[n]) {}", "fn f(x: raed f32[n]) {}", "fn f(x: read f32[n]", "fn f() {} {}"];
  const graphs = [
    "graph g { input x f32[n] }",
    "graph g { x: f32[n-1] = a() }",
    "graph g { x: f32[n] = a(% 1) }",
  ]
    .concat(["graph g {\n  %0: f32[n] = a(x) {axis: one}\n}", "graph g { bound n < 3 }", "graph g { ] }"]);
  const report: string[] = [];
  const refuse = (texts: readonly string[], parse: (text: string) => unknown): void => {
    for (const text of texts) {
      try {
        parse(text);
        report.push(`NOT REFUSED: ${text}`);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
        report.push(error.message);
      }
    }
  };
  refuse(exprs, parseExpr);
  refuse(stmts, parseStmt);
  refuse(funcs, parseFunc);
  refuse(graphs, parseGraph);
  assertEquals(report.filter((line) => line.startsWith("NOT")), []);
  await t.step("the words", async (t) => await t.assertSnapshot(report.join("\n\n")));
});

Deno.test("text with a part cut out or put in gives a value or a ParseError, never another failure", () => {
  const texts = Object.values(KERNELS);
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat({ max: 600 }),
      fc.nat({ max: 8 }),
      fc.constantFrom("", "}", "(", "1.0", " for ", "$1", '"', "@", "let ", "% "),
      (text, at, length, put) => {
        try {
          parseFunc(text.slice(0, at) + put + text.slice(at + length));
        } catch (error) {
          if (!(error instanceof ParseError)) throw error;
          assertEquals(error instanceof WeftError && error.line >= 1 && error.column >= 1, true);
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("types of constants survive in mixed company", () => {
  const e = binary("eq", constant("f16", 0.1), unary("neg", constant("f16", 2)));
  assertEquals(printExpr(e), "0.1h == -(2.0h)");
});
