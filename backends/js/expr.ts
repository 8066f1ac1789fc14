/**
 * Expressions as JavaScript text.
 *
 * Index arithmetic is computed in the outermost loop that it can be: of `i * n + j` inside loops over `i` and then
 * `j`, the product is a constant of the outer loop's body. Other parts that occur twice in a statement get a
 * name in front of it.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import type { DType } from "../../ir/dtype.ts";
import { type Binary, binary, type Expr, type Load, unary } from "../../ir/expr.ts";
import { isIndex } from "../../ir/interval.ts";
import type { Scope } from "../../ir/scope.ts";
import type { Buffer } from "../../ir/stmt.ts";
import { exprChildren, visitExpr } from "../../ir/visit.ts";
import type { Names } from "./names.ts";
import { bare, binaryText, castText, literalText, unaryText, type UseLibrary } from "./operators.ts";
import { type CodeScope, findVariable, scopeOfExpr } from "./scope.ts";

/** How a buffer appears in the code. */
export interface Place {
  readonly buffer: Buffer;
  readonly id: string;
  /** A variable of its own instead of an array. */
  readonly scalar: boolean;
}

/** Everything that the code of an expression depends on. */
export interface Context {
  readonly scope: CodeScope;
  /** What holds right here: the scope's facts, and conditions around. */
  readonly facts: Scope;
  /** Statements before the one that is being written. */
  readonly lines: string[];
  readonly places: ReadonlyMap<string, Place>;
  readonly names: Names;
  readonly use: UseLibrary;
}

/** Writes the expressions of one statement; parts that they share are computed once. */
export class ExprWriter {
  readonly #context: Context;
  readonly #shared: ReadonlySet<Expr>;
  readonly #named = new Map<Expr, string>();

  /** For the expressions of a statement, simplified. */
  constructor(context: Context, roots: readonly Expr[]) {
    this.#context = context;
    this.#shared = sharedNodes(roots);
  }

  /** The text of an expression that binds tighter than any operator; `rounded` false leaves out a last rounding. */
  text(e: Expr, rounded = true): string {
    const named = this.#named.get(e);
    if (named !== undefined) return named;
    if (e.kind === "const") return literalText(e.dtype, e.value);
    if (e.kind === "var") return findVariable(this.#context.scope, e.name).id;
    if (isIndex(e) && e.dtype === "i32") return this.#index(e);
    if (!this.#shared.has(e)) return this.#node(e, rounded);
    const text = this.#node(e, true);
    const id = this.#context.names.fresh("t");
    this.#context.lines.push(`const ${id} = ${bare(text)};`);
    this.#named.set(e, id);
    return id;
  }

  /** The text of an expression that is only a name or a literal: nothing is computed where it stands. */
  name(e: Expr): string {
    if (e.kind === "const" || e.kind === "var") return this.text(e);
    if (isIndex(e) && e.dtype === "i32") return this.#hoist(e);
    const id = this.#context.names.fresh("t");
    this.#context.lines.push(`const ${id} = ${bare(this.text(e))};`);
    return id;
  }

  /** Where an element of an array is. */
  address(buffer: Buffer, indices: readonly Expr[]): string {
    return this.text(this.#context.facts.simplify(flatIndex(buffer, indices)));
  }

  /** Names an index expression at the start of the outermost scope that has its variables. */
  #hoist(e: Expr): string {
    const { scope, names } = this.#context;
    const home = scopeOfExpr(scope, e);
    const known = home.hoisted.get(e);
    if (known !== undefined) return known;
    // Written under what holds everywhere in that scope, not only here.
    const inside = new ExprWriter({ ...this.#context, scope: home, facts: home.facts }, []);
    const text = inside.#indexNode(e);
    const id = names.fresh("at");
    home.hoisted.set(e, id);
    home.head.push(`const ${id} = ${bare(text)};`);
    return id;
  }

  /** An index expression: here, or hoisted where it can be or where it would be computed twice. */
  #index(e: Expr): string {
    const { scope } = this.#context;
    return scopeOfExpr(scope, e) === scope && !this.#shared.has(e) ? this.#indexNode(e) : this.#hoist(e);
  }

  #indexNode(e: Expr): string {
    const { scope } = this.#context;
    const terms = signedTerms(e);
    if (terms.length < 2) return this.#node(e, true);
    // Terms of outer loops first: they make one sum, which goes out of the inner loop.
    const outer = terms
      .map((t) => ({ ...t, depth: scopeOfExpr(scope, t.e).depth }))
      .sort((a, b) => a.depth - b.depth);
    const own = outer.filter((t) => t.depth === scope.depth);
    const rest = outer.filter((t) => t.depth < scope.depth);
    const parts = own.map((t) => `${t.negative ? "-" : "+"} ${this.text(t.e)}`);
    if (rest.length > 0) parts.unshift(`+ ${this.text(sumOf(rest))}`);
    return `(${parts.join(" ").replace(/^\+ /, "")} | 0)`;
  }

  #node(e: Expr, rounded: boolean): string {
    const { use } = this.#context;
    switch (e.kind) {
      case "const":
      case "var":
        return this.text(e);
      case "load":
        return this.#load(e);
      case "unary":
        return unaryText(e.op, e.dtype, this.text(e.x), use, rounded);
      case "binary": {
        const [a, b] = [this.text(e.a), this.text(e.b)];
        const facts = { natural: this.#isNatural(e), divisor: e.b.kind === "const" ? e.b.value : undefined };
        return binaryText(e.op, e.a.dtype, a, b, use, facts, rounded);
      }
      case "select":
        return `(${this.text(e.cond)} ? ${this.text(e.then)} : ${this.text(e.otherwise)})`;
      case "cast":
        return castText(e.x.dtype, e.dtype, this.text(e.x), use);
      case "reduce":
        throw new TypeError("Cannot generate code: a reduction was not lowered to a block");
      default:
        return e satisfies never;
    }
  }

  #load(e: Load): string {
    const place = this.#context.places.get(e.buffer);
    if (place === undefined) throw new TypeError(`Cannot generate code: there is no buffer ${e.buffer}`);
    if (place.scalar) return place.id;
    return loadText(
      place.buffer.dtype,
      `${place.id}[${bare(this.address(place.buffer, e.indices))}]`,
      this.#context.use,
    );
  }

  /** Whether a division is one of natural numbers by a positive one. */
  #isNatural({ a, b }: Binary): boolean {
    const { facts } = this.#context;
    return a.dtype === "i32" && facts.rangeOf(a).min >= 0 && facts.rangeOf(b).min >= 1;
  }
}

