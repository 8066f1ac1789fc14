/** Memory that a workgroup shares: staging, barriers, and what they are refused for. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { launchFunc } from "../../backends/launch.ts";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { lowerCompute } from "../../ir/compute.ts";
import type { TensorArray } from "../../ir/data.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { type Axis, type Expr, int, load, mul, reduce, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseFunc } from "../../ir/parse.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import type { Buffer } from "../../ir/stmt.ts";
import { apply, parseSchedule } from "../../schedule/mod.ts";
import { randomInputs } from "../support/arbitrary.ts";
import { after } from "../support/after.ts";
import { copyArrays, interpretBackwards, runLowered } from "../support/run_func.ts";
import { webgpuTest } from "../support/webgpu.ts";
import * as kernels from "./kernels.ts";

const lowered = (func: PrimFunc): string =>
  lowerFunc(func).launches.map((l) => printFunc(launchFunc(l))).join("\n");
const barriers = (func: PrimFunc): number => lowered(func).split("barrier").length - 1;

/** A product of matrices of integers, with these extents. */
function product(m: Expr, n: Expr, k: Expr, turned: boolean): PrimFunc {
  const buffer = (name: string, shape: readonly Expr[]): Buffer => ({
    name,
    dtype: "i32",
    shape,
    scope: "global",
  });
  const [i, j, l] = ["i", "j", "k"].map((v) => variable(v));
  const b = turned ? [j!, l!] : [l!, j!];
  const axes: readonly Axis[] = [{ name: "i", extent: m }, { name: "j", extent: n }];
  const sum = reduce("sum", [{ name: "k", extent: k }], mul(load("a", "i32", [i!, l!]), load("b", "i32", b)));
  return lowerCompute(
    { name: "product", axes, body: sum },
    [buffer("a", [m, k]), buffer("b", turned ? [n, k] : [k, n])],
    buffer("c", [m, n]),
    ["dm", "dn", "dk"].filter((_, d) => [m, n, k][d]?.kind === "var"),
  );
}

interface Case {
  readonly func: PrimFunc;
  readonly dims: Readonly<Record<string, number>>;
  readonly steps: string;
}

/** Products with what several threads read in memory that they share: tiles that fit, and ones that do not. */
const arbCase: fc.Arbitrary<Case> = fc.noBias(fc.record({
  sizes: fc.tuple(...Array.from({ length: 3 }, () => fc.constantFrom(0, 1, 2, 5, 7, 8, 16, 33))),
  symbolic: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  turned: fc.boolean(),
  tiles: fc.tuple(fc.constantFrom(1, 2, 4, 8), fc.constantFrom(1, 3, 4, 8), fc.constantFrom(1, 2, 4, 5)),
  rows: fc.constantFrom(1, 2, 3),
  oneAxis: fc.boolean(),
  staged: fc.constantFrom("a", "b", "ab"),
  registers: fc.boolean(),
  order: fc.boolean(),
  align: fc.boolean(),
  twice: fc.boolean(),
})).map((parts) => {
  const { sizes, symbolic, turned, tiles: [ti, tj, tk], rows, oneAxis, staged, registers, order } = parts;
  const names = ["dm", "dn", "dk"];
  const [m, n, k] = sizes.map((size, d) => (symbolic[d] ? variable(names[d]!) : int(Math.max(size, 1))));
  const dims = Object.fromEntries(sizes.flatMap((size, d) => (symbolic[d] ? [[names[d]!, size]] : [])));
  const bound = oneAxis
    ? ["fuse([it, jt], name=t)", "bind(t, threadIdx.x)"]
    : ["bind(it, threadIdx.y)", "bind(jt, threadIdx.x)"];
  const steps = [
    `split(i, [_, ${ti}, ${rows}], names=[ib, it, ir])`,
    `split(j, [_, ${tj}], names=[jb, jt])`,
    `split(k, [_, ${tk}], names=[ko, ki])`,
    "reorder(ib, jb, it, jt, ko, ki, ir)",
    "bind(ib, blockIdx.y)",
    "bind(jb, blockIdx.x)",
    ...bound,
    "cacheWrite(c_sum, local)",
    "decomposeReduction(c_sum, ko)",
    ...[...staged].map((x) => `cacheRead(c_sum, ${x}, workgroup, ko${order ? ", order=[1, 0]" : ""})`),
    ...(parts.align ? [`attempt(storageAlign(${staged[0]}_shared, 0, 4, 1))`] : []),
    ...(parts.twice ? [...staged].map((x) => `doubleBuffer(${x}_shared, ko)`) : []),
    ...(registers ? [`cacheRead(c_sum, ${staged[0]}_shared, local, ki)`] : []),
  ];
  return { func: product(m!, n!, k!, turned), dims, steps: `seq(${steps.join(", ")})` };
});

