/** Loads and stores of every dtype, buffers in parts, local and workgroup memory. @module */
import { generateWgsl } from "../../../backends/webgpu/mod.ts";
import type { Launch } from "../../../backends/lower.ts";
import { type DType, DTYPES } from "../../../ir/dtype.ts";
import { fromNumbers, toNumbers, viewBuffer } from "../../../ir/data.ts";
import {
  add,
  binary,
  cast,
  constant,
  type Expr,
  f32,
  int,
  load,
  lt,
  mul,
  select,
  sub,
  variable,
} from "../../../ir/expr.ts";
import { alloc, barrier, type Buffer, forLoop, ifThen, seq, store } from "../../../ir/stmt.ts";
import type { Target } from "../../../ir/target.ts";
import { assertEquals } from "../../support/assert.ts";
import { type BufferContents, runLaunches, webgpuTest } from "../../support/webgpu.ts";
import { buf, bx, elementwise, launch, tx } from "./launches.ts";

const DTYPE_NAMES = Object.keys(DTYPES) as DType[];

/** Values that a dtype holds, from the edges of its range and across words. */
function samples(dtype: DType, n: number): number[] {
  const float = [0, 1, -1, 0.5, 0.1, -3.7, 65504, 1e-5, Infinity, -Infinity, NaN, 6e-8];
  const edges: Record<DType, number[]> = {
    f32: [...float, 3.4e38, 1e-38],
    f16: float,
    bf16: [...float, 3.3e38],
    i32: [0, 1, -1, 2147483647, -2147483648],
    u32: [0, 1, 4294967295, 2147483648],
    i8: [0, 1, -1, 127, -128, 85],
    u8: [0, 1, 255, 128, 85],
    bool: [0, 1, 1],
  };
  const list = edges[dtype];
  return Array.from({ length: n }, (_, i) => list[(i * 7 + (i >> 3)) % list.length]!);
}

function contents(dtype: DType, values: readonly number[]): ArrayBufferView<ArrayBuffer> {
  return fromNumbers(dtype, values) as Float32Array<ArrayBuffer>;
}

function words(values: readonly number[], length: number): number[] {
  return [...values, ...new Array(length - values.length).fill(0)];
}

/** Code for a target with other abilities than the device's. */
function as(device: { readonly target: Target }, change: Partial<Target>) {
  return (l: Launch) => generateWgsl(l, { ...device.target, ...change });
}

for (const dtype of DTYPE_NAMES) {
  webgpuTest(`${dtype}: a copy keeps every value, and only what is stored changes`, async (device) => {
    const n = 101; // no whole number of words
    const values = samples(dtype, n);
    const { register } = DTYPES[dtype];
    const [x, y] = [buf("x", dtype, [n]), buf("y", dtype, [n])];
    // Every third element stays as it was: threads share words without disturbing each other.
    const copy = elementwise("copy", [[x, "read"], [y, "write"]], n, (i) =>
      ifThen(
        binary("ne", binary("mod", i, int(3)), int(1)),
        store("y", [i], load("x", register, [i])),
      ));
    const before = samples(dtype, n).reverse();
    const expected = toNumbers(
      dtype,
      fromNumbers(dtype, values.map((v, i) => (i % 3 === 1 ? before[i]! : v))),
    );
    for (const f16 of dtype === "f16" && device.target.f16 ? [false, true] : [device.target.f16]) {
      const { y: bytes } = await runLaunches(
        device,
        [copy],
        { x: contents(dtype, values), y: contents(dtype, before) },
        {},
        as(device, { f16 }),
      );
      assertEquals([...toNumbers(dtype, viewBuffer(dtype, bytes!, 0, n))], [...expected]);
    }
  });
}

