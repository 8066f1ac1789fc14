/** Weights laid out column by column and in panels. @module */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import {
  memoryWeight,
  transposedWeight,
  type Weight,
  weightInPanels,
} from "../../../backends/runtime/weights.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { compile, lower } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers } from "../../../ir/data.ts";
import type { DType } from "../../../ir/dtype.ts";
import type { GraphRuleName } from "../../../schedule/graph/rules.ts";
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
  const lowered = [plain!, soft!].map((d) => [...lower(program(), d.target).layouts.keys()]);
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

/** A weight of the numbers 0 to 99 again and again, cut into chunks of so many words, and its bytes in any order. */
function numbered(rows: number, columns: number, dtype: DType, words: number): {
  readonly weight: Weight;
  readonly values: readonly number[];
  readonly bytes: (list: readonly number[]) => Uint8Array;
} {
  const values = Array.from({ length: rows * columns }, (_, i) => i % 100);
  const bytes = (list: readonly number[]): Uint8Array => {
    const data = fromNumbers(dtype, list);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  const whole = bytes(values);
  const weight: Weight = {
    dtype,
    shape: [rows, columns],
    async stream(sink): Promise<void> {
      for (let at = 0; at < whole.length; at += words * 4) await sink(whole.slice(at, at + words * 4), at);
    },
  };
  return { weight, values, bytes };
}

async function streamed(weight: Weight, length: number): Promise<Uint8Array> {
  const got = new Uint8Array(length);
  await weight.stream((chunk, offset) => got.set(chunk, offset));
  return got;
}

const size = fc.integer({ min: 1, max: 70 });
const dtypes = fc.constantFrom<DType>("f32", "f16", "i8");
const cuts = fc.integer({ min: 1, max: 300 });

Deno.test("a transposed weight streams its columns, however its rows are cut", async () => {
  await fc.assert(
    fc.asyncProperty(size, size, dtypes, cuts, async (rows, columns, dtype, words) => {
      const { weight, values, bytes } = numbered(rows, columns, dtype, words);
      const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
      const expected = bytes(turned);
      assertEquals(await streamed(transposedWeight(weight), expected.length), expected);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a weight in panels streams the results of a panel step by step, whichever axis is summed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 40 }),
      size,
      fc.constantFrom<0 | 1>(0, 1),
      dtypes,
      cuts,
      async (results, width, steps, summed, dtype, words) => {
        const [rows, columns] = summed === 0 ? [steps, results] : [results, steps];
        const { weight, values, bytes } = numbered(rows, columns, dtype, words);
        const at = (step: number, result: number): number =>
          values[summed === 0 ? step * columns + result : result * columns + step]!;
        const length = Math.ceil(results / width) * steps * width;
        const expected = bytes(Array.from({ length }, (_, i) => {
          const [panel, rest] = [Math.floor(i / (steps * width)), i % (steps * width)];
          const result = panel * width + rest % width;
          return result < results ? at(Math.floor(rest / width), result) : 0;
        }));
        assertEquals(await streamed(weightInPanels(weight, summed, width), expected.length), expected);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("weights in panels: random products mean the same, with any number of rows", async () => {
  const device = wasmDevice({ threads: 1 });
  let panels = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 5, 32, 33, 64),
      fc.constantFrom(32, 40, 64, 96, 513, 520),
      fc.boolean(),
      fc.constantFrom<"f32" | "f16">("f32", "f16"),
      fc.constantFrom(1, 2, 5, 9),
      fc.boolean(),
      async (steps: number, results: number, inOut, dtype, rows, known) => {
        // Shapes that are known at run time only.
        const shape: readonly [number, number] = inOut ? [steps, results] : [results, steps];
        const model = w.module({ weight: w.param(shape, dtype), bias: w.param([results], "f32") }, (p) => ({
          main: w.method({ x: w.spec([known ? rows : "n", steps], "f32") }, ({ x }) => {
            const matrix = w.cast(p.weight, "f32");
            return { y: w.gelu(w.add(w.matmul(x, inOut ? matrix : w.transpose(matrix)), p.bias)) };
          }),
        }));
        const program = w.trace(model, known ? {} : { bounds: { n: 9 } });
        const numbers = (n: number, f: number): number[] =>
          Array.from({ length: n }, (_, i) => Math.sin(i * f));
        const weights = new Map([
          ["weight", memoryWeight(dtype, shape, fromNumbers(dtype, numbers(steps * results, 1.3)))],
          ["bias", memoryWeight("f32", [results], fromNumbers("f32", numbers(results, 0.7)))],
        ]);
        const x = {
          dtype: "f32",
          shape: [rows, steps],
          data: Float32Array.from(numbers(rows * steps, 2.1)),
        } as const;
        const ran = async (without: readonly GraphRuleName[]): Promise<ArrayLike<number>> => {
          using executable = await compile(program, { device, weights, without });
          return (await executable.run("main", { x })["y"]!.read()).data as Float32Array;
        };
        if (results % 32 === 0) {
          panels += lower(program, device.target).layouts.get("weight")?.kind === "panels" ? 1 : 0;
        }
        assertAllClose(await ran([]), await ran(["layoutWeights"]), { rtol: 1e-4, atol: 1e-5 });
      },
    ),
    { numRuns: 60 },
  );
  device.dispose();
  assertGreater(panels, 10);
});
