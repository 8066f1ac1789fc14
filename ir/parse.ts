/**
 * Back from text: the inverse of `print.ts`. White space and line breaks do not matter, `#` starts a comment.
 *
 * Parsing builds with the same constructors as programs do, so that types of operands are checked; what else must
 * hold (scopes, shapes, regions) is for `verify.ts` to say.
 *
 * @module
 */
import type { Expr } from "./expr.ts";
import type { Graph } from "./graph.ts";
import type { PrimFunc } from "./prim_func.ts";
import type { BufferTypes } from "./print.ts";
import type { Stmt } from "./stmt.ts";
import { Cursor } from "./text/cursor.ts";
import { parseWhole } from "./text/parse_expr.ts";
import { parseWholeGraph } from "./text/parse_graph.ts";
import { parseFunction, parseStatements } from "./text/parse_stmt.ts";
import { loadTypes } from "./text/print_expr.ts";

function whole<T>(text: string, parse: (c: Cursor) => T): T {
  const cursor = new Cursor(text);
  const result = parse(cursor);
  cursor.end();
  return result;
}

/**
 * Reads an expression. `buffers` are the element types of the buffers that it loads from; those not given are `f32`.
 *
 * Throws {@linkcode ParseError} with the place, what was expected there and what was found.
 *
 * @example
 * ```ts
 * import { assertStrictEquals, assertThrows } from "@std/assert";
 * import { add, int, mul, variable } from "./expr.ts";
 * import { ParseError } from "./errors.ts";
 * import { parseExpr } from "./parse.ts";
 *
 * assertStrictEquals(parseExpr("i * 64 + 3"), add(mul(variable("i"), int(64)), int(3)));
 * assertThrows(() => parseExpr("i * "), ParseError, "expected an expression");
 * ```
 */
export function parseExpr(text: string, buffers: BufferTypes = {}): Expr {
  const types = loadTypes(Object.entries(buffers));
  return whole(text, (c) => parseWhole(c, { types, lets: new Map() }));
}

/** Reads statements, for example the body of a function. Throws {@linkcode ParseError} as {@linkcode parseExpr} does. */
export function parseStmt(text: string, buffers: BufferTypes = {}): Stmt {
  const types = loadTypes(Object.entries(buffers));
  return whole(text, (c) => parseStatements(c, { types, lets: new Map() }));
}

/**
 * Reads a function. Throws {@linkcode ParseError} with the place, what was expected there and what was found.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseFunc } from "./parse.ts";
 * import { printFunc } from "./print.ts";
 *
 * const text = `fn double(x: read f32[n], y: write f32[n]) dims(n) {
 *   for i in 0..n {
 *     y[i] = x[i] * 2.0
 *   }
 * }`;
 * assertEquals(printFunc(parseFunc(text)), text);
 * ```
 */
export function parseFunc(text: string): PrimFunc {
  return whole(text, parseFunction);
}

/**
 * Reads a graph. Throws {@linkcode ParseError} with the place, what was expected there and what was found.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseGraph } from "./parse.ts";
 *
 * const g = parseGraph(`graph main {
 *   input x: f32[n]
 *   y: f32[n] = add(x, x)
 *   output y = y
 * }`);
 * assertEquals(g.nodes[0]?.inputs, ["x", "x"]);
 * ```
 */
export function parseGraph(text: string): Graph {
  return whole(text, parseWholeGraph);
}
