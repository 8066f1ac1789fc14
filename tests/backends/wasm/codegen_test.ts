import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { generateWasm, wasmDevice } from "../../../backends/wasm/mod.ts";
import type { Launch } from "../../../backends/lower.ts";
import { type DType, DTYPES } from "../../../ir/dtype.ts";
import type { BinaryOp } from "../../../ir/scalar_ops.ts";
import { assertAllClose } from "../../support/close.ts";
import { fromNumbers, type TensorArray, toNumbers } from "../../../ir/data.ts";
import { UnsupportedError } from "../../../ir/errors.ts";
import {
  add,
  binary,
  cast,
  type Expr,
  f32,
  int,
  load,
  lt,
  mod,
  mul,
  sub,
  unary,
  variable,
} from "../../../ir/expr.ts";
import { alloc, barrier, forLoop, ifThen, type LoopKind, seq, type Stmt, store } from "../../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr } from "../../../ir/traverse.ts";
import { arbExprs, pseudoLoad } from "../../support/random_expr.ts";
import { buffer, expected, initial, launch, launches, run } from "../../support/random_launch.ts";

const v = variable;
const [bx, tx] = [v("blockIdx.x"), v("threadIdx.x")];

/** Functions that are not rounded once are others here: they have tests of their own. */
function exactly(e: Expr): Expr {
  return rewriteExpr(
    e,
    (node) =>
      node.kind === "unary" && (node.op === "exp" || node.op === "tanh") ? unary("sqrt", node.x) : node,
  );
}

async function agree(
  l: Launch,
  dims: Readonly<Record<string, number>>,
  initial: readonly TensorArray[],
): Promise<void> {
  const device = wasmDevice({ exact: true });
  try {
    const [actual, wanted] = [await run(device, l, initial, dims), expected(l, initial, dims)];
    for (const [i, { buffer: { name, dtype } }] of l.buffers.entries()) {
      // As plain arrays: which NaN it is does not matter.
      const [got, want] = [[...toNumbers(dtype, actual[i]!)], [...toNumbers(dtype, wanted[i]!)]];
      assertEquals(got, want, `${name} of\n${device.generate(l).source}`);
    }
  } finally {
    device.dispose();
  }
}

Deno.test("generated code computes what the interpreter does, bit for bit", async () => {
  await fc.assert(
    fc.asyncProperty(launches, fc.integer({ min: 0, max: 3 }), async (l, n) => {
      const exact = { ...l, body: mapStmtExprs(l.body, exactly) };
      for (const relaxed of [false, true]) {
        assert(WebAssembly.validate(generateWasm(exact, { shared: true, relaxed, reorder: relaxed }).bytes));
      }
      await agree(exact, { n }, initial);
    }),
    { numRuns: 300 },
  );
});

const SIZE = 64;
const [i, j] = [v("i"), v("j")];
const IN = [["bi", "i32"], ["bu", "u32"], ["bf", "f32"], ["bh", "f16"], ["bb", "bool"]] as const;
const OUT = ["f32", "i32", "u32", "bf16"] as const;
const exprs = arbExprs(["n", "i", "j"], { small: true, maxDepth: 3 });

/** Loads of neighbours, of every second element, of the same one in all iterations of `j`, and of computed ones. */
function affine(e: Expr): Expr {
  return rewriteExpr(exactly(e), (node) => {
    if (node.kind !== "load") return node;
    const [index = int(0)] = node.indices;
    switch (index.kind) {
      case "const":
        return load(node.buffer, node.dtype, [add(j, int(Math.abs(index.value) % 8))]);
      case "var":
        return load(node.buffer, node.dtype, [add(mul(j, int(2)), i)]);
      case "binary":
        return load(node.buffer, node.dtype, [add(i, int(3))]);
      default:
        return load(node.buffer, node.dtype, [mod(index, int(SIZE))]);
    }
  });
}

