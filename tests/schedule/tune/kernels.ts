/** Products to tune. @module */
import { lowerCompute } from "../../../ir/compute.ts";
import { type Expr, load, mul, reduce, variable } from "../../../ir/expr.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import type { Buffer } from "../../../ir/stmt.ts";

/** `y[i] = sum of w[i, k] * x[k]` over `columns`, for `rows` results. */
export function matvec(rows: Expr, columns: Expr): PrimFunc {
  const [i, k] = [variable("i"), variable("k")];
  const f32 = (name: string, shape: readonly Expr[]): Buffer => ({
    name,
    dtype: "f32",
    shape,
    scope: "global",
  });
  const dims = [rows, columns].flatMap((e) => e.kind === "var" ? [e.name] : []);
  return lowerCompute(
    {
      name: "matvec",
      axes: [{ name: "i", extent: rows }],
      body: reduce(
        "sum",
        [{ name: "k", extent: columns }],
        mul(load("w", "f32", [i, k]), load("x", "f32", [k])),
      ),
    },
    [f32("w", [rows, columns]), f32("x", [columns])],
    f32("y", [rows]),
    dims,
  );
}