webgpuTest("stores narrow: bf16 and f16 to nearest even, i8 and u8 wrap", async (device) => {
  const floats = [1 / 3, 1.00390625, 1.01171875, 3.4e38, -1e-40, 65519, 65520, 2049, 2051, NaN, 5e-8];
  const ints = [0, 127, 128, 255, 256, -1, -129, 2147483647];
  const n = 11;
  const launches = [
    ...(["bf16", "f16"] as const).map((dtype) =>
      elementwise(
        `to_${dtype}`,
        [[buf("x", "f32", [n]), "read"], [buf(dtype, dtype, [n]), "write"]],
        n,
        (i) => store(dtype, [i], cast(DTYPES[dtype].register, load("x", "f32", [i]))),
      )
    ),
    ...(["i8", "u8"] as const).map((dtype) =>
      elementwise(
        `to_${dtype}`,
        [[buf("k", "i32", [n]), "read"], [buf(dtype, dtype, [n]), "read_write"]],
        n,
        (i) =>
          store(
            dtype,
            [i],
            // Reads what it overwrites (0), so that the buffer is loaded from atomically too.
            add(
              cast(DTYPES[dtype].register, load("k", "i32", [i])),
              load(dtype, DTYPES[dtype].register, [i]),
            ),
          ),
      )
    ),
  ];
  const data: BufferContents = {
    x: contents("f32", words(floats, n)),
    k: contents("i32", words(ints, n)),
    bf16: 2 * n,
    f16: 2 * n,
    i8: n,
    u8: n,
  };
  for (const f16 of device.target.f16 ? [true, false] : [false]) {
    const result = await runLaunches(device, launches, data, {}, as(device, { f16 }));
    for (const dtype of ["bf16", "f16", "i8", "u8"] as const) {
      const input = words(dtype === "bf16" || dtype === "f16" ? floats.map(Math.fround) : ints, n);
      const got = toNumbers(dtype, viewBuffer(dtype, result[dtype]!, 0, n));
      assertEquals([...got], [...toNumbers(dtype, fromNumbers(dtype, input))], `${dtype}, shader-f16 ${f16}`);
    }
  }
});

webgpuTest("strides: a transposed and a broadcast view", async (device) => {
  const x: Buffer = { ...buf("x", "f32", [3, 4]), strides: [int(1), int(3)] };
  const row: Buffer = { ...buf("row", "f32", [3, 4]), strides: [int(0), int(1)] };
  const y = buf("y", "f32", [3, 4]);
  const copy = launch(
    "views",
    [[x, "read"], [row, "read"], [y, "write"]],
    store(
      "y",
      [bx, tx],
      add(load("x", "f32", [bx, tx]), load("row", "f32", [bx, tx])),
    ),
    { grid: [int(3), int(1), int(1)], workgroup: [4, 1, 1] },
  );
  const { y: bytes } = await runLaunches(device, [copy], {
    x: Float32Array.from({ length: 12 }, (_, i) => i),
    row: Float32Array.of(100, 200, 300, 400),
    y: 48,
  });
  assertEquals(
    [...new Float32Array(bytes!)],
    [0, 1, 2].flatMap((i) => [0, 1, 2, 3].map((j) => i + 3 * j + 100 * (j + 1))),
  );
});

for (const dtype of ["f32", "u8", "f16"] as const) {
  webgpuTest(`${dtype}: a buffer over the binding limit is read and written in parts`, async (device) => {
    const { bytes, register } = DTYPES[dtype];
    const n = 1000;
    const limit = Math.ceil(n * bytes / 3 / 256) * 256; // 3 parts, the last one shorter
    const [x, y] = [buf("x", dtype, [n]), buf("y", dtype, [n])];
    // Reversed, so that parts are crossed both ways.
    const reverse = elementwise(
      "reverse",
      [[x, "read"], [y, "read_write"]],
      n,
      (i) => store("y", [sub(int(n - 1), i)], load("x", register, [i])),
    );
    const code = as(device, { maxBindingSize: limit + 4, f16: false });
    assertEquals(code(reverse).bindings.length, 2 * Math.ceil(n * bytes / limit));
    const values = samples(dtype, n).map((v, i) => (i % 5 === 0 ? i % 100 : v));
    const result = await runLaunches(
      device,
      [reverse],
      { x: contents(dtype, values), y: n * bytes },
      {},
      code,
    );
    const expected = toNumbers(dtype, fromNumbers(dtype, values.toReversed()));
    assertEquals([...toNumbers(dtype, viewBuffer(dtype, result["y"]!, 0, n))], [...expected]);
  });
}

