import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError, WeftError } from "../../ir/errors.ts";
import {
  add,
  and,
  binary,
  cast,
  type Expr,
  f32,
  floordiv,
  int,
  load,
  lt,
  mod,
  mul,
  reduce,
  select,
  sub,
  unary,
  variable,
} from "../../ir/expr.ts";
import { evalExpr, evalInt, interpret } from "../../ir/interpret.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import type { DType } from "../../ir/dtype.ts";
import { type Param, primFunc } from "../../ir/prim_func.ts";
import { binaryFunction, castFunction, unaryFunction } from "../../ir/scalar_eval.ts";
import { alloc, barrier, block, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../ir/stmt.ts";
import { arbInt } from "../support/random_expr.ts";

const v = variable;

function buffer(
  name: string,
  dtype: DType,
  shape: readonly Expr[],
  scope: Buffer["scope"] = "global",
): Buffer {
  return { name, dtype, shape, scope };
}

function param(b: Buffer, access: Param["access"] = "read_write"): Param {
  return { buffer: b, access };
}

Deno.test("i32 and u32 arithmetic is that of integers modulo 2^32", () => {
  const wrap = (x: bigint): number => Number(BigInt.asIntN(32, x));
  const floorDiv = (
    a: bigint,
    b: bigint,
  ): bigint => (a % b !== 0n && (a < 0n) !== (b < 0n) ? a / b - 1n : a / b);
  fc.assert(
    fc.property(arbInt, arbInt, (a, b) => {
      const [x, y] = [BigInt(a), BigInt(b)];
      const at = (op: Parameters<typeof binaryFunction>[0]): number => binaryFunction(op, "i32")(a, b);
      assertEquals(at("add"), wrap(x + y));
      assertEquals(at("sub"), wrap(x - y));
      assertEquals(at("mul"), wrap(x * y));
      assertEquals(at("div"), b === 0 ? a : wrap(x / y));
      assertEquals(at("floordiv"), b === 0 ? a : wrap(floorDiv(x, y)));
      assertEquals(at("mod"), b === 0 ? 0 : wrap(x - y * floorDiv(x, y)));
      const [p, q] = [BigInt(a >>> 0), BigInt(b >>> 0)];
      const of = (op: Parameters<typeof binaryFunction>[0]): bigint =>
        BigInt(binaryFunction(op, "u32")(a >>> 0, b >>> 0));
      assertEquals(of("add"), BigInt.asUintN(32, p + q));
      assertEquals(of("sub"), BigInt.asUintN(32, p - q));
      assertEquals(of("mul"), BigInt.asUintN(32, p * q));
      assertEquals(of("div"), q === 0n ? p : p / q);
      assertEquals(of("floordiv"), q === 0n ? p : p / q);
      assertEquals(of("mod"), q === 0n ? 0n : p % q);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("float operators round to their type", () => {
  const third = Math.fround(1 / 3);
  assertEquals(binaryFunction("add", "f32")(third, 1), Math.fround(third + 1));
  assertEquals(
    binaryFunction("mul", "f16")(0.0999755859375, 0.0999755859375),
    Math.f16round(0.0999755859375 ** 2),
  );
  assertEquals(unaryFunction("exp", "f32")(1), Math.fround(Math.E));
  for (
    const [x, y] of [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [-1.5, -2], [2 ** 40 + 0.5, 2 ** 40], [0.3, 0]]
  ) {
    assertEquals(unaryFunction("round", "f32")(x!), y);
  }
  assertEquals(unaryFunction("sign", "f32")(-7), -1);
  assertEquals(unaryFunction("rsqrt", "f32")(2), Math.fround(Math.SQRT1_2));
});

Deno.test("conversions truncate, saturate and reinterpret", () => {
  const cases: readonly (readonly [Parameters<typeof castFunction>, number, number])[] = [
    [["f32", "i32"], -2.7, -2],
    [["f32", "i32"], 3e9, 2147483647],
    [["f32", "i32"], -Infinity, -2147483648],
    [["f32", "i32"], NaN, 0],
    [["f32", "u32"], -0.5, 0],
    [["f32", "u32"], 5e9, 4294967295],
    [["f32", "u32"], NaN, 0],
    [["i32", "u32"], -1, 4294967295],
    [["u32", "i32"], 4294967295, -1],
    [["f32", "bool"], NaN, 1],
    [["f32", "bool"], -0, 0],
    [["i32", "f32"], 16777217, 16777216],
    [["i32", "f16"], 100000, Infinity],
    [["f32", "f16"], 2049, 2048],
  ];
  for (const [types, x, y] of cases) assertEquals(castFunction(...types)(x), y, `${types} of ${x}`);
});

Deno.test("single expressions are evaluated, reductions too", () => {
  const dot = reduce(
    "sum",
    [{ name: "k", extent: v("n") }],
    mul(load("a", "f32", [v("k")]), cast("f32", v("k"))),
  );
  const env = {
    vars: { n: 4 },
    load: (name: string, [i]: readonly number[]) => (name === "a" ? i! + 1 : NaN),
  };
  assertEquals(evalExpr(dot, env), 2 + 6 + 12);
  assertEquals(evalExpr(dot, { ...env, vars: { n: 0 } }), 0);
  assertEquals(evalInt(floordiv(add(v("n"), int(63)), int(64)), { n: 100 }), 2);
  assertThrows(() => evalInt(v("n"), { m: 1 }), InputError, "n has no value; there are values for m");
  // An expression with 2^60 paths is evaluated once for each node.
  let deep: Expr = v("n");
  for (let i = 0; i < 60; i++) deep = add(deep, deep);
  assertEquals(evalExpr(deep, { vars: { n: 1 } }), 0);
});

/** A matrix product as lowering gives it. */
function matmul(loops: (body: Stmt) => Stmt, predicate?: Expr): Stmt {
  const [vi, vj, vk] = [v("vi"), v("vj"), v("vk")];
  return loops(block({
    name: "mm",
    iters: [
      { var: "vi", role: "spatial", extent: v("m"), binding: v("i") },
      { var: "vj", role: "spatial", extent: v("n"), binding: v("j") },
      { var: "vk", role: "reduce", extent: v("k"), binding: v("r") },
    ],
    ...(predicate === undefined ? {} : { predicate }),
    init: store("c", [vi, vj], f32(0)),
    body: store(
      "c",
      [vi, vj],
      add(load("c", "f32", [vi, vj]), mul(load("a", "f32", [vi, vk]), load("b", "f32", [vk, vj]))),
    ),
  }));
}

const matmulParams = [
  param(buffer("a", "f32", [v("m"), v("k")]), "read"),
  param(buffer("b", "f32", [v("k"), v("n")]), "read"),
  param(buffer("c", "f32", [v("m"), v("n")]), "write"),
];

Deno.test("a matrix product, in any order of loops", () => {
  const orders: readonly ((body: Stmt) => Stmt)[] = [
    (body) => forLoop("i", v("m"), forLoop("j", v("n"), forLoop("r", v("k"), body))),
    (body) => forLoop("r", v("k"), forLoop("i", v("m"), forLoop("j", v("n"), body))),
    (body) =>
      forLoop("i", v("m"), forLoop("r", v("k"), forLoop("j", v("n"), body), "unrolled"), "blockIdx.x"),
  ];
  for (const [m, n, k] of [[2, 3, 4], [1, 1, 1], [2, 2, 0], [0, 2, 2]] as const) {
    const a = Float32Array.from({ length: m * k }, (_, i) => i + 1);
    const b = Float32Array.from({ length: k * n }, (_, i) => i % 3 - 1);
    const expected = new Float32Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let r = 0; r < k; r++) expected[i * n + j]! += a[i * k + r]! * b[r * n + j]!;
      }
    }
    for (const loops of orders) {
      const c = new Float32Array(m * n).fill(NaN);
      interpret(primFunc("mm", matmulParams, ["m", "n", "k"], matmul(loops)), { a, b, c }, { m, n, k });
      assertEquals(c, expected);
    }
  }
});

Deno.test("a block runs only where its predicate holds", () => {
  const loops = (body: Stmt): Stmt => forLoop("i", int(3), forLoop("j", int(2), forLoop("r", int(1), body)));
  const func = primFunc("mm", matmulParams, ["m", "n", "k"], matmul(loops, lt(v("i"), v("m"))));
  const c = new Float32Array(4).fill(5);
  interpret(func, { a: Float32Array.of(1, 2), b: Float32Array.of(3, 4), c }, { m: 2, n: 2, k: 1 });
  assertEquals(c, Float32Array.of(3, 4, 6, 8));
});

Deno.test("each dtype is widened by loads and narrowed by stores", () => {
  const plusTwo = (register: "f32" | "f16" | "i32" | "u32"): Stmt => {
    const x = load("x", register, [v("i")]);
    const one = cast(register, int(1));
    return forLoop("i", int(3), store("x", [v("i")], add(add(x, one), one)));
  };
  const cases = [
    ["f32", "f32", [0.5, -1, 3e38], [2.5, 1, Math.fround(3e38)]],
    ["f16", "f16", [2048, 0.1, 65504], [2048, 2.099609375, 65504]],
    ["bf16", "f32", [256, 0.5, -1], [258, 2.5, 1]],
    ["i32", "i32", [2147483647, -1, 0], [-2147483647, 1, 2]],
    ["u32", "u32", [4294967295, 1, 0], [1, 3, 2]],
    ["i8", "i32", [127, -1, 0], [-127, 1, 2]],
    ["u8", "u32", [255, 1, 0], [1, 3, 2]],
  ] as const;
  for (const [dtype, register, input, output] of cases) {
    const x = fromNumbers(dtype, input);
    interpret(primFunc("f", [param(buffer("x", dtype, [int(3)]))], [], plusTwo(register)), { x });
    assertEquals(toNumbers(dtype, x), Float64Array.from(output), dtype);
  }
  const flags = Uint8Array.of(0, 1, 0);
  const flip = forLoop("i", int(3), store("x", [v("i")], unary("not", load("x", "bool", [v("i")]))));
  interpret(primFunc("f", [param(buffer("x", "bool", [int(3)]))], [], flip), { x: flags });
  assertEquals(flags, Uint8Array.of(1, 0, 1));
});

Deno.test("strides say where elements are", () => {
  const x: Buffer = { ...buffer("x", "i32", [int(2), int(3)]), strides: [int(1), int(4)] };
  const fill = forLoop(
    "i",
    int(2),
    forLoop("j", int(3), store("x", [v("i"), v("j")], add(mul(v("i"), int(10)), v("j")))),
  );
  const data = new Int32Array(10).fill(-1);
  interpret(primFunc("f", [param(x)], [], fill), { x: data });
  assertEquals(data, Int32Array.of(0, 10, -1, -1, 1, 11, -1, -1, 2, 12));
  assertThrows(
    () => interpret(primFunc("f", [param(x)], [], fill), { x: new Int32Array(9) }),
    InputError,
    "x is [2, 3] and needs 10 elements, the array has 9",
  );
});

Deno.test("an access out of bounds is an error that says where, unless it is in a choice not taken", () => {
  const x = param(buffer("x", "i32", [int(2), int(3)]));
  const run = (value: Expr): void =>
    interpret(primFunc("shift", [x], [], store("x", [int(1), int(0)], value)), { x: new Int32Array(6) });
  const outside = load("x", "i32", [int(0), int(3)]); // element 3 exists, but not there
  assertThrows(() => run(outside), WeftError, "shift: x[0, 3] is out of bounds, x is [2, 3]");
  assertThrows(() => run(load("x", "i32", [int(-1), int(0)])), WeftError, "x[-1, 0] is out of bounds");
  run(select(lt(int(3), int(3)), outside, int(0)));
  // The operands of && are both evaluated.
  const both = and(lt(int(3), int(3)), lt(outside, int(1)));
  assertThrows(() => run(select(both, int(1), int(0))), WeftError, "out of bounds");
  const write = primFunc("w", [x], [], store("x", [int(2), int(0)], int(1)));
  assertThrows(() => interpret(write, { x: new Int32Array(6) }), WeftError, "w: x[2, 0] is out of bounds");
});

Deno.test("fresh memory is not zero", () => {
  const t = buffer("t", "f32", [int(2)], "local");
  const copy = alloc(
    t,
    seq([
      store("t", [int(0)], f32(1)),
      ...[0, 1].map((i) => store("x", [int(i)], load("t", "f32", [int(i)]))),
    ]),
  );
  const x = new Float32Array(2);
  interpret(primFunc("f", [param(buffer("x", "f32", [int(2)]))], [], copy), { x });
  assertEquals(x, Float32Array.of(1, NaN));
});

Deno.test("missing and unfitting arguments are refused by name", () => {
  const func = primFunc("f", [param(buffer("x", "f16", [v("n")]))], ["n"], seq([]));
  assertThrows(() => interpret(func, { x: new Uint16Array(1) }), InputError, "dim n has no value");
  assertThrows(() => interpret(func, {}, { n: 1 }), InputError, "there is no array for parameter x");
  assertThrows(
    () => interpret(func, { x: new Float32Array(1) }, { n: 1 }),
    InputError,
    "parameter x is f16, which a Float32Array does not hold; use Uint16Array",
  );
  const unbound = primFunc("g", [], [], ifThen(lt(v("q"), int(1)), seq([])));
  assertThrows(() => interpret(unbound, {}), WeftError, "nothing binds q");
});

/** `y[b, t] = x[b, 7 - t]` through workgroup memory. */
function reversal(threads: (t: Expr, body: Stmt) => Stmt, meet: Stmt): Stmt {
  const [b, t] = [v("b"), v("t")];
  const shared = buffer("s", "f32", [int(8)], "workgroup");
  const body = alloc(
    shared,
    threads(
      t,
      seq([
        store("s", [t], load("x", "f32", [b, t])),
        meet,
        store("y", [b, t], load("s", "f32", [sub(int(7), t)])),
      ]),
    ),
  );
  return forLoop("b", int(2), body, "blockIdx.x");
}

function runReversal(body: Stmt): Float32Array {
  const shape = [int(2), int(8)];
  const y = new Float32Array(16);
  const params = [param(buffer("x", "f32", shape), "read"), param(buffer("y", "f32", shape), "write")];
  interpret(primFunc("reverse", params, [], body), { x: Float32Array.from({ length: 16 }, (_, i) => i), y });
  return y;
}

const REVERSED = Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 7 - i : 23 - i));

Deno.test("threads of a workgroup meet at barriers", () => {
  const inOrder = (t: Expr, body: Stmt): Stmt => {
    assert(t.kind === "var");
    return forLoop(t.name, int(8), body, "threadIdx.x");
  };
  assertEquals(runReversal(reversal(inOrder, barrier())), REVERSED);
  // Without the barrier, early threads read memory that nobody has written.
  assert(runReversal(reversal(inOrder, seq([]))).some((x) => x !== x));
});

Deno.test("barriers hold for all axes of threads, in loops and conditions, and for memory allocated inside", () => {
  const [ty, tx, k] = [v("ty"), v("tx"), v("k")];
  const t = add(mul(ty, int(2)), tx);
  // Passes its value to the next thread, three times.
  const shared = buffer("s", "i32", [int(8)], "workgroup");
  const step = seq([
    store("s", [t], load("mine", "i32", [])),
    barrier(),
    store("mine", [], load("s", "i32", [mod(add(t, int(1)), int(8))])),
    barrier(),
  ]);
  const body = alloc(
    buffer("mine", "i32", [], "local"),
    seq([
      store("mine", [], mul(t, int(10))),
      alloc(shared, forLoop("k", int(3), ifThen(lt(k, int(3)), step))),
      store("y", [t], load("mine", "i32", [])),
    ]),
  );
  const nest = forLoop("ty", int(4), forLoop("tx", int(2), body, "threadIdx.x"), "threadIdx.y");
  const y = new Int32Array(8);
  interpret(primFunc("rotate", [param(buffer("y", "i32", [int(8)]), "write")], [], nest), { y });
  assertEquals(y, Int32Array.of(30, 40, 50, 60, 70, 0, 10, 20));
});

Deno.test("a barrier that only some threads reach is an error", () => {
  const nest = forLoop("t", int(4), ifThen(lt(v("t"), int(3)), barrier()), "threadIdx.x");
  assertThrows(
    () => interpret(primFunc("f", [], [], nest), {}),
    WeftError,
    "1 of 4 threads end without the barrier that others wait at",
  );
});

Deno.test("shared parts of an expression are computed once", () => {
  let value: Expr = load("x", "i32", [int(0)]);
  for (let i = 0; i < 40; i++) value = binary("add", value, value);
  const x = Int32Array.of(3);
  interpret(primFunc("f", [param(buffer("x", "i32", [int(1)]))], [], store("x", [int(0)], value)), { x });
  assertEquals(x, Int32Array.of(0));
});
