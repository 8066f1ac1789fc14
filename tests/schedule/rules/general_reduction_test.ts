/** Several nests over the same rows as one launch. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers, type TensorArray } from "../../../ir/data.ts";
import { evalInt } from "../../../ir/eval.ts";
import { interpret } from "../../../ir/interpret.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printFunc } from "../../../ir/print.ts";
import { verifyFunc } from "../../../ir/verify.ts";
import { legalize } from "../../../schedule/graph/legalize.ts";
import { apply, generalReduction, printFailure } from "../../../schedule/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { copyArrays, interpretBackwards, runLowered } from "../../support/run_func.ts";
import { webgpuTest } from "../../support/webgpu.ts";

const TARGET = { ...WEBGPU_BASELINE, software: true };

const OPS: Readonly<Record<string, (x: w.Tensor) => w.Tensor>> = {
  softmax: (x) => w.softmax(x as w.Tensor<["n", "m", 8], "f32">, -1),
  logSoftmax: (x) => w.logSoftmax(x as w.Tensor<["n", "m", 8], "f32">, -1),
  negated: (x) => w.neg(w.softmax(x as w.Tensor<["n", "m", 8], "f32">, -1)),
};

interface Case {
  readonly op: string;
  readonly rows: number;
  readonly columns: number;
  readonly symbolic: readonly [boolean, boolean, boolean];
  readonly threads: number;
  /** Whether the threads of a workgroup share a row. */
  readonly together: 0 | 1;
}

const arbCase: fc.Arbitrary<Case> = fc.record({
  op: fc.constantFrom(...Object.keys(OPS)),
  rows: fc.constantFrom(1, 2, 7, 9),
  columns: fc.constantFrom(2, 3, 8, 12, 17),
  symbolic: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  threads: fc.constantFrom(1, 4, 8),
  together: fc.constantFrom(0, 1),
});

function build(c: Case): PrimFunc {
  const shape = [
    c.symbolic[0] ? "n" : 2,
    c.symbolic[1] ? "m" : c.rows,
    c.symbolic[2] ? (c.symbolic[0] && c.symbolic[1] ? "k+m" : "k") : c.columns,
  ] as const;
  const main = w.method({ x: w.spec(shape, "f32") }, ({ x }) => ({ y: OPS[c.op]!(x as w.Tensor) }));
  const [call] = legalize(w.trace({ main }).graphs["main"]!).calls;
  return call!.func;
}

function check(c: Case): { readonly func: PrimFunc; readonly made: PrimFunc } {
  const func = build(c);
  const result = apply(func, generalReduction({ threads: c.threads, together: c.together }), {
    target: TARGET,
  });
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertEquals([...verifyFunc(result.func)], [], printFunc(result.func));
  return { func, made: result.func };
}

const dimsOf = (c: Case): Record<string, number> => ({ n: 2, m: c.rows, k: c.columns });

function inputs(func: PrimFunc, dims: Readonly<Record<string, number>>): Record<string, TensorArray> {
  return Object.fromEntries(func.params.map(({ buffer }, at) => {
    const count = buffer.shape.reduce((p, e) => p * evalInt(e, dims), 1);
    const values = Array.from({ length: count }, (_, i) => Math.sin(at + i * 1.7) * 3);
    return [buffer.name, fromNumbers(buffer.dtype, values)];
  }));
}

Deno.test("nests over the same rows become one launch and mean the same, for any sizes", () => {
  fc.assert(
    fc.property(arbCase, (c) => {
      const { func, made } = check(c);
      const dims = dimsOf(c);
      const given = inputs(func, dims);
      const [expected, actual] = [copyArrays(given), copyArrays(given)];
      interpret(func, expected, dims);
      interpret(made, actual, dims);
      // Sums in parts round in another order.
      const same = (found: TensorArray | undefined): void =>
        c.together === 0
          ? assertEquals(found, expected["out"], printFunc(made))
          : assertAllClose(found!, expected["out"]!, { rtol: 1e-5, atol: 1e-6 }, printFunc(made));
      same(actual["out"]);
      const lowered = lowerFunc(made);
      assertEquals(lowered.launches.length, 1);
      same(interpretBackwards(lowered, given, dims)["out"]);
    }),
    { numRuns: 150 },
  );
});

webgpuTest("nests over the same rows give the same on WebGPU", async (device) => {
  await fc.assert(
    fc.asyncProperty(arbCase, async (c) => {
      const { func, made } = check(c);
      const dims = dimsOf(c);
      const given = inputs(func, dims);
      const expected = copyArrays(given);
      interpret(func, expected, dims);
      const actual = await runLowered(device, lowerFunc(made), given, dims);
      assertAllClose(actual["out"]!, expected["out"]!, { rtol: 1e-5, atol: 1e-6 });
    }),
    { numRuns: 15 },
  );
});

Deno.test("what is not worth a thread a row is refused with the reason", () => {
  const c: Case = {
    op: "softmax",
    rows: 4,
    columns: 8,
    symbolic: [false, false, false],
    threads: 8,
    together: 0,
  };
  const why = (params: Record<string, number>, target = TARGET): string => {
    const result = apply(build(c), generalReduction(params), { target });
    return result.ok ? "taken" : result.failure.reason;
  };
  assertEquals(why({}), "taken");
  assertStringIncludes(why({ longest: 4 }), "is longer than 4");
  assertStringIncludes(
    why({ thread: 4 }),
    "there is no parameter thread; did you mean threads",
  );
  assertEquals(why({ together: 2 }), "together is 0 or 1, got 2");
  assertStringIncludes(why({ threads: 4096 }), "threads in a workgroup, got 4096 x 1");
  assertEquals(why({}, { ...TARGET, software: false }), "taken");
  assertStringIncludes(why({}, { ...TARGET, costlyLaunches: false }), "little is saved by one launch");
});
