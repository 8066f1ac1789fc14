/**
 * How every WebNN operator is written in the language, and those that the language does not have.
 *
 * @module
 */
import type { Operators } from "./call.ts";
import { INDEX } from "./operators_index.ts";
import { MATH } from "./operators_math.ts";
import { VIEWS } from "./operators_views.ts";

/** The operators; a further family is added here. */
export const OPERATORS: Operators = { ...MATH, ...VIEWS, ...INDEX };

/** Operators of WebNN that the language does not have, each with the reason. */
export const OUTSIDE: Readonly<Record<string, string>> = {
  convTranspose2d: "not an operator of the language: upsampling convolutions are outside its scope",
  resample2d: "not an operator of the language: image resampling is outside its scope",
  quantizeLinear: "not an operator of the language: quantised arithmetic is outside its scope",
  dequantizeLinear: "not an operator of the language: quantised arithmetic is outside its scope",
};
