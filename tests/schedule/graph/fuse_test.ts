import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import * as w from "../../../dsl/mod.ts";
import { evalExpr } from "../../../ir/eval.ts";
import type { Graph } from "../../../ir/graph.ts";
import type { Stmt } from "../../../ir/stmt.ts";
import { materialized } from "../../../schedule/graph/fuse.ts";
import { legalize, type LegalizedGraph } from "../../../schedule/graph/legalize.ts";
import { arbProgram } from "../../support/arbitrary_graph.ts";

type X = w.Tensor<["n", "m"], "f32">;

function graphOf(f: (x: X) => unknown, options: w.TraceOptions = {}): Graph {
  const main = w.method({ x: w.spec(["n", "m"], "f32") }, ({ x }) => f(x));
  return w.trace({ main }, options).graphs["main"]!;
}

/** Operators whose values get a buffer, in order. */
function stored(f: (x: X) => unknown, fuse = true): readonly string[] {
  const g = graphOf(f);
  const kept = materialized(g, fuse);
  return g.nodes.filter((n) => kept.has(n.name)).map((n) => n.op);
}

Deno.test("fuse: a chain of elementwise operators is one kernel", () => {
  const chain = (x: X) => w.exp(w.mul(w.add(x, w.full([1], 1)), x));
  assertEquals(stored(chain), ["exp"]);
  assertEquals(stored(chain, false), ["full", "add", "mul", "exp"]);
});

Deno.test("fuse: an operator goes into the elementwise one behind a reduction, and in front of none that repeats it", () => {
  assertEquals(stored((x) => w.gelu(w.matmul(x, w.transpose(x)))), ["gelu"]);
  assertEquals(stored((x) => w.matmul(w.exp(x), w.transpose(x))), ["exp", "matmul"]);
  assertEquals(stored((x) => w.matmul(x, w.transpose(w.exp(x)))), ["exp", "matmul"]);
  assertEquals(stored((x) => w.softmax(w.exp(x), -1)), ["exp", "softmax"]);
  // A sum reads each element once, also through views; one that shares elements does not.
  assertEquals(stored((x) => w.sum(w.exp(x), -1)), ["sum"]);
  assertEquals(stored((x) => w.max(w.permute(w.exp(x), [1, 0]), 1)), ["max"]);
  assertEquals(stored((x) => w.cumsum(w.exp(x), -1)), ["exp", "cumsum"]);
});

Deno.test("fuse: what is read more than once is stored once, through views too", () => {
  assertEquals(
    stored((x) => {
      const y = w.exp(x);
      return { a: w.neg(y), b: w.tanh(y) };
    }),
    ["exp", "neg", "tanh"],
  );
  assertEquals(
    stored((x) => {
      const y = w.reshape(w.matmul(x, w.transpose(x)), ["n*n"]);
      return { a: w.neg(y), b: w.tanh(y) };
    }),
    ["matmul", "neg", "tanh"],
  );
  assertEquals(
    stored((x) => {
      const [a, b] = w.split(w.reshape(w.exp(w.concat([x, x], 1)), ["n", "2*m"]), 2, 1);
      return { a: w.neg(a), b: w.tanh(b) };
    }),
    ["exp", "neg", "tanh"],
  );
  // The same operand twice is read once.
  assertEquals(
    stored((x) => {
      const y = w.exp(x);
      return w.mul(y, y);
    }),
    ["mul"],
  );
});

Deno.test("fuse: views, constants and conversions never get a buffer, unless they are results", () => {
  assertEquals(stored((x) => w.add(w.cast(w.cast(w.slice(x, 0, 0, 1), "i32"), "f32"), w.full([1], 2))), [
    "add",
  ]);
  assertEquals(stored((x) => w.transpose(x)), ["permute"]);
  assertEquals(stored((x) => ({ a: w.transpose(x), b: w.neg(w.transpose(x)) })), ["permute", "neg"]);
});

Deno.test("fuse: results are stored where they are read, too", () => {
  assertEquals(
    stored((x) => {
      const y = w.exp(x);
      return { y, z: w.neg(y) };
    }),
    ["exp", "neg"],
  );
});

Deno.test("fuse: storage that rounds is really stored", () => {
  assertEquals(stored((x) => w.neg(w.cast(w.cast(x, "bf16"), "f32"))), ["cast", "neg"]);
  assertEquals(stored((x) => w.neg(w.cast(w.cast(x, "f16"), "f32"))), ["neg"]);
  assertEquals(stored((x) => w.cast(w.add(w.cast(x, "i8"), w.full([1], 1, "i8")), "f32")), [
    "cast",
    "full",
    "add",
    "cast",
  ]);
});

Deno.test("fuse: an operator that is stretched is stored: it would be done again for each copy", () => {
  assertEquals(stored((x) => w.add(x, w.exp(w.slice(x, 0, 0, 1)))), ["exp", "add"]);
  assertEquals(stored((x) => w.add(w.broadcastTo(w.exp(w.slice(x, 0, 0, 1)), ["n", "m"]), x)), [
    "exp",
    "add",
  ]);
});

