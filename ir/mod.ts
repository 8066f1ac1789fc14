/**
 * The intermediate representation: scalar expressions, loop nests of blocks, kernels, graphs of operators, and what
 * can be done with all of them: print, parse, verify, interpret, hash, simplify.
 *
 * Everything is an immutable plain object with a `kind`. `parse(print(x))` equals `x`, and {@linkcode interpret} says
 * what a kernel means.
 *
 * @module
 */
export * from "./errors.ts";
export * from "./dim.ts";
export * from "./shape.ts";
export * from "./dtype.ts";
export * from "./scalar_ops.ts";
export * from "./expr.ts";
export * from "./stmt.ts";
export * from "./prim_func.ts";
export * from "./graph.ts";
export * from "./ops/mod.ts";
export * from "./compute.ts";
export * from "./data.ts";
export * from "./traverse.ts";
export * from "./visit.ts";
export * from "./simplify.ts";
export * from "./print.ts";
export * from "./parse.ts";
export * from "./verify.ts";
export * from "./hash.ts";
export * from "./interpret.ts";
export type { Facts } from "./interval.ts";
export type { Head, Memo, RewriteListener, Rule } from "./rules.ts";
export type * from "./target.ts";
