/**
 * Activation functions, and elementwise operators with parameters. What is not exact in a few bits is computed in f32.
 *
 * @module
 */
import { type DType, DTYPES } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { add, binary, cast, div, type Expr, lt, max, min, mul, select, unary } from "../expr.ts";
import type { Attrs, TensorType } from "../graph.ts";
import { broadcastShape } from "../shape.ts";
import { atBroadcast } from "./elementwise.ts";
import {
  arity,
  family,
  literal,
  nth,
  NUMBERS,
  type OpDef,
  realAttr,
  sameDType,
  shapeOrThrow,
  widen,
} from "./op.ts";

type Families = readonly ("float" | "signed" | "unsigned" | "bool")[];

/** An operator of one tensor whose element is `f` of the element, with numbers from the attributes. */
function activation(
  name: string,
  f: (x: Expr, real: (name: string) => number) => Expr,
  defaults: Readonly<Record<string, number>> = {},
): OpDef {
  const real = (attrs: Attrs) => (key: string): number => realAttr(name, attrs, key, defaults[key]);
  return {
    name,
    pattern: "elementwise",
    infer(inputs, attrs): TensorType {
      arity(name, inputs, 1);
      Object.keys(defaults).forEach(real(attrs));
      const x = nth(inputs, 0);
      return { shape: x.shape, dtype: family(name, x.dtype, ["float"]) };
    },
    lower: ({ inputs, attrs, output }, indices) =>
      cast(DTYPES[output.dtype].register, f(widen(nth(inputs, 0).at(indices)), real(attrs))),
  };
}

/** `1 / (1 + exp(-x))` with `exp` of negative numbers only, which neither overflows nor loses small results. */
function sigmoid(x: Expr): Expr {
  const small = unary("exp", unary("neg", unary("abs", x)));
  const top = select(lt(x, literal(x, 0)), small, literal(x, 1));
  return div(top, add(literal(x, 1), small));
}

/**
 * `log(1 + exp(x)) = max(x, 0) + log(1 + e)` with `e = exp(-|x|)`. The logarithm is `2 artanh(z)` with
 * `z = e / (2 + e)`, at most 1/3: its series up to `z^15` is exact in f32, also where `1 + e` would be 1.
 */
function softplus(x: Expr): Expr {
  const e = unary("exp", unary("neg", unary("abs", x)));
  const z = div(e, add(literal(x, 2), e));
  const square = mul(z, z);
  const series = [13, 11, 9, 7, 5, 3].reduce<Expr>(
    (sum, n) => add(mul(sum, square), literal(x, 2 / n)),
    literal(x, 2 / 15),
  );
  const logarithm = mul(z, add(literal(x, 2), mul(series, square)));
  return add(max(x, literal(x, 0)), logarithm);
}

/** `exp(x) - 1 = tanh(x / 2) (exp(x) + 1)`, which keeps small results. */
function expm1(x: Expr): Expr {
  return mul(unary("tanh", mul(x, literal(x, 0.5))), add(unary("exp", x), literal(x, 1)));
}

function elu(x: Expr, alpha: number): Expr {
  const below = mul(literal(x, alpha), expm1(min(x, literal(x, 0))));
  return select(lt(x, literal(x, 0)), below, x);
}

const leaky = (x: Expr, slope: Expr): Expr => select(lt(x, literal(x, 0)), mul(slope, x), x);

const clampTo = (x: Expr, low: number, high: number): Expr => min(max(x, literal(x, low)), literal(x, high));

/** `x min(max(x + 3, 0), 6) / 6`. */
function hardSwish(x: Expr): Expr {
  return div(mul(x, clampTo(add(x, literal(x, 3)), 0, 6)), literal(x, 6));
}

/** Least and greatest value of the integer dtypes. */
const RANGES: Readonly<Partial<Record<DType, readonly [least: number, greatest: number]>>> = {
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
  i8: [-128, 127],
  u8: [0, 255],
};

/** A bound as a number that `dtype` has: for integers rounded towards the inside of the range, and saturated. */
function bound(dtype: DType, value: number, inwards: (x: number) => number): number {
  const range = RANGES[dtype];
  return range === undefined ? value : Math.min(Math.max(inwards(value), range[0]), range[1]);
}

