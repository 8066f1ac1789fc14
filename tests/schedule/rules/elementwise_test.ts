/** The rules for nests that reduce nothing: vectors along rows, squares where rows become columns. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import { lowerCompute } from "../../../ir/compute.ts";
import { fromNumbers, type TensorArray } from "../../../ir/data.ts";
import { add, type Axis, type Expr, int, load, mul, variable } from "../../../ir/expr.ts";
import { interpret } from "../../../ir/interpret.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printFunc } from "../../../ir/print.ts";
import type { Buffer } from "../../../ir/stmt.ts";
import { verifyFunc } from "../../../ir/verify.ts";
import {
  apply,
  choose,
  elementwise,
  fallback,
  printSchedule,
  seq,
  transpose,
} from "../../../schedule/mod.ts";
import { copyArrays, interpretBackwards, runLowered } from "../../support/run_func.ts";
import { webgpuTest } from "../../support/webgpu.ts";

const TARGET = { ...WEBGPU_BASELINE, software: true };

/** Axes of the result, those of x in another order, and whether a bias is added along one of them. */
interface Case {
  readonly sizes: readonly number[];
  readonly symbolic: readonly boolean[];
  readonly order: readonly number[];
  readonly bias: number | undefined;
  readonly params: Readonly<Record<string, number>>;
}

const arbCase: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 3 }).chain((rank) =>
  fc.record({
    sizes: fc.array(fc.constantFrom(0, 1, 3, 4, 8, 12, 20), { minLength: rank, maxLength: rank }),
    symbolic: fc.array(fc.integer({ max: 3, min: 0 }).map((n) => n === 0), {
      minLength: rank,
      maxLength: rank,
    }),
    order: fc.shuffledSubarray(Array.from({ length: rank }, (_, i) => i), { minLength: rank }),
    bias: fc.option(fc.integer({ min: 0, max: rank - 1 }), { nil: undefined }),
    params: fc.record({
      threads: fc.constantFrom(1, 2, 8),
      VEC: fc.constantFrom(2, 4),
      items: fc.constantFrom(1, 2, 3),
    }),
  })
);

function build({ sizes, symbolic, order, bias }: Case): PrimFunc {
  const axes: Axis[] = sizes.map((n, d) => ({
    name: `i${d}`,
    extent: symbolic[d] ? variable(`n${d}`) : int(n),
  }));
  const buffer = (name: string, shape: readonly Expr[]): Buffer => ({
    name,
    dtype: "f32",
    shape,
    scope: "global",
  });
  const of = (list: readonly Axis[]): readonly Expr[] => list.map((a) => a.extent);
  const read = order.flatMap((d) => axes[d] ?? []);
  const x = load("x", "f32", read.map((a) => variable(a.name)));
  const along = axes[bias ?? -1];
  const body = along === undefined ? mul(x, x) : add(x, load("bias", "f32", [variable(along.name)]));
  const buffers = [buffer("x", of(read)), ...(along === undefined ? [] : [buffer("bias", of([along]))])];
  const dims = axes.flatMap((a) => (a.extent.kind === "var" ? [a.extent.name] : []));
  return lowerCompute({ name: "y", axes, body }, buffers, buffer("y", of(axes)), dims);
}

function inputs(func: PrimFunc, dims: Readonly<Record<string, number>>): Record<string, TensorArray> {
  return Object.fromEntries(func.params.map(({ buffer }) => {
    const sizes = buffer.shape.map((
      e,
    ) => (e.kind === "const" ? e.value : dims[e.kind === "var" ? e.name : ""] ?? 0));
    const count = sizes.reduce((a, b) => a * b, 1);
    return [buffer.name, fromNumbers("f32", Array.from({ length: count }, (_, i) => i % 97))];
  }));
}

function scheduled(c: Case): { func: PrimFunc; made: PrimFunc; rule: string; dims: Record<string, number> } {
  const func = build(c);
  const { items: _, ...square } = c.params;
  const result = apply(func, choose(transpose(square), elementwise(c.params), fallback()), {
    target: TARGET,
  });
  assert(result.ok);
  assertEquals([...verifyFunc(result.func)], [], printFunc(result.func));
  const dims = Object.fromEntries(c.sizes.flatMap((n, d) => (c.symbolic[d] ? [[`n${d}`, n]] : [])));
  return { func, made: result.func, rule: result.rule?.name ?? "", dims };
}

Deno.test("elementwise and transpose keep the meaning of any nest that reduces nothing", () => {
  const taken = new Map<string, number>();
  fc.assert(
    fc.property(arbCase, (c) => {
      const { func, made, rule, dims } = scheduled(c);
      const given = inputs(func, dims);
      const [expected, actual] = [copyArrays(given), copyArrays(given)];
      interpret(func, expected, dims);
      interpret(made, actual, dims);
      assertEquals(actual["y"], expected["y"], printFunc(made));
      assertEquals(interpretBackwards(lowerFunc(made), given, dims)["y"], expected["y"]);
      taken.set(rule, (taken.get(rule) ?? 0) + 1);
    }),
    { numRuns: 300 },
  );
  for (const rule of ["transpose", "elementwise", "fallback"]) assertGreater(taken.get(rule) ?? 0, 5, rule);
});

webgpuTest("elementwise and transpose give what the unscheduled nest gives, on WebGPU", async (device) => {
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

const CASE: Case = { sizes: [8, 16], symbolic: [true, false], order: [0, 1], bias: 1, params: {} };

Deno.test("why elementwise and transpose do not fit", () => {
  const why = (c: Case, rule: typeof elementwise, params: Record<string, number> = {}): string => {
    const result = apply(build(c), rule(params), { target: TARGET });
    return result.ok ? "taken" : result.failure.reason;
  };
  assertEquals(why(CASE, elementwise), "taken");
  assertEquals(why({ ...CASE, order: [1, 0] }, transpose, { VEC: 2 }), "taken");
  assertStringIncludes(why(CASE, transpose), "reads along the axis that it writes along");
  assertStringIncludes(why({ ...CASE, sizes: [8, 3] }, elementwise), "a multiple of 4");
  assertStringIncludes(
    why({ ...CASE, sizes: [8, 3], order: [1, 0] }, transpose),
    "i1 is not a multiple of 4",
  );
  assertEquals(why(CASE, elementwise, { thread: 4 }), "there is no parameter thread; did you mean threads");
  assertEquals(why(CASE, elementwise, { VEC: 3 }), "VEC must be 2 or 4, got 3");
});

Deno.test("the steps of a sum and of a transposition, before and after", async (t) => {
  for (
    const [c, rule] of [[CASE, elementwise], [
      { ...CASE, order: [1, 0], bias: undefined },
      transpose,
    ]] as const
  ) {
    const func = build(c);
    const result = apply(func, rule(), { target: TARGET });
    assert(result.ok, result.ok ? "" : result.failure.reason);
    await t.assertSnapshot(
      [printFunc(func), ...result.trace.map(printSchedule), printFunc(result.func)].join("\n"),
    );
    const replayed = apply(func, seq(...result.trace));
    assert(replayed.ok);
    assertEquals(printFunc(replayed.func), printFunc(result.func));
  }
});
