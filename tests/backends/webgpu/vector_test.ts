/** Vectorized and unrolled loops: vectors, registers, and lanes one by one. @module */
import fc from "fast-check";
import { expandLoops } from "../../../backends/expand.ts";
import { launchFunc } from "../../../backends/launch.ts";
import { fromNumbers, type TensorArray, toNumbers, viewBuffer } from "../../../ir/data.ts";
import type { DType } from "../../../ir/dtype.ts";
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
  select,
  unary,
  variable,
} from "../../../ir/expr.ts";
import { interpret } from "../../../ir/interpret.ts";
import {
  alloc,
  type Buffer,
  forLoop,
  ifThen,
  type LoopKind,
  seq,
  type Stmt,
  store,
} from "../../../ir/stmt.ts";
import { generateWgsl } from "../../../backends/webgpu/mod.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { assertAllClose } from "../../support/close.ts";
import { runLaunches, webgpuTest } from "../../support/webgpu.ts";
import { buf, launch, TARGET, tx } from "./launches.ts";

const N = 256;
const v = variable("v");

/** f32 expressions over the lane: loads of each dtype at random strides, operators with and without a vector form. */
const arbValue: fc.Arbitrary<Expr> = fc.letrec<{ f: Expr }>((tie) => {
  const f = tie("f");
  const index = fc.record({
    stride: fc.constantFrom(0, 1, 1, 1, 2, 4),
    first: fc.constantFrom(0, 4, 8, 3),
    byThread: fc.boolean(),
  }).map(({ stride, first, byThread }) => {
    const lanes = stride === 0 ? int(first) : add(mul(v, int(stride)), int(first));
    return byThread ? add(lanes, mul(tx, int(16))) : lanes;
  });
  const leaf = fc.oneof(
    index.map((i) => load("x", "f32", [i])),
    index.map((i) => cast("f32", load("h", "f16", [i]))),
    index.map((i) => cast("f32", load("b", "i32", [i]))),
    index.map((i) => cast("f32", load("n", "i32", [i]))),
    index.map((i) => load("a", "f32", [mod(i, int(16))])),
    fc.constant(cast("f32", v)),
    fc.constantFrom(f32(0.5), f32(-3)),
  );
  const unaryOp = fc.constantFrom("neg", "abs", "floor", "sign", "tanh", "sqrt" as const);
  const binaryOp = fc.constantFrom("add", "sub", "mul", "min", "max" as const);
  const compare = fc.constantFrom("lt", "ge", "eq" as const);
  return {
    f: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      leaf,
      fc.tuple(binaryOp, f, f).map(([op, a, b]) => binary(op, a, b)),
      fc.tuple(unaryOp, f).map(([op, x]) => unary(op, op === "sqrt" ? unary("abs", x) : x)),
      fc.tuple(compare, f, f, f, f).map(([op, a, b, x, y]) => select(binary(op, a, b), x, y)),
      f.map((x) => cast("f32", cast("i32", x))),
    ),
  };
}).f;

interface Case {
  readonly kind: LoopKind;
  readonly extent: number;
  readonly value: Expr;
  readonly stride: number;
  readonly first: number;
  readonly form: "plain" | "guarded" | "masked" | "twice" | "inner";
  readonly dtype: DType;
}

const arbCase: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom<LoopKind>("vectorized", "vectorized", "unrolled"),
  extent: fc.constantFrom(4, 4, 8, 3),
  value: arbValue,
  stride: fc.constantFrom(1, 1, 2),
  first: fc.constantFrom(0, 0, 1),
  form: fc.constantFrom<Case["form"]>("plain", "guarded", "masked", "twice", "inner"),
  dtype: fc.constantFrom<DType>("f32", "f32", "f16", "i8"),
});

/** A thread fills a local tile, then stores a loop's values, some of them from the tile. */
function caseLaunch(c: Case): ReturnType<typeof launch> {
  const a: Buffer = { ...buf("a", "f32", [16]), scope: "local" };
  const j = variable("j");
  const at = add(mul(tx, int(32)), add(mul(v, int(c.stride)), int(c.first)));
  const value = c.dtype === "i8" ? cast("i32", c.value) : c.dtype === "f16" ? cast("f16", c.value) : c.value;
  const write = store("y", [at], value);
  const bodies: Record<Case["form"], Stmt> = {
    plain: write,
    guarded: ifThen(lt(tx, int(2)), write),
    masked: ifThen(lt(v, int(2)), write),
    twice: seq([store("y", [add(at, int(128))], value), write]),
    inner: forLoop("r", int(2), write),
  };
  const fill = forLoop("j", int(16), store("a", [j], cast("f32", mul(j, j))), c.kind);
  const loop = forLoop("v", int(c.extent), bodies[c.form], c.kind);
  return launch(
    "lanes",
    [
      [buf("x", "f32", [N]), "read"],
      [buf("h", "f16", [N]), "read"],
      [buf("b", "i8", [N]), "read"],
      [buf("n", "i32", [N]), "read"],
      [buf("y", c.dtype, [N]), "write"],
    ],
    alloc(a, seq([fill, loop])),
    { workgroup: [4, 1, 1] },
  );
}

