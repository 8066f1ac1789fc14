/** The rule for one reduction a nest: along rows, across them, and few results in parts. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import { lowerCompute } from "../../../ir/compute.ts";
import { fromNumbers, type TensorArray } from "../../../ir/data.ts";
import { add, type Axis, type Expr, int, load, mul, reduce, variable } from "../../../ir/expr.ts";
import { interpret } from "../../../ir/interpret.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printFunc } from "../../../ir/print.ts";
import type { Buffer } from "../../../ir/stmt.ts";
import { verifyFunc } from "../../../ir/verify.ts";
import { apply, choose, fallback, printSchedule, reduction, seq } from "../../../schedule/mod.ts";
import { copyArrays, interpretBackwards, runLowered } from "../../support/run_func.ts";
import { webgpuTest } from "../../support/webgpu.ts";

const TARGET = { ...WEBGPU_BASELINE, software: true };

/** A reduction over axis `k` of x, whose axes lie in any order. */
interface Case {
  readonly sizes: readonly number[];
  readonly symbolic: readonly boolean[];
  readonly order: readonly number[];
  readonly op: "sum" | "max" | "min";
  readonly epilogue: boolean;
  readonly params: Readonly<Record<string, number>>;
}

const arbCase: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 3 }).chain((rank) =>
  fc.record({
    sizes: fc.array(fc.constantFrom(1, 3, 4, 8, 12, 36), { minLength: rank, maxLength: rank }),
    symbolic: fc.array(fc.integer({ max: 3, min: 0 }).map((n) => n === 0), {
      minLength: rank,
      maxLength: rank,
    }),
    order: fc.shuffledSubarray(Array.from({ length: rank }, (_, i) => i), { minLength: rank }),
    op: fc.constantFrom("sum", "max", "min"),
    epilogue: fc.boolean(),
    params: fc.record({
      threads: fc.constantFrom(1, 2, 8),
      VEC: fc.constantFrom(2, 4),
      fewest: fc.constantFrom(1, 4, 64),
      parts: fc.constantFrom(2, 4),
    }),
  })
);

/** The last axis is reduced. */
function build({ sizes, symbolic, order, op, epilogue }: Case): PrimFunc {
  const axes: Axis[] = sizes.map((n, d) => ({
    name: `i${d}`,
    extent: symbolic[d] ? variable(`n${d}`) : int(n),
  }));
  const [k, own] = [axes.at(-1)!, axes.slice(0, -1)];
  const buffer = (name: string, shape: readonly Expr[]): Buffer => ({
    name,
    dtype: "f32",
    shape,
    scope: "global",
  });
  const of = (list: readonly Axis[]): readonly Expr[] => list.map((a) => a.extent);
  const read = order.flatMap((d) => axes[d] ?? []);
  const reduced = reduce(op, [k], load("x", "f32", read.map((a) => variable(a.name))));
  const body = epilogue
    ? add(mul(reduced, reduced), load("bias", "f32", own.map((a) => variable(a.name))))
    : reduced;
  const buffers = [buffer("x", of(read)), ...(epilogue ? [buffer("bias", of(own))] : [])];
  const dims = axes.flatMap((a) => (a.extent.kind === "var" ? [a.extent.name] : []));
  return lowerCompute({ name: "y", axes: own, body }, buffers, buffer("y", of(own)), dims);
}

/** Whole numbers, of which sums are exact in any order. */
function inputs(func: PrimFunc, dims: Readonly<Record<string, number>>): Record<string, TensorArray> {
  return Object.fromEntries(func.params.map(({ buffer }, at) => {
    const sizes = buffer.shape.map((
      e,
    ) => (e.kind === "const" ? e.value : dims[e.kind === "var" ? e.name : ""] ?? 0));
    const count = sizes.reduce((a, b) => a * b, 1);
    return [
      buffer.name,
      fromNumbers("f32", Array.from({ length: count }, (_, i) => Math.round(50 * Math.sin(at + i * 1.7)))),
    ];
  }));
}

