/**
 * Random definitions that can be run: every load is in bounds, every value is finite and of a moderate size.
 *
 * @module
 */
import fc from "fast-check";
import { DTYPES } from "../../../ir/dtype.ts";
import type { DType } from "../../../ir/dtype.ts";
import {
  add,
  and,
  type Axis,
  binary,
  cast,
  constant,
  type Expr,
  floordiv,
  int,
  load,
  lt,
  max,
  min,
  mod,
  mul,
  reduce,
  select,
  sub,
  unary,
  variable,
} from "../../../ir/expr.ts";
import type { Compute } from "../../../ir/graph.ts";
import type { BinaryOp, ReduceOp, ScalarType, UnaryOp } from "../../../ir/scalar_ops.ts";
import type { Buffer } from "../../../ir/stmt.ts";
import { freeVars } from "../../../ir/visit.ts";

/** A definition with the buffers that it is over: what `lowerCompute` takes. */
export interface RandomCompute {
  readonly compute: Compute;
  readonly inputs: readonly Buffer[];
  readonly out: Buffer;
  readonly dims: readonly string[];
}

/** What definitions may be made of. */
export interface ComputeOptions {
  /**
   * Only operators whose results are exact for inputs of `randomInputs`: whatever order a schedule gives to sums, every
   * bit stays. Otherwise also division, exponentials and 16-bit arithmetic.
   */
  readonly exact?: boolean;
}

type Extent = number | "n" | "m";
const EXTENTS: readonly Extent[] = [2, "n", 3, 1, 5, "m", 7, 0];
const INPUT_DTYPES: readonly DType[] = ["f32", "i32", "f32", "f16", "u8", "bool", "bf16", "i8", "u32"];
const OUT_DTYPES: readonly DType[] = ["f32", "f32", "f32", "i32", "f16", "bool", "u8", "bf16"];

/** Most points of a result, and of a result times the reductions around a place; a dim counts as 3. */
const MOST_POINTS = 120;
const MOST_WORK = 1200;

/**
 * Random definitions: results of rank 0 to 4 over 1 to 3 inputs of any dtype, extents 0, 1, small numbers and the dims
 * `n` and `m`; chains of operators, reductions beside and inside each other, index arithmetic, selects, shared parts.
 */
export function arbCompute(options: ComputeOptions = {}): fc.Arbitrary<RandomCompute> {
  // A list of decisions: shrinking it towards zeros and an early end gives ever simpler definitions.
  return fc.array(fc.nat({ max: 999 }), { minLength: 10, maxLength: 90, size: "max" })
    .map((decisions) => new Builder(decisions, options.exact ?? false).build());
}

const extentExpr = (e: Extent): Expr => (typeof e === "number" ? int(e) : variable(e));
const points = (list: readonly Extent[]): number =>
  list.reduce<number>((n, e) => n * (typeof e === "number" ? Math.max(e, 1) : 3), 1);

interface ScopeAxis {
  readonly name: string;
  readonly extent: Extent;
}

type Scope = readonly ScopeAxis[];

class Builder {
  readonly #decisions: readonly number[];
  readonly #exact: boolean;
  #at = 0;
  #axes = 0;
  #inputs: readonly { readonly buffer: Buffer; readonly shape: readonly Extent[] }[] = [];
  /** Parts made so far, to use again where their variables are in scope. */
  readonly #parts: Expr[] = [];

  constructor(decisions: readonly number[], exact: boolean) {
    this.#decisions = decisions;
    this.#exact = exact;
  }

