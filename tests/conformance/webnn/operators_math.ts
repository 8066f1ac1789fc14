/**
 * WebNN's arithmetic in the language: elementwise operators, reductions, normalisations, matrix products.
 *
 * @module
 */
import * as w from "../../../dsl/mod.ts";
import { AB, type Call, type Dyn, INPUT, op, type Operator, type Operators } from "./call.ts";
import { dtypeOf } from "./data.ts";

const unary = (f: (x: Dyn) => w.Tensor): Operator => op(INPUT, (c) => f(c.tensor("input")));
const binary = (f: (a: Dyn, b: Dyn) => w.Tensor): Operator => op(AB, (c) => f(c.tensor("a"), c.tensor("b")));

/** WebNN has no booleans: it takes and gives 0 and 1 as `uint8`. */
const toByte = (x: w.Tensor): w.Tensor => w.cast(x, "u8");

/** An operand that WebNN wants to be `uint8` as a boolean. */
function truth(x: w.Tensor): w.Tensor<w.Shape, "bool"> {
  if (x.dtype !== "u8") throw new TypeError(`a condition is uint8, got ${x.dtype}`);
  return w.cast(x, "bool");
}

const compare = (f: (a: Dyn, b: Dyn) => w.Tensor): Operator => binary((a, b) => toByte(f(a, b)));
const logical = (
  f: (a: w.Tensor<w.Shape, "bool">, b: w.Tensor<w.Shape, "bool">) => w.Tensor,
): Operator => op(AB, (c) => toByte(f(truth(c.tensor("a")), truth(c.tensor("b")))));

type Reduction = (x: Dyn, axes: readonly number[], options: { keepDims: boolean }) => w.Tensor;

const reduction = (f: Reduction): Operator =>
  op(INPUT, (c) => {
    const x = c.tensor("input");
    return f(x, c.numbers("axes", [...x.shape.keys()]), { keepDims: c.value("keepDimensions") === true });
  });

const arg = (f: (x: Dyn, axis: number, options: { keepDims: boolean }) => w.Tensor): Operator =>
  op(["input", "axis"], (c) => {
    const dtype = dtypeOf(String(c.value("outputDataType") ?? "int32"));
    const keepDims = c.value("keepDimensions") === true;
    return w.cast(f(c.tensor("input"), c.number("axis", 0), { keepDims }), dtype);
  });

function normOptions(c: Call): { weight?: Dyn; bias?: Dyn; epsilon: number } {
  const [weight, bias] = [c.maybe("scale"), c.maybe("bias")];
  return {
    ...(weight === undefined ? {} : { weight }),
    ...(bias === undefined ? {} : { bias }),
    epsilon: c.number("epsilon", 1e-5),
  };
}

/** With `layout` nhwc, the operator is applied to the tensor as nchw. */
function asNchw(x: Dyn, layout: unknown, f: (x: Dyn) => w.Tensor): w.Tensor {
  if ((layout ?? "nchw") === "nchw") return f(x);
  return w.permute(f(w.permute(x, [0, 3, 1, 2]) as Dyn), [0, 2, 3, 1]);
}

/** `alpha x + beta`, both of the tensor's dtype. */
function linear(x: Dyn, alpha: number, beta: number): w.Tensor {
  // Only floats have it: `reciprocal`, which is for floats only too, refuses the others and says why.
  if (!["f32", "f16"].includes(x.dtype)) return w.reciprocal(x);
  return w.add(w.mul(x, w.full([], alpha, x.dtype)), w.full([], beta, x.dtype));
}

