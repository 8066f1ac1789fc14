import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../../ir/data.ts";
import type { DType } from "../../../ir/dtype.ts";
import type { Graph } from "../../../ir/graph.ts";
import { printGraph } from "../../../ir/print.ts";
import { legalize } from "../../../schedule/graph/legalize.ts";
import { storeAs } from "../../../schedule/graph/storage.ts";
import { interpretGraph } from "../../support/interpret_graph.ts";

const layer = w.module(
  { weight: w.param(["n", "m"], "f32"), bias: w.param(["m"], "f32") },
  ({ weight, bias }) => ({
    main: w.method({ x: w.spec(["s", "n"], "f32") }, ({ x }) => ({ y: w.linear(x, weight, bias), bias })),
  }),
);
const g: Graph = w.trace(layer).graphs["main"]!;
const stored = (dtypes: Readonly<Record<string, DType>>): Graph =>
  storeAs(g, new Map(Object.entries(dtypes)));

Deno.test("storeAs converts an input where it is read", async (t) => {
  await t.assertSnapshot(printGraph(stored({ weight: "f16", bias: "bf16" })));
});

Deno.test("storeAs leaves a graph alone that already is what it should be", () => {
  assertStrictEquals(stored({}), g);
  assertStrictEquals(stored({ weight: "f32", other: "f16" }), g);
  const once = stored({ weight: "f16" });
  assertStrictEquals(storeAs(once, new Map([["weight", "f16"]])), once);
});

Deno.test("storeAs costs no kernel, and its results keep their dtype", () => {
  const [plain, half] = [g, stored({ weight: "f16" })].map((g) => legalize(g).calls.map((c) => c.func.name));
  assertEquals(half, plain);
  const { outputs, nodes } = stored({ weight: "f16", bias: "f16" });
  const bias = nodes.find((n) => n.name === outputs[1]!.value);
  assertEquals([bias?.dtype, bias?.inputs], ["f32", ["bias"]]);
});

Deno.test("property: what the other dtype holds exactly gives the same results", () => {
  const dims = { s: 2, n: 3, m: 2 };
  const small = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 6, maxLength: 6 });
  const dtypes = fc.constantFrom<DType>("f16", "bf16", "i8", "i32");
  fc.assert(
    fc.property(small, small, dtypes, dtypes, (x, weight, a, b) => {
      const run = (g: Graph): readonly number[] => {
        const given = { x, weight, bias: weight.slice(0, 2) };
        const arrays = Object.fromEntries(
          g.inputs.map((i) => [i.name, fromNumbers(i.dtype, given[i.name as "x"])]),
        );
        return [...toNumbers("f32", interpretGraph(g, arrays, dims)["y"]!)];
      };
      assertEquals(run(stored({ weight: a, bias: b })), run(g));
    }),
    { numRuns: 60 },
  );
});
