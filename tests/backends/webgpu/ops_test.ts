/** Every scalar operator on WebGPU against the IR's definition, on edge cases of every type. @module */
import fc from "fast-check";
import { generateWgsl } from "../../../backends/webgpu/mod.ts";
import { type DType, DTYPES } from "../../../ir/dtype.ts";
import { fromNumbers, toNumbers, viewBuffer } from "../../../ir/data.ts";
import { binary, cast, type Expr, int, load, mul, select, unary } from "../../../ir/expr.ts";
import { add, constant } from "../../../ir/expr.ts";
import { evalExpr } from "../../../ir/eval.ts";
import { binaryFunction, castFunction, unaryFunction } from "../../../ir/scalar_eval.ts";
import {
  acceptsOperand,
  BINARY_OPS,
  type BinaryOp,
  type ScalarType,
  UNARY_OPS,
  type UnaryOp,
} from "../../../ir/scalar_ops.ts";
import { seq, store } from "../../../ir/stmt.ts";
import { assertEquals, fail } from "../../support/assert.ts";
import { runLaunches, webgpuTest } from "../../support/webgpu.ts";
import type { WebGPUDevice } from "../../../backends/webgpu/mod.ts";
import { buf, elementwise } from "./launches.ts";

const INF = Infinity;
const EDGES: Readonly<Record<ScalarType, readonly number[]>> = {
  f32: [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, -3, 3.7, -3.7, 0.001, 9.5, -87, 88, 100, 16777217, 3e9]
    .concat([-3e9, 1e20, -1e20, INF, -INF, NaN]),
  f16: [0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 0.1, -0.3, 10, 2048, 65504, -65504, INF, -INF, NaN],
  i32: [0, 1, -1, 2, -2, 3, -3, 7, -8, 64, -64, 65, 2147483647, -2147483648, 123456789],
  u32: [0, 1, 2, 3, 7, 64, 65, 2147483647, 2147483648, 4294967295],
  bool: [0, 1],
};

/** The dtype whose elements are loaded as `type`. */
const STORED: Readonly<Record<ScalarType, DType>> = {
  f32: "f32",
  f16: "f16",
  i32: "i32",
  u32: "u32",
  bool: "bool",
};

/** Functions that the device computes, to within this many units in the last place of f32 (or this much near 0). */
const APPROXIMATE: Readonly<Partial<Record<UnaryOp | BinaryOp, { ulps: number; absolute: number }>>> = {
  exp: { ulps: 64, absolute: 1e-37 },
  log: { ulps: 8, absolute: 3e-7 },
  sqrt: { ulps: 4, absolute: 0 },
  rsqrt: { ulps: 4, absolute: 0 },
  sin: { ulps: 4, absolute: 5e-4 },
  cos: { ulps: 4, absolute: 5e-4 },
  tan: { ulps: 64, absolute: 1e-3 },
  tanh: { ulps: 8, absolute: 5e-7 },
  erf: { ulps: 0, absolute: 2e-7 },
  pow: { ulps: 256, absolute: 1e-37 },
  div: { ulps: 4, absolute: 1e-37 },
};

interface Case {
  readonly name: string;
  readonly expr: Expr;
  readonly expected: (a: number, b: number) => number;
  readonly tolerance?: { readonly ulps: number; readonly absolute: number } | undefined;
  /** Pairs for which no result is promised. */
  readonly skip?: (a: number, b: number) => boolean;
}

const index = (i: Expr): readonly Expr[] => [i];

function unaryCases(type: ScalarType, a: Expr): Case[] {
  return (Object.keys(UNARY_OPS) as UnaryOp[]).filter((op) => acceptsOperand(UNARY_OPS[op].operands, type))
    .map((op) => ({
      name: `${op} ${type}`,
      expr: unary(op, a),
      expected: unaryFunction(op, type),
      tolerance: APPROXIMATE[op],
      // Drivers reduce arguments of any size differently; beyond a few periods nothing is promised.
      skip: (x) =>
        ["sin", "cos", "tan"].includes(op) && !(Math.abs(x) <= 10) || (op === "sign" && Number.isNaN(x)),
    }));
}

