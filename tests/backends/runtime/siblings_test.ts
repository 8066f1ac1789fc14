/** The graph rule `siblings`: what is joined, that it means the same, and what stays apart. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Device } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { lowerFunc } from "../../../backends/lower.ts";
import { siblingsOf } from "../../../backends/runtime/siblings.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import type { EntryPlan, LoweredCall } from "../../../backends/runtime/plan.ts";
import { compile, type GraphRuleName, lower } from "../../../mod.ts";
import * as w from "../../../dsl/mod.ts";
import type { Program } from "../../../dsl/mod.ts";
import type { Target } from "../../../ir/target.ts";
import { assertAllClose } from "../../support/close.ts";
import { deviceTest } from "../../support/devices.ts";
import { smallLlama } from "../../support/model_kernels.ts";

function planOf(
  program: Program,
  entry: string,
  target: Target,
  without: readonly GraphRuleName[] = [],
): EntryPlan {
  return lower(program, target, { without }).plans[Object.keys(program.graphs).indexOf(entry)]!;
}

type Row = w.Tensor<[1, 8], "f32">;
type Square = w.Tensor<[8, 8], "f32">;

const STEPS: readonly ((x: Row, y: Row, m: Square) => Row)[] = [
  (x, _y, m) => w.matmul(x, m),
  (x, y) => w.add(x, y),
  (x, y) => w.sub(x, w.mul(y, w.full([1], 0.5))),
  (x) => w.softmax(x, -1),
  (x, y, m) => w.add(w.matmul(x, m), y),
];

interface RandomRows {
  readonly steps: readonly { readonly op: number; readonly from: readonly number[] }[];
  /** Places of the states' next values. */
  readonly next: readonly number[];
}

const arbRows: fc.Arbitrary<RandomRows> = fc.record({
  steps: fc.array(
    fc.record({
      op: fc.nat({ max: STEPS.length - 1 }),
      from: fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 20 }), fc.nat({ max: 1 })),
    }),
    { minLength: 2, maxLength: 9 },
  ),
  next: fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 20 })),
});

/** Rows that are all results, so that each has a launch, and two states that are read and replaced. */
function programOf({ steps, next }: RandomRows): Program {
  const inputs = {
    a: w.spec([1, 8], "f32"),
    m: w.spec([8, 8], "f32"),
    n: w.spec([8, 8], "f32"),
    s: w.state([1, 8], "f32"),
    t: w.state([1, 8], "f32"),
  };
  const main = w.method(inputs, ({ a, m, n, s, t }) => {
    const pool: Row[] = [a, s, t];
    for (const { op, from: [x = 0, y = 0, which] } of steps) {
      pool.push(STEPS[op]!(pool[x % pool.length]!, pool[y % pool.length]!, which === 0 ? m : n));
    }
    const made = pool.slice(3);
    const at = (i: number): Row => pool[i % pool.length]!;
    return { rows: made, s: at(next[0] ?? 0), t: at(next[1] ?? 0) };
  });
  return w.trace({ main });
}

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7) * 0.5);

/** All results of three runs, one after the other. */
async function resultsOf(
  program: Program,
  device: Device,
  without: readonly GraphRuleName[],
): Promise<number[]> {
  using executable = await compile(program, { device, without });
  using state = executable.createState();
  const found: number[] = [];
  for (let run = 0; run < 3; run++) {
    const out = executable.run("main", {
      a: { dtype: "f32", shape: [1, 8], data: numbers(8, run) },
      m: { dtype: "f32", shape: [8, 8], data: numbers(64, 7) },
      n: { dtype: "f32", shape: [8, 8], data: numbers(64, 9) },
    }, { state });
    for (const name of Object.keys(out).sort()) found.push(...(await out[name]!.read()).data as Float32Array);
  }
  return found;
}

