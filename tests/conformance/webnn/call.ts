/**
 * A call of a WebNN operator: its arguments by name, operands among them.
 *
 * @module
 */
import type { Shape } from "../../../ir/dim.ts";
import type { Tensor } from "../../../dsl/mod.ts";
import { type Json, numberOf } from "./data.ts";

/**
 * An operand. Which dtype it has shows only at run time; the language's functions want to know one, and check the real
 * one when they are called.
 */
export type Dyn = Tensor<Shape, "f32">;

/** Arguments of a call; options are among them. */
export interface Call {
  /** An operand that must be there. */
  tensor(name: string): Dyn;
  /** An operand, or `undefined`. */
  maybe(name: string): Dyn | undefined;
  /** A list of operands. */
  tensors(name: string): readonly Dyn[];
  /** A number. */
  number(name: string, fallback: number): number;
  /** A list of numbers. */
  numbers(name: string, fallback: readonly number[]): readonly number[];
  /** Anything else. */
  value(name: string): Json | undefined;
}

/** How an operator is written in the language. */
export interface Operator {
  /** Names of the positional arguments before the options. */
  readonly params: readonly string[];
  readonly build: (call: Call) => Tensor | readonly Tensor[];
}

/** Operators by their WebNN names. */
export type Operators = Readonly<Record<string, Operator>>;

/** A row of the table. */
export function op(params: readonly string[], build: Operator["build"]): Operator {
  return { params, build };
}

/** Two-operand operators have `a` and `b`. */
export const AB = ["a", "b"] as const;
/** Most operators have one operand, `input`. */
export const INPUT = ["input"] as const;

/** Makes a call of arguments by name; `null` counts as absent. */
export function callOf(
  given: Readonly<Record<string, Json | undefined>>,
  operands: ReadonlyMap<string, Tensor>,
): Call {
  const { options } = given;
  const args: Readonly<Record<string, Json | undefined>> = {
    ...(isRecord(options) ? options : {}),
    ...given,
  };
  const present = (name: string): Json | undefined => args[name] ?? undefined;
  const tensor = (value: Json | undefined, name: string): Dyn => {
    const operand = isRef(value) ? operands.get(value.ref) : undefined;
    if (operand === undefined) throw new TypeError(`no operand for ${name}`);
    return operand as Dyn;
  };
  return {
    tensor: (name) => tensor(present(name), name),
    maybe: (name) => (present(name) === undefined ? undefined : tensor(present(name), name)),
    tensors: (name) => (present(name) as readonly Json[]).map((value) => tensor(value, name)),
    number: (name, fallback) => (present(name) === undefined ? fallback : numberOf(present(name))),
    numbers: (name, fallback) => {
      const value = present(name);
      return Array.isArray(value) ? value.map((v: Json) => numberOf(v)) : fallback;
    },
    value: present,
  };
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRef(value: Json | undefined): value is { readonly ref: string } {
  return isRecord(value) && typeof value["ref"] === "string";
}