Deno.test("fuse: a reduction that is stretched is not: it is done once for each index that it depends on", () => {
  assertEquals(stored((x) => w.sub(x, w.max(x, -1, { keepDims: true }))), ["sub"]);
  assertEquals(stored((x) => w.exp(w.sub(x, w.broadcastTo(w.max(x, -1, { keepDims: true }), ["n", "m"])))), [
    "exp",
  ]);
});

Deno.test("fuse: a reduction that elements share is stored in front of what mixes their indices", () => {
  const centred = (x: X) => w.sub(x, w.max(x, -1, { keepDims: true }));
  assertEquals(stored((x) => w.neg(w.reshape(w.softmax(x, -1), ["m*n"]))), ["softmax", "neg"]);
  assertEquals(stored((x) => w.neg(w.reshape(centred(x), ["m*n"]))), ["sub", "neg"]);
  assertEquals(stored((x) => w.neg(w.reshape(w.exp(centred(x)), ["m*n"]))), ["exp", "neg"]);
  // Rows stay rows: nothing is done again.
  assertEquals(stored((x) => w.neg(w.reshape(w.softmax(x, -1), ["n", 1, "m"]))), ["neg"]);
  assertEquals(stored((x) => w.neg(w.slice(w.transpose(w.softmax(x, -1)), 1, -1, 1))), ["neg"]);
  // Every element of a matrix product has a reduction of its own, wherever it goes.
  assertEquals(stored((x) => w.neg(w.reshape(w.matmul(x, w.transpose(x)), ["n*n"]))), ["neg"]);
  // A condition on columns would have the reduction of a row done again for each.
  const mask = w.causalMask("n", "m");
  assertEquals(stored((x) => w.neg(w.where(mask, w.max(x, -1, { keepDims: true }), w.full([1], 0)))), [
    "max",
    "neg",
  ]);
  assertEquals(stored((x) => w.where(w.causalMask("n", "n"), w.matmul(x, w.transpose(x)), w.full([1], 0))), [
    "where",
  ]);
  assertEquals(stored((x) => w.concat([w.sum(x, 1), w.sum(x, 0)], 0)), ["sum", "sum", "concat"]);
  // A look-up may read a row any number of times.
  const ids = w.arange(3);
  assertEquals(stored((x) => w.neg(w.take(w.sum(x, -1), ids))), ["sum", "neg"]);
});

Deno.test("fuse: kernels of users are stored, and read what is stored", () => {
  const kernel = (y: w.Tensor) =>
    w.compute("k", [["i", "n"]], ({ i }, { at, sum }) => sum({ k: "m" }, ({ k }) => at(y as X, i, k)));
  assertEquals(stored((x) => w.neg(kernel(w.exp(x)))), ["exp", "compute", "neg"]);
});

Deno.test("fuse: chains of any length become kernels of a limited number of operators", () => {
  const g = graphOf((x) => {
    let y: w.Tensor<w.Shape, "f32"> = x;
    for (let i = 0; i < 5000; i++) y = w.tanh(y);
    return y;
  });
  const { calls } = legalize(g);
  assertEquals(calls.reduce((n, c) => n + c.ops.length, 0), 5000);
  for (const { ops } of calls) assertLessOrEqual(ops.length, 49);
  assertLessOrEqual(calls.length, 5000 / 40);
});

/** How often the blocks that reduce run, all nests of a graph taken together. */
function reductionSteps({ calls }: LegalizedGraph, dims: Readonly<Record<string, number>>): number {
  const vars = dims;
  const steps = (s: Stmt): number => {
    switch (s.kind) {
      case "for":
        return evalExpr(s.extent, { vars }) * steps(s.body);
      case "seq":
        return s.body.reduce((n, c) => n + steps(c), 0);
      case "alloc":
        return steps(s.body);
      case "block":
        return s.iters.some((i) => i.role === "reduce") ? 1 : 0;
      default:
        return 0;
    }
  };
  return calls.reduce((n, c) => n + steps(c.func.body), 0);
}

Deno.test("property: fused kernels reduce no more often than kernels of one operator each", () => {
  const dims = { n: 5, m: 7 };
  let fewer = 0;
  fc.assert(
    fc.property(arbProgram(8), ({ program, text }) => {
      const g = program.graphs["main"]!;
      const [fused, single] = [true, false].map((fuse) => legalize(g, { fuse, maxBuffers: 64 }));
      assertLessOrEqual(reductionSteps(fused!, dims), reductionSteps(single!, dims), text);
      assertLessOrEqual(fused!.calls.length, single!.calls.length, text);
      if (fused!.calls.length < single!.calls.length) fewer++;
    }),
    { numRuns: 300 },
  );
  assert(fewer > 50, `only ${fewer} programs had anything to fuse`);
});

Deno.test("fuse: chains of any length become kernels of a limited number of operators", () => {
  const g = graphOf((x) => {
    let y: w.Tensor<w.Shape, "f32"> = x;
    for (let i = 0; i < 5000; i++) y = w.tanh(y);
    return y;
  });
  const { calls } = legalize(g);
  assertEquals(calls.reduce((n, c) => n + c.ops.length, 0), 5000);
  for (const { ops } of calls) assertLessOrEqual(ops.length, 49);
  assertLessOrEqual(calls.length, 5000 / 40);
});
