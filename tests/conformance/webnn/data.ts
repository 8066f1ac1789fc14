/**
 * The WebNN suites as data: what a case holds, and how its numbers are written (see the README beside the data).
 *
 * @module
 */
import type { DType } from "../../../ir/dtype.ts";

/** A reference to an operand. */
export interface Ref {
  readonly ref: string;
}

/** An argument: an operand, a number, a list, options, ... */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** An operand as a case writes it. */
export interface Operand {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data?: readonly (number | string | boolean)[];
  readonly fill?: number | string | boolean;
}

/** One application of an operator; each argument is an object with the argument's name as key. */
export interface Node {
  readonly op: string;
  readonly args: readonly ({ readonly [name: string]: Json } | null)[];
  readonly outputs: readonly string[];
}

/** How far a result may be off. */
export interface Tolerance {
  readonly metric: "ULP" | "ATOL";
  readonly value: number;
}

/** A case with data. */
export interface Case {
  readonly id: string;
  readonly name?: string;
  readonly inputs: readonly Operand[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Operand[];
  readonly tolerance?: Tolerance;
}

/** A case about shapes only. */
export interface ShapeCase {
  readonly id: string;
  readonly name?: string;
  readonly inputs: readonly Operand[];
  readonly op: string;
  readonly args: readonly Json[];
  readonly expect: "error" | { readonly outputs: readonly Pick<Operand, "dtype" | "shape">[] };
}

const DTYPES: Readonly<Record<string, DType>> = {
  float32: "f32",
  float16: "f16",
  int32: "i32",
  uint32: "u32",
  int8: "i8",
  uint8: "u8",
};

/** What cannot be tested, because the language does not have it. */
export class NotSupported extends Error {
  override readonly name = "NotSupported";
}

/** The dtype of that name; throws {@linkcode NotSupported} for those that the language does not have. */
export function dtypeOf(name: string): DType {
  const dtype = DTYPES[name];
  if (dtype === undefined) throw new NotSupported(`dtype ${name}`);
  return dtype;
}

const SPELLED: Readonly<Record<string, number>> = {
  "-0": -0,
  Infinity: Infinity,
  "-Infinity": -Infinity,
  NaN,
};

/** A number as a case writes it. */
export function numberOf(value: Json | undefined): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return Number(value);
  return SPELLED[value] ?? Number(value);
}

/** The elements of an operand. */
export function elementsOf(operand: Operand): readonly number[] {
  if (operand.data !== undefined) return operand.data.map(numberOf);
  return Array<number>(operand.shape.reduce((a, b) => a * b, 1)).fill(numberOf(operand.fill));
}

/** The cases of the files of a folder, by file name without `.json`. */
export function loadSuite<C>(dir: string): ReadonlyMap<string, readonly C[]> {
  const names = [...Deno.readDirSync(dir)].map((f) => f.name).filter((n) => n.endsWith(".json")).sort();
  return new Map(names.map((name) => [
    name.slice(0, -".json".length),
    (JSON.parse(Deno.readTextFileSync(`${dir}/${name}`)) as { cases: C[] }).cases,
  ]));
}