/** An element as it is in its array, widened. */
function loadText(dtype: DType, element: string, use: UseLibrary): string {
  switch (dtype) {
    case "f16":
      return `${use("f16ToNumber")}(${element})`;
    case "bf16":
      return `${use("bf16ToNumber")}(${element})`;
    case "bool":
      return `(${element} !== 0)`;
    case "f32":
    case "i32":
    case "u32":
    case "i8":
    case "u8":
      return element;
    default:
      return dtype satisfies never;
  }
}

/** Nodes that are used more than once; leaves do not count. */
function sharedNodes(roots: readonly Expr[]): ReadonlySet<Expr> {
  const uses = new Map<Expr, number>();
  const use = (e: Expr): void => void uses.set(e, (uses.get(e) ?? 0) + 1);
  const seen = new Set<Expr>();
  for (const root of roots) {
    use(root);
    visitExpr(root, (node) => {
      if (seen.has(node)) return;
      seen.add(node);
      exprChildren(node).forEach(use);
    });
  }
  return new Set(
    [...uses].filter(([e, n]) => n > 1 && e.kind !== "const" && e.kind !== "var").map(([e]) => e),
  );
}

interface SignedTerm {
  readonly e: Expr;
  readonly negative: boolean;
}

/** The terms of a sum. */
function signedTerms(e: Expr, negative = false): readonly SignedTerm[] {
  if (e.kind !== "binary" || (e.op !== "add" && e.op !== "sub")) return [{ e, negative }];
  return [...signedTerms(e.a, negative), ...signedTerms(e.b, negative !== (e.op === "sub"))];
}

function sumOf(terms: readonly SignedTerm[]): Expr {
  const [first, ...others] = [...terms.filter((t) => !t.negative), ...terms.filter((t) => t.negative)];
  if (first === undefined) throw new TypeError("a sum has terms");
  return others.reduce<Expr>(
    (sum, t) => binary(t.negative ? "sub" : "add", sum, t.e),
    first.negative ? unary("neg", first.e) : first.e,
  );
}
