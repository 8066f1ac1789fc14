/**
 * Where generated code stands: the loops around, what is known there, and values that are computed once per
 * iteration of the outermost loop that they depend on.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import type { Scope } from "../../ir/scope.ts";
import { freeVars } from "../../ir/visit.ts";

/** The body of a loop, or of the whole function. */
export interface CodeScope {
  /** How many loops are around. */
  readonly depth: number;
  readonly parent: CodeScope | undefined;
  /** Identifiers of the variables that this scope binds. */
  readonly vars: ReadonlyMap<string, string>;
  /** Declarations at its start. */
  readonly head: string[];
  /** Names of values that are declared there. */
  readonly hoisted: Map<Expr, string>;
  /** What holds everywhere in it. */
  readonly facts: Scope;
}

/** A scope inside of another. */
export function enterScope(
  parent: CodeScope | undefined,
  vars: ReadonlyMap<string, string>,
  facts: Scope,
): CodeScope {
  return { depth: (parent?.depth ?? -1) + 1, parent, vars, head: [], hoisted: new Map(), facts };
}

/** The scope that binds a variable, and its identifier there. */
export function findVariable(
  scope: CodeScope,
  name: string,
): { readonly scope: CodeScope; readonly id: string } {
  for (let at: CodeScope | undefined = scope; at !== undefined; at = at.parent) {
    const id = at.vars.get(name);
    if (id !== undefined) return { scope: at, id };
  }
  throw new TypeError(`Cannot generate code: nothing binds ${name}`);
}

/** The outermost scope in which all variables of an expression are bound. */
export function scopeOfExpr(scope: CodeScope, e: Expr): CodeScope {
  const scopes = [...freeVars(e)].map((name) => findVariable(scope, name).scope);
  let outermost = scope;
  while (outermost.parent !== undefined) outermost = outermost.parent;
  return scopes.reduce((a, b) => (b.depth > a.depth ? b : a), outermost);
}
