import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../../ir/data.ts";
import { dimEquals, evalDim, productDim } from "../../../ir/dim.ts";
import { ShapeError, UnsupportedError } from "../../../ir/errors.ts";
import { type Graph, graph, type GraphNode } from "../../../ir/graph.ts";
import { reshapeGroups } from "../../../ir/ops/views.ts";
import { printFunc } from "../../../ir/print.ts";
import { assertFunc } from "../../../ir/verify.ts";
import { legalize, type LegalizeOptions, stateCapacities } from "../../../schedule/graph/legalize.ts";
import { shape, smallDim } from "../../ir/dim_arbitraries.ts";
import { arbProgram } from "../../support/arbitrary_graph.ts";
import { assertAllClose } from "../../support/close.ts";
import { type Arrays, runCalls, stateArrays } from "../../support/run_calls.ts";

const graphOf = (program: w.Program): Graph => program.graphs["main"]!;

function traced<I extends w.InputTree>(
  inputs: I,
  f: (inputs: I) => unknown,
  options: w.TraceOptions = {},
): Graph {
  return graphOf(w.trace({ main: w.method(inputs, f) }, options));
}

/** Numbers for the inputs of a graph. */
function inputsOf(g: Graph, dims: Readonly<Record<string, number>>): Arrays {
  return Object.fromEntries(
    g.inputs.filter((i) => i.role !== "state").map((input, at) => {
      const count = input.shape.reduce<number>((n, d) => n * evalDim(d, dims), 1);
      const numbers = Array.from({ length: count }, (_, i) => Math.fround(Math.sin(at + i * 1.7) * 1.5));
      return [input.name, fromNumbers(input.dtype, numbers)];
    }),
  );
}

const numbers = (g: Graph, outputs: Arrays, name: string): number[] => {
  const value = g.outputs.find((o) => o.name === name)!.value;
  const type = [...g.inputs, ...g.nodes].find((v) => v.name === value)!;
  return [...toNumbers(type.dtype, outputs[name]!)];
};

Deno.test("property: a reshape's groups cover all axes in order, and hold as many elements on both sides", () => {
  // Small: a product of large ones may be more than counts exactly.
  const small = (rank: number) => shape(rank, 0, smallDim);
  const pair = fc.oneof(
    small(5).chain((s) => fc.shuffledSubarray(s, { minLength: s.length }).map((t) => [s, t] as const)),
    small(4).map((s) => [s, [productDim(s)]] as const),
    fc.tuple(small(2), small(2), small(2)).map(([a, b, c]) =>
      [[...a, productDim(b), ...c], [...a, ...b, productDim(c)]] as const
    ),
    fc.tuple(smallDim, smallDim).map(([a, b]) => [[a, b], [productDim([a, b]), 1]] as const),
  );
  fc.assert(fc.property(pair, ([from, to]) => {
    if (productDim(from) === 0) return; // no elements to number
    for (const [a, b] of [[from, to], [to, from]] as const) {
      const groups = reshapeGroups(a, b);
      assertEquals(groups.flatMap((g) => g.from), [...a]);
      assertEquals(groups.flatMap((g) => g.to), [...b]);
      for (const g of groups) {
        assert(dimEquals(productDim(g.from), productDim(g.to)), JSON.stringify(g));
        // As short as can be: no beginning of both sides already holds as many.
        for (let i = 1; i < g.from.length; i++) {
          for (let j = 1; j < g.to.length; j++) {
            assert(
              !dimEquals(productDim(g.from.slice(0, i)), productDim(g.to.slice(0, j))),
              JSON.stringify(g),
            );
          }
        }
      }
    }
  }));
});

Deno.test("property: a reshape of any dims numbers the elements as they lie", () => {
  const sizes = fc.array(fc.constantFrom(0, 1, 2, 3, 4, 6), { minLength: 1, maxLength: 4 });
  const names = ["a", "b", "c", "d"];
  fc.assert(
    fc.property(sizes, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (all, symbolic) => {
      // The same dims from the back, some of them names.
      const dims = Object.fromEntries(all.map((size, i) => [names[i]!, size]));
      const from = all.map((size, i) => (symbolic[i] ? names[i]! : size));
      const to = all.map((size, i) => (symbolic[i] ? names[i]! : size)).toReversed();
      const g = traced({ x: w.spec(from, "f32") as w.Tensor<w.Shape, "f32"> }, ({ x }) => ({
        y: w.neg(w.reshape(w.reshape(x, to), [-1] as never) as w.Tensor<w.Shape, "f32">),
      }));
      const x = inputsOf(g, dims);
      assertEquals(numbers(g, runCalls(legalize(g), x, dims), "y"), [...x["x"]!].map((v) => -v || -v));
    }),
    { numRuns: 60 },
  );
});

