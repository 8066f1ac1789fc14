/**
 * Dims as scalar expressions.
 *
 * @module
 */
import { addDim, type Dim, dimTerms, dimVars, mulDim, type Shape, upperBound } from "./dim.ts";
import { add, type Expr, int, mul, variable } from "./expr.ts";

/** The dim as an `i32` expression over variables named like its dims. */
export function dimExpr(dim: Dim): Expr {
  const terms = dimTerms(dim).map(({ coef, vars }) => {
    const product = vars.map((v): Expr => variable(v)).reduce<Expr | undefined>(
      (all, v) => (all === undefined ? v : mul(all, v)),
      undefined,
    );
    if (product === undefined) return int(coef);
    return coef === 1 ? product : mul(product, int(coef));
  });
  return terms.reduce<Expr | undefined>((all, t) => (all === undefined ? t : add(all, t)), undefined) ??
    int(0);
}

/** The shape as expressions, one an axis. */
export function shapeExprs(shape: Shape): readonly Expr[] {
  return shape.map(dimExpr);
}

/** Names of all dims of some shapes, sorted. */
export function shapeDims(shapes: Iterable<Shape>): readonly string[] {
  const names = new Set<string>();
  for (const shape of shapes) for (const dim of shape) for (const name of dimVars(dim)) names.add(name);
  return [...names].sort();
}

/** The dim that an expression of variables, `+` and `*` is; `undefined` for any other. */
export function exprDim(e: Expr): Dim | undefined {
  if (e.kind === "const") return e.value < 0 ? undefined : e.value;
  if (e.kind === "var") return e.name;
  if (e.kind !== "binary" || (e.op !== "add" && e.op !== "mul")) return undefined;
  const [a, b] = [exprDim(e.a), exprDim(e.b)];
  if (a === undefined || b === undefined) return undefined;
  return e.op === "add" ? addDim(a, b) : mulDim(a, b);
}

/**
 * The largest value that a size can have when dims are bounded (see {@linkcode upperBound}): for sums, products and
 * minima of dims, and quotients by positive numbers. `undefined` where a dim has no bound, or for any other expression.
 */
export function exprBound(e: Expr, bounds: Readonly<Record<string, number>>): number | undefined {
  if (e.kind === "const") return e.value;
  const dim = exprDim(e);
  if (dim !== undefined) return upperBound(dim, bounds);
  if (e.kind !== "binary") return undefined;
  const [a, b] = [exprBound(e.a, bounds), exprBound(e.b, bounds)];
  if (e.op === "min") return a === undefined ? b : b === undefined ? a : Math.min(a, b);
  if (a === undefined || b === undefined) return undefined;
  switch (e.op) {
    case "add":
      return a + b;
    case "mul":
      return a >= 0 && b >= 0 ? a * b : undefined;
    case "floordiv":
      return e.b.kind === "const" && b > 0 ? Math.floor(a / b) : undefined;
    default:
      return undefined;
  }
}
