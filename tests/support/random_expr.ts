/**
 * Random scalar expressions and values for their variables and loads.
 *
 * @module
 */
import fc from "fast-check";
import { binary, cast, constant, type Expr, int, load, select, unary, variable } from "../../ir/expr.ts";
import type { EvalEnv } from "../../ir/eval.ts";
import { evalExpr } from "../../ir/eval.ts";
import type { BinaryOp, ScalarType, UnaryOp } from "../../ir/scalar_ops.ts";
import { exprChildren } from "../../ir/visit.ts";

const I32_EDGES = [-2147483648, -2147483647, -65536, -1, 0, 1, 2, 65535, 65536, 1 << 30, 2147483647];
const FLOATS = [0, -0, 1, -1, 0.5, 2, -3.25, 1e-40, 3e38, 70000, Infinity, -Infinity, NaN];

/** Integers, mostly small. */
export const arbInt: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -9, max: 24 }) },
  { weight: 1, arbitrary: fc.constantFrom(...I32_EDGES) },
  { weight: 1, arbitrary: fc.integer({ min: -2147483648, max: 2147483647 }) },
);

const BIT_OPS: readonly BinaryOp[] = ["bitand", "bitor", "bitxor", "shl", "shr"];
const INT_OPS: readonly BinaryOp[] = ["add", "sub", "mul", "floordiv", "mod", "min", "max", "div"];
const FLOAT_OPS: readonly BinaryOp[] = ["add", "sub", "mul", "div", "min", "max"];
const COMPARE: readonly BinaryOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];
const FLOAT_UNARY: readonly UnaryOp[] = [
  "neg",
  "abs",
  "sign",
  "ceil",
  "floor",
  "round",
  "sqrt",
  "exp",
  "tanh",
];

/** Which expressions to make. */
export interface ExprOptions {
  /** With loads (default true). */
  readonly loads?: boolean;
  /** Default 5. */
  readonly maxDepth?: number;
  /** Only integers so small that arithmetic on them and small variables does not overflow at a depth of 3. */
  readonly small?: boolean;
}

/** Random expressions of each type over `names`; loads are from buffers `bi`, `bu`, `bf`, `bh` and `bb`. */
export function arbExprs(
  names: readonly string[],
  options: ExprOptions = {},
): Readonly<Record<ScalarType, fc.Arbitrary<Expr>>> {
  const { loads = true, maxDepth = 5, small = false } = options;
  const ints = small ? fc.integer({ min: -4, max: 4 }) : arbInt;
  type Tied = Record<ScalarType, Expr>;
  return fc.letrec<Tied>((tie) => {
    const recur = (t: ScalarType): fc.Arbitrary<Expr> => tie(t) as fc.Arbitrary<Expr>;
    const pair = (ops: readonly BinaryOp[], t: ScalarType): fc.Arbitrary<Expr> =>
      fc.tuple(fc.constantFrom(...ops), recur(t), recur(t)).map(([op, a, b]) => binary(op, a, b));
    const one = (ops: readonly UnaryOp[], t: ScalarType): fc.Arbitrary<Expr> =>
      fc.tuple(fc.constantFrom(...ops), recur(t)).map(([op, x]) => unary(op, x));
    const choice = (t: ScalarType): fc.Arbitrary<Expr> =>
      fc.tuple(recur("bool"), recur(t), recur(t)).map(([c, a, b]) => select(c, a, b));
    const convert = (t: ScalarType, from: readonly ScalarType[]): fc.Arbitrary<Expr> =>
      fc.oneof(...from.map(recur)).map((x) => cast(t, x));
    const element = (t: ScalarType, buffer: string): readonly fc.Arbitrary<Expr>[] =>
      loads ? [recur("i32").map((i) => load(buffer, t, [i]))] : [];
    const grow = (leaves: fc.Arbitrary<Expr>, ...inner: readonly fc.Arbitrary<Expr>[]): fc.Arbitrary<Expr> =>
      fc.oneof({ maxDepth, depthIdentifier: "expr", withCrossShrink: true }, leaves, ...inner);
    const float = (t: "f32" | "f16", buffer: string): fc.Arbitrary<Expr> =>
      grow(
        fc.constantFrom(...FLOATS).map((v) => constant(t, v)),
        pair(FLOAT_OPS, t),
        one(FLOAT_UNARY, t),
        choice(t),
        convert(t, ["i32", "bool", t === "f32" ? "f16" : "f32"]),
        ...element(t, buffer),
      );
    const variables = fc.constantFrom(...names).map((n): Expr => variable(n));
    return {
      i32: grow(
        fc.oneof({ weight: 2, arbitrary: variables }, { weight: 1, arbitrary: ints.map(int) }),
        pair(INT_OPS, "i32"),
        pair(INT_OPS, "i32"),
        pair(INT_OPS, "i32"),
        pair(small ? BIT_OPS.filter((op) => op !== "shl") : BIT_OPS, "i32"),
        one(["neg", "abs", "sign"], "i32"),
        choice("i32"),
        convert("i32", loads && !small ? ["bool", "f32", "u32"] : ["bool"]),
        ...element("i32", "bi"),
      ),
      u32: grow(
        ints.map((v) => constant("u32", v)),
        pair(INT_OPS, "u32"),
        pair(BIT_OPS, "u32"),
        one(["neg", "abs", "sign"], "u32"),
        choice("u32"),
        convert("u32", ["i32", "bool", "f32"]),
        ...element("u32", "bu"),
      ),
      f32: float("f32", "bf"),
      f16: float("f16", "bh"),
      bool: grow(
        fc.boolean().map((v) => constant("bool", v ? 1 : 0)),
        pair(COMPARE, "i32"),
        pair(COMPARE, "i32"),
        ...(loads ? [pair(COMPARE, "f32"), pair(COMPARE, "u32")] : []),
        pair(["and", "or", "eq", "ne"], "bool"),
        one(["not"], "bool"),
        choice("bool"),
        convert("bool", loads ? ["i32", "f32"] : ["i32"]),
        ...element("bool", "bb"),
      ),
    };
  });
}

