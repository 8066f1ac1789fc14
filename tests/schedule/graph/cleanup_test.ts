import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers } from "../../../ir/data.ts";
import { evalDim } from "../../../ir/dim.ts";
import { type Graph, graph } from "../../../ir/graph.ts";
import { printGraph } from "../../../ir/print.ts";
import { cse, deadCode } from "../../../schedule/graph/cleanup.ts";
import { arbProgram } from "../../support/arbitrary_graph.ts";
import { interpretGraph } from "../../support/interpret_graph.ts";

const x = w.spec(["n", "m"], "f32");
type X = typeof x;

function graphOf(f: (x: X) => unknown, options: w.TraceOptions = {}): Graph {
  return w.trace({ main: w.method({ x }, ({ x }) => f(x)) }, options).graphs["main"]!;
}

const ops = (g: Graph): readonly string[] => g.nodes.map((n) => n.op);

/** A random graph with everything written twice, and every value a result. */
const arbGraph: fc.Arbitrary<Graph> = arbProgram(7).map(({ program }) => {
  const g = program.graphs["main"]!;
  const again = (value: string): string => (g.nodes.some((n) => n.name === value) ? `${value}'` : value);
  const copies = g.nodes.map((n) => ({ ...n, name: again(n.name), inputs: n.inputs.map(again) }));
  const outputs = [...g.outputs, ...g.outputs.map((o) => ({ name: `${o.name}'`, value: again(o.value) }))];
  return graph({ ...g, nodes: [...g.nodes, ...copies], outputs });
});

function run(g: Graph): Readonly<Record<string, unknown>> {
  const dims = { n: 3, m: 2 };
  const inputs = Object.fromEntries(g.inputs.map((i, at) => {
    const count = i.shape.reduce<number>((n, d) => n * evalDim(d, dims), 1);
    return [
      i.name,
      fromNumbers(i.dtype, Array.from({ length: count }, (_, j) => Math.fround(Math.sin(at + j)))),
    ];
  }));
  return interpretGraph(g, inputs, dims);
}

Deno.test("property: cse and deadCode keep what a graph means, and doing them again changes nothing", () => {
  fc.assert(
    fc.property(arbGraph, (g) => {
      const expected = run(g);
      for (const pass of [cse, deadCode, (g: Graph) => deadCode(cse(g))]) {
        const once = pass(g);
        assertLessOrEqual(once.nodes.length, g.nodes.length);
        assertEquals(once.inputs, g.inputs);
        assertEquals(once.outputs.map((o) => o.name), g.outputs.map((o) => o.name));
        assertEquals(run(once), expected);
        assertEquals(pass(once), once);
      }
      // All that was written twice is one again.
      assertLessOrEqual(cse(g).nodes.length, g.nodes.length / 2);
    }),
    { numRuns: 60 },
  );
});

Deno.test("cse merges what applies the same operator to the same values, and what follows from that", () => {
  const g = cse(graphOf((x) => ({
    a: w.tanh(w.add(w.exp(x), w.full([1], 1))),
    b: w.tanh(w.add(w.exp(x), w.full([1], 1))),
  })));
  assertEquals(ops(g), ["exp", "full", "add", "tanh"]);
  assertEquals(new Set(g.outputs.map((o) => o.value)).size, 1);
});

Deno.test("cse keeps apart what differs in attributes, dtype or the order of operands", () => {
  assertEquals(
    ops(cse(graphOf((x) => [w.sum(x, 0), w.sum(x, 1), w.sum(x, 1, { keepDims: true })]))).length,
    3,
  );
  assertEquals(ops(cse(graphOf((x) => [w.cast(x, "f16"), w.cast(x, "i32")]))).length, 2);
  assertEquals(
    ops(cse(graphOf((x) => [w.sub(x, w.full([1], 1)), w.sub(w.full([1], 1) as never, x)]))).length,
    3,
  );
  assertEquals(
    ops(cse(graphOf(() => [w.full([1], NaN), w.full([1], Infinity), w.full([1], -Infinity)]))).length,
    3,
  );
  assertEquals(ops(cse(graphOf(() => [w.full([1], 0), w.full([1], -0)]))).length, 2);
});

Deno.test("cse merges kernels of users that compute the same", () => {
  const kernel = (x: X, scale: number) =>
    w.compute("k", [["i", "n"]], ({ i }, { at, sum }) => sum({ j: "m" }, ({ j }) => at(x, i, j)).mul(scale));
  assertEquals(ops(cse(graphOf((x) => [kernel(x, 2), kernel(x, 2)]))).length, 1);
  assertEquals(ops(cse(graphOf((x) => [kernel(x, 2), kernel(x, 3)]))).length, 2);
  assertEquals(ops(cse(graphOf((x) => [kernel(x, 2), kernel(w.neg(x), 2)]))).length, 3);
});

Deno.test("cse keeps the first of equals, with its module path", () => {
  const m = w.module(
    { a: w.module({}, () => (x: X) => w.exp(x)), b: w.module({}, () => (x: X) => w.exp(x)) },
    (c) => ({
      main: w.method({ x }, ({ x }) => [c.a(x), c.b(x)]),
    }),
  );
  const g = cse(w.trace(m).graphs["main"]!);
  assertEquals(g.nodes.map((n) => n.path), ["a"]);
});

Deno.test("deadCode drops what no result needs, and no input", () => {
  const g = graphOf((x) => ({ y: w.neg(x), unused: w.exp(w.tanh(x)) }));
  const needed = graph({ ...g, outputs: g.outputs.filter((o) => o.name === "y") });
  assertEquals(ops(deadCode(needed)), ["neg"]);
  const constant = w.trace({ main: w.method({ x }, () => w.full([1], 0)) }).graphs["main"]!;
  assertEquals(deadCode(constant).inputs.map((i) => i.name), ["x"]);
  assertStrictEquals(printGraph(deadCode(deadCode(needed))), printGraph(deadCode(needed)));
  assert(Object.isFrozen(deadCode(needed).nodes));
});
