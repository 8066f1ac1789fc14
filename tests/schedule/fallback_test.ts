/** The fallback rule: every kernel gets a schedule, and keeps its meaning. @module */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { lowerCompute } from "../../ir/compute.ts";
import { toNumbers } from "../../ir/data.ts";
import { add, type Axis, cast, type Expr, int, load, reduce, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { type PrimFunc, primFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { block, type Buffer, forLoop, seq as inOrder, store } from "../../ir/stmt.ts";
import type { Target } from "../../ir/target.ts";
import { verifyFunc } from "../../ir/verify.ts";
import {
  type Applied,
  apply,
  bind,
  decomposeReduction,
  fallback,
  fuse,
  printFailure,
  reorder,
  type Schedule,
  seq,
  split,
} from "../../schedule/mod.ts";
import { allLoops } from "../../schedule/loop/site.ts";
import { arbDims, arbFunc, randomInputs } from "../support/arbitrary.ts";
import { copyArrays, interpretBackwards, runLowered } from "../support/run_func.ts";
import { webgpuTest } from "../support/webgpu.ts";
import { matmul, softmax, square } from "./kernels.ts";

/** The function after a schedule that must apply. */
function scheduled(func: PrimFunc, schedule: Schedule): Applied {
  const result = apply(func, schedule);
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  return result;
}

const device = jsDevice();

/** Checks that the fallback takes a function and keeps what it does, on the js device and in any order of threads. */
async function checkFallback(
  naive: PrimFunc,
  dims: Readonly<Record<string, number>>,
  seed: number,
  threads = 4,
): Promise<PrimFunc> {
  const { func } = scheduled(naive, fallback({ threads }));
  assertEquals(verifyFunc(func), [], printFunc(func));
  const arrays = randomInputs(naive, dims, seed);
  const expected = copyArrays(arrays);
  interpret(naive, expected, dims);
  const lowered = lowerFunc(func);
  const results = [
    await runLowered(device, lowered, arrays, dims),
    interpretBackwards(lowered, arrays, dims),
  ];
  for (const actual of results) {
    for (const { buffer: { name, dtype } } of naive.params) {
      assertEquals(toNumbers(dtype, actual[name]!), toNumbers(dtype, expected[name]!), printFunc(func));
    }
  }
  return func;
}

/** Whether every loop that could run in parallel does. */
function isParallel(func: PrimFunc): boolean {
  return allLoops(func.body).some(({ loop }) => loop.loop === "threadIdx.x");
}

Deno.test("random kernels get the fallback and mean the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbFunc({ exact: true }).chain((f) => fc.tuple(fc.constant(f), arbDims(f.dims))),
      fc.constantFrom(1, 3, 64),
      fc.nat(),
      async ([naive, dims], threads, seed) => {
        await checkFallback(naive, dims, seed, threads);
      },
    ),
    { numRuns: 300 },
  );
});

/** `out[i0, ...] = 1 + sum over k0, ... of x[i0, ..., k0, ...]`, all extents 2 but those given. */
function ranked(rank: number, reduced: number, extents: readonly Expr[] = []): PrimFunc {
  const axes = Array.from(
    { length: rank },
    (_, d): Axis => ({ name: `i${d}`, extent: extents[d] ?? int(2) }),
  );
  const folded = Array.from({ length: reduced }, (_, d): Axis => ({ name: `k${d}`, extent: int(2) }));
  const buffer = (name: string, list: readonly Axis[]): Buffer => ({
    name,
    dtype: "i32",
    shape: list.map((a) => a.extent),
    scope: "global",
  });
  const all = [...axes, ...folded];
  const x = load("x", "i32", all.map((a) => variable(a.name)));
  const sum = reduced === 0 ? x : reduce("sum", folded, x);
  return lowerCompute(
    { name: "ranked", axes, body: add(sum, int(1)) },
    [buffer("x", all)],
    buffer("out", axes),
    ["n"],
  );
}

for (let rank = 0; rank <= 8; rank++) {
  Deno.test(`the fallback takes rank ${rank}, with and without reductions, and sizes of 0`, async () => {
    for (const reduced of [0, 1, 3].filter((r) => rank + r <= 9)) {
      for (const n of [0, 1, 3]) {
        const extents = Array.from({ length: rank }, (_, d) => (d === rank >> 1 ? variable("n") : int(2)));
        const func = await checkFallback(ranked(rank, reduced, extents), { n }, rank);
        assertEquals(isParallel(func), rank > 0);
      }
      if (rank > 0) await checkFallback(ranked(rank, reduced, [int(0)]), { n: 1 }, rank);
    }
  });
}

Deno.test("the fallback takes nests whose loops are named as its own would be", async () => {
  for (const suffix of ["_i", "_bx", "_tx"]) {
    const names = [`out_sum${suffix}`, "k"];
    const [i, k] = names.map((n) => variable(n));
    const shape = [variable("n"), int(3)];
    const func = lowerCompute(
      {
        name: "named",
        axes: [{ name: names[0]!, extent: shape[0]! }],
        body: reduce("sum", [{ name: "k", extent: shape[1]! }], load("x", "i32", [i!, k!])),
      },
      [{ name: "x", dtype: "i32", shape, scope: "global" }],
      { name: "out", dtype: "i32", shape: [variable("n")], scope: "global" },
      ["n"],
    );
    assert(isParallel(await checkFallback(func, { n: 5 }, 1)));
  }
});

