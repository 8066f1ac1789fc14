/** Attention in one pass, step by step: `cacheTerm`, `postponeDivision`, `computeWith`, `rollingUpdate`. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { interpret } from "../../ir/interpret.ts";
import { printFunc } from "../../ir/print.ts";
import { apply, parseSchedule } from "../../schedule/mod.ts";
import { assertAllClose } from "../support/close.ts";
import { read } from "../support/nests.ts";
import { after } from "../support/after.ts";
import { copyArrays, interpretBackwards, runLowered } from "../support/run_func.ts";
import { webgpuTest } from "../support/webgpu.ts";

/** `softmax(x) @ v` for each of `h` heads: a maximum, a sum, quotients and the sums of products. */
const SOFTMAX_SUM = read(`
fn attend(x: read f32[h, n], v: read f32[h, n, 6], y: write f32[h, 6]) dims(h, n) {
  alloc m: global f32[h] {
    alloc s: global f32[h] {
      alloc p: global f32[h, n] {
        alloc o: global f32[h, 6] {
          for i in 0..h { for j in 0..n {
            block max(vi: spatial 0..h = i, vj: reduce 0..n = j) { init { m[vi] = -inf } m[vi] = max(m[vi], x[vi, vj]) }
          } }
          for i_1 in 0..h { for j_1 in 0..n {
            block sum(wi: spatial 0..h = i_1, wj: reduce 0..n = j_1) {
              init { s[wi] = 0.0 }
              s[wi] = s[wi] + exp(x[wi, wj] - m[wi])
            }
          } }
          for i_2 in 0..h { for j_2 in 0..n {
            block softmax(ui: spatial 0..h = i_2, uj: spatial 0..n = j_2) {
              p[ui, uj] = exp(x[ui, uj] - m[ui]) / s[ui]
            }
          } }
          for i_3 in 0..h { for c in 0..6 { for j_3 in 0..n {
            block values(ti: spatial 0..h = i_3, tc: spatial 0..6 = c, tj: reduce 0..n = j_3) {
              init { o[ti, tc] = 0.0 }
              o[ti, tc] = o[ti, tc] + p[ti, tj] * v[ti, tj, tc]
            }
          } } }
          for i_4 in 0..h { for c_1 in 0..6 {
            block result(ri: spatial 0..h = i_4, rc: spatial 0..6 = c_1) { y[ri, rc] = o[ri, rc] }
          } }
        }
      }
    }
  }
}`);

const ONCE = "cacheTerm(sum, softmax), postponeDivision(softmax), computeInline(softmax)";
const ONE_PASS = `${ONCE}, computeAt(values, i_4), reorder(j_3, c), decomposeReduction(values, j_3), ` +
  "computeAt(sum, i_4), decomposeReduction(sum, j_1), computeWith(j_1, j_3), computeAt(sum_term, j_3), " +
  "computeAt(max, i_4), rollingUpdate(max, j), bind(i_4, blockIdx.x)".replace("(max, j)", "(max, j_3)");

/** In tiles of positions, by threads that share what they computed. */
const tiled = (tile: number): string =>
  `${ONCE}, split(c_1, [${tile}, _], names=[t, q]), computeAt(values, t), computeAt(sum, t), attempt(reorder(j_3, c)), ` +
  "decomposeReduction(values, j_3), decomposeReduction(sum, j_1), computeWith(j_1, j_3), " +
  `split(j_3, [_, ${tile}], names=[jo, ji]), computeAt(sum_term, jo), computeAt(max, t), ` +
  `split(j, [_, ${tile}], names=[mo, mi]), rollingUpdate(max, jo), bind(i_4, blockIdx.x), bind(t, threadIdx.x)`;
const shared = (tile: number): string =>
  `${tiled(tile)}, setScope(s_term, workgroup), bind(j_1_1, threadIdx.x)`;

/** Steps under test, each of which means the same up to rounding. */
const STEPS: readonly string[] = [
  "cacheTerm(sum, softmax)",
  "postponeDivision(softmax)",
  ONCE,
  "computeWith(i, i_1)",
  "computeWith(i_2, i_3), computeWith(i, i_1)",
  ONE_PASS,
  tiled(2),
  tiled(3),
  shared(3),
  shared(6),
].map((steps) => `seq(${steps})`);

/** Scores as attention has them: some far apart, some masked, and rows whose first ones are all masked. */
const arbScores = (count: number): fc.Arbitrary<Float32Array> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.double({ min: -4, max: 4, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(-Infinity, 80, -80, 1e30, 0) },
    ),
    { minLength: count, maxLength: count },
  ).map((list) => Float32Array.from(list));

const arbCase = fc.record({ h: fc.constantFrom(0, 1, 3), n: fc.constantFrom(1, 2, 5, 6, 7, 13) })
  .chain((dims) =>
    fc.record({
      dims: fc.constant(dims),
      x: arbScores(dims.h * dims.n),
      v: arbScores(0).chain(() =>
        fc.array(fc.double({ min: -2, max: 2, noNaN: true }), {
          minLength: dims.h * dims.n * 6,
          maxLength: dims.h * dims.n * 6,
        }).map((list) => Float32Array.from(list))
      ),
    })
  );

const CLOSE = { rtol: 1e-5, atol: 1e-5 };