function inputs(): Record<string, TensorArray> {
  const numbers = (scale: number): number[] =>
    Array.from({ length: N }, (_, i) => Math.sin(i * 12.9898) * scale);
  return {
    x: fromNumbers("f32", numbers(3)),
    h: fromNumbers("f16", numbers(2)),
    b: fromNumbers("i8", numbers(100).map(Math.trunc)),
    n: fromNumbers("i32", numbers(1000).map(Math.trunc)),
  };
}

for (const f16 of [true, false]) {
  webgpuTest(
    `random vectorized and unrolled loops do what they do in order (f16: ${f16})`,
    async (device) => {
      await fc.assert(
        fc.asyncProperty(arbCase, async (c) => {
          const l = caseLaunch(c);
          const expected: Record<string, TensorArray> = {
            ...inputs(),
            y: fromNumbers(c.dtype, new Array(N).fill(0)),
          };
          interpret(launchFunc(l), expected);
          const contents = Object.fromEntries(
            Object.entries({ ...inputs(), y: fromNumbers(c.dtype, new Array(N).fill(0)) }).map((
              [name, data],
            ) => [name, data as Float32Array<ArrayBuffer>]),
          );
          const target = { ...device.target, f16: device.target.f16 && f16 };
          const got = await runLaunches(device, [l], contents, {}, (x) => generateWgsl(x, target));
          assertAllClose(
            Float64Array.from(toNumbers(c.dtype, viewBuffer(c.dtype, got["y"]!, 0, N))),
            Float64Array.from(toNumbers(c.dtype, expected["y"]!)),
            { rtol: c.dtype === "f16" ? 2e-3 : 1e-5, atol: c.dtype === "i8" ? 1 : 1e-4 },
          );
        }),
        { numRuns: 30 },
      );
    },
  );
}

Deno.test("expanding loops keeps their meaning, and leaves vectors of one store only", () => {
  fc.assert(
    fc.property(arbCase, (c) => {
      const l = caseLaunch(c);
      const expanded = { ...l, body: expandLoops(l.body) };
      const [a, b] = [l, expanded].map((x) => {
        const arrays: Record<string, TensorArray> = {
          ...inputs(),
          y: fromNumbers(c.dtype, new Array(N).fill(0)),
        };
        interpret(launchFunc(x), arrays);
        return arrays["y"];
      });
      assertEquals(a, b);
      const check = (s: Stmt): void => {
        if (s.kind === "for") {
          assert(s.loop !== "unrolled");
          if (s.loop === "vectorized") assert(s.body.kind === "store" && s.extent === int(4));
          check(s.body);
        } else if (s.kind === "seq") s.body.forEach(check);
        else if (s.kind === "if") [s.then, ...(s.otherwise ? [s.otherwise] : [])].forEach(check);
        else if (s.kind === "alloc") check(s.body);
      };
      check(expanded.body);
    }),
    { numRuns: 200 },
  );
});

Deno.test("WGSL of a register tile: vector loads and stores, no array", async (t) => {
  const acc: Buffer = { ...buf("acc", "f32", [2, 4]), scope: "local" };
  const m = variable("m");
  const k = variable("k");
  const vectors = (body: (m: Expr) => Stmt): Stmt =>
    forLoop("m", int(2), forLoop("v", int(4), body(m), "vectorized"), "unrolled");
  const l = launch(
    "tile",
    [[buf("a", "f32", [2, 64]), "read"], [buf("b", "f32", [64, 4]), "read"], [
      buf("c", "f32", [2, 4]),
      "write",
    ]],
    alloc(
      acc,
      seq([
        vectors((m) => store("acc", [m, v], f32(0))),
        forLoop(
          "k",
          int(64),
          vectors((m) =>
            store(
              "acc",
              [m, v],
              add(load("acc", "f32", [m, v]), mul(load("a", "f32", [m, k]), load("b", "f32", [k, v]))),
            )
          ),
        ),
        vectors((m) => store("c", [m, v], load("acc", "f32", [m, v]))),
      ]),
    ),
  );
  const { source } = generateWgsl(l, TARGET);
  assertMatch(source, /acc_1 = acc_1 \+ a\[.*\] \* b\[k\];/);
  await t.assertSnapshot(source);
});