const seed = Date.now() | 0;

Deno.test("products staged in memory of the workgroup are the same everywhere", async () => {
  console.log(`seed ${seed}`);
  const devices = [jsDevice(), await wasmDevice()];
  let synchronised = 0;
  await fc.assert(
    fc.asyncProperty(arbCase, fc.nat(), async ({ func, dims, steps }, inputs) => {
      const staged = after(func, steps);
      const arrays = randomInputs(func, dims, inputs);
      const expected = copyArrays(arrays);
      interpret(func, expected, dims);
      const what = (): string => `${steps}\n${JSON.stringify(dims)}\n${printFunc(func)}\n${lowered(staged)}`;
      const same = (actual: Readonly<Record<string, TensorArray>>): void =>
        assertEquals(actual.c, expected.c, what());
      const sequential = copyArrays(arrays);
      interpret(staged, sequential, dims);
      same(sequential);
      const launches = lowerFunc(staged);
      if (barriers(staged) > 0) synchronised++;
      same(interpretBackwards(launches, arrays, dims));
      for (const device of devices) same(await runLowered(device, launches, arrays, dims));
    }),
    { numRuns: 40, seed },
  );
  assertGreater(synchronised, 12);
  for (const device of devices) device.dispose();
});

webgpuTest("staged products on a GPU", async (device) => {
  await fc.assert(
    fc.asyncProperty(arbCase, fc.nat(), async ({ func, dims, steps }, inputs) => {
      const arrays = randomInputs(func, dims, inputs);
      const expected = copyArrays(arrays);
      interpret(func, expected, dims);
      const actual = await runLowered(device, lowerFunc(after(func, steps)), arrays, dims);
      assertEquals(actual.c, expected.c, `${steps}\n${JSON.stringify(dims)}`);
    }),
    { numRuns: 15, seed },
  );
});

/** Rows of numbers folded by threads together: as many as fit, more, and fewer; several rows a workgroup. */
const arbFold: fc.Arbitrary<Case> = fc.noBias(fc.record({
  rows: fc.constantFrom(0, 1, 3, 7),
  columns: fc.constantFrom(0, 1, 2, 5, 31, 64, 100),
  symbolic: fc.boolean(),
  op: fc.constantFrom("sum", "max", "min", "prod"),
  threads: fc.constantFrom(1, 2, 3, 4, 6, 7, 16, 32),
  beside: fc.constantFrom(1, 2, 3),
  registers: fc.boolean(),
})).map(({ rows, columns, symbolic, op, threads, beside, registers }) => {
  const [m, k] = [variable("dm"), symbolic ? variable("dk") : int(Math.max(columns, 1))];
  const buffer = (name: string, shape: readonly Expr[]): Buffer => ({
    name,
    dtype: "i32",
    shape,
    scope: "global",
  });
  const x = load("a", "i32", [variable("i"), variable("k")]);
  const func = lowerCompute(
    { name: "fold", axes: [{ name: "i", extent: m }], body: reduce(op, [{ name: "k", extent: k }], x) },
    [buffer("a", [m, k])],
    buffer("c", [m]),
    symbolic ? ["dk", "dm"] : ["dm"],
  );
  const steps = [
    `split(i, [_, ${beside}], names=[ib, it])`,
    `split(k, [_, ${threads}], names=[ko, ki])`,
    "reorder(ib, it, ki, ko)",
    "bind(ib, blockIdx.x)",
    "bind(it, threadIdx.y)",
    `crossThreadReduce(c_${op}, ki)`,
    ...(registers ? [`cacheWrite(c_${op}_rf, local)`] : []),
  ];
  return {
    func,
    dims: { dm: rows, ...(symbolic ? { dk: columns } : {}) },
    steps: `seq(${steps.join(", ")})`,
  };
});

