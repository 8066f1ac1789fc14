/** Small kernels to schedule. @module */
import { lowerCompute } from "../../ir/compute.ts";
import { type Axis, binary, type Expr, int, load, mul, reduce, sub, unary, variable } from "../../ir/expr.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Buffer } from "../../ir/stmt.ts";

const axis = (name: string, extent: Expr): Axis => ({ name, extent });
const at = (...names: readonly string[]): readonly Expr[] => names.map((n) => variable(n));
const f32Buffer = (name: string, shape: readonly Expr[]): Buffer => ({
  name,
  dtype: "f32",
  shape,
  scope: "global",
});

/** `c[i, j] = sum of a[i, k] * b[k, j]`, of `n` by 6 with 5 inside. */
export function matmul(): PrimFunc {
  const [n, m, k] = [variable("n"), int(6), int(5)];
  const product = mul(load("a", "f32", at("i", "k")), load("b", "f32", at("k", "j")));
  return lowerCompute(
    { name: "matmul", axes: [axis("i", n), axis("j", m)], body: reduce("sum", [axis("k", k)], product) },
    [f32Buffer("a", [n, k]), f32Buffer("b", [k, m])],
    f32Buffer("c", [n, m]),
    ["n"],
  );
}

/** Softmax over the rows of an `n` by 7 matrix: three nests. */
export function softmax(): PrimFunc {
  const [n, m] = [variable("n"), int(7)];
  const x = (j: string): Expr => load("x", "f32", at("i", j));
  const most = reduce("max", [axis("k", m)], x("k"));
  const sum = reduce("sum", [axis("l", m)], unary("exp", sub(x("l"), most)));
  return lowerCompute(
    {
      name: "softmax",
      axes: [axis("i", n), axis("j", m)],
      body: binary("div", unary("exp", sub(x("j"), most)), sum),
    },
    [f32Buffer("x", [n, m])],
    f32Buffer("y", [n, m]),
    ["n"],
  );
}

/** `y[i] = x[i] * x[i]`, of `extent` elements. */
export function square(extent: Expr = variable("n")): PrimFunc {
  const x = load("x", "f32", at("i"));
  return lowerCompute(
    { name: "square", axes: [axis("i", extent)], body: mul(x, x) },
    [f32Buffer("x", [extent])],
    f32Buffer("y", [extent]),
    extent.kind === "var" ? [extent.name] : [],
  );
}