  build(): RandomCompute {
    const axes = this.#newAxes(this.#below(5), "i", MOST_POINTS);
    const dtype = this.#pick(this.#exact ? OUT_DTYPES.filter((d) => d !== "f16") : OUT_DTYPES);
    this.#inputs = Array.from({ length: 1 + this.#below(3) }, (_, i) => {
      const shape = this.#shape(axes);
      const buffer: Buffer = {
        name: `in${i}`,
        dtype: this.#pick(INPUT_DTYPES),
        shape: shape.map(extentExpr),
        scope: "global",
      };
      return { buffer, shape };
    });
    const body = this.#value(DTYPES[dtype].register, axes, 4);
    const list = axes.map((a): Axis => ({ name: a.name, extent: extentExpr(a.extent) }));
    const out: Buffer = { name: "out", dtype, shape: list.map((a) => a.extent), scope: "global" };
    const used = new Set([body, ...[out, ...this.#inputs.map((i) => i.buffer)].flatMap((b) => b.shape)]
      .flatMap((e) => [...freeVars(e)]));
    return {
      compute: { name: "random", axes: list, body },
      inputs: this.#inputs.map((i) => i.buffer),
      out,
      dims: ["m", "n"].filter((d) => used.has(d)),
    };
  }

  #below(n: number): number {
    return (this.#decisions[this.#at++] ?? 0) % n;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #newAxes(count: number, letter: string, most: number): Scope {
    const axes: ScopeAxis[] = [];
    let room = most;
    for (let d = 0; d < count; d++) {
      const extent = this.#pick(EXTENTS);
      if (points([extent]) > room) continue;
      room /= points([extent]);
      axes.push({ name: `${letter}${this.#axes++}`, extent });
    }
    return axes;
  }

  /** A shape for an input: mostly extents of the result's axes, so that they can index it. */
  #shape(axes: Scope): readonly Extent[] {
    return Array.from({ length: this.#below(4) }, () => {
      const known = axes.length > 0 && this.#below(3) > 0;
      return known ? this.#pick(axes).extent : this.#pick(EXTENTS);
    });
  }

  /** A value of a type. */
  #value(t: ScalarType, scope: Scope, depth: number): Expr {
    const names = new Set(["n", "m", ...scope.map((a) => a.name)]);
    const known = this.#parts.filter((e) => e.dtype === t && [...freeVars(e)].every((v) => names.has(v)));
    if (known.length > 0 && this.#below(6) === 5) return this.#pick(known);
    const made = depth === 0 || this.#at >= this.#decisions.length
      ? this.#leaf(t, scope)
      : this.#grown(t, scope, depth - 1);
    this.#parts.push(made);
    return made;
  }

  #leaf(t: ScalarType, scope: Scope): Expr {
    if (this.#below(4) === 3) return t === "bool" ? this.#condition(scope) : constant(t, this.#below(5) - 2);
    return cast(t, this.#load(scope));
  }

  #grown(t: ScalarType, scope: Scope, depth: number): Expr {
    const value = (of = t): Expr => this.#value(of, scope, depth);
    switch (this.#below(7)) {
      case 0:
        return this.#leaf(t, scope);
      case 1:
      case 2:
        return this.#combined(t, value, scope);
      case 3:
        return this.#applied(t, value, scope);
      case 4:
      case 5:
        return this.#reduced(t, scope, depth);
      default:
        return select(this.#condition(scope), value(), value());
    }
  }

  #combined(t: ScalarType, value: (of?: ScalarType) => Expr, scope: Scope): Expr {
    if (t === "bool") return binary(this.#pick<BinaryOp>(["and", "or", "eq", "ne"]), value(), value());
    const op = this.#pick<BinaryOp>(["add", "sub", "mul", "min", "max", "div", "floordiv", "mod"]);
    if (t === "f32" || t === "f16") {
      if (op === "floordiv" || op === "mod" || (op === "div" && this.#exact)) return add(value(), value());
      // Products of products have more digits than an f32.
      if (op === "mul" && this.#exact) return mul(this.#leaf(t, scope), this.#leaf(t, scope));
      // A divisor of at least 1.
      if (op === "div") return binary("div", value(), add(unary("abs", value()), constant(t, 1)));
    }
    return binary(op, value(), value());
  }

  #applied(t: ScalarType, value: (of?: ScalarType) => Expr, scope: Scope): Expr {
    if (t === "bool") return unary("not", value());
    const simple = this.#pick<UnaryOp>(["neg", "abs"]);
    if (t === "i32" || t === "u32") {
      return this.#below(3) === 0 ? cast(t, value(t === "i32" ? "u32" : "i32")) : unary(simple, value());
    }
    // Steps: an input is exact on every backend, so all agree on which side it is.
    if (this.#below(4) === 3) {
      return unary(this.#pick<UnaryOp>(["floor", "ceil", "round", "sign"]), cast(t, this.#load(scope)));
    }
    if (this.#exact || this.#below(3) === 0) return unary(simple, value());
    const x = value();
    const half = constant(t, 0.5);
    switch (this.#below(6)) {
      case 0:
        return unary("exp", min(x, constant(t, 2)));
      case 1:
        return unary(this.#pick<UnaryOp>(["sqrt", "rsqrt", "log"]), add(unary("abs", x), half));
      case 2:
        return unary(this.#pick<UnaryOp>(["sin", "cos"]), min(max(x, constant(t, -8)), constant(t, 8)));
      case 3:
        return binary("pow", add(unary("abs", min(x, constant(t, 4))), half), constant(t, 1.5));
      case 4:
        return cast(t, value(t === "f32" ? "f16" : "f32"));
      default:
        return unary(this.#pick<UnaryOp>(["tanh", "erf"]), x);
    }
  }

  #reduced(t: ScalarType, scope: Scope, depth: number): Expr {
    const axes = this.#newAxes(1 + this.#below(2), "k", MOST_WORK / points(scope.map((a) => a.extent)));
    if (t === "bool") return lt(int(1), this.#reducedOver("i32", axes, scope, depth));
    if (t === "f16" && this.#exact) return cast("f16", this.#reducedOver("f32", axes, scope, depth));
    return this.#reducedOver(t, axes, scope, depth);
  }

  #reducedOver(t: ScalarType, axes: Scope, scope: Scope, depth: number): Expr {
    const ops: readonly ReduceOp[] = t === "i32" || t === "u32"
      ? ["sum", "max", "min", "prod"]
      : ["sum", "max", "min"];
    const op = this.#pick(ops);
    const list = axes.map((a): Axis => ({ name: a.name, extent: extentExpr(a.extent) }));
    const result = reduce(op, list, this.#value(t, [...scope, ...axes], depth));
    const runs = axes.every((a) => typeof a.extent === "number" && a.extent > 0);
    // The largest of nothing is -infinity, which later operators would turn into NaN.
    if (runs || op === "sum" || op === "prod") return result;
    const low = constant(t, t === "u32" ? 0 : -9);
    return op === "max" ? max(result, low) : min(result, constant(t, 9));
  }

  /** A condition on indices, integers or elements that are booleans: nothing that rounding could turn. */
  #condition(scope: Scope): Expr {
    const flags = this.#inputs.filter((i) => i.buffer.dtype === "bool");
    if (flags.length > 0 && this.#below(3) === 2) return this.#element(this.#pick(flags), scope);
    return binary(this.#pick<BinaryOp>(["lt", "ge", "eq", "ne"]), this.#index(scope), this.#index(scope));
  }

  #load(scope: Scope): Expr {
    return this.#element(this.#pick(this.#inputs), scope);
  }

  /** An element in bounds, or 0 where there may be none. */
  #element(input: { readonly buffer: Buffer; readonly shape: readonly Extent[] }, scope: Scope): Expr {
    const { register } = DTYPES[input.buffer.dtype];
    const guards: Expr[] = [];
    const indices = input.shape.map((extent) => {
      const same = scope.filter((a) => a.extent === extent);
      if (same.length > 0 && this.#below(4) < 3) {
        const i = variable(this.#pick(same).name);
        return this.#below(4) === 3 ? sub(sub(extentExpr(extent), int(1)), i) : i;
      }
      const index = this.#index(scope);
      if (typeof extent === "number" && extent > 0) return mod(index, int(extent));
      guards.push(and(binary("ge", index, int(0)), lt(index, extentExpr(extent))));
      return index;
    });
    const element = load(input.buffer.name, register, indices);
    return guards.length === 0 ? element : select(guards.reduce(and), element, constant(register, 0));
  }

  /** Arithmetic on axes. */
  #index(scope: Scope): Expr {
    const axis = (): Expr => (scope.length === 0 ? int(this.#below(3)) : variable(this.#pick(scope).name));
    switch (this.#below(6)) {
      case 0:
        return axis();
      case 1:
        return add(mul(axis(), int(1 + this.#below(4))), axis());
      case 2:
        return sub(axis(), int(this.#below(4)));
      case 3:
        return floordiv(axis(), int(1 + this.#below(3)));
      case 4:
        return mod(add(axis(), axis()), int(1 + this.#below(4)));
      default:
        return int(this.#below(4));
    }
  }
}
