/**
 * Expressions from text, by recursive descent.
 *
 * @module
 */
import {
  type Axis,
  binary,
  cast,
  constant,
  type Expr,
  load,
  reduce,
  select,
  unary,
  variable,
} from "../expr.ts";
import {
  BINARY_OPS,
  type BinaryOp,
  REDUCE_OPS,
  type ReduceOp,
  type ScalarType,
  UNARY_OPS,
  type UnaryOp,
} from "../scalar_ops.ts";
import { suggest } from "../suggest.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import { constOfNumber, constOfWord } from "./literals.ts";
import { EXTENT, type LoadTypes, plainLoadType } from "./print_expr.ts";

/** What expressions may refer to besides variables. */
export interface ExprScope {
  readonly types: LoadTypes;
  /** Values of `$0`, `$1`, ... */
  readonly lets: ReadonlyMap<string, Expr>;
}

const entries = <K extends string, V>(table: Readonly<Record<K, V>>): readonly (readonly [K, V])[] =>
  Object.entries(table) as unknown as readonly (readonly [K, V])[];

const INFIX: ReadonlyMap<string, { readonly op: BinaryOp; readonly precedence: number }> = new Map(
  entries(BINARY_OPS).flatMap(([op, { symbol, precedence }]) =>
    precedence === undefined ? [] : [[symbol, { op, precedence }] as const]
  ),
);
const BINARY_CALLS: ReadonlyMap<string, BinaryOp> = new Map(
  entries(BINARY_OPS).flatMap((
    [op, info],
  ) => (info.precedence === undefined ? [[info.symbol, op] as const] : [])),
);
const UNARY_CALLS: ReadonlyMap<string, UnaryOp> = new Map(
  entries(UNARY_OPS).flatMap(([op, { symbol }]) => (/^\w/.test(symbol) ? [[symbol, op] as const] : [])),
);
const SCALARS: readonly ScalarType[] = ["f32", "f16", "i32", "u32", "bool"];
const LOADS: ReadonlyMap<string, ScalarType> = new Map(SCALARS.map((t) => [`load.${t}`, t]));
const CALLS: readonly string[] = [
  ...BINARY_CALLS.keys(),
  ...UNARY_CALLS.keys(),
  ...Object.keys(REDUCE_OPS),
  ...SCALARS,
  ...LOADS.keys(),
  "select",
];

/** A whole expression, maybe with definitions in front. */
export function parseWhole(c: Cursor, scope: ExprScope): Expr {
  if (!c.accept("let")) return parseInfix(c, scope, 0);
  const lets = new Map(scope.lets);
  do {
    const [name, value] = parseDefinition(c, { ...scope, lets });
    lets.set(name, value);
  } while (c.accept(","));
  c.expect("in", 'or "," after a definition');
  return parseWhole(c, { ...scope, lets });
}

/** `$0 = EXPR`. */
export function parseDefinition(c: Cursor, scope: ExprScope): readonly [name: string, value: Expr] {
  if (c.peek().kind !== "let") throw c.refusal("a name such as $0 after let");
  const name = c.next().text;
  c.expect("=", `after ${name}`);
  return [name, parseInfix(c, scope, 0)];
}

/** `NAME < EXTENT`. */
export function parseAxis(c: Cursor, scope: ExprScope): Axis {
  const name = c.name("the name of an axis");
  c.expect("<", `and an extent after axis ${name}`);
  return { name, extent: parseInfix(c, scope, EXTENT) };
}

function parseInfix(c: Cursor, scope: ExprScope, least: number): Expr {
  let left = parsePrefix(c, scope);
  for (;;) {
    const token = c.peek();
    const infix = token.kind === "symbol" ? INFIX.get(token.text) : undefined;
    if (infix === undefined || infix.precedence < least) return left;
    c.next();
    const [a, b] = [left, parseInfix(c, scope, infix.precedence + 1)];
    left = c.building(token, () => binary(infix.op, a, b));
  }
}

function parsePrefix(c: Cursor, scope: ExprScope): Expr {
  const token = c.peek();
  if (c.accept("!")) {
    const x = parsePrefix(c, scope);
    return c.building(token, () => unary("not", x));
  }
  if (!c.accept("-")) return parsePrimary(c, scope);
  if (c.peek().kind === "number") return parseNumber(c, true);
  const infinite = c.sees("inf") || c.sees("infh");
  const x = parsePrefix(c, scope);
  // As with a number, the sign before infinity is part of it; nan has none.
  if (infinite && x.kind === "const") return constant(x.dtype, -x.value);
  return c.building(token, () => unary("neg", x));
}

