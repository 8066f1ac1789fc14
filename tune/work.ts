/**
 * How much a statement does.
 *
 * @module
 */
import { bufferSpan } from "../ir/address.ts";
import { DTYPES } from "../ir/dtype.ts";
import { evalInt } from "../ir/eval.ts";
import { printExpr } from "../ir/print.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Buffer, Stmt } from "../ir/stmt.ts";

/** Values of dims. */
export type Dims = Readonly<Record<string, number>>;

/** Times that stores and blocks of a naive nest run; loops whose extent depends on other loops count as one. */
export function countStmt(s: Stmt, dims: Dims): number {
  switch (s.kind) {
    case "for": {
      let extent = 1;
      try {
        extent = evalInt(s.extent, dims);
      } catch {
        // it depends on a loop around it
      }
      return Math.max(0, extent) * countStmt(s.body, dims);
    }
    case "seq":
      return s.body.reduce((n, one) => n + countStmt(one, dims), 0);
    case "if":
    case "block":
      return countStmt(s.kind === "if" ? s.then : s.body, dims);
    case "alloc":
      return countStmt(s.body, dims);
    case "store":
      return 1;
    case "barrier":
      return 0;
    default:
      return s satisfies never;
  }
}

/** Bytes of the buffers of a function, each once. */
export function countBytes(func: PrimFunc, dims: Dims): number {
  return func.params.reduce((sum, { buffer }) => sum + bufferBytes(buffer, dims), 0);
}

/** Bytes of a buffer. */
export function bufferBytes(buffer: Buffer, dims: Dims): number {
  return evalInt(bufferSpan(buffer), dims) * DTYPES[buffer.dtype].bytes;
}

/** The name of a function with the shape of the largest buffer that it reads, which tells kernels of one name apart. */
export function labelOf(func: PrimFunc, dims: Dims): string {
  const read = func.params.filter((p) => p.access === "read").map((p) => p.buffer);
  const [largest] = read.sort((a, b) => bufferBytes(b, dims) - bufferBytes(a, dims));
  return largest === undefined
    ? func.name
    : `${func.name} [${largest.shape.map((e) => printExpr(e)).join(", ")}]`;
}
