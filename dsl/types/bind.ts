/**
 * Binding the names of a shape to values, for the type checker: `substituteDim` of `ir/dim.ts` for each dim.
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { BindD } from "./dim.ts";

/**
 * `S` with its names replaced by the fields of `B` that are dims.
 * `BindShape<["b", "3*n_embd"], { n_embd: 768 }>` is `["b", 2304]`.
 */
export type BindShape<S extends Shape, B> = IsUnknownRank<S> extends true ? Shape
  : { -readonly [I in keyof S]: BindD<S[I], B> };
