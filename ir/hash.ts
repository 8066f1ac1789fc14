/**
 * Structural hashes, to find equal kernels and to file tuned schedules. A hash is taken from the canonical text, so it is
 * the same in every process and on every machine.
 *
 * @module
 */
import { canonicalFunc, canonicalGraph } from "./canonical.ts";
import { fnv1a64 } from "./fnv.ts";
import type { Graph } from "./graph.ts";
import type { PrimFunc } from "./prim_func.ts";
import { printFunc, printGraph } from "./print.ts";

/**
 * The hash of a function, 16 hex digits. Names of the function, its parameters, loops, iterators, blocks and buffers do
 * not count; the order, dtypes and shapes of parameters and the names of dims do.
 *
 * @example
 * ```ts
 * import { assertEquals, assertNotEquals } from "@std/assert";
 * import { hashFunc } from "./hash.ts";
 * import { parseFunc } from "./parse.ts";
 *
 * const f = parseFunc("fn f(x: write f32[n]) dims(n) { for i in 0..n { x[i] = 1.0 } }");
 * const g = parseFunc("fn g(y: write f32[n]) dims(n) { for j in 0..n { y[j] = 1.0 } }");
 * const h = parseFunc("fn g(y: write f32[n]) dims(n) { for j in 0..n { y[j] = 2.0 } }");
 * assertEquals(hashFunc(f), hashFunc(g));
 * assertNotEquals(hashFunc(g), hashFunc(h));
 * ```
 */
export function hashFunc(f: PrimFunc): string {
  const known = HASHES.get(f);
  if (known !== undefined) return known;
  const hash = fnv1a64(printFunc(canonicalFunc(f)));
  HASHES.set(f, hash);
  return hash;
}

/** Functions do not change, and are asked for their hash again and again. */
const HASHES = new WeakMap<PrimFunc, string>();

/**
 * The hash of a graph, 16 hex digits. Names of the graph, its nodes and definitions and module paths do not count; the
 * order of nodes and the names of inputs, outputs and dims do.
 */
export function hashGraph(g: Graph): string {
  return fnv1a64(printGraph(canonicalGraph(g)));
}
