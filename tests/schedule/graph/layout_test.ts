/** Weights laid out column by column. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { memoryWeight, transposedWeight } from "../../../backends/runtime/weights.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { compile, lower } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers } from "../../../ir/data.ts";
import type { DType } from "../../../ir/dtype.ts";
import { assertAllClose } from "../../support/close.ts";

/** A product, a product with the transpose, rows taken, and one weight that is both multiplied and taken from. */
function program(): w.Program {
  const model = w.module({
    inOut: w.param([3, 5], "f32"),
    outIn: w.param([5, 3], "f32"),
    rows: w.param([7, 3], "f32"),
    both: w.param([3, 3], "f32"),
  }, (p) => ({
    main: w.method({ x: w.spec(["n", 3], "f32"), ids: w.spec(["n"], "i32") }, ({ x, ids }) => ({
      a: w.gelu(w.matmul(x, p.inOut)),
      b: w.matmul(x, w.transpose(p.outIn)),
      c: w.take(p.rows, ids),
      d: w.add(w.matmul(x, p.both), w.take(p.both, ids)),
    })),
  }));
  return w.trace(model, { bounds: { n: 4 } });
}

Deno.test("weights that are only summed over rows are transposed where the target wants it, with the same results", async () => {
  const [plain, soft] = [false, true].map((software) => {
    const device = jsDevice();
    return new Proxy(device, {
      get(_, key): unknown {
        const value: unknown = Reflect.get(device, key, device);
        if (key === "target") return { ...device.target, software };
        return typeof value === "function" ? value.bind(device) : value;
      },
    });
  });
  const lowered = [plain!, soft!].map((d) => [...lower(program(), d.target).transposed]);
  assertEquals(lowered, [[], ["inOut"]]);
  const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.3));
  const weights = new Map(
    ([["inOut", 3, 5], ["outIn", 5, 3], ["rows", 7, 3], ["both", 3, 3]] as const).map((
      [name, rows, columns],
    ) => [name, memoryWeight("f32", [rows, columns], numbers(rows * columns))]),
  );
  const results = await Promise.all([plain!, soft!].map(async (device) => {
    using executable = await compile(program(), { device, weights });
    const out = executable.run("main", {
      x: { dtype: "f32", shape: [2, 3], data: numbers(6) },
      ids: { dtype: "i32", shape: [2], data: Int32Array.of(2, 0) },
    });
    return await Promise.all(["a", "b", "c", "d"].map(async (name) => (await out[name]!.read()).data));
  }));
  results[0]!.forEach((data, i) => assertAllClose(results[1]![i]!, data, { rtol: 1e-6 }));
  assert(results[0]!.every((data) => data.some((v) => v !== 0)));
});

Deno.test("a transposed weight streams its columns, however its rows are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 70 }),
      fc.constantFrom<DType>("f32", "f16", "i8"),
      fc.integer({ min: 1, max: 300 }),
      async (rows, columns, dtype, words) => {
        const values = Array.from({ length: rows * columns }, (_, i) => i % 100);
        const bytes = (list: readonly number[]): Uint8Array => {
          const data = fromNumbers(dtype, list);
          return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        };
        const whole = bytes(values);
        const got = new Uint8Array(whole.length);
        const weight = {
          dtype,
          shape: [rows, columns],
          async stream(sink: (chunk: Uint8Array, offset: number) => void | Promise<void>): Promise<void> {
            for (let at = 0; at < whole.length; at += words * 4) {
              await sink(whole.slice(at, at + words * 4), at);
            }
          },
        };
        await transposedWeight(weight).stream((chunk, offset) => got.set(chunk, offset));
        const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
        assertEquals(got, bytes(turned));
      },
    ),
    { numRuns: 50 },
  );
});