function parseNumber(c: Cursor, negative: boolean): Expr {
  const token = c.peek();
  const literal = constOfNumber(token.text, negative);
  if (typeof literal === "string") throw c.refusal(literal);
  c.next();
  return literal;
}

function parsePrimary(c: Cursor, scope: ExprScope): Expr {
  const token = c.peek();
  switch (token.kind) {
    case "number":
      return parseNumber(c, false);
    case "let": {
      const value = scope.lets.get(token.text);
      if (value === undefined) throw c.refusal(`something defined (nothing is ${token.text} here)`);
      c.next();
      return value;
    }
    case "name":
    case "string":
      return parseNamed(c, scope);
    case "symbol":
      if (!c.accept("(")) throw c.refusal("an expression");
      return parseParenthesis(c, scope);
    case "end":
      throw c.refusal("an expression");
    default:
      return token.kind satisfies never;
  }
}

function parseParenthesis(c: Cursor, scope: ExprScope): Expr {
  const e = parseWhole(c, scope);
  c.expect(")", "after an expression in parentheses");
  return e;
}

function parseNamed(c: Cursor, scope: ExprScope): Expr {
  const literal = c.peek().kind === "name" ? constOfWord(c.peek().text) : undefined;
  if (literal === undefined && !c.seesName()) throw c.refusal("an expression");
  const token = c.next();
  if (literal !== undefined) return literal;
  if (c.accept("[")) {
    const indices = parseArgs(c, scope, "]", `after an index of ${token.text}`);
    const dtype = plainLoadType(token.text, scope.types);
    return c.building(token, () => load(token.text, dtype, indices));
  }
  return token.kind === "name" && c.accept("(") ? parseCall(c, scope, token) : variable(token.text);
}

function parseArgs(c: Cursor, scope: ExprScope, close: string, where: string): readonly Expr[] {
  return c.list(close, where, () => parseWhole(c, scope));
}

function parseCall(c: Cursor, scope: ExprScope, callee: Token): Expr {
  const { text } = callee;
  if (Object.hasOwn(REDUCE_OPS, text) && (!BINARY_CALLS.has(text) || startsAxes(c))) {
    return parseReduce(c, scope, callee);
  }
  const loaded = LOADS.get(text);
  if (loaded !== undefined) {
    const buffer = c.name("the name of a buffer");
    if (!c.accept(",") && !c.sees(")")) throw c.refusal(`")" or "," after ${buffer}`);
    const indices = parseArgs(c, scope, ")", `after an index of ${buffer}`);
    return c.building(callee, () => load(buffer, loaded, indices));
  }
  const known = CALLS.includes(text);
  if (!known) {
    const near = suggest(text, CALLS);
    throw c.refusal(`the name of a function${near === undefined ? "" : ` such as ${near}`}`, callee);
  }
  const args = parseArgs(c, scope, ")", `after an operand of ${text}`);
  const count = text === "select" ? 3 : BINARY_CALLS.has(text) ? 2 : 1;
  const [x, y, z] = args;
  if (args.length !== count || x === undefined) {
    throw c.refusal(
      `${count} ${count === 1 ? "operand" : "operands"} of ${text} (there are ${args.length})`,
      callee,
    );
  }
  return c.building(callee, () => {
    const [one, two] = [UNARY_CALLS.get(text), BINARY_CALLS.get(text)];
    if (one !== undefined) return unary(one, x);
    if (two !== undefined && y !== undefined) return binary(two, x, y);
    if (y !== undefined && z !== undefined) return select(x, y, z);
    return cast(SCALARS.find((t) => t === text) ?? "f32", x);
  });
}

/** Whether `k < ...` or a lone `:` comes next: `max(k < n: x)` and not `max(a, b)`, whose operands are no conditions. */
function startsAxes(c: Cursor): boolean {
  return c.sees(":") || (c.seesName() && c.sees("<", 1));
}

function parseReduce(c: Cursor, scope: ExprScope, callee: Token): Expr {
  const axes = c.list(":", "after an axis", () => parseAxis(c, scope));
  const body = parseWhole(c, scope);
  c.expect(")", `after the body of ${callee.text}`);
  return c.building(callee, () => reduce(callee.text as ReduceOp, axes, body));
}
