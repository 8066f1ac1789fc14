/**
 * Names in the text form: bare where they look like names, quoted otherwise.
 *
 * @module
 */

/** Words that mean something where a name could stand; as names they are quoted. */
const RESERVED: ReadonlySet<string> = new Set([
  "alloc",
  "barrier",
  "block",
  "else",
  "false",
  "for",
  "if",
  "in",
  "inf",
  "infh",
  "init",
  "let",
  "nan",
  "nanh",
  "null",
  "reads",
  "true",
  "where",
  "writes",
]);

/** Whether a bare word cannot be a name. */
export function isReserved(word: string): boolean {
  return RESERVED.has(word);
}

/** What a bare name looks like: words of letters, digits and `_`, joined by dots (`blockIdx.x`, `h.0.attn`). */
export const BARE_NAME: RegExp = /[A-Za-z_]\w*(?:\.\w+)*/y;

/** Values that tracing names by number. */
const NUMBERED = /^%\d+$/;

/** Whether the whole of `text` matches a sticky pattern. */
function matchesAll(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.exec(text)?.[0] === text;
}

/** A name of a variable, buffer, block, function, operator, attribute or output. */
export function printName(name: string): string {
  return matchesAll(BARE_NAME, name) && !RESERVED.has(name) ? name : JSON.stringify(name);
}

/** A name of a graph's value: as {@linkcode printName}, and `%3` stays bare. */
export function printValueName(name: string): string {
  return NUMBERED.test(name) ? name : printName(name);
}
