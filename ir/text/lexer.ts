/**
 * From text to tokens.
 *
 * @module
 */
import { ParseError } from "../errors.ts";
import { BARE_NAME } from "./names.ts";

/** A word of the text. */
export interface Token {
  /** `let` is a name of a shared part, such as `$0`. */
  readonly kind: "name" | "string" | "number" | "let" | "symbol" | "end";
  /** As written; a string without its quotes and escapes. */
  readonly text: string;
  /** Where it starts and ends in the text. */
  readonly start: number;
  readonly end: number;
}

/** White space, and comments from `#` to the end of the line. */
const SPACE = /(?:\s|#[^\n]*)*/y;

const KINDS: readonly (readonly [kind: Token["kind"], pattern: RegExp])[] = [
  ["name", BARE_NAME],
  // A number and what sticks to it: `1.0h`. In `0..n` the dots are no fraction.
  ["number", /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\w*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"/y],
  ["let", /\$\d+/y],
  ["symbol", /\.\.|==|!=|<=|>=|&&|\|\||\/\/|[()[\]{},:=<>+\-*/%!@]/y],
];

/** Splits a text; the last token is the end. Throws {@linkcode ParseError} at what is no token. */
export function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const token = tokenAt(text, at);
    found.push(token);
    at = token.end;
  }
  found.push({ kind: "end", text: "", start: text.length, end: text.length });
  return found;
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  return at + (SPACE.exec(text)?.[0].length ?? 0);
}

function tokenAt(text: string, start: number): Token {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = start;
    const written = pattern.exec(text)?.[0];
    if (written === undefined) continue;
    const end = start + written.length;
    if (kind !== "string") return { kind, text: written, start, end };
    const content = unquoted(written);
    if (content === undefined) {
      throw errorAt(text, start, "expected a string as JSON has it, found a wrong escape");
    }
    return { kind, text: content, start, end };
  }
  const found = text[start] === '"' ? "a string that does not end on its line" : JSON.stringify(text[start]);
  throw errorAt(text, start, `expected a name, number, string or symbol, found ${found}`);
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An error at a place of the text, with its line and a mark. */
export function errorAt(text: string, at: number, message: string): ParseError {
  const before = text.slice(0, at).split("\n");
  const line = before.length;
  const lead = before.at(-1) ?? "";
  const whole = text.split("\n")[line - 1] ?? "";
  const margin = `  ${line} | `;
  const mark = " ".repeat(margin.length) + lead.replace(/[^\t]/g, " ") + "^";
  return new ParseError(`${message}\n${margin}${whole}\n${mark}`, line, lead.length + 1);
}
