/** Weights of 16-bit floats: shorter code where all are finite, the same results as from f32. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { areFiniteF16, memoryWeight } from "../../../backends/runtime/weights.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { compile, lower } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { viewBytes } from "../../../ir/data.ts";

/** A product with a matrix that lies by rows, one that lies by columns, and one of several axes. */
function program(rows: number, inner: number, columns: number): w.Program {
  const model = w.module({
    inOut: w.param([inner * 2, columns], "f32"),
    outIn: w.param([columns, inner * 2], "f32"),
  }, (p) => ({
    main: w.method(
      { x: w.spec([rows, inner * 2], "f32"), y: w.spec([2, rows, inner], "f32") },
      ({ x, y }) => ({
        a: w.gelu(w.matmul(x, p.inOut)),
        b: w.matmul(x, w.transpose(p.outIn)),
        c: w.matmul(w.reshape(w.permute(y, [1, 0, 2]), [rows, inner * 2]), p.inOut),
      }),
    ),
  }));
  return w.trace(model);
}

const finiteBits = fc.integer({ min: 0, max: 0xffff }).filter((h) => (h & 0x7c00) !== 0x7c00);
const anyBits = fc.oneof(
  { weight: 60, arbitrary: finiteBits },
  { weight: 1, arbitrary: fc.constantFrom(0x7c00, 0xfc00, 0x7e00) },
);
/** Ordinary factors, and seldom such as a power of two that weights have given away makes infinite. */
const factor = fc.oneof(
  { weight: 200, arbitrary: fc.float({ min: -100, max: 100, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(65504, 65536, -1e6, 3e38, 1e-40, Infinity, -Infinity, NaN) },
);

const assertSame = (a: ArrayLike<number>, b: ArrayLike<number>): void =>
  assertEquals(Array.from(a, (v) => v + 0 === 0 ? 0 : v), Array.from(b, (v) => v + 0 === 0 ? 0 : v));

Deno.test("products with 16-bit weights are those with the same weights as f32, bit by bit", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 1, 2, 6, 9),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 21 }),
      fc.boolean(),
      fc.infiniteStream(finiteBits),
      fc.infiniteStream(anyBits),
      fc.infiniteStream(factor),
      async (rows, inner, columns, finite, good, any, factors) => {
        const size = 2 * inner * columns;
        const bits = Uint16Array.from({ length: size }, () => (finite ? good : any).next().value!);
        const halves = viewBytes("f16", new Uint8Array(bits.buffer));
        const numbers = Float32Array.from({ length: 2 * rows * inner }, () => factors.next().value!);
        const results = await Promise.all((["f16", "f32"] as const).map(async (dtype) => {
          using device = disposable(wasmDevice({ threads: 1 }));
          const data = dtype === "f16" ? halves : Float32Array.from(new Float16Array(bits.buffer));
          using executable = await compile(program(rows, inner, columns), {
            device: device.device,
            weights: new Map([
              ["inOut", memoryWeight(dtype, [inner * 2, columns], data)],
              ["outIn", memoryWeight(dtype, [columns, inner * 2], data)],
            ]),
          });
          const out = executable.run("main", {
            x: { dtype: "f32", shape: [rows, inner * 2], data: numbers },
            y: { dtype: "f32", shape: [2, rows, inner], data: numbers },
          });
          return await Promise.all(["a", "b", "c"].map(async (name) => (await out[name]!.read()).data));
        }));
        results[0]!.forEach((data, i) => assertSame(data as Float32Array, results[1]![i] as Float32Array));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("what makes finite numbers of infinite ones is no sum of products", async () => {
  const n = 64;
  const model = w.module({ row: w.param([n], "f32") }, (p) => ({
    small: w.method({ x: w.spec([1, n], "f32") }, ({ x }) => ({
      y: w.sum(w.rsqrt(w.abs(w.mul(x, p.row))), -1),
    })),
    bounded: w.method({ x: w.spec([1, n], "f32") }, ({ x }) => ({ y: w.sum(w.tanh(w.mul(x, p.row)), -1) })),
    least: w.method({ x: w.spec([1, n], "f32") }, ({ x }) => ({ y: w.min(w.mul(x, p.row), -1) })),
    plain: w.method({ x: w.spec([1, n], "f32") }, ({ x }) => ({ y: w.sum(w.mul(x, p.row), -1) })),
  }));
  const halves = Float16Array.from({ length: n }, (_, i) => (i + 1) * 2 ** -24);
  const results = await Promise.all((["f16", "f32"] as const).map(async (dtype) => {
    using device = disposable(wasmDevice({ threads: 1 }));
    const data = dtype === "f16"
      ? viewBytes("f16", new Uint8Array(halves.buffer))
      : Float32Array.from(halves);
    using executable = await compile(w.trace(model), {
      device: device.device,
      weights: new Map([["row", memoryWeight(dtype, [n], data)]]),
    });
    const x = { dtype: "f32", shape: [1, n], data: new Float32Array(n).fill(70_000) } as const;
    return await Promise.all(
      (["small", "bounded", "least", "plain"] as const).map(async (entry) =>
        (await executable.run(entry, { x })["y"]!.read()).data[0]
      ),
    );
  }));
  assertEquals(results[0], results[1]);
  assert(results[0]!.every((v) => Number.isFinite(v) && v !== 0));
});

function disposable(device: ReturnType<typeof wasmDevice>): { device: typeof device } & Disposable {
  return { device, [Symbol.dispose]: () => device.dispose() };
}

Deno.test("bits of 16-bit floats are finite as their values are", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { minLength: 2, maxLength: 40 }), fc.nat(1), (list, shift) => {
      const words = Uint16Array.from(list.slice(0, list.length & ~1));
      const bytes = new Uint8Array(words.length * 2 + 4);
      bytes.set(new Uint8Array(words.buffer), shift * 2);
      const view = bytes.subarray(shift * 2, shift * 2 + words.length * 2);
      assertEquals(areFiniteF16(view), new Float16Array(words.buffer).every(Number.isFinite));
    }),
    { examples: [[[0x7c00, 0], 0], [[0, 0xfc01], 1], [[0x7bff, 0xfbff], 0]] },
  );
});

Deno.test("rows of a product are taken in vectors, of 16-bit weights and where the vector's axis was split", () => {
  const device = wasmDevice({ threads: 1 });
  const storage = new Map([["inOut", "f16"], ["outIn", "f16"]] as const);
  const { plans } = lower(program(1, 64, 48), device.target, { storage, without: ["siblings"] });
  const codes = plans[0]!.steps.map(({ launch }) => {
    const buffers = launch.buffers.map((b) => b.buffer.dtype === "f16" ? { ...b, finite: true as const } : b);
    return device.generate({ ...launch, buffers }).source;
  });
  const products = codes.filter((source) => source.includes("load16x4"));
  assertEquals(products.length, 3);
  // One load and three more: the shift, the sign and the sum.
  for (const source of products) {
    assert(/v128.and\n\s+local.tee \w+\n\s+local.get .*\n\s+f32x4.(relaxed_madd|mul)/.test(source), source);
  }
  device.dispose();
});
