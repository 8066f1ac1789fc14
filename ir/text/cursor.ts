/**
 * A place in the tokens of a text, and what parsers ask of it.
 *
 * @module
 */
import { type ParseError, ShapeError } from "../errors.ts";
import { suggest } from "../suggest.ts";
import { errorAt, type Token, tokens } from "./lexer.ts";
import { isReserved } from "./names.ts";

/** Reads tokens one by one. Every refusal is a {@linkcode ParseError} that says what was expected and what is there. */
export class Cursor {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  /** Starts at the beginning of a text. */
  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokens(text);
  }

  /** The next token, or one further on. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  /** Takes the next token. */
  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  /** Whether a symbol or bare word is next. */
  sees(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return (token.kind === "symbol" || token.kind === "name") && token.text === text;
  }

  /** Whether a name, bare or quoted, is next. */
  seesName(ahead = 0): boolean {
    const { kind, text } = this.peek(ahead);
    return kind === "string" || (kind === "name" && !isReserved(text));
  }

  /** Takes a symbol or word if it is next. */
  accept(text: string): boolean {
    const seen = this.sees(text);
    if (seen) this.#at++;
    return seen;
  }

  /** Takes a symbol or word, which must be next. */
  expect(text: string, where: string): void {
    if (!this.accept(text)) throw this.refusal(`${JSON.stringify(text)} ${where}`);
  }

  /** Takes a name, bare or quoted. */
  name(what: string): string {
    if (!this.seesName()) throw this.refusal(what);
    return this.next().text;
  }

  /** Takes one of some words. */
  oneOf<W extends string>(words: readonly W[], what: string): W {
    const token = this.peek();
    const found = words.find((w) => token.kind === "name" && token.text === w);
    if (found === undefined) {
      const near = token.kind === "name" ? suggest(token.text, words) : undefined;
      const hint = near === undefined ? `: ${words.join(", ")}` : ` (did you mean ${near}?)`;
      throw this.refusal(what + hint);
    }
    this.#at++;
    return found;
  }

  /** Takes items with commas between them, up to `close`, which it takes too. A comma may follow the last. */
  list<T>(close: string, where: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.accept(close)) {
      items.push(item());
      if (this.accept(",")) continue;
      this.expect(close, `or "," ${where}`);
      break;
    }
    return items;
  }

  /** The whole text must have been read. */
  end(): void {
    if (this.peek().kind !== "end") throw this.refusal("the end of the text");
  }

  /** The error of the next token not being what must be there. */
  refusal(expected: string, token: Token = this.peek()): ParseError {
    return errorAt(this.#text, token.start, `expected ${expected}, found ${spell(token)}`);
  }

  /** Runs a constructor of the IR; its refusal becomes an error at `token`. */
  building<T>(token: Token, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof ShapeError) throw errorAt(this.#text, token.start, error.message);
      throw error;
    }
  }

  /** Whether no space lies between the next token and the one after it. */
  adjoins(): boolean {
    return this.peek().end === this.peek(1).start;
  }
}

function spell(token: Token): string {
  if (token.kind === "end") return "the end of the text";
  return token.kind === "string" ? `the string ${JSON.stringify(token.text)}` : JSON.stringify(token.text);
}