function binaryCases(type: ScalarType, a: Expr, b: Expr): Case[] {
  return (Object.keys(BINARY_OPS) as BinaryOp[]).filter((op) => acceptsOperand(BINARY_OPS[op].operands, type))
    .map((op) => ({
      name: `${op} ${type}`,
      expr: binary(op, a, b),
      expected: binaryFunction(op, type),
      tolerance: APPROXIMATE[op] !== undefined && (type === "f32" || type === "f16")
        ? APPROXIMATE[op]
        : undefined,
      skip: (x, y) =>
        ((op === "min" || op === "max") && (Number.isNaN(x) || Number.isNaN(y))) ||
        // 1 ** NaN and powers that overflow or underflow by rounding of the logarithm
        (op === "pow" && (Number.isNaN(x) || Number.isNaN(y) || Math.abs(Math.log2(Math.abs(x ** y))) > 120 &&
            Number.isFinite(x) && x !== 0)),
    }));
}

function castCases(type: ScalarType, a: Expr): Case[] {
  return (["f32", "f16", "i32", "u32", "bool"] as const).filter((to) => to !== type).map((to) => ({
    name: `cast ${type} to ${to}`,
    expr: cast(to, a),
    expected: castFunction(type, to),
  }));
}

/** Runs cases on all pairs of edge values, one kernel for each type of result; `f16` says whether to compute in it. */
async function check(
  device: WebGPUDevice,
  type: ScalarType,
  f16: boolean,
  filter: (c: Case) => boolean,
): Promise<void> {
  const values = EDGES[type].map((v) => constant(type, v).value);
  const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
  const n = pairs.length;
  const a = buf("a", STORED[type], [n]);
  const b = buf("b", STORED[type], [n]);
  const made = (i: Expr): Case[] => {
    const [x, y] = [load("a", type, [i]), load("b", type, [i])];
    return [...unaryCases(type, x), ...binaryCases(type, x, y), ...castCases(type, x)].filter(filter);
  };
  const cases = made(int(0));
  const wrong: string[] = [];
  for (const result of ["f32", "f16", "i32", "u32", "bool"] as const) {
    const chosen = cases.map((c, k) => ({ c, k })).filter(({ c }) => c.expr.dtype === result);
    if (chosen.length === 0) continue;
    // Results are stored as 32-bit words, f16 widened.
    const wide = result === "f16" ? "f32" : result === "bool" ? "u32" : result;
    const out = buf("out", wide, [chosen.length, n]);
    const launch = elementwise(
      `ops_${type}_${result}`,
      [[a, "read"], [b, "read"], [out, "write"]],
      n,
      (i) => {
        const exprs = made(i);
        return seq(chosen.map(({ k }, row) => store("out", [int(row), i], cast(wide, exprs[k]!.expr))));
      },
    );
    const data = await runLaunches(
      device,
      [launch],
      {
        a: fromNumbers(STORED[type], pairs.map((p) => p[0])) as Float32Array<ArrayBuffer>,
        b: fromNumbers(STORED[type], pairs.map((p) => p[1])) as Float32Array<ArrayBuffer>,
        out: chosen.length * n * 4,
      },
      {},
      (l) => generateWgsl(l, { ...device.target, f16 }),
    );
    const got = toNumbers(wide, viewBuffer(wide, data["out"]!));
    chosen.forEach(({ c }, row) => {
      pairs.forEach(([x, y], i) => {
        if (c.skip?.(x, y)) return;
        const actual = got[row * n + i]!;
        const expected = c.expected(x, y);
        if (!near(actual, expected, c.tolerance, result === "f16" || type === "f16")) {
          wrong.push(`${c.name}(${x}, ${y}) = ${actual}, expected ${expected}`);
        }
      });
    });
  }
  if (wrong.length > 0) fail(`${wrong.length} wrong:\n${wrong.slice(0, 40).join("\n")}`);
}

