/**
 * One case an operator: how it is written in the language, with symbolic dims, and what the reference says. Each is
 * compiled once for a device and run for many sizes, 0 and 1 among them.
 *
 * @module
 */
import * as w from "../../dsl/mod.ts";
import * as ref from "./reference.ts";

/** An operator under test. */
export interface OpCase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, w.Tensor>>;
  /** The operator applied to the inputs. */
  readonly build: (inputs: Readonly<Record<string, w.Tensor>>) => w.Tensor;
  readonly expected: (inputs: Readonly<Record<string, ref.Dense>>) => ref.Dense;
  /** Maps a standard normal number into the operator's domain. */
  readonly domain?: (v: number) => number;
  /** Relative and absolute tolerance; 1e-5 by default. */
  readonly tolerance?: number;
}

/** A case whose `build` knows the types of its inputs. */
export function opCase<I extends Readonly<Record<string, w.Tensor>>>(
  c: Omit<OpCase, "inputs" | "build"> & { readonly inputs: I; readonly build: (inputs: I) => w.Tensor },
): OpCase {
  return c as unknown as OpCase;
}

const x2: w.Tensor<["n", "m"], "f32"> = w.spec(["n", "m"], "f32");
const square = { x: x2 };

/** A function of one tensor of numbers. */
export function unary(
  name: string,
  build: (x: typeof x2) => w.Tensor,
  f: (v: number) => number,
  domain?: (v: number) => number,
): OpCase {
  return opCase({
    name,
    inputs: square,
    build: ({ x }) => build(x),
    expected: ({ x }) => ref.map(x!, f),
    ...(domain === undefined ? {} : { domain }),
  });
}

/** A function of two tensors that stretch to each other. */
export function binary(
  name: string,
  build: (a: w.Tensor<["b", "n", "m"], "f32">, b: w.Tensor<["n", 1], "f32">) => w.Tensor,
  f: (a: number, b: number) => number,
  domain?: (v: number) => number,
): OpCase {
  return opCase({
    name,
    inputs: { a: w.spec(["b", "n", "m"], "f32"), b: w.spec(["n", 1], "f32") },
    build: ({ a, b }) => build(a, b),
    expected: ({ a, b }) => ref.broadcast(f, a!, b!),
    ...(domain === undefined ? {} : { domain }),
  });
}

/** Maps numbers to positive ones. */
export const positive = (v: number): number => Math.abs(v) + 0.1;
/** Maps numbers to integers, many of them equal. */
export const coarse = (v: number): number => Math.round(v);
/** A boolean as a number. */
export const bit = (v: boolean): number => (v ? 1 : 0);
/** The sum of a list. */
export const total = (v: number[]): number => v.reduce((a, b) => a + b, 0);
const first = (v: number[]): number => v.indexOf(Math.max(...v));