function scheduled(c: Case): { func: PrimFunc; made: PrimFunc; rule: string; dims: Record<string, number> } {
  const func = build(c);
  const result = apply(func, choose(reduction(c.params), fallback()), { target: TARGET });
  assert(result.ok);
  assertEquals([...verifyFunc(result.func)], [], printFunc(result.func));
  const dims = Object.fromEntries(c.sizes.flatMap((n, d) => (c.symbolic[d] ? [[`n${d}`, n]] : [])));
  return { func, made: result.func, rule: result.rule?.name ?? "", dims };
}

Deno.test("reduction keeps the meaning of any reduction", () => {
  const taken = new Map<string, number>();
  fc.assert(
    fc.property(arbCase, (c) => {
      const { func, made, rule, dims } = scheduled(c);
      const given = inputs(func, dims);
      const [expected, actual] = [copyArrays(given), copyArrays(given)];
      interpret(func, expected, dims);
      interpret(made, actual, dims);
      assertEquals(actual["y"], expected["y"], printFunc(made));
      const lowered = lowerFunc(made);
      assertEquals(interpretBackwards(lowered, given, dims)["y"], expected["y"]);
      taken.set(rule, (taken.get(rule) ?? 0) + 1);
    }),
    { numRuns: 400 },
  );
  for (const rule of ["reduction", "fallback"]) assertGreater(taken.get(rule) ?? 0, 20, rule);
});

webgpuTest("reduction gives what the unscheduled nest gives, on WebGPU", async (device) => {
  await fc.assert(
    fc.asyncProperty(arbCase, async (c) => {
      const { func, made, dims } = scheduled(c);
      const given = inputs(func, dims);
      const expected = copyArrays(given);
      interpret(func, expected, dims);
      assertEquals((await runLowered(device, lowerFunc(made), given, dims))["y"], expected["y"]);
    }),
    { numRuns: 25 },
  );
});

const ROWS: Case = {
  sizes: [64, 32],
  symbolic: [true, false],
  order: [0, 1],
  op: "sum",
  epilogue: false,
  params: {},
};
const COLUMNS: Case = { ...ROWS, sizes: [16, 32], symbolic: [false, true], order: [1, 0] };
const FEW: Case = { ...ROWS, sizes: [1000], symbolic: [false], order: [0] };

Deno.test("why reduction does not fit", () => {
  const why = (c: Case, params: Record<string, number> = {}): string => {
    const result = apply(build(c), reduction(params), { target: TARGET });
    return result.ok ? "taken" : result.failure.reason;
  };
  for (const c of [ROWS, COLUMNS, FEW]) assertEquals(why(c), "taken");
  assertStringIncludes(why({ ...ROWS, sizes: [64, 33] }), "not known to be a multiple of 4");
  assertEquals(why(ROWS, { part: 4 }), "there is no parameter part; did you mean parts");
  assertEquals(why(ROWS, { VEC: 3 }), "VEC must be 2 or 4, got 3");
  const wasm = apply(build(ROWS), reduction(), { target: { ...TARGET, vectorSums: true } });
  assert(!wasm.ok);
  assertStringIncludes(wasm.failure.reason, "as it is");
});

Deno.test("the steps of a sum over rows, over columns and of few results, before and after", async (t) => {
  for (const c of [ROWS, COLUMNS, FEW]) {
    const func = build(c);
    const result = apply(func, reduction(), { target: TARGET });
    assert(result.ok, result.ok ? "" : result.failure.reason);
    await t.assertSnapshot(
      [printFunc(func), ...result.trace.map(printSchedule), printFunc(result.func)].join("\n"),
    );
    const replayed = apply(func, seq(...result.trace));
    assert(replayed.ok);
    assertEquals(printFunc(replayed.func), printFunc(result.func));
  }
});
