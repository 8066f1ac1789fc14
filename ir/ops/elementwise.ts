/**
 * Elementwise operators: arithmetic, comparison, logic, functions of one variable, selection and conversion.
 *
 * @module
 */
import { DTYPES } from "../dtype.ts";
import { binary, cast, type Expr, int, max, min, select, unary } from "../expr.ts";
import type { TensorType } from "../graph.ts";
import type { BinaryOp, UnaryOp } from "../scalar_ops.ts";
import { broadcastShape, whereShape } from "../shape.ts";
import {
  arity,
  dtypeAttr,
  family,
  literal,
  nth,
  NUMBERS,
  type OpDef,
  type Operand,
  sameDType,
  shapeOrThrow,
} from "./op.ts";

/** Indices into an operand that broadcasts to a result: aligned at the end, 0 where the operand is 1 long. */
export function broadcastIndices(shape: readonly unknown[], indices: readonly Expr[]): readonly Expr[] {
  const skip = indices.length - shape.length;
  return shape.map((dim, d) => (dim === 1 ? int(0) : nth(indices, d + skip)));
}

/** The element of a broadcast operand for a result index. */
export function atBroadcast(operand: Operand, indices: readonly Expr[]): Expr {
  return operand.at(broadcastIndices(operand.shape, indices));
}

type Families = readonly ("float" | "signed" | "unsigned" | "bool")[];

function unaryOp(name: string, families: Families, f: (x: Expr) => Expr): OpDef {
  return {
    name,
    pattern: "elementwise",
    infer(inputs): TensorType {
      arity(name, inputs, 1);
      const x = nth(inputs, 0);
      return { shape: x.shape, dtype: family(name, x.dtype, families) };
    },
    lower: ({ inputs }, indices) => f(nth(inputs, 0).at(indices)),
  };
}

function binaryOp(name: string, families: Families, op: BinaryOp, result: "same" | "bool"): OpDef {
  return {
    name,
    pattern: "elementwise",
    infer(inputs): TensorType {
      arity(name, inputs, 2);
      const dtype = family(name, sameDType(name, inputs), families);
      const shape = shapeOrThrow(name, broadcastShape(name, nth(inputs, 0).shape, nth(inputs, 1).shape));
      return { shape, dtype: result === "bool" ? "bool" : dtype };
    },
    lower: ({ inputs }, indices) =>
      binary(op, atBroadcast(nth(inputs, 0), indices), atBroadcast(nth(inputs, 1), indices)),
  };
}

const FLOAT = ["float"] as const;
const SIGNED = ["float", "signed"] as const;
const ANY = ["float", "signed", "unsigned", "bool"] as const;
const scalar = (op: UnaryOp) => (x: Expr): Expr => unary(op, x);

/** The absolute value: a number without a sign is its own. */
export function magnitude(x: Expr): Expr {
  return x.dtype === "u32" ? x : unary("abs", x);
}

const where: OpDef = {
  name: "where",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("where", inputs, 3);
    const [cond, a, b] = [nth(inputs, 0), nth(inputs, 1), nth(inputs, 2)];
    family("where", cond.dtype, ["bool"]);
    const dtype = sameDType("where", [a, b]);
    return { shape: shapeOrThrow("where", whereShape(cond.shape, a.shape, b.shape)), dtype };
  },
  lower: ({ inputs }, indices) =>
    select(
      atBroadcast(nth(inputs, 0), indices),
      atBroadcast(nth(inputs, 1), indices),
      atBroadcast(nth(inputs, 2), indices),
    ),
};

const castOp: OpDef = {
  name: "cast",
  pattern: "view",
  infer(inputs, attrs): TensorType {
    arity("cast", inputs, 1);
    return { shape: nth(inputs, 0).shape, dtype: dtypeAttr("cast", attrs, "dtype") };
  },
  lower: ({ inputs, output }, indices) => cast(DTYPES[output.dtype].register, nth(inputs, 0).at(indices)),
};

/** The elementwise operators. */
export const ELEMENTWISE_OPS: readonly OpDef[] = [
  binaryOp("add", NUMBERS, "add", "same"),
  binaryOp("sub", NUMBERS, "sub", "same"),
  binaryOp("mul", NUMBERS, "mul", "same"),
  binaryOp("div", NUMBERS, "div", "same"),
  binaryOp("pow", FLOAT, "pow", "same"),
  binaryOp("maximum", NUMBERS, "max", "same"),
  binaryOp("minimum", NUMBERS, "min", "same"),
  binaryOp("equal", ANY, "eq", "bool"),
  binaryOp("notEqual", ANY, "ne", "bool"),
  binaryOp("less", NUMBERS, "lt", "bool"),
  binaryOp("lessEqual", NUMBERS, "le", "bool"),
  binaryOp("greater", NUMBERS, "gt", "bool"),
  binaryOp("greaterEqual", NUMBERS, "ge", "bool"),
  binaryOp("logicalAnd", ["bool"], "and", "same"),
  binaryOp("logicalOr", ["bool"], "or", "same"),
  unaryOp("logicalNot", ["bool"], scalar("not")),
  unaryOp("neg", SIGNED, scalar("neg")),
  unaryOp("abs", NUMBERS, magnitude),
  unaryOp("sign", NUMBERS, (x) => x.dtype === "u32" ? min(x, literal(x, 1)) : unary("sign", x)),
  unaryOp("ceil", FLOAT, scalar("ceil")),
  unaryOp("floor", FLOAT, scalar("floor")),
  unaryOp("round", FLOAT, scalar("round")),
  unaryOp("exp", FLOAT, scalar("exp")),
  unaryOp("log", FLOAT, scalar("log")),
  unaryOp("sqrt", FLOAT, scalar("sqrt")),
  unaryOp("rsqrt", FLOAT, scalar("rsqrt")),
  unaryOp("sin", FLOAT, scalar("sin")),
  unaryOp("cos", FLOAT, scalar("cos")),
  unaryOp("tan", FLOAT, scalar("tan")),
  unaryOp("tanh", FLOAT, scalar("tanh")),
  unaryOp("erf", FLOAT, scalar("erf")),
  unaryOp("relu", NUMBERS, (x) => max(x, literal(x, 0))),
  where,
  castOp,
];