Deno.test("folds by threads together are the same everywhere", async () => {
  const devices = [jsDevice(), await wasmDevice()];
  await fc.assert(
    fc.asyncProperty(arbFold, fc.nat(), async ({ func, dims, steps }, inputs) => {
      const folded = after(func, steps);
      const arrays = randomInputs(func, dims, inputs);
      const expected = copyArrays(arrays);
      interpret(func, expected, dims);
      const what = (): string => `${steps}\n${JSON.stringify(dims)}\n${printFunc(func)}\n${lowered(folded)}`;
      const same = (actual: Readonly<Record<string, TensorArray>>): void =>
        assertEquals(actual.c, expected.c, what());
      const sequential = copyArrays(arrays);
      interpret(folded, sequential, dims);
      same(sequential);
      const launches = lowerFunc(folded);
      same(interpretBackwards(launches, arrays, dims));
      for (const device of devices) same(await runLowered(device, launches, arrays, dims));
    }),
    { numRuns: 40, seed },
  );
  for (const device of devices) device.dispose();
});

webgpuTest("folds by threads together on a GPU", async (device) => {
  await fc.assert(
    fc.asyncProperty(arbFold, fc.nat(), async ({ func, dims, steps }, inputs) => {
      const arrays = randomInputs(func, dims, inputs);
      const expected = copyArrays(arrays);
      interpret(func, expected, dims);
      const actual = await runLowered(device, lowerFunc(after(func, steps)), arrays, dims);
      assertEquals(actual.c, expected.c, `${steps}\n${JSON.stringify(dims)}`);
    }),
    { numRuns: 15, seed },
  );
});

Deno.test("golden: crossThreadReduce", async (t) => {
  const func = after(
    kernels.matmul(),
    "seq(split(k, [_, 4]), reorder(i, j, k_1, k_0), bind(i, blockIdx.y), bind(j, blockIdx.x), " +
      "crossThreadReduce(c_sum, k_1), cacheWrite(c_sum_rf, local))",
  );
  await t.assertSnapshot(`${printFunc(func)}\n\n${lowered(func)}`);
});

const TILED =
  "split(i, [_, 8]), split(j, [_, 4]), split(k, [_, 4]), reorder(i_0, j_0, i_1, j_1, k_0, k_1), " +
  "bind(i_0, blockIdx.y), bind(j_0, blockIdx.x), bind(i_1, threadIdx.y), bind(j_1, threadIdx.x), " +
  "cacheWrite(c_sum, local), decomposeReduction(c_sum, k_0)";

Deno.test("golden: storageAlign, and doubleBuffer with one barrier an iteration", async (t) => {
  const func = after(
    kernels.matmul(),
    `seq(${TILED.replace("split(k, [_, 4])", "split(k, [_, 2])")}, cacheRead(c_sum, a, workgroup, k_0), ` +
      "storageAlign(a_shared, 0, 4, 1), doubleBuffer(a_shared, k_0))",
  );
  assertEquals(barriers(func), 1);
  await t.assertSnapshot(`${printFunc(func)}\n\n${lowered(func)}`);
});

Deno.test("setScope: what is of one thread, for all threads of a workgroup and back", () => {
  const func = kernels.matmul();
  const local = after(func, "seq(bind(i, blockIdx.x), cacheWrite(c_sum, local))");
  const shared = after(local, "setScope(c_local, workgroup)");
  assertStringIncludes(printFunc(shared), "alloc c_local: workgroup");
  assertEquals(printFunc(after(shared, "setScope(c_local, local)")), printFunc(local));
});

Deno.test("golden: cacheRead to memory of the workgroup, and its barriers", async (t) => {
  const func = after(
    kernels.matmul(),
    `seq(${TILED}, cacheRead(c_sum, a, workgroup, k_0), cacheRead(c_sum, b, workgroup, k_0))`,
  );
  assertEquals(barriers(func), 2);
  await t.assertSnapshot(`${printFunc(func)}\n\n${lowered(func)}`);
});