/** Every operator of the language. */
export const OP_CASES: readonly OpCase[] = [
  unary("neg", w.neg, (v) => -v),
  unary("abs", w.abs, Math.abs),
  unary("sign", w.sign, Math.sign, coarse),
  unary("ceil", w.ceil, Math.ceil),
  unary("floor", w.floor, Math.floor),
  unary(
    "round",
    w.round,
    (v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v)),
    (v) => Math.round(v * 4) / 2,
  ),
  unary("exp", w.exp, Math.exp),
  unary("log", w.log, Math.log, positive),
  unary("sqrt", w.sqrt, Math.sqrt, positive),
  unary("rsqrt", w.rsqrt, (v) => 1 / Math.sqrt(v), positive),
  unary("sin", w.sin, Math.sin),
  unary("cos", w.cos, Math.cos),
  unary("tan", w.tan, Math.tan, (v) => Math.tanh(v)),
  unary("tanh", w.tanh, Math.tanh, (v) => 8 * v),
  unary("erf", w.erf, ref.erf, (v) => 2 * v),
  unary("relu", w.relu, (v) => Math.max(v, 0)),
  unary("gelu", (x) => w.gelu(x), (v) => v / 2 * (1 + ref.erf(v / Math.SQRT2))),
  unary(
    "gelu tanh",
    (x) => w.gelu(x, "tanh"),
    (v) => v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  ),
  unary("cast to i32 and back", (x) => w.cast(w.cast(x, "i32"), "f32"), Math.trunc, (v) => 10 * v),
  unary(
    "cast to u8 and back",
    (x) => w.cast(w.cast(x, "u8"), "f32"),
    Math.trunc,
    (v) => Math.min(Math.abs(50 * v), 255),
  ),
  unary("cast to bool", (x) => w.cast(w.cast(x, "bool"), "f32"), (v) => bit(v !== 0), coarse),
  unary("logicalNot", (x) => w.logicalNot(w.cast(x, "bool")), (v) => bit(v === 0), coarse),
  binary("add", w.add, (a, b) => a + b),
  binary("sub", w.sub, (a, b) => a - b),
  binary("mul", w.mul, (a, b) => a * b),
  binary("div", w.div, (a, b) => a / b, positive),
  binary("pow", w.pow, Math.pow, positive),
  binary("maximum", w.maximum, Math.max),
  binary("minimum", w.minimum, Math.min),
  binary("equal", w.equal, (a, b) => bit(a === b), coarse),
  binary("notEqual", w.notEqual, (a, b) => bit(a !== b), coarse),
  binary("less", w.less, (a, b) => bit(a < b), coarse),
  binary("lessEqual", w.lessEqual, (a, b) => bit(a <= b), coarse),
  binary("greater", w.greater, (a, b) => bit(a > b), coarse),
  binary("greaterEqual", w.greaterEqual, (a, b) => bit(a >= b), coarse),
  binary(
    "logicalAnd",
    (a, b) => w.logicalAnd(w.cast(a, "bool"), w.cast(b, "bool")),
    (a, b) => bit(a !== 0 && b !== 0),
    coarse,
  ),
  binary(
    "logicalOr",
    (a, b) => w.logicalOr(w.cast(a, "bool"), w.cast(b, "bool")),
    (a, b) => bit(a !== 0 || b !== 0),
    coarse,
  ),
  opCase({
    name: "where",
    inputs: { a: w.spec(["n", "m"], "f32"), b: w.spec(["m"], "f32") },
    build: ({ a, b }) => w.where(w.greater(a, w.full([1], 0)), a, b),
    expected: ({ a, b }) => ref.broadcast((p, q) => (p > 0 ? p : q), a!, b!),
  }),
  opCase({
    name: "sum over several axes",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.sum(x, [0, -1]),
    expected: ({ x }) => ref.reduceAxes(x!, [0, 2], false, total),
  }),
  opCase({
    name: "sum over all axes",
    inputs: square,
    build: ({ x }) => w.sum(x),
    expected: ({ x }) => ref.reduceAxes(x!, [0, 1], false, total),
  }),
  opCase({
    name: "mean with kept axes",
    inputs: square,
    build: ({ x }) => w.mean(x, 1, { keepDims: true }),
    expected: ({ x }) => ref.reduceAxes(x!, [1], true, (v) => total(v) / v.length),
  }),
  opCase({
    name: "max",
    inputs: square,
    build: ({ x }) => w.max(x, 0),
    expected: ({ x }) => ref.reduceAxes(x!, [0], false, (v) => Math.max(...v)),
  }),
  opCase({
    name: "min",
    inputs: square,
    build: ({ x }) => w.min(x, 0),
    expected: ({ x }) => ref.reduceAxes(x!, [0], false, (v) => Math.min(...v)),
  }),
  opCase({
    name: "prod",
    inputs: square,
    build: ({ x }) => w.prod(x, -1),
    expected: ({ x }) => ref.reduceAxes(x!, [1], false, (v) => v.reduce((a, b) => a * b, 1)),
  }),
  opCase({
    name: "argmax",
    inputs: { x: w.spec(["n", 5], "f32") },
    build: ({ x }) => w.argmax(x, -1),
    expected: ({ x }) => ref.reduceAxes(x!, [1], false, first),
    domain: coarse,
  }),
  opCase({
    name: "matmul",
    inputs: { a: w.spec(["b", 1, "n", "k"], "f32"), b: w.spec(["h", "k", "m"], "f32") },
    build: ({ a, b }) => w.matmul(a, b),
    expected: ({ a, b }) => ref.matmul(a!, b!),
  }),
  opCase({
    name: "linear",
    inputs: {
      x: w.spec(["b", "n", "k"], "f32"),
      weight: w.spec(["k", "m"], "f32"),
      bias: w.spec(["m"], "f32"),
    },
    build: ({ x, weight, bias }) => w.linear(x, weight, bias),
    expected: ({ x, weight, bias }) => ref.broadcast((a, b) => a + b, ref.matmul(x!, weight!), bias!),
  }),
  opCase({
    name: "softmax along an inner axis",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.softmax(x, 1),
    expected: ({ x }) => ref.softmax(x!, 1),
  }),
  opCase({
    name: "layerNorm",
    inputs: { x: w.spec(["n", "m"], "f32"), weight: w.spec(["m"], "f32"), bias: w.spec(["m"], "f32") },
    build: ({ x, weight, bias }) => w.layerNorm(x, weight, bias, 0.01),
    expected: ({ x, weight, bias }) => ref.layerNorm(x!, weight!, bias!, 0.01),
    tolerance: 1e-4,
  }),
  opCase({
    name: "permute",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.permute(x, [2, 0, 1]),
    expected: ({ x }) => ref.permute(x!, [2, 0, 1]),
  }),
  opCase({
    name: "transpose",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.transpose(x),
    expected: ({ x }) => ref.permute(x!, [0, 2, 1]),
  }),
  opCase({
    name: "reshape",
    inputs: { x: w.spec(["b", "n", 12], "f32") },
    build: ({ x }) => w.reshape(x, ["b", "n", 3, 4]),
    expected: ({ x }) => ({ shape: [...x!.shape.slice(0, 2), 3, 4], data: x!.data }),
  }),
  opCase({
    name: "reshape across axes",
    inputs: { x: w.spec(["n", 6, 4], "f32") },
    build: ({ x }) => w.reshape(x, ["n", 3, 8]),
    expected: ({ x }) => ({ shape: [x!.shape[0]!, 3, 8], data: x!.data }),
  }),
  opCase({
    name: "reshape to one axis",
    inputs: { x: w.spec(["n", "m"], "f32") },
    build: ({ x }) => w.reshape(x, ["m*n"]),
    expected: ({ x }) => ({ shape: [x!.data.length], data: x!.data }),
  }),
  opCase({
    name: "slice",
    inputs: { x: w.spec(["n", 7], "f32") },
    build: ({ x }) => w.slice(x, 1, 2, 3),
    expected: ({ x }) => ref.build([x!.shape[0]!, 3], ([i, j]) => ref.at(x!, [i!, j! + 2])),
  }),
  opCase({
    name: "slice from the end",
    inputs: { x: w.spec([7, "n"], "f32") },
    build: ({ x }) => w.slice(x, 0, -2, 1),
    expected: ({ x }) => ref.build([1, x!.shape[1]!], ([, j]) => ref.at(x!, [5, j!])),
  }),
  opCase({
    name: "split",
    inputs: { x: w.spec(["n", 6], "f32") },
    build: ({ x }) => {
      const [a, b, c] = w.split(x, 3, -1);
      return w.sub(w.mul(a, c), b);
    },
    expected: ({ x }) =>
      ref.build([x!.shape[0]!, 2], ([i, j]) => {
        const part = (p: number): number => ref.at(x!, [i!, j! + 2 * p]);
        return part(0) * part(2) - part(1);
      }),
  }),
  opCase({
    name: "concat",
    inputs: { a: w.spec(["n", "m"], "f32"), b: w.spec(["n", "k"], "f32") },
    build: ({ a, b }) => w.concat([a, b, a], 1),
    expected: ({ a, b }) => {
      const [m, k] = [a!.shape[1]!, b!.shape[1]!];
      return ref.build(
        [a!.shape[0]!, 2 * m + k],
        ([i, j]) =>
          j! < m
            ? ref.at(a!, [i!, j!])
            : j! < m + k
            ? ref.at(b!, [i!, j! - m])
            : ref.at(a!, [i!, j! - m - k]),
      );
    },
  }),
  opCase({
    name: "append",
    inputs: { past: w.spec(["h", "past", 3], "f32"), x: w.spec(["h", "n", 3], "f32") },
    build: ({ past, x }) => w.append(past, x, 1),
    expected: ({ past, x }) => {
      const p = past!.shape[1]!;
      return ref.build(
        [past!.shape[0]!, p + x!.shape[1]!, 3],
        ([h, i, d]) => i! < p ? ref.at(past!, [h!, i!, d!]) : ref.at(x!, [h!, i! - p, d!]),
      );
    },
  }),
  opCase({
    name: "broadcastTo",
    inputs: { x: w.spec(["n", 1], "f32") },
    build: ({ x }) => w.broadcastTo(x, [2, "n", 3]),
    expected: ({ x }) => ref.build([2, x!.shape[0]!, 3], ([, i]) => ref.at(x!, [i!, 0])),
  }),
  opCase({
    name: "full and arange",
    inputs: square,
    build: ({ x }) => w.add(w.add(x, w.full(["m"], 0.5)), w.arange("m", { start: 3, dtype: "f32" })),
    expected: ({ x }) => ref.build(x!.shape, (index) => ref.at(x!, index) + 0.5 + 3 + index[1]!),
  }),
  opCase({
    name: "causalMask",
    inputs: square,
    build: ({ x }) => w.where(w.causalMask("n", "m"), x, w.full([1], -Infinity)),
    expected: ({ x }) => {
      const [n, m] = [x!.shape[0]!, x!.shape[1]!];
      return ref.build([n, m], ([i, j]) => (j! <= i! + m - n ? ref.at(x!, [i!, j!]) : -Infinity));
    },
  }),
  opCase({
    name: "take",
    inputs: { table: w.spec([5, "m"], "f32"), ids: w.spec(["b", "n"], "i32") },
    build: ({ table, ids }) => w.take(table, ids),
    expected: ({ table, ids }) =>
      ref.build([...ids!.shape, table!.shape[1]!], ([b, n, m]) => {
        const id = Math.min(Math.max(ref.at(ids!, [b!, n!]), 0), 4);
        return ref.at(table!, [id, m!]);
      }),
  }),
  opCase({
    name: "a user's kernel",
    inputs: { a: w.spec(["n", "k"], "f32"), v: w.spec(["k"], "f32") },
    build: ({ a, v }) =>
      w.compute(
        "gemv",
        [["i", "n"]],
        ({ i }, { at, sum }) =>
          sum(
            { j: "k" },
            ({ j }) => at(a, i, j).mul(at(v, j)),
          ),
      ),
    expected: ({ a, v }) => {
      const product = ref.matmul(a!, { shape: [v!.shape[0]!, 1], data: v!.data });
      return { shape: [a!.shape[0]!], data: product.data };
    },
  }),
];