Deno.test("the fallback takes what was scheduled in part, and leaves it as it was", async (t) => {
  const before: Readonly<Record<string, readonly [PrimFunc, Schedule]>> = {
    "a loop bound": [square(), seq(split("i", [null, 4]), bind("i_0", "blockIdx.x"))],
    "one nest of three": [
      softmax(),
      seq(split("i", [null, 2], ["io", "ii"]), bind("io", "blockIdx.x"), bind("ii", "threadIdx.x")),
    ],
    "a reduction taken apart inside": [matmul(), decomposeReduction("c_sum", "k")],
    "a reduction taken apart between": [matmul(), decomposeReduction("c_sum", "j")],
    "a reduction taken apart outside": [matmul(), seq(reorder("k", "i"), decomposeReduction("c_sum", "k"))],
    "a reduction outermost": [matmul(), reorder("k", "j", "i")],
    "loops split": [matmul(), seq(split("k", [2, null]), split("j", [null, 4]), reorder("k_0", "j_1"))],
    "loops fused": [matmul(), fuse(["j", "k"])],
    "scheduled already": [matmul(), fallback({ threads: 8 })],
  };
  for (const [what, [naive, schedule]] of Object.entries(before)) {
    await t.step(what, async () => {
      const { func: partly } = scheduled(naive, schedule);
      const bound = allLoops(partly.body).filter(({ loop }) => loop.loop !== "serial").map(({ loop }) =>
        loop
      );
      for (const n of [0, 1, 5]) {
        const func = await checkFallback(partly, { n }, n);
        const loops = allLoops(func.body).map(({ loop }) => loop);
        for (const l of bound) {
          assert(loops.some((m) => m.var === l.var && m.loop === l.loop), printFunc(func));
        }
        assert(loops.some((l) => l.loop === "blockIdx.x"), printFunc(func));
      }
    });
  }
});

/** `for i: { t[i] = x[i]; y[i] = t[(i + 1) % 4] }`. */
function neighbours(): PrimFunc {
  const buffer = (name: string): Buffer => ({ name, dtype: "i32", shape: [int(4)], scope: "global" });
  const copy = (to: string, from: string, by: number) =>
    block({
      name: `to_${to}`,
      iters: [{ var: `v${to}`, role: "spatial", extent: int(4), binding: variable("i") }],
      body: store(to, [variable(`v${to}`)], load(from, "i32", [by === 0 ? variable(`v${to}`) : int(by)])),
    });
  return primFunc(
    "neighbours",
    [
      { buffer: buffer("x"), access: "read" },
      { buffer: buffer("t"), access: "read_write" },
      { buffer: buffer("y"), access: "write" },
    ],
    [],
    forLoop("i", int(4), inOrder([copy("t", "x", 0), copy("y", "t", 1)])),
  );
}

Deno.test("an iteration that reads what another one writes stays in one thread", async () => {
  assertEquals(isParallel(await checkFallback(neighbours(), {}, 4)), false);
});

Deno.test("threads come from the target unless they are given", () => {
  const target = (maxThreads: number, software: boolean): Target =>
    ({ ...device.target, maxThreads, software }) as Target;
  const threads = (schedule: Schedule, t?: Target): number | undefined => {
    const result = apply(square(), schedule, t === undefined ? {} : { target: t });
    assert(result.ok);
    return result.rule?.params["threads"];
  };
  assertEquals(threads(fallback()), 64);
  assertEquals(threads(fallback(), target(256, false)), 64);
  assertEquals(threads(fallback(), target(32, false)), 32);
  assertEquals(threads(fallback(), target(256, true)), 8);
  assertEquals(threads(fallback({ threads: 16 }), target(256, true)), 16);
  for (const wrong of [0, -1, 1.5, NaN]) {
    const result = apply(square(), fallback({ threads: wrong }));
    assert(!result.ok);
    assertEquals(result.failure.reason, `threads must be a positive integer, got ${wrong}`);
  }
});

webgpuTest("more workgroups than one side of a grid has", async (gpu) => {
  const count = 70001;
  const x = load("x", "u32", [variable("i")]);
  const naive = lowerCompute(
    { name: "widen", axes: [{ name: "i", extent: variable("n") }], body: add(cast("i32", x), variable("i")) },
    [{ name: "x", dtype: "u8", shape: [variable("n")], scope: "global" }],
    { name: "y", dtype: "i32", shape: [variable("n")], scope: "global" },
    ["n"],
  );
  const { func } = scheduled(naive, fallback({ threads: 1 }));
  const dims = { n: count };
  const arrays = randomInputs(naive, dims, 3);
  const expected = copyArrays(arrays);
  interpret(naive, expected, dims);
  const actual = await runLowered(gpu, lowerFunc(func), arrays, dims);
  assertGreater(count, 65535);
  assertEquals(actual["y"], expected["y"]!);
});
