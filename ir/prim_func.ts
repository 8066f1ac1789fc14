/**
 * A kernel before and after scheduling: parameters, dim variables and a loop nest.
 *
 * @module
 */
import type { Buffer, Stmt } from "./stmt.ts";

/** A buffer that the caller provides. */
export interface Param {
  readonly buffer: Buffer;
  /** `read_write` parameters are updated in place. */
  readonly access: "read" | "write" | "read_write";
}

/**
 * A function over buffers. `dims` are the symbolic sizes it may mention; their values come with every call, so one
 * function serves every length. Top-level nests of the body are launched one after the other, each as one
 * dispatch on a GPU; buffers that the body allocates in `global` scope live between them.
 */
export interface PrimFunc {
  readonly kind: "prim_func";
  readonly name: string;
  readonly params: readonly Param[];
  readonly dims: readonly string[];
  readonly body: Stmt;
}

/** Builds a function; `dims` are sorted. */
export function primFunc(
  name: string,
  params: readonly Param[],
  dims: readonly string[],
  body: Stmt,
): PrimFunc {
  return Object.freeze({
    kind: "prim_func",
    name,
    params: Object.freeze([...params]),
    dims: Object.freeze([...new Set(dims)].sort()),
    body,
  });
}

/** The same function with another body. */
export function withBody(func: PrimFunc, body: Stmt): PrimFunc {
  return Object.freeze({ ...func, body });
}