for (const steps of STEPS) {
  Deno.test(`means the same: ${steps.slice(0, 90)}`, async () => {
    const func = after(SOFTMAX_SUM, steps);
    const lowered = lowerFunc(after(func, "attempt(rule(fallback))"));
    const bound = printFunc(func).includes("@blockIdx") ? lowerFunc(func) : lowered;
    const js = jsDevice();
    const wasm = wasmDevice({ threads: 1 });
    await fc.assert(
      fc.asyncProperty(arbCase, async ({ dims, x, v }) => {
        const arrays = { x, v, y: new Float32Array(dims.h * 6).fill(-77) };
        const expected = copyArrays(arrays);
        interpret(SOFTMAX_SUM, expected, dims);
        const actual = copyArrays(arrays);
        interpret(func, actual, dims);
        assertAllClose(actual.y as Float32Array, expected.y as Float32Array, CLOSE, "interpreted");
        const turned = interpretBackwards(bound, arrays, dims);
        assertAllClose(turned.y as Float32Array, expected.y as Float32Array, CLOSE, "last thread first");
        for (const device of [js, wasm]) {
          const got = await runLowered(device, bound, arrays, dims);
          assertAllClose(got.y as Float32Array, expected.y as Float32Array, CLOSE, device.target.kind);
        }
      }),
      { numRuns: 25 },
    );
  });
}

webgpuTest("a pass by threads that share scores means the same on WebGPU", async (device) => {
  for (const steps of [ONE_PASS, shared(3), shared(6)]) {
    const lowered = lowerFunc(after(SOFTMAX_SUM, `seq(${steps})`));
    for (const n of [1, 6, 13, 64]) {
      const dims = { h: 2, n };
      const x = Float32Array.from({ length: 2 * n }, (_, i) => (i % 5 === 0 ? -Infinity : Math.sin(i) * 5));
      x[n - 1] = 1;
      x[2 * n - 1] = 1;
      const v = Float32Array.from({ length: 2 * n * 6 }, (_, i) => Math.cos(i));
      const arrays = { x, v, y: new Float32Array(12) };
      const expected = copyArrays(arrays);
      interpret(SOFTMAX_SUM, expected, dims);
      const got = await runLowered(device, lowered, arrays, dims);
      assertAllClose(got.y as Float32Array, expected.y as Float32Array, CLOSE, `${n}: ${steps}`);
    }
  }
});

Deno.test("golden: a softmax and its product in one pass", async (t) => {
  await t.assertSnapshot(printFunc(after(SOFTMAX_SUM, `seq(${ONE_PASS})`)));
});

Deno.test("golden: scores of a tile in memory of the workgroup, and its barriers", async (t) => {
  const func = after(SOFTMAX_SUM, `seq(${shared(6)})`);
  const [launch] = lowerFunc(func).launches;
  assertEquals(printFunc({ ...func, body: launch!.body }).split("barrier").length - 1, 2);
  await t.assertSnapshot(printFunc(func));
});

const REFUSED: readonly (readonly [steps: string, why: string])[] = [
  ["cacheTerm(max, softmax)", "folds what is stored already"],
  ["cacheTerm(softmax, result)", "block softmax is no fold"],
  ["cacheTerm(sum, result)", "does not compute what block sum folds"],
  ["seq(split(j_1, [_, 2]), cacheTerm(sum, softmax))", "were rewritten"],
  ["postponeDivision(result)", "does not end with a division"],
  ["seq(computeInline(softmax), postponeDivision(result))", "does not end with a division"],
  ["computeWith(i, j_1)", "loops i and j_1 have different extents"],
  ["computeWith(i_1, i)", "loop i is not after loop i_1 in one sequence"],
  ["computeWith(i, i)", "loop i is not after loop i in one sequence"],
  ["computeWith(j, j_1)", "is not after loop j in one sequence"],
  ["computeWith(i, i_2)", "what is between them uses m, too"],
  ["seq(bind(i, blockIdx.x), computeWith(i, i_1))", "loop i is blockIdx.x"],
  ["rollingUpdate(sum, j_2)", "does not take a maximum of f32 numbers"],
  ["rollingUpdate(max, j_1)", "loops i and j_1 have different extents"],
  ["rollingUpdate(max, i_1)", "m is used outside of loop i_1"],
  ["seq(computeAt(max, i_1), rollingUpdate(max, j_1))", "outside of loop"],
];
for (const [steps, why] of REFUSED) {
  Deno.test(`refused: ${steps}`, () => {
    const result = apply(SOFTMAX_SUM, parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertStringIncludes(result.failure.reason, why);
  });
}

Deno.test("refused: computeWith where an iteration needs another's element", () => {
  const func = read(`
fn turn(x: read f32[n], y: write f32[n]) dims(n) {
  alloc t: global f32[n] {
    for i in 0..n { block copy(vi: spatial 0..n = i) { t[vi] = x[vi] } }
    for j in 0..n { block turned(vj: spatial 0..n = j) { y[vj] = t[n - 1 - vj] } }
  }
}`);
  const result = apply(func, parseSchedule("computeWith(i, j)"));
  assert(!result.ok);
  assertStringIncludes(result.failure.reason, "different iterations of both may touch one element of t");
});
