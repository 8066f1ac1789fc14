/**
 * A strict JSON reader for files that come from elsewhere. Beyond `JSON.parse` it refuses duplicate keys and lone
 * surrogates, keeps integers exact, and returns maps, so that names like `__proto__` are names like any other.
 *
 * @module
 */

import { ParseError } from "../../ir/errors.ts";

/** A JSON value. Integers (no fraction, no exponent, not `-0`) are `bigint`, other numbers `number`. */
export type Json = null | boolean | number | bigint | string | JsonArray | JsonObject;
/** A JSON array. */
export type JsonArray = readonly Json[];
/** A JSON object, in the order of the text. */
export type JsonObject = ReadonlyMap<string, Json>;

/** Nesting that is read; deeper text is refused, so that a hostile file cannot exhaust the stack. */
const MAX_DEPTH = 127;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// deno-lint-ignore no-control-regex -- JSON forbids control characters inside strings
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Reads one JSON value; only JSON whitespace may surround it.
 *
 * @throws {ParseError} at the first character that breaks the rules
 */
export function parseStrictJson(text: string): Json {
  let at = 0;
  const value = parseValue(0);
  skipSpace();
  if (at < text.length) throw fault(`expected the end of the text, got ${shown()}`);
  return value;

  function parseValue(depth: number): Json {
    skipSpace();
    switch (text[at]) {
      case "{":
        return parseObject(depth + 1);
      case "[":
        return parseArray(depth + 1);
      case '"':
        return parseString();
      case "t":
        return parseWord("true", true);
      case "f":
        return parseWord("false", false);
      case "n":
        return parseWord("null", null);
      default:
        return parseNumber();
    }
  }

  function parseObject(depth: number): JsonObject {
    enter(depth);
    const map = new Map<string, Json>();
    if (accept("}")) return map;
    do {
      skipSpace();
      if (text[at] !== '"') throw fault(`expected a key in double quotes, got ${shown()}`);
      const keyAt = at;
      const key = parseString();
      if (map.has(key)) throw fault(`duplicate key ${JSON.stringify(key)}`, keyAt);
      expect(":");
      map.set(key, parseValue(depth));
    } while (accept(","));
    expect("}");
    return map;
  }

  function parseArray(depth: number): JsonArray {
    enter(depth);
    const items: Json[] = [];
    if (accept("]")) return items;
    do items.push(parseValue(depth)); while (accept(","));
    expect("]");
    return items;
  }

  function parseString(): string {
    const start = at++;
    let value = "";
    while (true) {
      value += match(PLAIN)![0];
      const end = text[at];
      if (end === undefined) throw fault("the string that starts here does not end", start);
      if (end === '"') break;
      if (end !== "\\") throw fault("control characters in a string must be escaped");
      const escape = text[at + 1] ?? "";
      if (escape === "u") {
        at += 2;
        const hex = match(HEX4);
        if (hex === null) throw fault("\\u needs four hexadecimal digits");
        value += String.fromCharCode(parseInt(hex[0], 16));
      } else {
        const char = Object.hasOwn(ESCAPES, escape) ? ESCAPES[escape] : undefined;
        if (char === undefined) throw fault(`unknown escape \\${escape}`);
        value += char;
        at += 2;
      }
    }
    at++;
    if (!value.isWellFormed()) throw fault("the string has a lone surrogate, which is no character", start);
    return value;
  }

  function parseNumber(): number | bigint {
    const found = match(NUMBER);
    if (found === null) throw fault(`expected a JSON value, got ${shown()}`);
    const isInteger = found[1] === undefined && found[2] === undefined && found[0] !== "-0";
    return isInteger ? BigInt(found[0]) : Number(found[0]);
  }

  function parseWord<T>(word: string, value: T): T {
    if (!text.startsWith(word, at)) throw fault(`expected a JSON value, got ${shown()}`);
    at += word.length;
    return value;
  }

  function enter(depth: number): void {
    if (depth > MAX_DEPTH) throw fault(`more than ${MAX_DEPTH} nested levels`);
    at++;
  }

  function accept(char: string): boolean {
    skipSpace();
    if (text[at] !== char) return false;
    at++;
    return true;
  }

  function expect(char: string): void {
    if (!accept(char)) throw fault(`expected ${JSON.stringify(char)}, got ${shown()}`);
  }

  function skipSpace(): void {
    for (let c = text.charCodeAt(at); c === 32 || c === 10 || c === 13 || c === 9; c = text.charCodeAt(at)) {
      at++;
    }
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  }

  function shown(): string {
    return at >= text.length
      ? "the end of the text"
      : JSON.stringify(String.fromCodePoint(text.codePointAt(at)!));
  }

  function fault(message: string, position = at): ParseError {
    const before = text.slice(0, position).split("\n");
    return new ParseError(message, before.length, before.at(-1)!.length + 1);
  }
}
