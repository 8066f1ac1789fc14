/**
 * Structural hashes: equal for functions that differ only in names.
 *
 * @module
 */
import type { Graph } from "./graph.ts";
import type { PrimFunc } from "./prim_func.ts";
import { printFunc, printGraph } from "./print.ts";

/** Two 32-bit lanes of FNV-1a over a text, as 16 hex digits. */
function fnv1a(text: string): string {
  let [low, high] = [0x811c9dc5, 0x6b43a9b5];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + 0x9e37), 0x01000193);
  }
  return [high, low].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Hash of a function. Names of loops, iterators, blocks and local buffers do not count. */
export function hashFunc(f: PrimFunc): string {
  return fnv1a(printFunc(f));
}

/** Hash of a graph. */
export function hashGraph(g: Graph): string {
  return fnv1a(printGraph(g));
}
