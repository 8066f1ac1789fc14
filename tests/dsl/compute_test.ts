import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import { ShapeError } from "../../ir/errors.ts";
import { printGraph } from "../../ir/print.ts";
import { interpretGraph } from "../support/interpret_graph.ts";

/** Runs a kernel for some inputs (row-major numbers) and dims. */
function run<I extends Readonly<Record<string, w.Tensor>>>(
  inputs: I,
  build: (inputs: I) => w.Tensor,
  values: Readonly<Record<keyof I, readonly number[]>>,
  dims: Readonly<Record<string, number>> = {},
): number[] {
  const g = w.trace({ main: w.method(inputs as w.InputTree, (i) => ({ y: build(i as I) })) }).graphs["main"]!;
  const arrays = Object.fromEntries(
    Object.entries(inputs).map(([name, t]) => [name, fromNumbers(t.dtype, values[name]!)]),
  );
  const y = build(inputs);
  return [...toNumbers(y.dtype, interpretGraph(g, arrays, dims)["y"]!)];
}

const stable = (error: Error): string =>
  error.message.replace(/(compute_test\.ts):\d+:\d+/, "$1:LINE:COLUMN");
const a = w.spec(["n", "m"], "f32");
const v = w.spec(["m"], "f32");

Deno.test("compute: a matrix times a vector", () => {
  const gemv = ({ a, v }: { a: w.Tensor<["n", "m"], "f32">; v: w.Tensor<["m"], "f32"> }) =>
    w.compute(
      "gemv",
      [["i", "n"]],
      ({ i }, { at, sum }) => sum({ k: "m" }, ({ k }) => at(a, i, k).mul(at(v, k))),
    );
  const y: w.Tensor<["n"], "f32"> = gemv({ a, v });
  assertEquals([y.shape, y.dtype], [["n"], "f32"]);
  assertEquals(run({ a, v }, gemv, { a: [1, 2, 3, 4, 5, 6], v: [1, 10, 100] }, { n: 2, m: 3 }), [321, 654]);
  assertEquals(run({ a, v }, gemv, { a: [], v: [] }, { n: 2, m: 0 }), [0, 0]);
});

Deno.test("compute: loops may be called like dims, in any order of appearance", () => {
  const x = w.spec(["n", "k"], "f32");
  const twice = w.compute("twice", [["n", "n"], ["k", "k"]], ({ n, k }, { at }) => at(x, n, k).mul(2));
  assertEquals(twice.shape, ["n", "k"]);
  const sums = ({ x }: { x: typeof x_ }) =>
    w.compute("sums", [["n", 2]], ({ n }, { at, sum, dim }) =>
      // `n` is a loop here, "n" and "k" are dims.
      sum({ k: "k" }, ({ k }) => at(x, n, k)).add(dim("n").mul(100).cast("f32")).add(dim("k").cast("f32")));
  const x_ = x;
  assertEquals(run({ x }, sums, { x: [1, 2, 3, 4, 5, 6] }, { n: 3, k: 2 }), [305, 309]);
});

Deno.test("compute: loops may be called like dims of what a view in front reads", () => {
  const x = w.spec(["m", 4], "f32");
  const last = ({ x }: { x: typeof x_ }) =>
    w.compute("last", [["m", 4]], ({ m }, { at }) => at(w.slice(x, 0, -1, 1), 0, m));
  const x_ = x;
  assertEquals(run({ x }, last, { x: [1, 2, 3, 4, 5, 6, 7, 8] }, { m: 2 }), [5, 6, 7, 8]);
});

Deno.test("compute: what it looks like", async (t) => {
  const norm = w.compute(
    "norm",
    [["n", "n"], ["m", "m"]],
    ({ n, m }, { at, sum }) => at(a, n, m).sub(sum({ m: "m" }, ({ m: j }) => at(a, n, j))),
  );
  const g = w.trace({
    main: w.method({ a, v }, ({ a }) => ({
      y: w.compute(
        "norm",
        [["n", "n"], ["m", "m"]],
        ({ n, m }, { at, sum }) => at(a, n, m).sub(sum({ m: "m" }, ({ m: j }) => at(a, n, j))),
      ),
    })),
  }).graphs["main"]!;
  assertEquals(norm.shape, ["n", "m"]);
  await t.assertSnapshot(printGraph(g));
});