function near(actual: number, expected: number, tolerance: Case["tolerance"], half: boolean): boolean {
  if (Object.is(actual, expected) || actual === expected) return true; // -0 equals 0
  if (!Number.isFinite(expected) || !Number.isFinite(actual)) return false;
  const { ulps, absolute } = tolerance ?? { ulps: 0, absolute: 0 };
  const ulp = 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(expected))) - 23);
  // One rounding to f16 more or less.
  const slack = half && tolerance !== undefined
    ? 2 ** (Math.floor(Math.log2(Math.abs(expected))) - 10) + 6e-8
    : 0;
  return Math.abs(actual - expected) <= Math.max(ulps * ulp, absolute, slack);
}

for (const type of ["f32", "i32", "u32", "bool"] as const) {
  webgpuTest(
    `operators of ${type} agree with the IR`,
    (device) => check(device, type, false, (c) => c.expr.dtype !== "f16"),
  );
}

webgpuTest("casts to f16 round to nearest even, with and without shader-f16", async (device) => {
  for (const f16 of device.target.f16 ? [false, true] : [false]) {
    for (const type of ["f32", "i32", "u32", "bool"] as const) {
      await check(device, type, f16, (c) => c.expr.dtype === "f16" && c.name.startsWith("cast"));
    }
  }
});

webgpuTest("operators of f16 agree with the IR where the device computes in f16", async (device) => {
  if (device.target.f16) await check(device, "f16", true, () => true);
});

webgpuTest("f16 without shader-f16 is computed in f32 and rounded by casts and stores", async (device) => {
  const n = 4;
  const x = buf("x", "f16", [n]);
  const y = buf("y", "f16", [n]);
  // 2048 + 1 is 2049 in f32, 2048 in f16; minus 2048 gives 1 or 0 before the store.
  const launch = elementwise("wide", [[x, "read"], [y, "write"]], n, (i) => {
    const sum = add(load("x", "f16", [i]), constant("f16", 1));
    return store("y", [i], binary("sub", sum, constant("f16", 2048)));
  });
  const input = fromNumbers("f16", [2048, 2050, 0.1, 3]) as Uint16Array<ArrayBuffer>;
  const { y: bytes } = await runLaunches(
    device,
    [launch],
    { x: input, y: 2 * n },
    {},
    (l) => generateWgsl(l, { ...device.target, f16: false }),
  );
  assertEquals([...toNumbers("f16", viewBuffer("f16", bytes!))], [1, 3, -2047, -2044]);
});

webgpuTest("erf is within 2e-7 everywhere", async (device) => {
  const n = 1 << 16;
  const x = buf("x", "f32", [n]);
  const y = buf("y", "f32", [n]);
  const launch = elementwise(
    "erf",
    [[x, "read"], [y, "write"]],
    n,
    (i) => store("y", [i], unary("erf", load("x", "f32", [i]))),
  );
  const input = Float32Array.from({ length: n }, (_, i) => (i - n / 2) * (5 / n * 2));
  const { y: bytes } = await runLaunches(device, [launch], { x: input, y: 4 * n });
  const erf = unaryFunction("erf", "f32");
  let worst = 0;
  new Float32Array(bytes!).forEach((v, i) => worst = Math.max(worst, Math.abs(v - erf(input[i]!))));
  if (!(worst <= 2e-7)) fail(`largest error ${worst}`);
});

