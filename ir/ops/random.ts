/**
 * Random numbers: each element is a function of a key and of its place, so there is no state, and every device and
 * every schedule gives the same bits.
 *
 * @module
 */
import { printShape } from "../dim.ts";
import { ShapeError } from "../errors.ts";
import { binary, cast, constant, type Expr, f32, int, mul, select, sub, unary } from "../expr.ts";
import type { DType } from "../dtype.ts";
import type { TensorType } from "../graph.ts";
import { arity, family, type LowerContext, nth, numberAttr, type OpDef, shapeAttr } from "./op.ts";
import { threefry } from "./threefry.ts";
import { flatten } from "./views.ts";

const u32 = (value: number): Expr => constant("u32", value);

function checkKey(op: string, inputs: readonly TensorType[]): void {
  arity(op, inputs, 1);
  const { shape, dtype } = nth(inputs, 0);
  if (dtype !== "u32" || shape.length !== 1 || shape[0] !== 2) {
    throw new ShapeError(op, `${op}: key is ${dtype}${printShape(shape)}, expected u32[2]`);
  }
}

function words({ inputs }: LowerContext, counter: readonly [Expr, Expr]): readonly [Expr, Expr] {
  const key = nth(inputs, 0);
  return threefry([key.at([int(0)]), key.at([int(1)])], counter);
}

/** An operator with attribute `shape` whose element is a function of two random words. */
function randomOp(name: string, dtype: DType, element: (words: readonly [Expr, Expr]) => Expr): OpDef {
  return {
    name,
    pattern: "elementwise",
    dimAttrs: ["shape"],
    infer(inputs, attrs): TensorType {
      checkKey(name, inputs);
      return { shape: shapeAttr(name, attrs, "shape"), dtype };
    },
    lower: (context, indices) =>
      element(words(context, [u32(0), cast("u32", flatten(context.output.shape, indices))])),
  };
}

/** A random word as a multiple of 2^-24 in [0, 1): exact in f32. */
function unit(word: Expr): Expr {
  return mul(cast("f32", binary("shr", word, u32(8))), f32(2 ** -24));
}

/** Box and Muller (1958): the radius from one number, which must not be 0, the angle from another. */
function boxMuller([a, b]: readonly [Expr, Expr]): Expr {
  const radius = unary("sqrt", mul(f32(-2), unary("log", sub(f32(1), unit(a)))));
  return mul(radius, unary("cos", mul(f32(2 * Math.PI), unit(b))));
}

/** A key made of another and a number: its counters are none of those of elements. */
const randomFold: OpDef = {
  name: "randomFold",
  pattern: "elementwise",
  infer(inputs): TensorType {
    if (inputs.length !== 2) arity("randomFold", inputs, 1);
    checkKey("randomFold", inputs.slice(0, 1));
    const data = inputs[1];
    if (data !== undefined) {
      family("randomFold", data.dtype, ["signed", "unsigned"]);
      if (data.shape.length > 0) {
        throw new ShapeError("randomFold", `randomFold: number is ${printShape(data.shape)}, expected []`);
      }
    }
    return { shape: [2], dtype: "u32" };
  },
  lower(context, indices): Expr {
    const data = context.inputs[1];
    const number = data === undefined
      ? u32(numberAttr("randomFold", context.attrs, "number"))
      : cast("u32", data.at([]));
    const [a, b] = words(context, [u32(1), number]);
    return select(binary("eq", nth(indices, 0), int(0)), a, b);
  },
};

/** Random numbers. */
export const RANDOM_OPS: readonly OpDef[] = [
  randomOp("randomBits", "u32", ([a]) => a),
  randomOp("randomUniform", "f32", ([a]) => unit(a)),
  randomOp("randomNormal", "f32", boxMuller),
  randomFold,
];
