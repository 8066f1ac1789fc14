/**
 * What a rule of the verifier is, and words that rules share.
 *
 * @module
 */
import type { Stmt } from "../stmt.ts";
import { suggest } from "../suggest.ts";
import type { Scan } from "./scan.ts";

/** A rule that every function keeps. */
export interface FuncRule {
  readonly name: string;
  /** What holds, in a sentence. */
  readonly about: string;
  /** The parts of a function that it looks at. */
  readonly appliesTo: readonly (Stmt["kind"] | "param" | "expr")[];
  /**
   * `form` rules come first. `meaning` rules evaluate parts of a function for some values, and are asked only where
   * its form is right.
   */
  readonly level: "form" | "meaning";
  /** What breaks it; each with where. */
  check(scan: Scan): Iterable<string>;
}

/** `, did you mean x?` where a name is near one that exists. */
export function didYouMean(name: string, among: Iterable<string>): string {
  const near = suggest(name, among);
  return near === undefined ? "" : `, did you mean ${near}?`;
}

/** Names that are there more than once. */
export function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}