/** Elements that depend on nothing but the buffer and the index. */
export function pseudoLoad(buffer: string, indices: readonly number[]): number {
  const hash = Math.imul(
    indices.reduce((h, i) => Math.imul(h ^ i, 0x9e3779b1), 7) ^ buffer.charCodeAt(1),
    0x85ebca6b,
  );
  const pick = (hash ^ hash >>> 15) >>> 0;
  switch (buffer) {
    case "bi":
      return pick % 3 === 0 ? pick | 0 : pick % 20 - 6;
    case "bu":
      return pick % 3 === 0 ? pick : pick % 20;
    case "bb":
      return pick & 1;
    default: {
      const value = FLOATS[pick % FLOATS.length]!;
      return buffer === "bf"
        ? Math.fround(value)
        : Math.abs(value) === 70000
        ? Infinity
        : value === 3e38
        ? Infinity
        : value === 1e-40
        ? 0
        : value;
    }
  }
}

/** Whether evaluating wraps around somewhere at a node that counts as index arithmetic. */
export function overflows(e: Expr, env: EvalEnv, isIndex: (e: Expr) => boolean): boolean {
  if (e.kind === "select") {
    const taken = evalExpr(e.cond, env) === 1 ? e.then : e.otherwise;
    return overflows(e.cond, env, isIndex) || overflows(taken, env, isIndex);
  }
  if (exprChildren(e).some((c) => overflows(c, env, isIndex))) return true;
  if (e.dtype !== "i32" || !isIndex(e)) return false;
  const value = (x: Expr): number => evalExpr(x, env);
  const exact = e.kind === "unary"
    ? (e.op === "neg" ? -value(e.x) : e.op === "abs" ? Math.abs(value(e.x)) : 0)
    : e.kind !== "binary"
    ? 0
    : e.op === "add"
    ? value(e.a) + value(e.b)
    : e.op === "sub"
    ? value(e.a) - value(e.b)
    : e.op === "mul"
    ? value(e.a) * value(e.b)
    : e.op === "div" || e.op === "floordiv"
    ? (value(e.b) === -1 ? -value(e.a) : 0)
    : 0;
  return exact < -2147483648 || exact > 2147483647;
}
