import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Scalar, scalar } from "../../dsl/scalar.ts";
import { ShapeError } from "../../ir/errors.ts";
import * as e from "../../ir/expr.ts";
import { printExpr } from "../../ir/print.ts";
import { BINARY_OPS, type BinaryOp, UNARY_OPS, type UnaryOp } from "../../ir/scalar_ops.ts";

const x = scalar<"f32">(e.load("x", "f32", []));
const y = scalar<"f32">(e.load("y", "f32", []));
const i = scalar<"i32">(e.variable("i"));
const u = scalar<"u32">(e.load("u", "u32", []));
const b = scalar<"bool">(e.load("b", "bool", []));
const h = scalar<"f16">(e.load("h", "f16", []));

/** Every operator of two operands as a method, by its name in the IR. */
const TWO: Readonly<Record<BinaryOp, keyof Scalar>> = {
  add: "add",
  sub: "sub",
  mul: "mul",
  div: "div",
  floordiv: "floordiv",
  mod: "mod",
  min: "min",
  max: "max",
  pow: "pow",
  eq: "eq",
  ne: "ne",
  lt: "lt",
  le: "le",
  gt: "gt",
  ge: "ge",
  and: "and",
  or: "or",
  bitand: "bitand",
  bitor: "bitor",
  bitxor: "bitxor",
  shl: "shl",
  shr: "shr",
};

Deno.test("scalar: every operator of the IR is a method that builds it", () => {
  assertEquals(Object.keys(TWO).sort(), Object.keys(BINARY_OPS).sort());
  for (const [op, method] of Object.entries(TWO) as [BinaryOp, keyof Scalar][]) {
    let built = 0;
    for (const operand of [x, i, u, b, h] as readonly Scalar[]) {
      const call = operand[method] as (other: Scalar) => Scalar;
      let expected: e.Expr;
      try {
        expected = e.binary(op, operand.expr, operand.expr);
      } catch (error) {
        assert(error instanceof ShapeError);
        assertThrows(() => call(operand), ShapeError, error.message);
        continue;
      }
      built++;
      const result = call(operand);
      assertStrictEquals(result.expr, expected);
      assertEquals(result.dtype, expected.dtype);
    }
    assert(built > 0, op);
  }
  for (const op of Object.keys(UNARY_OPS) as UnaryOp[]) {
    const operand = UNARY_OPS[op].operands === "bool" ? b : x;
    assertStrictEquals(operand.apply(op).expr, e.unary(op, operand.expr));
  }
});

Deno.test("scalar: numbers become literals of the operand's type", () => {
  assertStrictEquals(x.add(1.5).expr, e.add(x.expr, e.constant("f32", 1.5)));
  assertStrictEquals(i.add(-3).expr, e.add(i.expr, e.int(-3)));
  assertStrictEquals(u.mul(3).expr, e.mul(u.expr, e.constant("u32", 3)));
  assertStrictEquals(h.max(0).expr, e.max(h.expr, e.constant("f16", 0)));
  assertStrictEquals(b.select(x, 7).expr, e.select(b.expr, x.expr, e.constant("f32", 7)));
  assertStrictEquals(b.select(i, 7).expr, e.select(b.expr, i.expr, e.int(7)));
});

Deno.test("scalar: methods give new scalars of the right type and change nothing", () => {
  const sum: Scalar<"f32"> = x.add(y);
  const less: Scalar<"bool"> = x.lt(y);
  const cast: Scalar<"i32"> = x.cast("i32");
  const chosen: Scalar<"f32"> = less.select(x, y);
  const folded: Scalar<"i32"> = i.floordiv(4).add(i.mod(4));
  assertEquals([sum, less, cast, chosen, folded].map((s) => s.dtype), ["f32", "bool", "i32", "f32", "i32"]);
  assert([x, sum, less].every(Object.isFrozen));
  assertStrictEquals(x.cast("f32").expr, x.expr);
});

Deno.test("scalar: what it prints", async (t) => {
  const gelu = x.mul(0.5).mul(x.mul(Math.SQRT1_2).apply("erf").add(1));
  const wrapped = i.lt(0).select(i.add(10), i).floordiv(3).cast("f32");
  await t.assertSnapshot([gelu, wrapped, u.shl(3).bitxor(u.shr(1))].map((s) => printExpr(s.expr)));
});

Deno.test("scalar: what does not fit is refused", async (t) => {
  const any = (s: unknown) => s as Scalar<never>;
  const wrong: readonly (() => unknown)[] = [
    () => x.add(any(i)),
    () => i.add(0.5),
    () => i.add(NaN),
    () => i.add(2 ** 31),
    () => u.add(-1),
    () => x.mod(2),
    () => x.and(any(y)),
    () => b.add(any(b)),
    () => i.apply("exp"),
    () => x.apply("not"),
    () => x.select(y, y),
    () => b.select(x, any(i)),
    () => x.shl(any(x)),
  ];
  await t.assertSnapshot(wrong.map((f) => assertThrows(f).message));
});

Deno.test("property: equal expressions are one object, however they are built", () => {
  const step = fc.constantFrom<(s: Scalar<"i32">, n: number) => Scalar<"i32">>(
    (s, n) => s.add(n),
    (s, n) => s.mul(n),
    (s, n) => s.max(i.sub(n)),
    (s, n) => s.lt(n).select(s, i),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.integer({ min: -5, max: 5 })), { maxLength: 8 }), (steps) => {
      const build = () => steps.reduce((s, [f, n]) => f(s, n), i);
      assertStrictEquals(build().expr, build().expr);
    }),
  );
});
