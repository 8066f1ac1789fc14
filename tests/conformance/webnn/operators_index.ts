/**
 * WebNN's operators about windows, look-ups and margins, in the language.
 *
 * @module
 */
import * as w from "../../../dsl/mod.ts";
import { type Call, type Dyn, INPUT, op, type Operator, type Operators } from "./call.ts";

/** The axes of a layout in the order of another: `"nhwc"` to `"nchw"` is `[0, 3, 1, 2]`. */
function reorder(from: string, to: string): readonly number[] {
  const axes = [...to].map((letter) => from.indexOf(letter));
  if (from.length !== to.length || axes.includes(-1)) throw new TypeError(`layout ${from} is not known`);
  return axes;
}

/** A tensor whose axes are in one order, with them in another; of the wrong rank as it is, which is refused then. */
function arranged(x: Dyn, from: string, to: string): Dyn {
  return from === to || x.shape.length !== from.length ? x : w.permute(x, reorder(from, to)) as Dyn;
}

function window(c: Call): w.Sliding {
  const list = <T>(name: string, count: number, fallback: readonly number[]): T => {
    const values = c.numbers(name, fallback);
    if (values.length !== count) throw new TypeError(`${name} needs ${count} numbers`);
    return values as T;
  };
  return {
    padding: list("padding", 4, [0, 0, 0, 0]),
    strides: list("strides", 2, [1, 1]),
    dilations: list("dilations", 2, [1, 1]),
  };
}

type Pool = (x: Dyn, options: w.PoolOptions) => w.Tensor;

/** WebNN takes the sizes of the result too, which decide how to round: they must be one of both. */
const pool = (f: Pool): Operator =>
  op(INPUT, (c) => {
    const layout = String(c.value("layout") ?? "nchw");
    const x = arranged(c.tensor("input"), layout, "nchw");
    const size = c.numbers("windowDimensions", []);
    const options = { ...window(c), ...(size.length === 0 ? {} : { window: size as [number, number] }) };
    const pooled = (rounding: string): w.Tensor =>
      f(x, { ...options, rounding: rounding as "floor" | "ceil" });
    const wanted = c.numbers("outputSizes", []);
    if (wanted.length === 0) {
      return arranged(pooled(String(c.value("roundingType") ?? "floor")) as Dyn, "nchw", layout);
    }
    const both = ["floor", "ceil"].map(pooled);
    const fitting = both.find((y) => y.shape.slice(2).join() === wanted.join());
    if (fitting === undefined) throw new TypeError(`outputSizes [${wanted}] are neither rounded down nor up`);
    return arranged(fitting as Dyn, "nchw", layout);
  });

const indexed = (f: (x: Dyn, indices: w.Tensor<w.Shape, "i32">, axis: number) => w.Tensor): Operator =>
  op(["input", "indices"], (c) => f(c.tensor("input"), indices(c), c.number("axis", 0)));

/** The language's functions want to know the dtype of indices; they check the real one. */
function indices(c: Call): w.Tensor<w.Shape, "i32"> {
  return c.tensor("indices") as w.Tensor as w.Tensor<w.Shape, "i32">;
}

/** Windows, look-ups and margins. */
export const INDEX: Operators = {
  conv2d: op(["input", "filter"], (c) => {
    const [layout, order] = [
      String(c.value("inputLayout") ?? "nchw"),
      String(c.value("filterLayout") ?? "oihw"),
    ];
    const x = arranged(c.tensor("input"), layout, "nchw");
    const filter = arranged(c.tensor("filter"), order, "oihw");
    const bias = c.maybe("bias");
    const options = { ...window(c), groups: c.number("groups", 1), ...(bias === undefined ? {} : { bias }) };
    return arranged(w.conv2d(x, filter, options as w.Conv2dOptions) as Dyn, "nchw", layout);
  }),
  averagePool2d: pool((x, options) => w.averagePool2d(x, options)),
  maxPool2d: pool((x, options) => w.maxPool2d(x, options)),
  l2Pool2d: pool((x, options) => w.l2Pool2d(x, options)),
  gather: indexed((x, ids, axis) => w.gather(x, ids, axis)),
  gatherElements: indexed((x, ids, axis) => w.gatherElements(x, ids, axis)),
  gatherND: indexed((x, ids) => w.gatherND(x, ids)),
  scatterElements: op(
    ["input", "indices", "updates"],
    (c) => w.scatterElements(c.tensor("input"), indices(c), c.tensor("updates"), c.number("axis", 0)),
  ),
  scatterND: op(
    ["input", "indices", "updates"],
    (c) => w.scatterND(c.tensor("input"), indices(c), c.tensor("updates")),
  ),
  pad: op(["input", "beginningPadding", "endingPadding"], (c) => {
    const mode = String(c.value("mode") ?? "constant") as NonNullable<w.PadOptions["mode"]>;
    const [begin, end] = [c.numbers("beginningPadding", []), c.numbers("endingPadding", [])];
    return w.pad(c.tensor("input"), begin, end, { mode, value: c.number("value", 0) });
  }),
  tile: op(["input", "repetitions"], (c) => w.tile(c.tensor("input"), c.numbers("repetitions", []))),
  reverse: op(INPUT, (c) => {
    const x = c.tensor("input");
    return w.reverse(x, c.numbers("axes", [...x.shape.keys()]));
  }),
  triangular: op(
    INPUT,
    (c) =>
      w.triangular(c.tensor("input"), {
        upper: c.value("upper") !== false,
        diagonal: c.number("diagonal", 0),
      }),
  ),
};