Deno.test("kernels get names, dims, arguments and operators", async (t) => {
  const g = traced({ x: w.spec(["s", 4], "f32"), w: w.spec([4, "n"], "f32") }, ({ x, w: weight }) => ({
    y: w.gelu(w.matmul(x, weight), "tanh"),
  }));
  const [call, ...more] = legalize(g).calls;
  assertEquals(more, []);
  assertEquals([call!.args, call!.ops, call!.func.name, call!.func.dims], [
    ["x", "w", g.outputs[0]!.value],
    ["matmul", "geluTanh"],
    "matmul_geluTanh",
    ["n", "s"],
  ]);
  await t.assertSnapshot(printFunc(call!.func));
});

Deno.test("a dim may be called like an axis, a buffer or a block of the kernel", () => {
  const dims = { i0: 2, k: 3, in0: 2, out: 3, acc: 2, i1_: 2 };
  const g = traced({
    x: w.spec(["i0*k"], "f32"),
    y: w.spec(["k", "in0"], "f32"),
    z: w.spec(["acc", "i1_", "out"], "f32"),
  }, ({ x, y, z }) => ({
    // The index of x has the dim k in it, next to the axis that is summed over.
    product: w.matmul(w.reshape(x, ["i0", "k"]), y),
    soft: w.softmax(w.transpose(w.slice(z, 0, -1, 1)), -1),
  }));
  for (const fuse of [true, false]) {
    const legalized = legalize(g, { fuse });
    for (const { func } of legalized.calls) assertFunc(func);
    const x = inputsOf(g, dims);
    const out = runCalls(legalized, x, dims);
    const at = (i: number, j: number): number =>
      [0, 1, 2].reduce((sum, k) => sum + x["x"]![i * 3 + k]! * x["y"]![k * 2 + j]!, 0);
    assertAllClose(out["product"]!, [at(0, 0), at(0, 1), at(1, 0), at(1, 1)], { rtol: 1e-6 });
    const last = x["z"]!.slice(6);
    const soft = [0, 1, 2].flatMap((column) => {
      const e = [0, 1].map((row) => Math.exp(last[row * 3 + column]!));
      return e.map((v) => v / (e[0]! + e[1]!));
    });
    assertAllClose(out["soft"]!, soft, { rtol: 1e-5 });
  }
});

Deno.test("property: any limit on buffers gives the same values, and is kept", () => {
  const dims = { n: 3, m: 2 };
  fc.assert(
    fc.property(arbProgram(9), fc.integer({ min: 4, max: 8 }), ({ program, text }, maxBuffers) => {
      const g = graphOf(program);
      const x = inputsOf(g, dims);
      const expected = runCalls(legalize(g, { fuse: false, maxBuffers: 64 }), x, dims);
      const legalized = legalize(g, { maxBuffers });
      for (const { func, args } of legalized.calls) {
        assertFunc(func);
        assertLessOrEqual(args.length, maxBuffers, text);
      }
      assertAllClose(runCalls(legalized, x, dims)["y"]!, expected["y"]!, { rtol: 2e-4, atol: 2e-4 }, text);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a kernel of too many inputs becomes several, each as large as can be", () => {
  const inputs = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, w.spec(["n"], "f32")]));
  for (const grouped of [false, true]) {
    const g = traced(inputs, (all) => {
      const list = Object.values(all);
      return { y: list.reduce((sum, x) => grouped ? w.add(x, sum) : w.add(sum, x)) };
    });
    const x = inputsOf(g, { n: 2 });
    for (const [maxBuffers, kernels] of [[8, 4], [5, 7], [3, 19], [64, 1]] as const) {
      const legalized = legalize(g, { maxBuffers });
      assertEquals(legalized.calls.length, kernels, `${maxBuffers} buffers`);
      assert(legalized.calls.every((c) => c.args.length <= maxBuffers));
      const sums = [0, 1].map((i) => Object.values(x).reduce((sum, v) => sum + v[i]!, 0));
      assertAllClose(runCalls(legalized, x, { n: 2 })["y"]!, sums, { rtol: 1e-5 });
    }
  }
});

Deno.test("a reduction of one input is taken out of a kernel that its own buffers make too large", () => {
  const g = traced({ x: w.spec(["n", 4], "f32"), z: w.spec(["n", 4], "f32") }, ({ x, z }) => ({
    y: w.add(w.softmax(x, -1), z),
  }));
  const x = inputsOf(g, { n: 2 });
  const [one, two] = [8, 4].map((maxBuffers) => legalize(g, { maxBuffers }));
  assertEquals([one!.calls.length, two!.calls.length], [1, 2]);
  assertAllClose(runCalls(two!, x, { n: 2 })["y"]!, runCalls(one!, x, { n: 2 })["y"]!, { rtol: 1e-6 });
});

