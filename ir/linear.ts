/**
 * Integer expressions as sums of products: `3 * i * n + j - 1` has the terms `3 * [i, n]` and `1 * [j]` and the
 * constant -1. Addition and multiplication wrap around at 32 bits, and modulo 2^32 sums may be reordered and
 * multiplied out freely, so an expression and its linear form always have the same value. That the form's value is
 * also the sum of its parts over the *mathematical* integers is another matter: see {@linkcode isExact}.
 *
 * @module
 */
import { binary, constant, type Expr, exprId, unary } from "./expr.ts";
import { type Facts, type Interval, intervalOf, isIndex, product } from "./interval.ts";
import { exprChildren } from "./visit.ts";

/** `coef` times the product of `factors`, which are neither sums nor products nor constants, in canonical order. */
export interface Term {
  /** An integer of 32 bits, not 0. */
  readonly coef: number;
  /** At least one, except where a product is being put together. */
  readonly factors: readonly Expr[];
}

/** A sum of terms with distinct factors, in canonical order, and a constant. */
export interface Linear {
  /** Products. */
  readonly terms: readonly Term[];
  /** What is left without them. */
  readonly constant: number;
}

/** Largest number of terms that multiplying out may give; beyond, a product is a factor of its own. */
const MAX_TERMS = 16;

/** The linear form of a constant. */
export function linearConstant(value: number): Linear {
  return { terms: [], constant: value };
}

const deepForms = new WeakMap<Expr, Linear>();
const shallowForms = new WeakMap<Expr, Linear>();

/**
 * The linear form of an `i32` or `u32` expression. Products of sums are multiplied out, unless `shallow`: then a sum
 * with several terms that is multiplied is a factor. Coefficients that do not fit 32 bits make a factor too.
 */
export function linearOf(e: Expr, shallow = false): Linear {
  const forms = shallow ? shallowForms : deepForms;
  const known = forms.get(e);
  if (known !== undefined) return known;
  const form = compute(e, shallow) ?? { terms: [{ coef: 1, factors: [e] }], constant: 0 };
  forms.set(e, form);
  return form;
}

function compute(e: Expr, shallow: boolean): Linear | undefined {
  if (e.kind === "const") return linearConstant(e.value | 0);
  if (e.kind === "unary" && e.op === "neg") return scale(linearOf(e.x, shallow), -1);
  if (e.kind !== "binary" || (e.dtype !== "i32" && e.dtype !== "u32")) return undefined;
  if (e.op !== "add" && e.op !== "sub" && e.op !== "mul") return undefined;
  const [a, b] = [linearOf(e.a, shallow), linearOf(e.b, shallow)];
  if (e.op === "add") return sum(a, b);
  if (e.op === "sub") return difference(a, b);
  const simple = (l: Linear): boolean => l.terms.length + (l.constant === 0 ? 0 : 1) <= 1;
  return shallow && !(simple(a) && simple(b)) ? undefined : times(a, b);
}

/** `a + b`, or `undefined` where a coefficient would not fit 32 bits. */
export function sum(a: Linear, b: Linear): Linear | undefined {
  return make([...a.terms, ...b.terms], a.constant + b.constant);
}

/** `a - b`, or `undefined` where a coefficient would not fit 32 bits. */
export function difference(a: Linear, b: Linear): Linear | undefined {
  const negative = scale(b, -1);
  return negative === undefined ? undefined : sum(a, negative);
}

/** `l * k`, or `undefined` where a coefficient would not fit 32 bits. */
export function scale(l: Linear, k: number): Linear | undefined {
  return make(l.terms.map((t) => ({ ...t, coef: t.coef * k })), l.constant * k);
}

/** `a * b` multiplied out, or `undefined` where that is too large. */
export function times(a: Linear, b: Linear): Linear | undefined {
  const parts = (l: Linear): readonly Term[] =>
    l.constant === 0 ? l.terms : [...l.terms, { coef: l.constant, factors: [] }];
  const [left, right] = [parts(a), parts(b)];
  if (left.length * right.length > MAX_TERMS) return undefined;
  return make(
    left.flatMap((x) =>
      right.map((y) => ({ coef: x.coef * y.coef, factors: [...x.factors, ...y.factors].sort(compareExprs) }))
    ),
    0,
  );
}

/** The linear form with these terms, some maybe alike, some maybe constants. */
function make(terms: readonly Term[], value: number): Linear | undefined {
  const merged = new Map<string, Term>();
  let rest = value;
  for (const t of terms) {
    if (t.factors.length === 0) {
      rest += t.coef;
      continue;
    }
    const key = factorsKey(t.factors);
    merged.set(key, { coef: (merged.get(key)?.coef ?? 0) + t.coef, factors: t.factors });
  }
  const kept = [...merged.values()].filter((t) => t.coef !== 0).sort(compareTerms);
  if (![rest, ...kept.map((t) => t.coef)].every((c) => c === (c | 0))) return undefined;
  return { terms: kept, constant: rest };
}

