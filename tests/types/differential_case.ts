/**
 * One case of the differential test: a call of a shape function as text of types, and what it must give.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { ShapeResult } from "../../ir/shape.ts";

/** One call of a function and its result, as text of types. */
export interface Case {
  /** Such as `MatmulShape<["b", 3], [3, 4]>`. */
  readonly type: string;
  /** The same with some dims unknown. */
  readonly vague: string;
  /** The type that `type` must be. */
  readonly result: string;
  /** Whether the run-time function accepted the arguments. */
  readonly accepted: boolean;
}

/** Text of the type of a literal. */
export const literalType = (value: unknown): string =>
  value === undefined ? "undefined" : JSON.stringify(value);

/** Text of a shape with the dims replaced by `number` where `bits` has a 1. */
export function vagueShape(s: Shape, bits: number): string {
  return `[${s.map((d, i) => (bits >> i) & 1 ? "number" : literalType(d)).join(", ")}]`;
}

/** Text of a shape with `-1` unknown. */
export const withHole = (s: Shape): string =>
  `[${s.map((d) => d === -1 ? "number" : literalType(d)).join(", ")}]`;

/**
 * A case of `name`, called with `shapeArgs` and then `others`. `open` is the type to expect where the
 * run-time function refuses for want of an exact result, which the type checker leaves open.
 */
export function shapeCase(
  name: string,
  bits: number,
  shapeArgs: readonly Shape[],
  others: readonly unknown[],
  result: ShapeResult,
  more: { op?: string; list?: boolean; open?: string } = {},
): Case {
  const call = (show: (s: Shape, i: number) => string) => {
    const texts = shapeArgs.map(show);
    const args = [more.list === true ? `[${texts.join(", ")}]` : texts, others.map(literalType)].flat();
    return `${name}<${[...(more.op === undefined ? [] : [literalType(more.op)]), ...args].join(", ")}>`;
  };
  return {
    type: call((s) => literalType(s)),
    vague: call((s, i) => vagueShape(s, bits >> (3 * i))),
    result: more.open ?? literalType(result),
    accepted: typeof result !== "string",
  };
}

/** A case of a function of dims; `undefined` is a result that the type checker does not know. */
export function dimCase(name: string, args: readonly Dim[], result: Dim | undefined): Case {
  const vague = args.map((d, i) => i === 0 ? "number" : literalType(d));
  return {
    type: `${name}<${args.map(literalType).join(", ")}>`,
    vague: `${name}<${vague.join(", ")}>`,
    result: result === undefined ? "number" : literalType(result),
    accepted: result !== undefined,
  };
}

/** Whether an axis is one of the shape. */
export const hasAxis = (s: Shape, i: number): boolean => i >= -s.length && i < s.length;