deviceTest("property: results are the same whether launches are joined or not", async (device) => {
  const { target } = device;
  let joined = 0;
  await fc.assert(
    fc.asyncProperty(arbRows, async (rows) => {
      const program = programOf(rows);
      const [apart, together] = [["siblings"] as const, []].map((without) =>
        planOf(program, "main", target, without).steps.length
      );
      assert(together! <= apart!);
      joined += apart! - together!;
      const expected = await resultsOf(program, device, ["siblings"]);
      const actual = await resultsOf(program, device, []);
      // A driver may contract products and sums of one kernel in another way than those of two.
      if (target.kind === "webgpu") assertAllClose(actual, expected, { rtol: 1e-5, atol: 1e-6 });
      else assertEquals(actual, expected);
    }),
    { numRuns: target.kind === "webgpu" ? 3 : 20 },
  );
  if (target.kind !== "webgpu") assert(joined > 0, "no launches were saved");
});

Deno.test("property: what is joined stays within the target's limits, and every launch is there once", () => {
  fc.assert(
    fc.property(arbRows, fc.integer({ min: 4, max: 9 }), (rows, maxBindings) => {
      const program = programOf(rows);
      const target: Target = { ...WEBGPU_BASELINE, maxBindings };
      const [apart, together] = [["siblings"] as const, []].map((without) =>
        planOf(program, "main", target, without).steps
      );
      const launchesOf = (steps: EntryPlan["steps"]): readonly string[] =>
        steps.flatMap((s) =>
          s.from.map(({ func, position }) => `${lowerFunc(func).launches[position]?.name}`)
        )
          .sort();
      assertEquals(launchesOf(together!), launchesOf(apart!));
      for (const { launch, buffers } of together!) {
        assert(launch.buffers.length <= maxBindings);
        assertEquals(buffers.length, launch.buffers.length);
      }
    }),
    { numRuns: 15 },
  );
});

Deno.test("a layer of Llama takes 10 launches: projections of queries, keys and values are one", () => {
  for (const target of [WEBGPU_BASELINE, { ...WEBGPU_BASELINE, software: true }]) {
    const [layer, apart] = [[], ["siblings"] as const].map((without) => {
      const [two, three] = [2, 3].map((n) => planOf(smallLlama(n), "decode", target, without).steps);
      return three!.length - two!.length;
    });
    assertEquals([layer, apart], [10, 16]);
    const last = planOf(smallLlama(2), "decode", target).steps.filter((s) => s.path?.includes("layers.1"));
    assert(last.some((s) => s.from.filter(({ func }) => func.name === "linear").length === 3));
  }
});

Deno.test("launches of unknown size and of several workgroup sizes stay apart", () => {
  const main = w.method({ x: w.spec(["n", 8], "f32") }, ({ x }) => ({ a: w.neg(x), b: w.exp(x) }));
  const program = w.trace({ main }, { bounds: { n: 9 } });
  assertEquals(planOf(program, "main", WEBGPU_BASELINE).steps.length, 2);
});

Deno.test("a launch never moves before what it reads, nor what it writes before who reads the old", () => {
  // b = f(a); c = g(b); d = h(a): d joins b; c stays behind; e writes what c reads, and must not pass it.
  const { target } = jsDevice();
  const func = [
    ...lower(
      w.trace({ main: w.method({ x: w.spec([8], "f32") }, ({ x }) => ({ y: w.neg(x) })) }),
      target,
    ).kernels.values(),
  ][0]!.lowered;
  const call = (from: string, to: string): LoweredCall => ({ lowered: func, args: [from, to] });
  const join = siblingsOf(target);
  const order = (calls: readonly LoweredCall[]): readonly (readonly string[])[] =>
    join(calls, (value) => value).map((c) => c.args);
  assertEquals(order([call("a", "b"), call("b", "c"), call("a", "d")]), [["a", "b", "d"], ["b", "c"]]);
  assertEquals(order([call("a", "b"), call("b", "c"), call("d", "b")]), [["a", "b"], ["b", "c"], ["d", "b"]]);
  assertEquals(order([call("a", "b"), call("b", "c"), call("d", "c")]), [["a", "b"], ["b", "c"], ["d", "c"]]);
  assertEquals(order([call("a", "b"), call("c", "a")]), [["a", "b"], ["c", "a"]]);
});
