/**
 * Rewriting expressions by a table of rules.
 *
 * A rule is a row: its name, the law it stands for, the operators at whose nodes it is tried, and the rewrite. The
 * driver goes bottom-up and tries rules until none fires; because nodes are interned, each distinct node is
 * simplified once. Rules are shared by nobody's control flow, so they can be listed, counted, tested alone and
 * switched off.
 *
 * @module
 */
import { WeftError } from "./errors.ts";
import type { Expr } from "./expr.ts";
import type { BinaryOp, UnaryOp } from "./scalar_ops.ts";
import { mapExprChildren } from "./traverse.ts";
import { exprChildren } from "./visit.ts";

/** Where a rule is tried: an operator, or a kind of node. */
export type Head = UnaryOp | BinaryOp | Exclude<Expr["kind"], "unary" | "binary">;

/** A row of a rule table; `Facts` is what rules may know besides the node. */
export interface Rule<Facts> {
  /** What to call it in lists and messages. */
  readonly name: string;
  /** The law, for people: `x * 0 = 0`. */
  readonly law: string;
  /** Where it is tried. */
  readonly heads: readonly Head[];
  /** An equal, no larger expression, or `undefined` where the rule does not apply. Operands are simplified already. */
  readonly rewrite: (e: Expr, facts: Facts) => Expr | undefined;
}

/** Results by expression: a `Map` or `WeakMap`. */
export interface Memo<Value> {
  /** The result for `e`, if it is known. */
  get(e: Expr): Value | undefined;
  /** Keeps the result for `e`. */
  set(e: Expr, value: Value): unknown;
}

/** Called with the name of each rule that fires, what it found and what it made of it. */
export type RewriteListener = (rule: string, before: Expr, after: Expr) => void;

/** Rules by the head at which they are tried, in the order of the table. */
export type RuleIndex<Facts> = ReadonlyMap<Head, readonly Rule<Facts>[]>;

/** Most rewrites for each node of the expression: far above what rules need that come to an end. */
const STEPS_PER_NODE = 100;

/** The operator or kind by which rules look up a node. */
export function headOf(e: Expr): Head {
  return e.kind === "unary" || e.kind === "binary" ? e.op : e.kind;
}

/** Sorts a table by heads. */
export function indexRules<Facts>(rules: readonly Rule<Facts>[]): RuleIndex<Facts> {
  const index = new Map<Head, Rule<Facts>[]>();
  for (const rule of rules) {
    for (const head of rule.heads) index.set(head, [...(index.get(head) ?? []), rule]);
  }
  return index;
}

/**
 * Rewrites an expression to a fixed point of the rules. `memo` holds results of earlier calls with the same rules
 * and facts and gets those of this one.
 *
 * Throws {@linkcode WeftError} naming the rules at work where they do not come to an end.
 */
export function rewriteToFixpoint<Facts>(
  e: Expr,
  rules: RuleIndex<Facts>,
  facts: Facts,
  memo: Memo<Expr> = new Map(),
  onRewrite?: RewriteListener,
): Expr {
  const limit = STEPS_PER_NODE * (exprSize(e) + 10);
  let steps = 0;
  const last: string[] = [];
  const once = (node: Expr): Expr | undefined => {
    for (const rule of rules.get(headOf(node)) ?? []) {
      const after = rule.rewrite(node, facts);
      if (after === undefined || after === node) continue;
      onRewrite?.(rule.name, node, after);
      last.push(rule.name);
      if (last.length > 20) last.shift();
      if (++steps > limit) {
        throw new WeftError(
          `Cannot simplify: these rules do not come to an end: ${[...new Set(last)].join(", ")}`,
        );
      }
      return after;
    }
    return undefined;
  };
  const visit = (node: Expr): Expr => {
    const known = memo.get(node);
    if (known !== undefined) return known;
    const inner = mapExprChildren(node, visit);
    const after = once(inner);
    const result = after === undefined ? inner : visit(after);
    memo.set(node, result);
    memo.set(result, result);
    return result;
  };
  return visit(e);
}

const sizes = new WeakMap<Expr, number>();

/** Nodes of an expression written out as a tree. */
export function exprSize(e: Expr): number {
  const known = sizes.get(e);
  if (known !== undefined) return known;
  const size = exprChildren(e).reduce((sum, child) => sum + exprSize(child), 1);
  sizes.set(e, size);
  return size;
}