Deno.test("compute: reductions inside each other, several, over several axes, and of all kinds", () => {
  const x = w.spec([2, 3], "f32");
  const values = { x: [1, 5, 2, 4, 3, 6] };
  type In = { x: typeof x };
  assertEquals(
    run(
      { x },
      ({ x }: In) => w.compute("all", [], (_, { at, sum }) => sum({ i: 2, j: 3 }, ({ i, j }) => at(x, i, j))),
      values,
    ),
    [21],
  );
  // The largest of the rows' sums, in one expression.
  assertEquals(
    run(
      { x },
      ({ x }: In) =>
        w.compute(
          "rows",
          [],
          (_, { at, max, sum }) => max({ i: 2 }, ({ i }) => sum({ j: 3 }, ({ j }) => at(x, i, j))),
        ),
      values,
    ),
    [13],
  );
  assertEquals(
    run(
      { x },
      ({ x }: In) =>
        w.compute(
          "spread",
          [["i", 2]],
          ({ i }, { at, max, min, prod }) =>
            max({ j: 3 }, ({ j }) => at(x, i, j)).sub(min({ j: 3 }, ({ j }) => at(x, i, j)))
              .add(
                prod({ j: 3 }, ({ j }) => at(x, i, j)).mul(100),
              ),
        ),
      values,
    ),
    [1004, 7203],
  );
  // A reduction inside a reduction that depends on both axes.
  assertEquals(
    run(
      { x },
      ({ x }: In) =>
        w.compute(
          "gram",
          [["i", 2]],
          ({ i }, { at, sum }) =>
            sum({ k: 2 }, ({ k }) => sum({ j: 3 }, ({ j }) => at(x, i, j).mul(at(x, k, j)))),
        ),
      values,
    ),
    [61, 92],
  );
});

Deno.test("compute: only the chosen side of a select is read", () => {
  const x = w.spec(["n"], "f32");
  const shifted = ({ x }: { x: w.Tensor<["n"], "f32"> }) =>
    w.compute(
      "shifted",
      [["i", "n"]],
      ({ i }, { at, literal }) => i.eq(0).select(literal(-1), at(x, i.sub(1))),
    );
  assertEquals(run({ x }, shifted, { x: [1, 2, 3] }, { n: 3 }), [-1, 1, 2]);
  // The same of a reduction inside of a branch, which is computed on its own.
  const before = ({ x }: { x: w.Tensor<["n"], "f32"> }) =>
    w.compute(
      "before",
      [["i", "n"]],
      ({ i }, { at, literal, sum }) =>
        i.eq(0).select(literal(-1), sum({ k: 2 }, ({ k }) => at(x, i.sub(1).add(k.mul(0))))),
    );
  assertEquals(run({ x }, before, { x: [1, 2, 3] }, { n: 3 }), [-1, 2, 4]);
});

Deno.test("compute: a condition in a branch is looked at only where the branch is taken", () => {
  const x = w.spec(["n"], "f32");
  const kernel = ({ x }: { x: w.Tensor<["n"], "f32"> }) =>
    w.compute("k", [["i", "n"]], ({ i }, { at, literal, sum }) => {
      const before = at(x, i.sub(1));
      const twice = sum({ k: 2 }, ({ k }) => at(x, i.sub(1).add(k.mul(0))));
      return i.gt(0).select(before.gt(0).select(twice, literal(7)), literal(-1));
    });
  assertEquals(run({ x }, kernel, { x: [1, 0, 3] }, { n: 3 }), [-1, 2, 7]);
});

Deno.test("compute: elements of narrow tensors are wide, and results are what the body is", () => {
  const x = w.spec([2], "bf16");
  const b = w.spec([2], "bool");
  const u = w.spec([2], "u8");
  const f = w.compute("f", [["i", 2]], ({ i }, { at }) => at(x, i).add(1));
  const k = w.compute("k", [["i", 2]], ({ i }) => i);
  assertEquals([f.dtype, k.dtype], ["f32", "i32"]);
  type U = { u: typeof u };
  const wide = ({ u }: U) => w.compute("h", [["i", 2]], ({ i }, { at }) => at(u, i).add(300));
  assertEquals(wide({ u }).dtype, "u32");
  assertEquals(run({ u }, wide, { u: [1, 255] }), [301, 555]);
  type B = { b: typeof b };
  const same = ({ b }: B) => w.compute("g", [["i", 2]], ({ i }, { at }) => at(b, i));
  assertEquals(same({ b }).dtype, "bool");
  assertEquals(run({ b }, same, { b: [1, 0] }), [1, 0]);
});