Deno.test("what the nests of a kernel pass on counts among its buffers", () => {
  const inputs = Object.fromEntries(
    Array.from({ length: 7 }, (_, i) => [`x${i}`, w.spec(["n", "m"], "f32")]),
  );
  const g = traced(inputs, (all) => {
    const [first, ...others] = Object.values(all);
    const centred = w.sub(first!, w.max(first!, -1, { keepDims: true }));
    return { y: others.reduce((sum, x) => w.add(sum, x), centred) };
  });
  // Seven inputs, the result, and the maxima between the two nests: one more than fits.
  assertEquals(legalize(g, { maxBuffers: 8 }).calls.length, 2);
  assertEquals(legalize(g, { maxBuffers: 9 }).calls.length, 1);
});

Deno.test("an operator that has more inputs than a kernel can have is refused", async (t) => {
  const inputs = Array.from({ length: 9 }, (_, i) => w.spec([i + 1], "f32"));
  const g = traced(inputs, (list) => ({ y: w.concat(list, 0) }));
  const nodes: GraphNode[] = [{ ...g.nodes.at(-1)!, inputs: g.inputs.map((i) => i.name) }];
  const flat = graph({ ...g, nodes });
  await t.assertSnapshot(assertThrows(() => legalize(flat, { maxBuffers: 8 }), UnsupportedError).message);
  assertEquals(legalize(g, { maxBuffers: 8 }).calls.length, 3);
});

type Cache = w.Tensor<["h", "past", 2], "f32">;
const bounds = { past: 6, s: 3, "past+s": 8, h: 2 };
const cache = (): Cache => w.state(["h", "past", 2], "f32");
const fresh = (): w.Tensor<["h", "s", 2], "f32"> => w.spec(["h", "s", 2], "f32");

Deno.test("an append to a state whose next value it is goes in place; any other does not", () => {
  const appended = (f: (past: Cache, x: ReturnType<typeof fresh>) => Record<string, w.Tensor>): Graph =>
    traced({ past: cache(), x: fresh() }, ({ past, x }) => f(past, x), { bounds });
  const inPlace = (g: Graph): readonly string[] => [...legalize(g).aliases.values()];
  assertEquals(inPlace(appended((past, x) => ({ past: w.append(past, x, 1) }))), ["past"]);
  assertEquals(inPlace(appended((past, x) => ({ past: w.append(past, x, -2) }))), ["past"]);
  assertEquals(inPlace(appended((past, x) => ({ past, y: w.append(past, x, 1) }))), []);
  assertEquals(inPlace(appended((past, x) => ({ past: w.append(w.neg(past), x, 1) }))), []);
  assertEquals(inPlace(appended((past, x) => ({ past: w.append(x, past as never, 1) }))), []);
  assertEquals(inPlace(appended((past, x) => ({ past: w.neg(w.append(past, x, 1)) }))), []);
});

/** Runs steps on one state; gives the outputs of each. */
function steps(
  g: Graph,
  lengths: readonly (readonly [past: number, s: number])[],
  options: LegalizeOptions = {},
): readonly Arrays[] {
  const legalized = legalize(g, options);
  for (const { func } of legalized.calls) assertFunc(func);
  const states = stateArrays(legalized);
  return lengths.map(([past, s], step) => {
    const dims = { past, s, h: 2 };
    const x = fromNumbers("f32", Array.from({ length: 4 * s }, (_, i) => 100 * (step + 1) + i));
    return runCalls(legalized, { ...states, x }, dims);
  });
}

Deno.test("a cache grows in place: what is there stays, what comes is behind it", () => {
  const g = traced({ past: cache(), x: fresh() }, ({ past, x }) => {
    const present = w.append(past, w.neg(x), 1);
    return { past: present, total: w.sum(present, [0, 2]), before: w.sum(past, [0, 2]) };
  }, { bounds });
  for (const fuse of [true, false]) {
    const [first, second] = steps(g, [[0, 2], [2, 1]], { fuse });
    assertEquals([...first!["past"]!], [100, 101, 102, 103, 104, 105, 106, 107].map((v) => -v));
    assertEquals(
      [...second!["past"]!],
      [100, 101, 102, 103, 200, 201, 104, 105, 106, 107, 202, 203].map((v) => -v),
    );
    assertEquals([...second!["before"]!], [-(100 + 101 + 104 + 105), -(102 + 103 + 106 + 107)]);
    assertEquals([...second!["total"]!].length, 3);
  }
});