/** Independent iterations of `j`, as lanes: stores side by side or apart, sums in an array, under a condition. */
const laneLaunches: fc.Arbitrary<Launch> = fc.constantFrom(...OUT).chain((dtype) => {
  const register = dtype === "bf16" ? "f32" : dtype;
  return fc.record({
    value: exprs[register],
    cond: fc.option(exprs.bool),
    step: fc.constantFrom(1, 2, -1),
    extent: fc.constantFrom(1, 3, 4, 7, 8, 12),
    sum: fc.boolean(),
    kind: fc.constantFrom<LoopKind>("vectorized", "unrolled", "serial"),
    rows: fc.constantFrom<Expr>(int(2), v("n")),
  }).map(({ value, cond, step, extent, sum, kind, rows }) => {
    const over = (body: Stmt): Stmt => forLoop("j", int(extent), body, kind);
    const given = affine(value);
    const at = [add(mul(j, int(step)), int(step < 0 ? 20 : 5))];
    const element = load("acc", register, [j]);
    const direct = over(store("out", at, given));
    const through = alloc(
      buffer("acc", dtype, [int(extent)], "local"),
      seq([
        over(store("acc", [j], load("out", register, at))),
        forLoop("i", rows, over(store("acc", [j], add(element, given)))),
        over(store("out", at, element)),
      ]),
    );
    const plain = sum ? through : forLoop("i", rows, direct);
    const guarded = sum
      ? through
      : forLoop("i", rows, over(ifThen(affine(cond ?? lt(i, int(2))), store("out", at, given))));
    return launch({
      buffers: [
        ...IN.map(([name, t]) => ({ buffer: buffer(name, t, [int(SIZE)]), access: "read" as const })),
        { buffer: buffer("out", dtype, [int(SIZE)]), access: "read_write" as const },
      ],
      dims: ["n"],
      body: cond === null ? plain : guarded,
    });
  });
});

Deno.test("loops over lanes compute what the interpreter does, bit for bit", async () => {
  let vectors = 0;
  await fc.assert(
    fc.asyncProperty(laneLaunches, fc.integer({ min: 0, max: 3 }), async (l, n) => {
      const dtype = l.buffers.at(-1)?.buffer.dtype ?? "f32";
      const data = [
        ...IN.map(([name, t]) =>
          fromNumbers(t, Array.from({ length: SIZE }, (_, at) => pseudoLoad(name, [at])))
        ),
        fromNumbers(dtype, Array.from({ length: SIZE }, (_, at) => at)),
      ];
      const { source, bytes } = generateWasm(l, { shared: false, relaxed: true, reorder: true });
      assert(WebAssembly.validate(bytes), source);
      if (source.includes("v128")) vectors++;
      await agree(l, { n }, data);
    }),
    { numRuns: 500 },
  );
  assert(vectors > 15, `only ${vectors} of 500 kernels had vectors`);
});

Deno.test("a register tile stays in registers", () => {
  const [m, k] = [v("m"), v("k")];
  const at = load("acc", "f32", [m, j]);
  const tile = launch({
    name: "tile",
    buffers: [
      { buffer: buffer("a", "f32", [int(2), v("n")]), access: "read" },
      { buffer: buffer("b", "f32", [v("n"), int(8)]), access: "read" },
      { buffer: buffer("c", "f32", [int(2), int(8)]), access: "write" },
    ],
    dims: ["n"],
    body: alloc(
      buffer("acc", "f32", [int(2), int(8)], "local"),
      seq([
        forLoop("m", int(2), forLoop("j", int(8), store("acc", [m, j], f32(0)), "vectorized")),
        forLoop(
          "k",
          v("n"),
          forLoop(
            "m",
            int(2),
            forLoop(
              "j",
              int(8),
              store("acc", [m, j], add(at, mul(load("a", "f32", [m, k]), load("b", "f32", [k, j])))),
              "vectorized",
            ),
            "unrolled",
          ),
        ),
        forLoop("m", int(2), forLoop("j", int(8), store("c", [m, j], at), "vectorized")),
      ]),
    ),
  });
  const { source } = generateWasm(tile, { shared: false, relaxed: true, reorder: true });
  const count = (op: string): number =>
    source.split("\n").filter((line) => line.trim().startsWith(op)).length;
  // Each element of a and b is loaded once for all products that it is in, and sums are never in memory.
  assertEquals(
    [count("f32x4.relaxed_madd"), count("v128.load32_splat"), count("v128.load"), count("v128.store")],
    [4, 2, 4, 4],
    source,
  );
});

/** `y[b, t] = x[b, 7 - t]` through workgroup memory, `turns` times. */
function reversal(turns: Expr, inner: Stmt = barrier()): Launch {
  const shape = [int(2), int(8)];
  return launch({
    name: "reverse",
    buffers: [
      { buffer: buffer("x", "f32", shape), access: "read" },
      { buffer: buffer("y", "f32", shape), access: "write" },
    ],
    dims: ["n"],
    grid: [int(2), int(1), int(1)],
    workgroup: [8, 1, 1],
    body: alloc(
      buffer("s", "f32", [int(8)], "workgroup"),
      alloc(
        buffer("mine", "f32", [], "local"),
        seq([
          store("mine", [], load("x", "f32", [bx, tx])),
          forLoop(
            "turn",
            turns,
            seq([
              store("s", [tx], load("mine", "f32", [])),
              inner,
              store("mine", [], add(load("s", "f32", [sub(int(7), tx)]), load("mine", "f32", []))),
              barrier(),
            ]),
          ),
          store("y", [bx, tx], load("mine", "f32", [])),
        ]),
      ),
    ),
  });
}