/** Arithmetic. */
export const MATH: Operators = {
  abs: unary(w.abs),
  ceil: unary(w.ceil),
  cos: unary(w.cos),
  erf: unary(w.erf),
  exp: unary(w.exp),
  floor: unary(w.floor),
  log: unary(w.log),
  neg: unary(w.neg),
  sign: unary(w.sign),
  sin: unary(w.sin),
  sqrt: unary(w.sqrt),
  tan: unary(w.tan),
  tanh: unary(w.tanh),
  reciprocal: unary(w.reciprocal),
  identity: unary(w.identity),
  relu: unary(w.relu),
  gelu: unary((x) => w.gelu(x)),
  sigmoid: unary(w.sigmoid),
  softplus: unary(w.softplus),
  softsign: unary(w.softsign),
  hardSwish: unary(w.hardSwish),
  logicalNot: op(["a"], (c) => toByte(w.logicalNot(truth(c.maybe("input") ?? c.tensor("a"))))),
  elu: op(INPUT, (c) => w.elu(c.tensor("input"), c.number("alpha", 1))),
  leakyRelu: op(INPUT, (c) => w.leakyRelu(c.tensor("input"), c.number("alpha", 0.01))),
  hardSigmoid: op(
    INPUT,
    (c) => w.hardSigmoid(c.tensor("input"), c.number("alpha", 0.2), c.number("beta", 0.5)),
  ),
  linear: op(INPUT, (c) => linear(c.tensor("input"), c.number("alpha", 1), c.number("beta", 0))),
  clamp: op(INPUT, (c) =>
    w.clamp(c.tensor("input"), {
      min: c.number("minValue", -Infinity),
      max: c.number("maxValue", Infinity),
    })),
  cast: op(
    ["input", "type"],
    (c) => w.cast(c.tensor("input"), dtypeOf(String(c.value("type")))),
  ),
  prelu: op(["input", "slope"], (c) => w.prelu(c.tensor("input"), c.tensor("slope"))),
  where: op(
    ["condition", "trueValue", "falseValue"],
    (c) => w.where(truth(c.tensor("condition")), c.tensor("trueValue"), c.tensor("falseValue")),
  ),

  add: binary(w.add),
  sub: binary(w.sub),
  mul: binary(w.mul),
  div: binary(w.div),
  max: binary(w.maximum),
  min: binary(w.minimum),
  pow: binary(w.pow),
  equal: compare(w.equal),
  notEqual: compare(w.notEqual),
  greater: compare(w.greater),
  greaterOrEqual: compare(w.greaterEqual),
  lesser: compare(w.less),
  lesserOrEqual: compare(w.lessEqual),
  logicalAnd: logical(w.logicalAnd),
  logicalOr: logical(w.logicalOr),
  logicalXor: logical(w.logicalXor),

  reduceL1: reduction(w.l1),
  reduceL2: reduction(w.l2),
  reduceLogSum: reduction(w.logSum),
  reduceLogSumExp: reduction(w.logSumExp),
  reduceMax: reduction(w.max),
  reduceMean: reduction(w.mean),
  reduceMin: reduction(w.min),
  reduceProduct: reduction(w.prod),
  reduceSum: reduction(w.sum),
  reduceSumSquare: reduction(w.sumSquare),
  argMax: arg(w.argmax),
  argMin: arg(w.argmin),
  cumulativeSum: op(["input", "axis"], (c) =>
    w.cumsum(c.tensor("input"), c.number("axis", 0), {
      exclusive: c.value("exclusive") === true,
      reversed: c.value("reversed") === true,
    })),

  softmax: op(["input", "axis"], (c) => w.softmax(c.tensor("input"), c.number("axis", 1))),
  batchNormalization: op(
    ["input", "mean", "variance"],
    (c) =>
      w.batchNorm(c.tensor("input"), c.tensor("mean"), c.tensor("variance"), {
        ...normOptions(c),
        axis: c.number("axis", 1),
      }),
  ),
  instanceNormalization: op(INPUT, (c) => {
    const x = c.tensor("input");
    if (x.shape.length !== 4) throw new TypeError(`input needs rank 4, got ${x.shape.length}`);
    return asNchw(x, c.value("layout"), (t) => w.instanceNorm(t, normOptions(c)));
  }),
  layerNormalization: op(INPUT, (c) => {
    const x = c.tensor("input");
    return w.normalize(x, c.numbers("axes", [...x.shape.keys()].slice(1)), normOptions(c));
  }),
  matmul: binary(w.matmul),
  gemm: op(AB, (c) => {
    const c0 = c.maybe("c");
    return w.gemm(c.tensor("a"), c.tensor("b"), {
      ...(c0 === undefined ? {} : { c: c0 }),
      alpha: c.number("alpha", 1),
      beta: c.number("beta", 1),
      transposeA: c.value("aTranspose") === true,
      transposeB: c.value("bTranspose") === true,
    });
  }),
};
