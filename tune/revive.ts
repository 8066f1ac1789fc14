/**
 * Launches that came as messages: a copy of an expression is none, as equal expressions are one object.
 *
 * @module
 */
import type { Launch } from "../backends/lower.ts";
import {
  type Axis,
  binary,
  cast,
  constant,
  type Expr,
  load,
  reduce,
  select,
  unary,
  variable,
} from "../ir/expr.ts";

/** A launch with expressions of this thread, of one that was copied from another. */
export function reviveLaunch(copy: Launch): Launch {
  return new Reviver().any(copy) as Launch;
}

/** An expression of this thread, of one that was copied from another. */
export function reviveExpr(copy: Expr): Expr {
  return new Reviver().expr(copy);
}

type Fields = Readonly<Record<string, unknown>>;

const EXPRS: ReadonlySet<unknown> = new Set<Expr["kind"]>([
  "const",
  "var",
  "load",
  "unary",
  "binary",
  "select",
  "cast",
  "reduce",
]);

class Reviver {
  /** What occurs twice in an expression is one object in its copy as well. */
  readonly #known = new Map<object, unknown>();

  any(copy: unknown): unknown {
    if (typeof copy !== "object" || copy === null) return copy;
    const known = this.#known.get(copy);
    if (known !== undefined) return known;
    const made = Array.isArray(copy)
      ? copy.map((item) => this.any(item))
      : EXPRS.has((copy as Fields)["kind"])
      ? this.#make(copy as Expr)
      : Object.fromEntries(Object.entries(copy).map(([name, value]) => [name, this.any(value)]));
    this.#known.set(copy, made);
    return made;
  }

  expr(copy: Expr): Expr {
    return this.any(copy) as Expr;
  }

  #make(e: Expr): Expr {
    switch (e.kind) {
      case "const":
        return constant(e.dtype, e.value);
      case "var":
        return variable(e.name);
      case "load":
        return load(e.buffer, e.dtype, e.indices.map((i) => this.expr(i)));
      case "unary":
        return unary(e.op, this.expr(e.x));
      case "binary":
        return binary(e.op, this.expr(e.a), this.expr(e.b));
      case "select":
        return select(this.expr(e.cond), this.expr(e.then), this.expr(e.otherwise));
      case "cast":
        return cast(e.dtype, this.expr(e.x));
      case "reduce":
        return reduce(
          e.op,
          e.axes.map((a): Axis => ({ ...a, extent: this.expr(a.extent) })),
          this.expr(e.body),
        );
      default:
        return e satisfies never;
    }
  }
}
