/**
 * The cases of all operators.
 *
 * @module
 */
import { EINSUM_CASES } from "./op_cases_einsum.ts";
import { OP_CASES, type OpCase } from "./op_cases.ts";
import { INDEX_OP_CASES } from "./op_cases_index.ts";
import { MATH_CASES } from "./op_cases_math.ts";

/** Every operator of the language; a new list of cases is added here. */
export const ALL_OP_CASES: readonly OpCase[] = [
  ...OP_CASES,
  ...MATH_CASES,
  ...INDEX_OP_CASES,
  ...EINSUM_CASES,
];
