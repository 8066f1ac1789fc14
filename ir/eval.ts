/**
 * Values of single expressions: the size of a grid, and the oracle of tests. Whole functions run faster in
 * `interpret.ts`.
 *
 * @module
 */
import { InputError } from "./errors.ts";
import type { Expr, Reduce } from "./expr.ts";
import { binaryFunction, castFunction, unaryFunction } from "./scalar_eval.ts";
import { REDUCE_OPS, reduceIdentity } from "./scalar_ops.ts";

/** Where an expression's variables and elements come from. */
export interface EvalEnv {
  /** Values of variables. */
  readonly vars?: Readonly<Record<string, number>>;
  /** Elements of buffers, widened to the load's type. */
  readonly load?: (buffer: string, indices: readonly number[]) => number;
}

/**
 * The value of an expression. Throws {@linkcode InputError} for a variable or buffer that has none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evalExpr } from "./eval.ts";
 * import { floordiv, int, variable } from "./expr.ts";
 *
 * assertEquals(evalExpr(floordiv(variable("n"), int(2)), { vars: { n: -3 } }), -2);
 * ```
 */
export function evalExpr(e: Expr, env: EvalEnv = {}): number {
  return evaluate(e, env, new Map());
}

/** The value of an `i32` expression over dims: what decides grids and sizes at each dispatch. */
export function evalInt(e: Expr, dims: Readonly<Record<string, number>>): number {
  if (e.kind === "const") return e.value;
  return evaluate(e, { vars: dims }, undefined);
}

/** `done` has values of nodes that were met before; without it each is computed again, which is fine for small ones. */
function evaluate(e: Expr, env: EvalEnv, done: Map<Expr, number> | undefined): number {
  if (e.kind === "const") return e.value;
  if (e.kind === "var") return valueOf(e.name, env);
  const known = done?.get(e);
  if (known !== undefined) return known;
  const value = compute(e, env, done);
  done?.set(e, value);
  return value;
}

function compute(
  e: Exclude<Expr, { kind: "const" | "var" }>,
  env: EvalEnv,
  done: Map<Expr, number> | undefined,
): number {
  switch (e.kind) {
    case "load": {
      if (env.load === undefined) throw new InputError(`Cannot evaluate: there is no buffer ${e.buffer}`);
      return env.load(e.buffer, e.indices.map((i) => evaluate(i, env, done)));
    }
    case "unary":
      return unaryFunction(e.op, e.dtype)(evaluate(e.x, env, done));
    case "binary":
      return binaryFunction(e.op, e.a.dtype)(evaluate(e.a, env, done), evaluate(e.b, env, done));
    case "select":
      return evaluate(evaluate(e.cond, env, done) === 1 ? e.then : e.otherwise, env, done);
    case "cast":
      return castFunction(e.x.dtype, e.dtype)(evaluate(e.x, env, done));
    case "reduce":
      return fold(e, env);
    default:
      return e satisfies never;
  }
}

function valueOf(name: string, { vars = {} }: EvalEnv): number {
  const value = vars[name];
  if (value === undefined) {
    throw new InputError(
      `Cannot evaluate: ${name} has no value; there are values for ${
        Object.keys(vars).join(", ") || "nothing"
      }`,
    );
  }
  return value;
}

/** Axes in order, the last one innermost. */
function fold(e: Reduce, env: EvalEnv): number {
  const combine = binaryFunction(REDUCE_OPS[e.op].combine, e.dtype);
  let value = reduceIdentity(e.op, e.dtype);
  const loop = (depth: number, vars: Readonly<Record<string, number>>): void => {
    const axis = e.axes[depth];
    const inner = { ...env, vars };
    if (axis === undefined) value = combine(value, evaluate(e.body, inner, new Map()));
    else {
      const extent = evaluate(axis.extent, inner, undefined);
      for (let i = 0; i < extent; i++) loop(depth + 1, { ...vars, [axis.name]: i });
    }
  };
  loop(0, env.vars ?? {});
  return value;
}