const REFUSED: readonly (readonly [steps: string, why: string])[] = [
  ["setScope(c, local)", "no buffer c is allocated inside a nest"],
  [
    "seq(bind(j, threadIdx.x), cacheWrite(c_sum, local), setScope(c_local, workgroup))",
    "would share c_local",
  ],
  ["seq(cacheWrite(c_sum, local), storageAlign(c_local, 0, 4, 1))", "has no axis 0"],
  ["seq(cacheWrite(c_sum, local), doubleBuffer(c_local, i))", "in scope local"],
  ["crossThreadReduce(c_sum, j)", "loop j feeds a spatial iterator"],
  ["seq(split(k, [_, 2]), crossThreadReduce(c_sum, k_1))", "loop k_0 around k_1 reduces, too"],
  ["seq(bind(j, threadIdx.x), crossThreadReduce(c_sum, k))", "has threadIdx.x already"],
  ["seq(split(j, [_, 2]), reorder(i, j_0, k, j_1), crossThreadReduce(c_sum, k))", "only loops that reduce"],
  ["seq(parallel(i), crossThreadReduce(c_sum, k))", "loop i around is parallel"],
  [
    "seq(cacheWrite(c_sum, local), decomposeReduction(c_sum, k), crossThreadReduce(c_sum, k))",
    "does not start from",
  ],
  ["cacheRead(c_sum, a, workgroup, k)", "no loop around or inside k is bound to threads"],
  [
    "seq(split(i, [_, 4]), bind(j, threadIdx.x), cacheRead(c_sum, a, workgroup, j), bind(i_1, threadIdx.y))",
    "has a_shared to itself, which threads would share",
  ],
  [
    "seq(bind(j, threadIdx.x), parallel(i), cacheRead(c_sum, a, workgroup, j))",
    "loop i around is parallel",
  ],
];
for (const [steps, why] of REFUSED) {
  Deno.test(`refused: ${steps}`, () => {
    const result = apply(kernels.matmul(), parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertStringIncludes(result.failure.reason, why);
  });
}

/** Nests with their loops over threads nested, which say what threads would not do together. */
const APART: readonly (readonly [what: string, body: string, why: string])[] = [
  [
    "a store of all threads to what they share",
    "alloc s: workgroup i32[4] { block b(v: spatial 0..4 = t) { s[0] = x[v] } block c(v: spatial 0..4 = t) { y[v] = s[0] } }",
    "each thread would store to all of s",
  ],
  [
    "a copy that depends on the thread",
    "alloc s: workgroup i32[4] { for u in 0..4 @threadIdx.x { block b(v: spatial 0..4 = t, w: spatial 0..4 = u) " +
    "{ s[w] = x[v] } } block c(v: spatial 0..4 = t) { y[v] = s[0] } }",
    "depends on the thread",
  ],
  [
    "a result in the loop of a copy",
    "for u in 0..4 @threadIdx.x { block b(v: spatial 0..4 = t, w: spatial 0..4 = u) { y[v] = x[w] } }",
    "a store to y is in a loop of the same axis",
  ],
  [
    "a barrier that only some threads come to",
    "for k in 0..t { alloc s: workgroup i32[4] { for u in 0..4 @threadIdx.x { block b(w: spatial 0..4 = u) " +
    "{ s[w] = x[w] } } block c(v: spatial 0..4 = t) { y[v] = s[0] } } }",
    "depends on the thread",
  ],
];
for (const [what, body, why] of APART) {
  Deno.test(`not launched: ${what}`, () => {
    const func = parseFunc(
      `fn f(x: read i32[4], y: write i32[4]) { for t in 0..4 @threadIdx.x { ${body} } }`,
    );
    assertStringIncludes(assertThrows(() => lowerFunc(func), UnsupportedError).message, why);
  });
}

Deno.test("a barrier in a loop on which threads disagree is refused", () => {
  const func = parseFunc(`fn f(x: read i32[4], y: write i32[4]) { alloc s: workgroup i32[4] {
    for t in 0..4 @threadIdx.x { for k in 0..t { block b(v: spatial 0..4 = t) { s[v] = x[v] }
      block c(v: spatial 0..4 = t) { y[v] = s[3 - v] } } } } }`);
  assertStringIncludes(
    assertThrows(() => lowerFunc(func), UnsupportedError).message,
    "on which they may disagree",
  );
});
