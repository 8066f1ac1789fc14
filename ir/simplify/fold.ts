/**
 * Rules that compute: operators on constants, conversions, and identities of floats that hold for every value,
 * NaN, infinities and both zeros included.
 *
 * @module
 */
import { cast, constant, type Expr, int, mul, unary } from "../expr.ts";
import { intervalOf } from "../interval.ts";
import { binaryFunction, castFunction, unaryFunction } from "../scalar_eval.ts";
import { BINARY_OPS, type ScalarType, UNARY_OPS } from "../scalar_ops.ts";
import type { BinaryOp, UnaryOp } from "../scalar_ops.ts";
import { binaryRule, isConst, isInteger, rule, type SimplifyRule } from "./rule.ts";

const UNARY = Object.keys(UNARY_OPS) as readonly UnaryOp[];
const BINARY = Object.keys(BINARY_OPS) as readonly BinaryOp[];

/** Conversions that keep the value, whatever it is. */
const LOSSLESS: Readonly<Record<ScalarType, readonly ScalarType[]>> = {
  bool: ["f32", "f16", "i32", "u32"],
  f16: ["f32"],
  i32: [],
  u32: [],
  f32: [],
};

/** Conversions to and back that give the value again. */
const INVERTIBLE: Readonly<Record<ScalarType, readonly ScalarType[]>> = {
  ...LOSSLESS,
  i32: ["u32"],
  u32: ["i32"],
};

/** Constants, conversions and floats. */
export const FOLD_RULES: readonly SimplifyRule[] = [
  rule("fold-unary", "f(constant) is a constant", UNARY, (e) => {
    if (e.kind !== "unary" || e.x.kind !== "const") return undefined;
    return constant(e.dtype, unaryFunction(e.op, e.dtype)(e.x.value));
  }),
  binaryRule("fold-binary", "f(constant, constant) is a constant", BINARY, ({ op, a, b, dtype }) => {
    if (a.kind !== "const" || b.kind !== "const") return undefined;
    return constant(dtype, binaryFunction(op, a.dtype)(a.value, b.value));
  }),
  rule("fold-cast", "T(constant) is a constant", ["cast"], (e) => {
    if (e.kind !== "cast" || e.x.kind !== "const") return undefined;
    return constant(e.dtype, castFunction(e.x.dtype, e.dtype)(e.x.value));
  }),
  rule(
    "fold-interval",
    "x = c where c <= x <= c is known",
    ["var", "add", "sub", "mul", "div", "floordiv", "mod", "min", "max", "neg", "abs", "sign", "select"],
    (e, facts) => {
      if (e.dtype !== "i32") return undefined;
      const { min, max } = intervalOf(e, facts);
      return min === max ? int(min) : undefined;
    },
  ),
  rule("cast-cast", "T(S(x)) = T(x) where S keeps every value of x", ["cast"], (e) => {
    if (e.kind !== "cast" || e.x.kind !== "cast") return undefined;
    const { x } = e.x;
    const kept = LOSSLESS[x.dtype].includes(e.x.dtype) ||
      (INVERTIBLE[x.dtype].includes(e.x.dtype) && (e.dtype === x.dtype || e.dtype === "bool"));
    return kept ? cast(e.dtype, x) : undefined;
  }),
  binaryRule("float-times-one", "x * 1 = x", ["mul"], ({ a, b }) => {
    if (isInteger(a)) return undefined;
    return isConst(b, 1) ? a : isConst(a, 1) ? b : undefined;
  }),
  // Factors below 1 stay apart: a product that is subnormal is rounded, and would be rounded once instead of twice.
  // A factor below and one above stay apart too: the product with the larger may be infinite in between. So a scale
  // cannot go into weights: it is multiplied with the finished sum, in the kernel that takes it.
  binaryRule(
    "float-times-times",
    "(x * a) * b = x * (a * b) where the first product is exact",
    ["mul"],
    (e) => {
      const [product, b] = e.b.kind === "const" ? [e.a, e.b] : [e.b, e.a];
      if (isInteger(product) || b.kind !== "const" || product.kind !== "binary" || product.op !== "mul") {
        return undefined;
      }
      const [x, a] = product.b.kind === "const" ? [product.a, product.b] : [product.b, product.a];
      if (a.kind !== "const") return undefined;
      const ofSign = Math.abs(a.value) === 1 || Math.abs(b.value) === 1;
      if (!ofSign && !(doubles(a.value) && doubles(b.value))) return undefined;
      const factor = binaryFunction("mul", e.dtype)(a.value, b.value);
      return Number.isFinite(factor) ? mul(x, constant(e.dtype, factor)) : undefined;
    },
  ),
  binaryRule("float-over-one", "x / 1 = x", ["div"], ({ a, b }) => (isConst(b, 1) ? a : undefined)),
  // x + 0 is not x: it turns -0 into 0.
  binaryRule(
    "float-minus-zero",
    "x - 0 = x + -0 = x",
    ["add", "sub"],
    ({ op, a, b }) => {
      if (isInteger(a)) return undefined;
      if (op === "sub") return isConst(b, 0) ? a : undefined;
      return isConst(b, -0) ? a : isConst(a, -0) ? b : undefined;
    },
  ),
  rule("float-neg-neg", "-(-x) = x", ["neg"], (e) => {
    return e.kind === "unary" ? operand("neg", e.x) : undefined;
  }),
  rule("abs-of-sign", "abs(-x) = abs(abs(x)) = abs(x)", ["abs"], (e) => {
    if (e.kind !== "unary" || e.dtype === "u32") return undefined; // -x is another number there
    const inner = operand("abs", e.x) ?? operand("neg", e.x);
    return inner === undefined ? undefined : unary("abs", inner);
  }),
];

/** Whether multiplying with this number doubles some times: a power of two of at least 1, of either sign. */
function doubles(factor: number): boolean {
  const power = Math.log2(Math.abs(factor));
  return Number.isInteger(power) && power >= 0 && 2 ** power === Math.abs(factor);
}

/** The operand, if the node is this operator. */
function operand(op: UnaryOp, e: Expr): Expr | undefined {
  return e.kind === "unary" && e.op === op ? e.x : undefined;
}