Deno.test("what is appended may be computed from the state itself", () => {
  const g = traced({ past: cache(), x: fresh() }, ({ past, x }) => ({
    past: w.append(past, w.add(w.slice(past, 1, 0, 1), x), 1),
  }), { bounds });
  const sliced = traced({ past: cache(), x: fresh() }, ({ past }) => ({
    past: w.append(past, w.slice(past, 1, -1, 1), 1),
  }), { bounds: { ...bounds, "past+1": 8 } });
  for (const graphs of [g, sliced]) {
    const { calls, aliases } = legalize(graphs);
    for (const { args } of calls) {
      const roots = args.map((a) => aliases.get(a) ?? a);
      assert(!roots.slice(0, -1).includes(roots.at(-1)!), `a kernel reads what it writes: ${roots}`);
    }
  }
});

Deno.test("a result under another name is a copy, laid out densely", () => {
  const g = traced({ past: cache(), x: fresh() }, ({ past, x }) => {
    const present = w.append(past, x, 1);
    return { past: present, seen: present, old: past, again: present };
  }, { bounds });
  const [, second] = steps(g, [[0, 1], [1, 2]]);
  assertEquals([...second!["old"]!], [100, 101, 102, 103]);
  assertEquals([...second!["seen"]!], [100, 101, 200, 201, 202, 203, 102, 103, 204, 205, 206, 207]);
  assertEquals([...second!["again"]!], [...second!["seen"]!]);
  assertEquals([...second!["past"]!], [...second!["seen"]!]);
});

Deno.test("states may change places", () => {
  const g = traced(
    { a: w.state([2], "f32"), b: w.state([2], "f32"), x: w.spec([2], "f32") },
    ({ a, b, x }) => ({
      a: b,
      b: a,
      sum: w.add(w.add(a, x), b),
    }),
  );
  const legalized = legalize(g);
  const states = stateArrays(legalized);
  states["a"]!.set([1, 2]);
  states["b"]!.set([3, 4]);
  const out = runCalls(legalized, { ...states, x: Float32Array.of(10, 20) }, {});
  assertEquals([[...out["sum"]!], [...states["a"]!], [...states["b"]!]], [[14, 26], [3, 4], [1, 2]]);
});

Deno.test("a counter: the next value is computed from the one before, which is a result too", () => {
  const g = traced(
    { n: w.state([1], "i32") },
    ({ n }) => ({ n: w.add(n, w.full([1], 1, "i32")), before: n }),
  );
  const legalized = legalize(g);
  const states = stateArrays(legalized);
  const seen = [0, 1, 2].map(() => runCalls(legalized, states, {})["before"]![0]);
  assertEquals([seen, states["n"]![0]], [[0, 1, 2], 3]);
});

Deno.test("two states may go on from one value", () => {
  const g = traced({ a: cache(), b: cache(), x: fresh() }, ({ a, b, x }) => {
    const next = w.append(a, x, 1);
    return { a: next, b: next, old: w.sum(b) };
  }, { bounds });
  const legalized = legalize(g);
  const states = stateArrays(legalized);
  const x = Float32Array.of(1, 2, 3, 4);
  const out = runCalls(legalized, { ...states, x }, { past: 0, s: 1, h: 2 });
  assertEquals([[...out["a"]!], [...out["b"]!], out["old"]![0]], [[1, 2, 3, 4], [1, 2, 3, 4], 0]);
});

Deno.test("capacities have room for every graph, before and after a run", () => {
  const step = (s: w.Dim): Graph =>
    traced({ past: w.state(["h", "past", 2], "f32"), x: w.spec(["h", s, 2], "f32") }, ({ past, x }) => ({
      past: w.append(past, x as never, 1),
    }), { bounds: { past: 6, s: 3, h: 2, "past+s": 8, "past+1": 7 } });
  assertEquals([...stateCapacities([step(1)])], [["past", [2, 7, 2]]]);
  assertEquals([...stateCapacities([step("s")])], [["past", [2, 8, 2]]]);
  assertEquals([...stateCapacities([step(1), step("s")])], [["past", [2, 8, 2]]]);
  const shared = stateCapacities([step(1), step("s")]);
  assertEquals(legalize(step(1), { capacities: shared }).capacities, shared);
});

Deno.test("states that cannot be kept are refused", async (t) => {
  const wrong: readonly Graph[] = [
    traced({ past: cache(), x: fresh() }, ({ past, x }) => ({ y: w.append(past, x, 1) }), { bounds }),
    traced({ past: cache(), x: fresh() }, ({ past, x }) => ({ past: w.append(past, x, 1) }), {
      bounds: { h: 2, s: 3 },
    }),
    traced({ past: cache() }, ({ past }) => ({ past: w.cast(past, "f16") }), { bounds }),
    traced({ past: cache() }, ({ past }) => ({ past: w.sum(past, 0) }), { bounds }),
  ];
  await t.assertSnapshot(wrong.map((g) => assertThrows(() => legalize(g), ShapeError).message));
});
