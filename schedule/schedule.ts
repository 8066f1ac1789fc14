/**
 * Schedules as data: what to do to a nest, as plain values that print, store, compare and replay.
 *
 * @module
 */
import type { ThreadAxis } from "../ir/stmt.ts";

/** One legal rewrite of a nest. */
export type Primitive =
  | {
    readonly kind: "split";
    readonly loop: string;
    readonly factors: readonly (number | null)[];
    readonly names?: readonly string[];
  }
  | { readonly kind: "fuse"; readonly loops: readonly string[]; readonly name?: string }
  | { readonly kind: "reorder"; readonly loops: readonly string[] }
  | { readonly kind: "bind"; readonly loop: string; readonly axis: ThreadAxis }
  | { readonly kind: "parallel" | "vectorize" | "unroll"; readonly loop: string }
  | { readonly kind: "decomposeReduction"; readonly block: string; readonly loop: string }
  | { readonly kind: "cacheWrite"; readonly block: string; readonly scope: "local" };

/** Parameters of a rule. */
export type RuleParams = Readonly<Record<string, number>>;

/** What to do to a function. */
export type Schedule =
  | Primitive
  /** All steps in order; fails where one does. */
  | { readonly kind: "seq"; readonly steps: readonly Schedule[] }
  /** The first step that succeeds. */
  | { readonly kind: "choose"; readonly steps: readonly Schedule[] }
  /** The step, or nothing where it fails. */
  | { readonly kind: "attempt"; readonly step: Schedule }
  /** The step until it fails, at most `limit` times. */
  | { readonly kind: "repeat"; readonly step: Schedule; readonly limit: number }
  /** The step under a name that failures and traces show. */
  | { readonly kind: "named"; readonly name: string; readonly step: Schedule }
  /** A rule of the table, which makes a schedule from facts about the function. */
  | { readonly kind: "rule"; readonly name: string; readonly params: RuleParams };