Deno.test("compute: dims are bound when the model is", () => {
  const kernel = w.method({ a }, ({ a }) => ({
    y: w.compute(
      "k",
      [["m", "m"]],
      ({ m }, { at, sum, dim }) => sum({ i: "n" }, ({ i }) => at(a, i, m)).mul(dim("2*n").cast("f32")),
    ),
  }));
  const shapes = (dims: Readonly<Record<string, number>>) =>
    w.trace({ kernel }, { dims }).graphs["kernel"]!.nodes[0]!;
  assertEquals(shapes({}).shape, ["m"]);
  assertEquals(shapes({ m: 4 }).shape, [4]);
  // The loops have the same names either way.
  const axes = (dims: Readonly<Record<string, number>>) =>
    shapes(dims).compute!.axes.map((axis) => axis.name);
  assertEquals(axes({}), axes({ m: 4, n: 2 }));
});

Deno.test("property: a kernel that sums over any axes equals the operator", () => {
  const cases = fc.record({
    shape: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }),
    picked: fc.array(fc.nat(2), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(cases, ({ shape, picked }) => {
      const axes = [...new Set(picked.filter((i) => i < shape.length))];
      const x = w.spec(shape, "f32");
      const kept = [...shape.keys()].filter((i) => !axes.includes(i));
      const name = (i: number): string => `i${i}`;
      const kernel = ({ x }: { x: w.Tensor<w.Shape, "f32"> }) =>
        w.compute(
          "sum",
          kept.map((i) => [name(i), shape[i]!] as const),
          (outer, { at, sum }) =>
            axes.length === 0 ? at(x, ...shape.map((_, i) => outer[name(i)]!)) : sum(
              Object.fromEntries(axes.map((i) => [name(i), shape[i]!])),
              (inner) => at(x, ...shape.map((_, i) => inner[name(i)] ?? outer[name(i)]!)),
            ),
        );
      const values = {
        x: Array.from({ length: shape.reduce((p, q) => p * q, 1) }, (_, i) => i + 1),
      };
      assertEquals(
        run({ x }, kernel, values),
        run({ x }, ({ x }) => w.sum(x, axes as never) as w.Tensor, values),
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("compute: what is wrong is refused with the kernel's name", async (t) => {
  const i32 = w.spec(["m"], "i32");
  const wrong: readonly (() => unknown)[] = [
    () => w.compute("gemv", [["i", "n"]], ({ i }, { at }) => at(a as w.Tensor, i)),
    () => w.compute("gemv", [["i", "n"]], ({ i }, { at }) => at(v as w.Tensor, i, i)),
    () => w.compute("mix", [["i", "m"]], ({ i }, { at }) => at(v, i).add(at(i32, i) as never)),
    () => w.compute("mix", [["i", "m"]], ({ i }, { at }) => at(i32, i).add(0.5)),
    () => w.compute("mix", [["i", "m"]], ({ i }, { at }) => at(v, at(v, i) as never)),
    () =>
      w.compute("logic", [["i", "m"]], ({ i }, { at, sum }) => sum({ k: 2 }, () => at(v, i).eq(0) as never)),
    () => w.compute("logic", [["i", "m"]], ({ i }, { at }) => at(v, i).apply("not")),
    () => w.compute("twice", [["i", 2], ["i", 3]], ({ i }) => i),
    () => w.compute("name", [["i j", 2]], (all) => all["i j"]),
    () => w.compute("dim", [["i", "n*2"]], ({ i }) => i),
    () => w.compute("dim", [["i", -1]], ({ i }) => i),
    () => w.compute("dim", [["i", 2]], ({ i }, { dim }) => i.add(dim("n-1"))),
    () => w.compute("none", [["i", 2]], () => 3 as never),
  ];
  await t.assertSnapshot(wrong.map((f) => stable(assertThrows(f, ShapeError))));
});