webgpuTest("local memory: registers, arrays, narrowing, unrolled and empty loops", async (device) => {
  const y = buf("y", "f32", [8]);
  const local = (name: string, dtype: DType, shape: readonly number[]): Buffer => ({
    ...buf(name, dtype, shape),
    scope: "local",
  });
  const [i, j, k] = [variable("i"), variable("j"), variable("k")];
  const body = alloc(
    local("a", "f32", [2, 4]),
    alloc(
      local("b", "bf16", [1]),
      alloc(
        local("c", "i8", []),
        alloc(
          local("d", "bool", [2]),
          seq([
            forLoop(
              "i",
              int(2),
              forLoop("j", int(4), store("a", [i, j], cast("f32", add(mul(i, int(10)), j)))),
            ),
            store("b", [int(0)], f32(1 / 3)),
            store("c", [], int(200)),
            store("d", [int(1)], lt(int(1), add(tx, int(2)))),
            // A local inside an unrolled loop is one variable a copy.
            forLoop(
              "k",
              int(2),
              alloc(
                local("e", "f32", []),
                seq([
                  store("e", [], load("a", "f32", [k, int(3)])),
                  store("y", [k], load("e", "f32", [])),
                ]),
              ),
              "unrolled",
            ),
            store("y", [int(2)], load("b", "f32", [int(0)])),
            store("y", [int(3)], cast("f32", load("c", "i32", []))),
            store("y", [int(4)], cast("f32", load("d", "bool", [int(1)]))),
            forLoop("z", tx, store("y", [int(5)], f32(7))),
            forLoop("w", int(0), store("y", [int(6)], f32(7))),
            ifThen(lt(tx, int(0)), store("y", [int(7)], f32(7)), store("y", [int(7)], f32(9))),
          ]),
        ),
      ),
    ),
  );
  const { y: bytes } = await runLaunches(device, [launch("locals", [[y, "write"]], body)], { y: 32 });
  const third = toNumbers("bf16", fromNumbers("bf16", [1 / 3]))[0]!;
  assertEquals([...new Float32Array(bytes!)], [3, 13, third, -56, 1, 0, 0, 9]);
});

webgpuTest("workgroup memory and barriers: a reversal and a tree sum in one workgroup", async (device) => {
  const n = 64;
  const tile: Buffer = { ...buf("tile", "f32", [n]), scope: "workgroup" };
  const [x, y] = [buf("x", "f32", [n]), buf("y", "f32", [n + 1])];
  const s = variable("s");
  // Strides 32, 16, ... 1: 2^(5 - s) as a chain of selects.
  const stride = [0, 1, 2, 3, 4].reduceRight<Expr>(
    (rest, v) => select(binary("eq", s, int(v)), int(32 >> v), rest),
    int(1),
  );
  const body = alloc(
    tile,
    seq([
      store("tile", [tx], load("x", "f32", [tx])),
      barrier(),
      store("y", [tx], load("tile", "f32", [sub(int(n - 1), tx)])),
      forLoop(
        "s",
        int(6),
        seq([
          barrier(),
          ifThen(
            lt(tx, stride),
            store("tile", [tx], add(load("tile", "f32", [tx]), load("tile", "f32", [add(tx, stride)]))),
          ),
        ]),
      ),
      ifThen(lt(tx, int(1)), store("y", [int(n)], load("tile", "f32", [int(0)]))),
    ]),
  );
  const { y: bytes } = await runLaunches(
    device,
    [launch("reverse_sum", [[x, "read"], [y, "write"]], body, { workgroup: [n, 1, 1] })],
    { x: Float32Array.from({ length: n }, (_, i) => i), y: 4 * (n + 1) },
  );
  assertEquals([...new Float32Array(bytes!)], [
    ...Array.from({ length: n }, (_, i) => n - 1 - i),
    n * (n - 1) / 2,
  ]);
});

webgpuTest("a load outside the buffer in the branch not taken does no harm", async (device) => {
  const n = 8;
  const [x, y] = [buf("x", "f32", [n]), buf("y", "f32", [n])];
  const shifted = elementwise("shift", [[x, "read"], [y, "write"]], n, (i) => {
    const far = load("x", "f32", [sub(i, int(3))]);
    return store("y", [i], select(lt(i, int(3)), f32(-1), add(far, mul(far, constant("f32", 0)))));
  });
  const { y: bytes } = await runLaunches(device, [shifted], {
    x: Float32Array.from({ length: n }, (_, i) => i),
    y: 4 * n,
  });
  assertEquals([...new Float32Array(bytes!)], [-1, -1, -1, 0, 1, 2, 3, 4]);
});
