/**
 * Expressions as text.
 *
 * @module
 */
import { type DType, DTYPES } from "../dtype.ts";
import type { Expr, Load, Reduce } from "../expr.ts";
import { BINARY_OPS, type ScalarType, UNARY_OPS } from "../scalar_ops.ts";
import { printConst } from "./literals.ts";
import { printName } from "./names.ts";
import { type SharedParts, sharedParts } from "./sharing.ts";

/**
 * The type that a load of each buffer gives; `f32` where a buffer is not among them. A load of another type spells
 * it: `load.f16(x, i, j)` in place of `x[i, j]`.
 */
export type LoadTypes = ReadonlyMap<string, ScalarType>;

/** The type of a load of `buffer` that is written without one. */
export function plainLoadType(buffer: string, types: LoadTypes): ScalarType {
  return types.get(buffer) ?? "f32";
}

/** Register types of some buffers' dtypes. */
export function loadTypes(dtypes: Iterable<readonly [buffer: string, dtype: DType]>): LoadTypes {
  return new Map([...dtypes].map(([name, dtype]) => [name, DTYPES[dtype].register]));
}

/** Binding strength of a prefix operator, above all infix ones. */
const PREFIX = 7;

/** Binding strength that an extent needs after `<`: that of a sum. */
export const EXTENT = 5;

/** An expression with the definitions of its shared parts, which a statement can have on lines of their own. */
export interface ExprText {
  /** `$0 = ...`, in order. */
  readonly lets: readonly string[];
  readonly text: string;
}

/** Takes the definitions that an expression starts with apart from it. */
export function exprText(e: Expr, types: LoadTypes, outer = 0): ExprText {
  const printer = new ExprPrinter(types, sharedParts(e));
  const lets = printer.define(undefined);
  return { lets, text: printer.print(e, lets.length === 0 ? outer : 0) };
}

/** An expression in one piece; in parentheses if it binds less than `outer`. */
export function printExprIn(e: Expr, types: LoadTypes, outer = 0): string {
  const { lets, text } = exprText(e, types, outer);
  if (lets.length === 0) return text;
  return parenthesize(withLets(lets, text), outer > 0);
}

/** A list of expressions, without brackets. */
export function printList(list: readonly Expr[], types: LoadTypes): string {
  return list.map((e) => printExprIn(e, types)).join(", ");
}

function withLets(lets: readonly string[], text: string): string {
  return lets.length === 0 ? text : `let ${lets.join(", ")} in ${text}`;
}

function parenthesize(text: string, yes: boolean): string {
  return yes ? `(${text})` : text;
}

class ExprPrinter {
  readonly #types: LoadTypes;
  readonly #shared: SharedParts;
  readonly #names = new Map<Expr, string>();

  constructor(types: LoadTypes, shared: SharedParts) {
    this.#types = types;
    this.#shared = shared;
  }

  /** Definitions of the parts that are shared within a reduction's body, or the whole. */
  define(at: Reduce | undefined): readonly string[] {
    return (this.#shared.get(at) ?? []).map((part) => {
      const text = this.#node(part, 0);
      const name = `$${this.#names.size}`;
      this.#names.set(part, name);
      return `${name} = ${text}`;
    });
  }

  print(e: Expr, outer: number): string {
    return this.#names.get(e) ?? this.#node(e, outer);
  }

  #node(e: Expr, outer: number): string {
    switch (e.kind) {
      case "const":
        return printConst(e);
      case "var":
        return printName(e.name);
      case "load":
        return this.#load(e);
      case "unary": {
        const { symbol } = UNARY_OPS[e.op];
        if (e.op !== "neg" && e.op !== "not") return this.#call(symbol, [e.x]);
        // A minus sign before a number is part of the number.
        const operand = e.x.kind === "const" ? `(${printConst(e.x)})` : this.print(e.x, PREFIX + 1);
        return parenthesize(symbol + operand, outer > PREFIX);
      }
      case "binary": {
        const { symbol, precedence } = BINARY_OPS[e.op];
        if (precedence === undefined) return this.#call(symbol, [e.a, e.b]);
        const text = `${this.print(e.a, precedence)} ${symbol} ${this.print(e.b, precedence + 1)}`;
        return parenthesize(text, outer > precedence);
      }
      case "select":
        return this.#call("select", [e.cond, e.then, e.otherwise]);
      case "cast":
        return this.#call(e.dtype, [e.x]);
      case "reduce": {
        const axes = e.axes.map((a) => `${printName(a.name)} < ${this.print(a.extent, EXTENT)}`);
        const lets = this.define(e);
        return `${e.op}(${axes.join(", ")}: ${withLets(lets, this.print(e.body, 0))})`;
      }
      default:
        return e satisfies never;
    }
  }

  #load(e: Load): string {
    const name = printName(e.buffer);
    const indices = e.indices.map((i) => this.print(i, 0));
    return e.dtype === plainLoadType(e.buffer, this.#types)
      ? `${name}[${indices.join(", ")}]`
      : `load.${e.dtype}(${[name, ...indices].join(", ")})`;
  }

  #call(name: string, args: readonly Expr[]): string {
    return `${name}(${args.map((x) => this.print(x, 0)).join(", ")})`;
  }
}
