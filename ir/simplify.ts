/**
 * The simplifier: one table of rules run to a fixed point. Each rule keeps the value of the expression for every
 * value of its variables and every element loaded, and makes it no larger.
 *
 * Integers wrap around at 32 bits, and without ranges the rules respect that. With ranges, one thing more is
 * assumed: **arithmetic on variables and constants alone does not overflow**, as holds for the index arithmetic of any
 * kernel whose buffers can exist. So `simplify(e, new Map())` may do more than `simplify(e)`, and is for indices,
 * bounds and predicates of kernels. Integers that were loaded wrap around in either case.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import { type Facts, factsOf, type Ranges } from "./interval.ts";
import { indexRules, type RewriteListener, rewriteToFixpoint, type RuleIndex } from "./rules.ts";
import { DIVISION_RULES } from "./simplify/division.ts";
import { FOLD_RULES } from "./simplify/fold.ts";
import { INTEGER_RULES } from "./simplify/integers.ts";
import { LOGIC_RULES } from "./simplify/logic.ts";
import { ORDER_RULES } from "./simplify/order.ts";
import type { SimplifyRule } from "./simplify/rule.ts";

export type { Interval, Ranges, VarRange } from "./interval.ts";
export type { SimplifyRule } from "./simplify/rule.ts";

/** Every rule of the simplifier, in the order in which they are tried at a node. */
export const SIMPLIFY_RULES: readonly SimplifyRule[] = [
  ...FOLD_RULES,
  ...LOGIC_RULES,
  ...DIVISION_RULES,
  ...INTEGER_RULES,
  ...ORDER_RULES,
];

/** How to simplify. */
export interface SimplifyOptions {
  /** Names of rules to leave out. */
  readonly without?: readonly string[];
  /** Called for each rule that fires. */
  readonly onRewrite?: RewriteListener;
}

const ALL: RuleIndex<Facts> = indexRules(SIMPLIFY_RULES);
const NOTHING = factsOf();
/** Results without ranges, which hold anywhere. */
const known = new WeakMap<Expr, Expr>();

/**
 * An equal expression that is no larger and that no rule changes.
 *
 * @param e the expression
 * @param ranges what is known of its variables; also allows index arithmetic not to overflow (see above)
 * @param options rules to leave out, and a listener
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { add, floordiv, int, mod, mul, variable } from "./expr.ts";
 * import { simplify } from "./simplify.ts";
 *
 * const [i, j] = [variable("i"), variable("j")];
 * const flat = add(mul(i, int(64)), j);
 * const ranges = new Map([["j", { min: 0, max: 63 }]]);
 * assertEquals(simplify(floordiv(flat, int(64)), ranges), i);
 * assertEquals(simplify(mod(flat, int(64)), ranges), j);
 * ```
 */
export function simplify(e: Expr, ranges?: Ranges, options: SimplifyOptions = {}): Expr {
  const { without, onRewrite } = options;
  const plain = without === undefined && onRewrite === undefined;
  if (ranges === undefined && plain) return rewriteToFixpoint(e, ALL, NOTHING, known);
  const rules = without === undefined
    ? ALL
    : indexRules(SIMPLIFY_RULES.filter((rule) => !without.includes(rule.name)));
  const facts = ranges === undefined ? NOTHING : simpleFacts(ranges);
  return rewriteToFixpoint(e, rules, facts, new Map(), onRewrite);
}

/** Simplifies many expressions under the same facts, which costs less than one by one. */
export function simplifier(ranges: Ranges): (e: Expr) => Expr {
  const facts = simpleFacts(ranges);
  const memo = new Map<Expr, Expr>();
  return (e) => rewriteToFixpoint(e, ALL, facts, memo);
}

/** Facts whose symbolic bounds are simplified: proofs take them apart. */
function simpleFacts(ranges: Ranges): Facts {
  const facts = factsOf(ranges);
  const simple = new Map(ranges);
  for (const [name, range] of ranges) {
    if (range.below === undefined || range.below.kind !== "binary") continue;
    simple.set(name, { ...range, below: rewriteToFixpoint(range.below, ALL, facts) });
  }
  return factsOf(simple);
}
