/**
 * How much a statement does.
 *
 * @module
 */
import { evalInt } from "../ir/eval.ts";
import type { Stmt } from "../ir/stmt.ts";

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