const clamp: OpDef = {
  name: "clamp",
  pattern: "elementwise",
  infer(inputs, attrs): TensorType {
    arity("clamp", inputs, 1);
    const [low, high] = [realAttr("clamp", attrs, "min"), realAttr("clamp", attrs, "max")];
    if (!(low <= high)) {
      throw new ShapeError("clamp", `clamp: min ${low} is not at most max ${high}`);
    }
    const x = nth(inputs, 0);
    return { shape: x.shape, dtype: family("clamp", x.dtype, NUMBERS) };
  },
  lower({ inputs, attrs, output: { dtype } }, indices): Expr {
    const x = nth(inputs, 0).at(indices);
    const low = bound(dtype, realAttr("clamp", attrs, "min"), Math.ceil);
    const high = bound(dtype, realAttr("clamp", attrs, "max"), Math.floor);
    // Comparisons, as NaN fails them all and so stays: what `min` and `max` give for it is not defined.
    const above = high === Infinity ? x : select(lt(literal(x, high), x), literal(x, high), x);
    return low === -Infinity ? above : select(lt(x, literal(x, low)), literal(x, low), above);
  },
};

/** `x` where it is not negative, else `slope x`; the two broadcast. */
const prelu: OpDef = {
  name: "prelu",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("prelu", inputs, 2);
    const dtype = family("prelu", sameDType("prelu", inputs), NUMBERS);
    const shapes = [nth(inputs, 0).shape, nth(inputs, 1).shape] as const;
    return { shape: shapeOrThrow("prelu", broadcastShape("prelu", ...shapes)), dtype };
  },
  lower: ({ inputs }, indices) =>
    leaky(atBroadcast(nth(inputs, 0), indices), atBroadcast(nth(inputs, 1), indices)),
};

const logicalXor: OpDef = {
  name: "logicalXor",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("logicalXor", inputs, 2);
    const dtype = family("logicalXor", sameDType("logicalXor", inputs), ["bool"]);
    const shapes = [nth(inputs, 0).shape, nth(inputs, 1).shape] as const;
    return { shape: shapeOrThrow("logicalXor", broadcastShape("logicalXor", ...shapes)), dtype };
  },
  lower: ({ inputs }, indices) =>
    binary("ne", atBroadcast(nth(inputs, 0), indices), atBroadcast(nth(inputs, 1), indices)),
};

const isNaN: OpDef = {
  name: "isNaN",
  pattern: "elementwise",
  infer(inputs): TensorType {
    arity("isNaN", inputs, 1);
    const x = nth(inputs, 0);
    family("isNaN", x.dtype, ["float"]);
    return { shape: x.shape, dtype: "bool" };
  },
  lower({ inputs }, indices): Expr {
    const x = nth(inputs, 0).at(indices);
    return binary("ne", x, x);
  },
};

const ANY: Families = ["float", "signed", "unsigned", "bool"];

const identity: OpDef = {
  name: "identity",
  pattern: "view",
  infer(inputs): TensorType {
    arity("identity", inputs, 1);
    const x = nth(inputs, 0);
    return { shape: x.shape, dtype: family("identity", x.dtype, ANY) };
  },
  lower: ({ inputs }, indices) => nth(inputs, 0).at(indices),
};

/** The activation functions and other elementwise operators with parameters. */
export const ACTIVATION_OPS: readonly OpDef[] = [
  activation("reciprocal", (x) => div(literal(x, 1), x)),
  activation("sigmoid", sigmoid),
  activation("softplus", softplus),
  activation("softsign", (x) => div(x, add(literal(x, 1), unary("abs", x)))),
  activation("elu", (x, real) => elu(x, real("alpha")), { alpha: 1 }),
  activation("leakyRelu", (x, real) => leaky(x, literal(x, real("alpha"))), { alpha: 0.01 }),
  activation(
    "hardSigmoid",
    (x, real) => clampTo(add(mul(literal(x, real("alpha")), x), literal(x, real("beta"))), 0, 1),
    { alpha: 0.2, beta: 0.5 },
  ),
  activation("hardSwish", hardSwish),
  clamp,
  prelu,
  logicalXor,
  isNaN,
  identity,
];
