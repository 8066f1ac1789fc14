/**
 * WebNN's operators that move elements, in the language.
 *
 * @module
 */
import * as w from "../../../dsl/mod.ts";
import { type Dyn, INPUT, op, type Operators } from "./call.ts";

/** Every `step`-th position along an axis. */
function everyNth(x: Dyn, axis: number, step: number): Dyn {
  if (step < 1) throw new TypeError(`slice: stride ${step} of axis ${axis} is below 1`);
  const size = Number(x.shape[axis]);
  if (step === 1 || size === 0) return x;
  const count = Math.ceil(size / step);
  const front = [axis, ...x.shape.keys()].filter((d, i) => i === 0 || d !== axis);
  const back = x.shape.map((_, d) => front.indexOf(d));
  const ids = w.mul(w.arange(count), w.full([], step, "i32"));
  return w.permute(w.take(w.permute(x, front), ids), back) as Dyn;
}

/** Parts of the given sizes, which make up the axis. */
function splitSizes(x: Dyn, sizes: readonly number[], axis: number): readonly w.Tensor[] {
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== x.shape[axis]) throw new TypeError(`parts of ${total} do not make up axis ${axis}`);
  let start = 0;
  return sizes.map((size) => {
    const part = w.slice(x, axis, start, size);
    start += size;
    return part;
  });
}

/** Views and joins. */
export const VIEWS: Operators = {
  concat: op(["inputs", "axis"], (c) => w.concat(c.tensors("inputs"), c.number("axis", NaN))),
  expand: op(["input", "newShape"], (c) => w.broadcastTo(c.tensor("input"), c.numbers("newShape", []))),
  reshape: op(["input", "newShape"], (c) => w.reshape(c.tensor("input"), c.numbers("newShape", []))),
  slice: op(["input", "starts", "sizes"], (c) => {
    const x = c.tensor("input");
    const [starts, sizes] = [c.numbers("starts", []), c.numbers("sizes", [])];
    const steps = c.numbers("strides", sizes.map(() => 1));
    if ([starts, sizes, steps].some((list) => list.length !== x.shape.length)) {
      throw new TypeError(`slice: not one start, size and stride for each axis`);
    }
    return sizes.reduce(
      (part, size, axis) => everyNth(w.slice(part, axis, starts[axis]!, size) as Dyn, axis, steps[axis]!),
      x,
    );
  }),
  split: op(["input", "splits"], (c) => {
    const [x, axis, splits] = [c.tensor("input"), c.number("axis", 0), c.value("splits")];
    if (Array.isArray(splits)) return splitSizes(x, c.numbers("splits", []), axis);
    return w.split(x, Number(splits), axis);
  }),
  transpose: op(INPUT, (c) => {
    const x = c.tensor("input");
    return w.permute(x, c.numbers("permutation", [...x.shape.keys()].reverse()));
  }),
};