/** A key of a product. */
export function factorsKey(factors: readonly Expr[]): string {
  return factors.map(exprId).join(",");
}

/** The term of a linear form with exactly these factors and this coefficient. */
export function findTerm(l: Linear, coef: number, factors: readonly Expr[]): Term | undefined {
  const key = factorsKey(factors);
  return l.terms.find((t) => t.coef === coef && factorsKey(t.factors) === key);
}

/** Longer products and larger coefficients first: `i * n + j * 4 + k`, as row-major indices are written. */
function compareTerms(a: Term, b: Term): number {
  const order = b.factors.length - a.factors.length || Math.abs(b.coef) - Math.abs(a.coef);
  return order || compareLists(a.factors, b.factors);
}

/** An order of expressions by their structure, the same in every process. */
export function compareExprs(a: Expr, b: Expr): number {
  if (a === b) return 0;
  const [x, y] = [label(a), label(b)];
  if (x !== y) return x < y ? -1 : 1;
  return compareLists(exprChildren(a), exprChildren(b));
}

function compareLists(a: readonly Expr[], b: readonly Expr[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i];
    const order = y === undefined ? 1 : compareExprs(x, y);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** What tells a node from others besides its operands; variables come first. */
function label(e: Expr): string {
  switch (e.kind) {
    case "var":
      return `0${e.name}`;
    case "const":
      return `1${e.dtype}${Object.is(e.value, -0) ? "-0" : e.value}`;
    case "load":
      return `2${e.buffer}:${e.dtype}`;
    case "unary":
    case "binary":
      return `3${e.op}`;
    case "select":
      return "4";
    case "cast":
      return `5${e.dtype}`;
    case "reduce":
      return `6${e.op}${e.axes.map((a) => a.name)}`;
    default:
      return e satisfies never;
  }
}

/** The linear form as an expression: terms in order, those that are subtracted after the others, the constant last. */
export function linearExpr(l: Linear, dtype: "i32" | "u32"): Expr {
  const literal = (value: number): Expr => constant(dtype, value);
  // -2^31 has no opposite: a term with it is added.
  const subtracted = (value: number): boolean => value < 0 && value !== -2147483648;
  const plus = l.terms.filter((t) => !subtracted(t.coef));
  const minus = l.terms.filter((t) => subtracted(t.coef));
  const term = (factors: readonly Expr[], coef: number): Expr => {
    const all = coef === 1 ? factors : [...factors, literal(coef)];
    return all.reduce((a, b) => binary("mul", a, b));
  };
  let result = plus.map((t) => term(t.factors, t.coef)).reduce<Expr | undefined>(
    (all, t) => (all === undefined ? t : binary("add", all, t)),
    undefined,
  );
  let rest = l.constant;
  for (const t of minus) {
    if (result === undefined) {
      if (rest > 0) {
        result = binary("sub", literal(rest), term(t.factors, -t.coef));
        rest = 0;
      } else result = t.coef === -1 ? unary("neg", term(t.factors, 1)) : term(t.factors, t.coef);
    } else result = binary("sub", result, term(t.factors, -t.coef));
  }
  if (result === undefined) return literal(rest);
  if (rest === 0) return result;
  return subtracted(rest) ? binary("sub", result, literal(-rest)) : binary("add", result, literal(rest));
}

/** Bounds of the sum over the mathematical integers. */
export function linearInterval(l: Linear, facts: Facts): Interval {
  let [min, max] = [l.constant, l.constant];
  for (const t of l.terms) {
    const range = t.factors.map((f) => intervalOf(f, facts)).reduce(product, { min: t.coef, max: t.coef });
    min += range.min;
    max += range.max;
  }
  return { min, max };
}

/** Whether a sum cannot leave the range of `i32`. */
export function fitsInt(l: Linear, facts: Facts): boolean {
  const { min, max } = linearInterval(l, facts);
  return min >= -2147483648 && max <= 2147483647;
}

/**
 * Whether the value of an `i32` expression is that of its linear form over the mathematical integers: nothing wraps
 * around, or what does is undone. Rules about order and division need this; those about sums alone do not.
 */
export function isExact(e: Expr, facts: Facts): boolean {
  return e.dtype === "i32" && ((facts.noOverflow && isIndex(e)) || fitsInt(linearOf(e), facts));
}
