/** The rules for contractions: any sizes, any layout, any tiles. @module */
import { assert, assertEquals, assertLess, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import { lowerCompute } from "../../../ir/compute.ts";
import { fromNumbers, type TensorArray } from "../../../ir/data.ts";
import {
  add,
  type Axis,
  type Expr,
  f32,
  int,
  load,
  lt,
  max,
  mul,
  reduce,
  select,
  variable,
} from "../../../ir/expr.ts";
import { evalInt } from "../../../ir/eval.ts";
import { interpret } from "../../../ir/interpret.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printFunc } from "../../../ir/print.ts";
import type { Buffer, Stmt } from "../../../ir/stmt.ts";
import { verifyFunc } from "../../../ir/verify.ts";
import { stmtChildren } from "../../../ir/visit.ts";
import {
  apply,
  gemv,
  matmul,
  printFailure,
  printSchedule,
  reverseComputeInline,
  type RuleParams,
  seq,
} from "../../../schedule/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { kernelsOf, smallGPT2 } from "../../support/model_kernels.ts";
import { copyArrays, interpretBackwards, runLowered } from "../../support/run_func.ts";
import { webgpuTest } from "../../support/webgpu.ts";

const TARGET = { ...WEBGPU_BASELINE, software: true };

/** An extent: a number, or a dim that has it. */
interface Size {
  readonly value: number;
  readonly dim?: string;
}

interface Case {
  readonly batch: Size | undefined;
  readonly m: Size | undefined;
  readonly n: Size;
  readonly k: Size;
  /** Whether the reduction is the last axis of a and of b. */
  readonly kLast: readonly [boolean, boolean];
  readonly epilogue: "none" | "bias" | "relu";
  /** Only products above the diagonal count. */
  readonly masked: boolean;
  readonly matmul: Readonly<Record<string, number>>;
  readonly gemv: Readonly<Record<string, number>>;
}

const size = (dim: string): fc.Arbitrary<Size> =>
  fc.record({
    value: fc.constantFrom(1, 2, 3, 5, 8, 12, 16, 17),
    symbolic: fc.boolean(),
  }).map(({ value, symbolic }) => (symbolic ? { value, dim } : { value }));

const arbCase: fc.Arbitrary<Case> = fc.record({
  batch: fc.option(size("s"), { nil: undefined }),
  m: fc.option(size("t"), { nil: undefined, freq: 3 }),
  n: size("u"),
  k: size("v"),
  kLast: fc.tuple(fc.boolean(), fc.boolean()),
  epilogue: fc.constantFrom("none", "bias", "relu"),
  masked: fc.boolean(),
  matmul: fc.record({
    rows: fc.constantFrom(1, 2, 3, 8),
    columns: fc.constantFrom(4, 8),
    vector: fc.constantFrom(1, 2, 4),
    depth: fc.constantFrom(1, 2, 4),
    lanes: fc.constantFrom(1, 2, 8, 16),
    groups: fc.constantFrom(1, 2),
    sweep: fc.constantFrom(1, 1, 2, 3),
    few: fc.constantFrom(1, 2, 4),
    parts: fc.constantFrom(1, 1, 1, 2, 3),
    shared: fc.constantFrom(1, 1, 4, 8),
    buffers: fc.constantFrom(1, 1, 2),
  }).map((p) => (p.shared === 1 || p.lanes === 16 ? { ...p, buffers: 1 } : p)),
  gemv: fc.oneof(
    fc.record({
      SCH: fc.constant(1),
      TS: fc.constantFrom(1, 2, 8, 16),
      TR: fc.constant(1),
      TILE_S: fc.constantFrom(4, 8),
      TILE_R: fc.constantFrom(1, 2, 4, 8),
      VEC: fc.constantFrom(1, 2, 4),
    }),
    fc.record({
      SCH: fc.constant(2),
      TS: fc.constantFrom(1, 2, 8),
      TR: fc.constantFrom(1, 2, 3, 4),
      TILE_S: fc.constantFrom(1, 2, 3),
      TILE_R: fc.constantFrom(4, 8),
      VEC: fc.constantFrom(1, 2, 4),
    }),
  ),
});

function build(c: Case): PrimFunc {
  const extent = (s: Size): Expr => (s.dim === undefined ? int(s.value) : variable(s.dim));
  const axes: Axis[] = [];
  if (c.batch !== undefined) axes.push({ name: "b", extent: extent(c.batch) });
  if (c.m !== undefined) axes.push({ name: "m", extent: extent(c.m) });
  axes.push({ name: "n", extent: extent(c.n) });
  const k: Axis = { name: "k", extent: extent(c.k) };
  const by = (name: string): Axis[] => axes.filter((a) => a.name === name);
  const order = (own: readonly Axis[], last: boolean): Axis[] => (last ? [...own, k] : [k, ...own]);
  const aAxes = [...by("b"), ...order(by("m"), c.kLast[0])];
  const bAxes = [...by("b"), ...order(by("n"), c.kLast[1])];
  const buffer = (name: string, list: readonly Axis[]): Buffer => ({
    name,
    dtype: "f32",
    shape: list.map((x) => x.extent),
    scope: "global",
  });
  const at = (name: string, list: readonly Axis[]): Expr =>
    load(name, "f32", list.map((x) => variable(x.name)));
  const product = mul(at("A", aAxes), at("B", bAxes));
  const masked = c.masked ? select(lt(variable("k"), add(variable("n"), int(3))), product, f32(0)) : product;
  const sum = reduce("sum", [k], masked);
  const biased = c.epilogue === "none" ? sum : add(sum, load("bias", "f32", [variable("n")]));
  const body = c.epilogue === "relu" ? max(biased, f32(0)) : biased;
  const buffers = [buffer("A", aAxes), buffer("B", bAxes)];
  if (c.epilogue !== "none") buffers.push(buffer("bias", by("n")));
  const dims = [c.batch, c.m, c.n, c.k].flatMap((s) => s?.dim ?? []);
  return lowerCompute({ name: "contract", axes, body }, buffers, buffer("out", axes), dims);
}

/** Whole numbers, whose sums are the same in any order. */
function inputs(func: PrimFunc, dims: Readonly<Record<string, number>>): Record<string, TensorArray> {
  return Object.fromEntries(func.params.map(({ buffer }, at) => {
    const count = buffer.shape.reduce(
      (p, e) => p * (e.kind === "const" ? e.value : dims[e.kind === "var" ? e.name : ""] ?? 0),
      1,
    );
    return [
      buffer.name,
      fromNumbers("f32", Array.from({ length: count }, (_, i) => Math.round(4 * Math.sin(at + i * 1.7)))),
    ];
  }));
}

const dimsOf = (c: Case): Record<string, number> =>
  Object.fromEntries(
    [c.batch, c.m, c.n, c.k].flatMap((s) => (s?.dim === undefined ? [] : [[s.dim, s.value]])),
  );

/** The scheduled function, after checking that the rule takes what it should. */
function scheduled(c: Case): { readonly func: PrimFunc; readonly made: PrimFunc } | undefined {
  const func = build(c);
  const isUnit = (s: Size | undefined): boolean => s === undefined || (s.dim === undefined && s.value === 1);
  if (isUnit(c.k) || isUnit(c.n)) return undefined;
  const result = apply(func, isUnit(c.m) ? gemv(c.gemv) : matmul(c.matmul), { target: TARGET });
  const depth = isUnit(c.m) ? c.gemv["TILE_R"] : c.matmul["depth"];
  const short = c.k.dim === undefined && c.k.value < (depth ?? 1);
  if (short) {
    assert(!result.ok);
    assertStringIncludes(result.failure.reason, "steps, fewer than");
    return undefined;
  }
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertEquals([...verifyFunc(result.func)], [], printFunc(result.func));
  return { func, made: result.func };
}

Deno.test("matmul and gemv keep the meaning of any contraction, in one launch with its epilogue", () => {
  const missed: string[] = [];
  let cases = 0;
  fc.assert(
    fc.property(arbCase, (c) => {
      const s = scheduled(c);
      if (s === undefined) return;
      const dims = dimsOf(c);
      const given = inputs(s.func, dims);
      const [expected, actual] = [copyArrays(given), copyArrays(given)];
      interpret(s.func, expected, dims);
      interpret(s.made, actual, dims);
      assertEquals(actual["out"], expected["out"], printFunc(s.made));
      const lowered = lowerFunc(s.made);
      assertEquals(interpretBackwards(lowered, given, dims)["out"], expected["out"]);
      // Inlining an epilogue takes a proof that the producer visits everything, which not all tilings get.
      const run = lowered.launches.filter((l) => l.grid.every((n) => evalInt(n, dims) > 0));
      // Parts of a reduction have the sum of all in a nest that takes no epilogue.
      if (c.matmul["parts"] !== 1) return;
      if (run.length > 1) missed.push(JSON.stringify(c));
      cases++;
    }),
    { numRuns: 120 },
  );
  assertLess(missed.length, cases / 2, `${missed.length} of ${cases}: ${missed[0]}`);
});

webgpuTest("matmul and gemv give what the unscheduled contraction gives, on WebGPU", async (device) => {
  await fc.assert(
    fc.asyncProperty(arbCase, async (c) => {
      const s = scheduled(c);
      if (s === undefined) return;
      const dims = dimsOf(c);
      const given = inputs(s.func, dims);
      const expected = copyArrays(given);
      interpret(s.func, expected, dims);
      const actual = await runLowered(device, lowerFunc(s.made), given, dims);
      assertAllClose(actual["out"]!, expected["out"]!, { rtol: 1e-5, atol: 1e-5 });
    }),
    { numRuns: 25 },
  );
});

Deno.test("parameters that make no sense are refused with what would", () => {
  const func = build({
    batch: undefined,
    m: { value: 16 },
    n: { value: 16 },
    k: { value: 16 },
    kLast: [true, true],
    epilogue: "bias",
    masked: false,
    matmul: {},
    gemv: {},
  });
  const why = (params: Record<string, number>, kind = matmul): string => {
    const result = apply(func, kind(params), { target: TARGET });
    return result.ok ? "taken" : result.failure.reason;
  };
  assertEquals(why({}), "taken");
  assertEquals(why({ row: 4 }), "there is no parameter row; did you mean rows");
  assertEquals(why({ columns: 6 }), "columns must be a multiple of 4, got 6");
  assertEquals(why({ rows: 0 }), "rows must be a positive integer, got 0");
  assertStringIncludes(why({ lanes: 64, groups: 64 }), "threads in a workgroup, got 64 x 64");
  assertEquals(why({}, gemv), "block acc_sum is a product of matrices");
  assertStringIncludes(why({ depth: 32 }), "16 steps, fewer than depth=32");
});

Deno.test("the steps of a tiled product with bias, before and after", async (t) => {
  const func = build({
    batch: undefined,
    m: { value: 16, dim: "t" },
    n: { value: 16 },
    k: { value: 16 },
    kLast: [true, false],
    epilogue: "bias",
    masked: false,
    matmul: {},
    gemv: {},
  });
  const result = apply(func, matmul({ rows: 2, columns: 4, lanes: 2, few: 1 }), { target: TARGET });
  assert(result.ok);
  await t.assertSnapshot(
    [printFunc(func), ...result.trace.map(printSchedule), printFunc(result.func)].join("\n"),
  );
  // What was done can be done again, step by step.
  const replayed = apply(func, seq(...result.trace));
  assert(replayed.ok);
  assertEquals(printFunc(replayed.func), printFunc(result.func));
  assert(result.trace.some((s) => printSchedule(s) === printSchedule(reverseComputeInline("contract"))));
});

Deno.test("few rows have a kernel of their own, chosen by the dim", () => {
  const func = build({
    batch: undefined,
    m: { value: 3, dim: "t" },
    n: { value: 16 },
    k: { value: 16 },
    kLast: [true, false],
    epilogue: "relu",
    masked: false,
    matmul: {},
    gemv: {},
  });
  const result = apply(func, matmul({ rows: 8, few: 4 }), { target: TARGET });
  assert(result.ok);
  const [step] = result.trace;
  assert(step?.kind === "specialize" && step.dim === "t" && step.most === 4);
  const { launches } = lowerFunc(result.func);
  const runs = (t: number): readonly boolean[] =>
    launches.map((l) => l.grid.every((n) => evalInt(n, { t }) > 0));
  assertEquals([runs(4), runs(5)], [[true, false], [false, true]]);
  assertEquals(printFunc(apply(func, seq(...result.trace)).ok ? result.func : func), printFunc(result.func));
});

function localsIn(s: Stmt): readonly Buffer[] {
  const own = s.kind === "alloc" && s.buffer.scope === "local" ? [s.buffer] : [];
  return [...own, ...stmtChildren(s).flatMap(localsIn)];
}

Deno.test("a thread loads what it multiplies, however its vectors lie between those of others", () => {
  const target = { ...WEBGPU_BASELINE, software: false, maxWorkgroupMemory: 65536 };
  const kernels = kernelsOf(smallGPT2(), target);
  const most = (func: PrimFunc, params: RuleParams, kind: typeof gemv, count: number): boolean => {
    const result = apply(func, kind(params), { target });
    if (!result.ok) return false;
    for (const buffer of localsIn(result.func.body)) {
      const elements = buffer.shape.reduce((n, e) => n * evalInt(e, {}), 1);
      assertLessOrEqual(elements, count, `${JSON.stringify(params)} of ${func.name}: ${buffer.name}`);
    }
    return true;
  };
  const taken = new Set<string>();
  for (const func of kernels) {
    for (const TS of [4, 16, 64]) {
      for (const [TILE_S, VEC] of [[4, 1], [8, 4], [16, 2]] as const) {
        const params = { SCH: 1, TS, TR: 1, TILE_S, TILE_R: 4, VEC };
        if (most(func, params, gemv, TILE_S * 4)) taken.add(`gemv ${TS} ${TILE_S}`);
      }
      for (const shared of [1, 16]) {
        const tile = { rows: 8, columns: 8, vector: 4, depth: 4, sweep: 1, lanes: TS, groups: 4, few: 1 };
        if (most(func, { ...tile, parts: 1, shared, buffers: 1 }, matmul, 64)) {
          taken.add(`matmul ${TS} ${shared}`);
        }
      }
    }
  }
  assertEquals(taken.size, 15);
});

Deno.test("threads that share a reduction write what comes of its sum: one launch", () => {
  const target = { ...WEBGPU_BASELINE, software: false };
  const names = new Set<string>();
  // What attention is put together from has sums between sums.
  for (const func of kernelsOf(smallGPT2(), target).filter((f) => f.name !== "attention")) {
    for (const [TS, TR, TILE_S] of [[1, 64, 1], [4, 8, 1], [2, 4, 2]] as const) {
      const result = apply(func, gemv({ SCH: 2, TS, TR, TILE_S, TILE_R: 4, VEC: 4 }), { target });
      if (!result.ok) continue;
      names.add(func.name);
      assertEquals(lowerFunc(result.func).launches.length, 1, `${func.name}, ${TS} x ${TR}`);
    }
  }
  for (const name of ["linear", "linear_add", "linear_geluTanh", "matmul_mul"]) assert(names.has(name), name);
});