webgpuTest("literals keep their value: infinities, NaN, zeros, extremes", async (device) => {
  const values = [
    INF,
    -INF,
    NaN,
    0,
    -0,
    3.4028234663852886e38,
    1.401298464324817e-45,
    0.1,
    -1 / 3,
    16777216,
    1e-10,
  ];
  const ints = [0, -1, 2147483647, -2147483648];
  const n = values.length;
  const y = buf("y", "f32", [n]);
  const z = buf("z", "i32", [ints.length]);
  const launch = elementwise("literals", [[y, "write"], [z, "write"]], 1, () =>
    seq([
      ...values.map((v, i) => store("y", [int(i)], constant("f32", v))),
      ...ints.map((v, i) => store("z", [int(i)], constant("i32", v))),
    ]));
  const { y: floats, z: words } = await runLaunches(device, [launch], { y: 4 * n, z: 4 * ints.length });
  assertEquals([...new Float32Array(floats!)], values.map(Math.fround));
  assertEquals([...new Int32Array(words!)], ints);
});

/** Random expressions over i32 loads, exact on every device. */
const arbInt: fc.Arbitrary<(x: Expr, y: Expr) => Expr> =
  fc.letrec<{ e: (x: Expr, y: Expr) => Expr }>((tie) => ({
    e: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom((x: Expr) => x, (_: Expr, y: Expr) => y),
      fc.integer({ min: -70, max: 70 }).map((v) => () => int(v)),
      fc.tuple(
        fc.constantFrom<BinaryOp>("add", "sub", "mul", "div", "floordiv", "mod", "min", "max"),
        tie("e"),
        tie("e"),
      ).map(([op, a, b]) => (x: Expr, y: Expr) => binary(op, a(x, y), b(x, y))),
      fc.tuple(fc.constantFrom<BinaryOp>("lt", "le", "eq", "ne"), tie("e"), tie("e"), tie("e"), tie("e")).map(
        ([op, a, b, c, d]) => (x: Expr, y: Expr) => select(binary(op, a(x, y), b(x, y)), c(x, y), d(x, y)),
      ),
      fc.tuple(fc.constantFrom<UnaryOp>("neg", "abs", "sign"), tie("e")).map(
        ([op, a]) => (x: Expr, y: Expr) => unary(op, a(x, y)),
      ),
    ),
  })).e;

webgpuTest(
  "random integer expressions agree with the IR, parentheses and shared parts included",
  async (device) => {
    const xs = [0, 1, -1, 5, -7, 64, -65, 2147483647, -2147483648, 1000];
    const pairs = xs.flatMap((a) => xs.map((b) => [a, b] as const));
    const n = pairs.length;
    await fc.assert(
      fc.asyncProperty(fc.array(arbInt, { minLength: 20, maxLength: 20 }), async (makers) => {
        const [x, y] = [buf("x", "i32", [n]), buf("y", "i32", [n])];
        const out = buf("out", "i32", [makers.length, n]);
        const launch = elementwise(
          "random",
          [[x, "read"], [y, "read"], [out, "write"]],
          n,
          (i) =>
            seq(makers.map((make, k) => {
              const e = make(load("x", "i32", index(i)), load("y", "i32", index(i)));
              return store("out", [int(k), i], add(e, mul(e, int(3))));
            })),
        );
        const { out: bytes } = await runLaunches(device, [launch], {
          x: Int32Array.from(pairs, (p) => p[0]),
          y: Int32Array.from(pairs, (p) => p[1]),
          out: makers.length * n * DTYPES.i32.bytes,
        });
        const got = new Int32Array(bytes!);
        makers.forEach((make, k) => {
          const [vx, vy] = [load("x", "i32", [int(0)]), load("y", "i32", [int(0)])];
          const e = make(vx, vy);
          pairs.forEach(([a, b], i) => {
            const v = evalExpr(e, { load: (name) => (name === "x" ? a : b) });
            assertEquals(got[k * n + i], (v + Math.imul(v, 3)) | 0, `expression ${k} at ${a}, ${b}`);
          });
        });
      }),
      { numRuns: 6 },
    );
  },
);
