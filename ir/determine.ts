/**
 * Solving index expressions for loop variables: which loops' values follow from the place of an element.
 *
 * Knowing `(b * 64 + t) // m` and `(b * 64 + t) % m`, where `t < 64`, is knowing `b` and `t`. Three rules are applied
 * until they give nothing new: a sum with one unknown term gives the term, a sum whose smaller terms stay
 * below the step of a larger one comes apart into both, and a quotient and its remainder give what was divided.
 *
 * @module
 */
import { binary, type Expr, floordiv, int, lt, mod, mul } from "./expr.ts";
import { DIM_RANGE, isIndex, type VarRange } from "./interval.ts";
import { difference, type Linear, linearExpr, linearOf, type Term } from "./linear.ts";
import { quotientParts, without } from "./prove.ts";
import { type Scope, scopeOf } from "./scope.ts";
import type { For } from "./stmt.ts";
import { freeVars } from "./visit.ts";

/** Most values that are worked with: more means that a nest is too odd to be worth it. */
const MAX_VALUES = 200;

/**
 * Names of the loops whose iteration is known where the values of `exprs` are, and the loops `given`. What is not
 * found may still be determined; what is found is, for all sizes.
 *
 * @param exprs what is known, over loops and dims
 * @param given names of loops whose iteration is known besides
 * @param loops every loop that `exprs` may mention; all other variables are dims, which are the same everywhere
 */
export function determinedLoops(
  exprs: readonly Expr[],
  given: readonly string[],
  loops: readonly For[],
): ReadonlySet<string> {
  return new Solver(exprs, given, loops).solve();
}

class Solver {
  readonly #values = new Set<Expr>();
  readonly #loops: ReadonlySet<string>;
  readonly #found: Set<string>;
  readonly #scope: Scope;

  constructor(exprs: readonly Expr[], given: readonly string[], loops: readonly For[]) {
    // Where an index mentions a loop, the loop runs: only of those may it be said that they are not empty.
    const mentioned = new Set(exprs.flatMap((e) => [...freeVars(e)]));
    const around = loops.filter((l) => mentioned.has(l.var));
    const ranges = new Map<string, VarRange>();
    for (const e of [...exprs, ...around.map((l) => l.extent)]) {
      for (const name of freeVars(e)) ranges.set(name, DIM_RANGE);
    }
    for (const l of around) ranges.set(l.var, { ...DIM_RANGE, below: l.extent });
    this.#scope = scopeOf(ranges);
    this.#loops = new Set(loops.map((l) => l.var));
    this.#found = new Set(given);
    for (const l of loops) if (this.#scope.rangeOf(l.extent).max <= 1) this.#found.add(l.var);
    for (const e of exprs.filter(isIndex)) {
      this.#values.add(e);
      this.#values.add(this.#scope.simplify(e));
    }
  }

  solve(): ReadonlySet<string> {
    for (let before = -1; before !== this.#size() && this.#values.size < MAX_VALUES;) {
      before = this.#size();
      for (const e of [...this.#values]) this.#takeApart(e);
      this.#join();
    }
    return this.#found;
  }

  #size(): number {
    return this.#values.size + this.#found.size;
  }

  #learn(e: Expr): void {
    if (e.kind === "var" && this.#loops.has(e.name)) this.#found.add(e.name);
    this.#values.add(e);
  }

  #isKnown(e: Expr): boolean {
    return this.#values.has(e) ||
      (isIndex(e) && [...freeVars(e)].every((name) => !this.#loops.has(name) || this.#found.has(name)));
  }

  #isTrue(cond: Expr): boolean {
    const simple = this.#scope.simplify(cond);
    return simple.kind === "const" && simple.value === 1;
  }

  /** What follows from the value of a sum. */
  #takeApart(e: Expr): void {
    if (e.kind === "var") return this.#learn(e);
    const unknown = linearOf(e).terms.filter((t) => !t.factors.every((f) => this.#isKnown(f)));
    const [only] = unknown;
    if (unknown.length === 1 && only !== undefined) {
      const step = this.#stepOf(only);
      if (step !== undefined) this.#learn(step.unknown);
      return;
    }
    const rest: Linear = { terms: unknown, constant: 0 };
    for (const t of unknown) {
      const step = this.#stepOf(t);
      const parts = step === undefined ? undefined : quotientParts(rest, linearOf(step.size));
      if (step === undefined || parts === undefined) continue;
      const [quotient, remainder] = [linearExpr(parts.quotient, "i32"), linearExpr(parts.rest, "i32")];
      const inside = this.#isTrue(binary("le", int(0), remainder)) && this.#isTrue(lt(remainder, step.size));
      if (!inside) continue;
      this.#learn(quotient);
      this.#learn(remainder);
    }
  }

  /** A term as an unknown factor and how far it is between its multiples; `undefined` unless that is positive. */
  #stepOf(t: Term): { readonly unknown: Expr; readonly size: Expr } | undefined {
    const unknown = t.factors.filter((f) => !this.#isKnown(f));
    const [only] = unknown;
    if (unknown.length !== 1 || only === undefined) return undefined;
    const factors = without(t.factors, [only]) ?? [];
    const coef = Math.abs(t.coef);
    const size = factors.length === 0
      ? int(coef)
      : linearExpr({ terms: [{ coef, factors }], constant: 0 }, "i32");
    return this.#isTrue(lt(int(0), size)) ? { unknown: only, size } : undefined;
  }

  /** Quotients and remainders of one expression, put together. */
  #join(): void {
    const digits = [...this.#values].flatMap(digitOf);
    for (const low of digits) {
      if (low.extent === undefined) continue;
      const next = this.#scope.simplify(mul(low.step, low.extent));
      for (const high of digits) {
        if (high.of !== low.of || !this.#same(high.step, next)) continue;
        // One quotient with its remainder is right for any divisor; more steps than that for positive ones.
        const one = low.step === ONE && high.extent === undefined;
        if (!one && ![low.step, low.extent].every((d) => this.#isTrue(lt(int(0), d)))) continue;
        const whole = low.step === ONE ? low.of : floordiv(low.of, low.step);
        if (high.extent === undefined) this.#learn(whole);
        else this.#learn(mod(whole, this.#scope.simplify(mul(low.extent, high.extent))));
      }
    }
  }

  #same(a: Expr, b: Expr): boolean {
    const form = difference(linearOf(a), linearOf(b));
    return form !== undefined && form.terms.length === 0 && form.constant === 0;
  }
}

const ONE: Expr = int(1);

/** `of // step % extent`, without the remainder where there is no extent. */
interface Digit {
  readonly of: Expr;
  readonly step: Expr;
  readonly extent: Expr | undefined;
}

function digitOf(e: Expr): readonly Digit[] {
  if (e.kind !== "binary") return [];
  if (e.op === "floordiv") return [{ of: e.a, step: e.b, extent: undefined }];
  if (e.op !== "mod") return [];
  const { a, b: extent } = e;
  const whole: Digit = { of: a, step: ONE, extent };
  return a.kind === "binary" && a.op === "floordiv" ? [whole, { of: a.a, step: a.b, extent }] : [whole];
}
