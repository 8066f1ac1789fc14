/**
 * The graph rules by name: what is done to a program before its kernels are scheduled. Each can be left out.
 *
 * @module
 */

/** The name of a graph rule. */
export type GraphRuleName =
  | "cse"
  | "foldChoices"
  | "deadCode"
  | "fuse"
  | "layoutWeights"
  | "attention"
  | "siblings";

/** A rule about graphs or kernel calls. */
export interface GraphRule {
  readonly name: GraphRuleName;
  /** What it does, before and after. */
  readonly about: string;
}

/** Every graph rule, in the order in which they are applied. */
export const GRAPH_RULES: readonly GraphRule[] = [
  {
    name: "cse",
    about: "operators that compute the same are one: `a = f(x); b = f(x)`  becomes  `a = f(x)`, read by both",
  },
  {
    name: "foldChoices",
    about:
      "a side of a choice that is known beforehand: `where(causalMask(), a, b)` of a single query is `a`",
  },
  { name: "deadCode", about: "operators that no result needs are left out" },
  {
    name: "fuse",
    about: "views, constants, conversions and elementwise operators are computed where they are read: " +
      "`t = x @ w; u = t + b; y = gelu(u)`  becomes one kernel",
  },
  {
    name: "layoutWeights",
    about:
      "weights that are only multiplied with lie column by column, where the target reads neighbours faster, or " +
      "in panels of results",
  },
  {
    name: "attention",
    about:
      "appends to keys and values, scores, softmax and the product with the values are one kernel, where a " +
      "schedule makes one launch of it",
  },
  {
    name: "siblings",
    about:
      "launches that do not depend on each other are one, their workgroups side by side, where sizes are fixed: " +
      "`q = x @ wq; k = x @ wk; v = x @ wv`  becomes one launch",
  },
];
