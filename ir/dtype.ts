/**
 * Element types: what is stored, and what a kernel computes with.
 *
 * `bf16`, `i8` and `u8` are storage types: a load widens them (`f32`, `i32`, `u32`), a store narrows. `f16` is
 * both where the target has 16-bit arithmetic and storage-only elsewhere. `bool` is stored as one byte, 0 or 1.
 *
 * @module
 */

/** Element type of a tensor or scalar. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "i8" | "u8" | "bool";

/** Facts about a dtype. */
export interface DTypeInfo {
  /** Bytes of one stored element. */
  readonly bytes: 1 | 2 | 4;
  /** Family, which decides the operators that apply. */
  readonly family: "float" | "signed" | "unsigned" | "bool";
  /** The dtype a load of this dtype widens to in a kernel. */
  readonly register: "f32" | "f16" | "i32" | "u32" | "bool";
}

/** The table of dtypes. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  f32: { bytes: 4, family: "float", register: "f32" },
  f16: { bytes: 2, family: "float", register: "f16" },
  bf16: { bytes: 2, family: "float", register: "f32" },
  i32: { bytes: 4, family: "signed", register: "i32" },
  u32: { bytes: 4, family: "unsigned", register: "u32" },
  i8: { bytes: 1, family: "signed", register: "i32" },
  u8: { bytes: 1, family: "unsigned", register: "u32" },
  bool: { bytes: 1, family: "bool", register: "bool" },
};

/** Whether `dtype` is a floating-point type. */
export function isFloat(dtype: DType): boolean {
  return DTYPES[dtype].family === "float";
}

/** Whether `text` names a dtype. */
export function isDType(text: string): text is DType {
  return Object.hasOwn(DTYPES, text);
}