Deno.test("threads meet at barriers, also in loops", async () => {
  const data = [Float32Array.from({ length: 16 }, (_, at) => at * at), new Float32Array(16)];
  for (const n of [0, 1, 3]) await agree(reversal(v("n")), { n }, data);
  const uneven = reversal(v("n"), ifThen(lt(tx, int(3)), barrier()));
  assertThrows(
    () => generateWasm(uneven, { shared: false, relaxed: false, reorder: false }),
    UnsupportedError,
    "Cannot generate reverse: a condition around a barrier depends on threadIdx.x",
  );
});

Deno.test("local memory whose size changes in a loop is refused", () => {
  const l = launch({
    name: "grow",
    buffers: [],
    body: forLoop(
      "i",
      int(4),
      alloc(buffer("t", "f32", [add(i, int(2))], "local"), store("t", [int(0)], f32(1))),
    ),
  });
  assertThrows(
    () => generateWasm(l, { shared: false, relaxed: false, reorder: false }),
    UnsupportedError,
    "Cannot generate grow: the size of t depends on i",
  );
});

/** `out[i] = op over k of f(x[i, k], y[k])`, where f is a product, a product of doubles of them, or one of them alone. */
const sums = fc.record({
  op: fc.constantFrom<BinaryOp>("add", "max", "min"),
  term: fc.nat(3),
  dtype: fc.constantFrom<DType>("f32", "f16", "bf16"),
  step: fc.constantFrom(1, 1, 3),
  length: fc.constantFrom<Expr>(v("n"), int(33), int(64), int(96)),
}).map(({ op, term, dtype, step, length }) => {
  const held = load("acc", "f32", []);
  const x = cast("f32", load("x", dtype === "f16" ? "f16" : "f32", [i, mul(v("k"), int(step))]));
  const y = load("y", "f32", [v("k")]);
  const terms = [x, y, mul(x, y), mul(add(x, y), unary("exp", sub(y, f32(2))))];
  const step1 = store("acc", [], binary(op, held, terms[term] ?? x));
  return launch({
    buffers: [
      { buffer: buffer("x", dtype, [int(3), int(400)]), access: "read" },
      { buffer: buffer("y", "f32", [int(400)]), access: "read" },
      { buffer: buffer("out", "f32", [int(3)]), access: "write" },
    ],
    dims: ["n"],
    body: forLoop(
      "i",
      int(3),
      alloc(
        buffer("acc", "f32", [], "local"),
        seq([store("acc", [], f32(0.5)), forLoop("k", length, step1), store("out", [i], held)]),
      ),
    ),
  });
});

Deno.test("sums in four vectors are the interpreter's but for rounding; the greatest and least are exactly", async () => {
  const device = wasmDevice();
  let vectors = 0;
  const numbers = (count: number, seed: number): number[] =>
    Array.from({ length: count }, (_, at) => Math.fround(Math.sin(seed + at * 1.7)));
  await fc.assert(
    fc.asyncProperty(sums, fc.integer({ min: 0, max: 130 }), async (l, n) => {
      const data = [
        fromNumbers(l.buffers[0]!.buffer.dtype, numbers(1200, 1)),
        fromNumbers("f32", numbers(400, 2)),
        new Float32Array(3),
      ];
      const { source } = device.generate(l);
      if (source.includes("f32x4.")) vectors++;
      const [actual, wanted] = [await run(device, l, data, { n }), expected(l, data, { n })];
      // Sums of up to 130 numbers below 8: rounding errors add up to less than this.
      assertAllClose(
        toNumbers("f32", actual[2]!),
        toNumbers("f32", wanted[2]!),
        { rtol: 1e-5, atol: 1e-4 },
        source,
      );
    }),
    { numRuns: 200 },
  );
  assert(vectors > 60, `only ${vectors} of 200 kernels had vectors`);
  device.dispose();
});

Deno.test("lanes read what was stored in a local array of any dtype", async () => {
  for (const dtype of ["f32", "f16", "bf16", "i32", "u32", "i8", "u8", "bool"] as const) {
    const register = DTYPES[dtype].register;
    const kept = load("kept", register, [j]);
    const l = launch({
      buffers: [
        { buffer: buffer("x", dtype, [int(8)]), access: "read" },
        { buffer: buffer("y", "f32", [int(8)]), access: "write" },
      ],
      body: alloc(
        buffer("kept", dtype, [int(8)], "local"),
        seq([
          forLoop("j", int(8), store("kept", [j], load("x", register, [j])), "unrolled"),
          forLoop("j", int(8), store("y", [j], cast("f32", kept)), "vectorized"),
        ]),
      ),
    });
    const x = fromNumbers(dtype, Array.from({ length: 8 }, (_, at) => at % 2 + (dtype === "bool" ? 0 : at)));
    await agree(l, {}, [x, new Float32Array(8)]);
  }
});
