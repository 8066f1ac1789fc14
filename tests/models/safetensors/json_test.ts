import fc from "fast-check";
import { assertEquals, assertThrows } from "@std/assert";
import { ParseError } from "../../../ir/errors.ts";
import { type Json, parseStrictJson } from "../../../models/safetensors/json.ts";

/** The value as `JSON.parse` gives it, to compare; entries, because objects lose the order of keys like "1". */
function toPlain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(toPlain);
  const entries = value instanceof Map
    ? [...value]
    : value !== null && typeof value === "object"
    ? Object.entries(value)
    : undefined;
  return entries?.map(([k, v]) => [k, toPlain(v)]).sort(([a], [b]) =>
    (a as string) < (b as string) ? -1 : 1
  ) ?? value;
}

/** Whether `JSON.parse` accepts `text`, and what it gives. */
function builtin(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function strict(text: string): { value: Json } | undefined {
  try {
    return { value: parseStrictJson(text) };
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

Deno.test("parseStrictJson gives what JSON.parse gives for every JSON value", () => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: "binary" }), fc.nat(3), (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    const expected = JSON.parse(text);
    assertEquals(toPlain(parseStrictJson(` ${text}\n`)), toPlain(expected));
  }));
});

Deno.test("parseStrictJson accepts no text that JSON.parse refuses, and misses none that is not excluded", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "a",
    '"a"',
    '"b"',
    "\\",
    "\\u0041",
    "\\ud800",
    "\\n",
    "\n",
  ]
    .concat([
      "0",
      "1",
      "-",
      ".",
      "e",
      "+",
      "true",
      "null",
      "false",
      "nul",
      " ",
      "\t",
      "\u00a0",
      "\ufeff",
      "\0",
    ]);
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (text) => {
      const ours = strict(text);
      const theirs = builtin(text);
      if (ours !== undefined) assertEquals(toPlain(ours.value), toPlain(theirs!.value));
      else if (theirs !== undefined) {
        assertEquals(hasDuplicateKeys(text) || !isWellFormed(theirs.value), true, text);
      }
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("integers are exact and distinct from other numbers", () => {
  fc.assert(fc.property(fc.bigInt(), (n) => assertEquals(parseStrictJson(String(n)), n)));
  for (const text of ["-0", "1.0", "1e0", "0.5", "1E+2"]) {
    assertEquals(typeof parseStrictJson(text), "number", text);
  }
});

Deno.test("names that are special in JavaScript are ordinary keys", () => {
  assertEquals(
    parseStrictJson('{"__proto__": 1, "constructor": 2}'),
    new Map([["__proto__", 1n], ["constructor", 2n]]),
  );
});

Deno.test("what is refused, where and why", () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["", "1:1: expected a JSON value, got the end of the text"],
    ['{"a": 1,\n "a": 2}', '2:2: duplicate key "a"'],
    ['{"a": {"b": 1, "b": 1}}', '1:16: duplicate key "b"'],
    ['"\\ud800"', "1:1: the string has a lone surrogate"],
    ['"a', "1:1: the string that starts here does not end"],
    ['"\n"', "1:2: control characters in a string must be escaped"],
    ['"\\x"', "1:2: unknown escape \\x"],
    ['"\\u00g0"', "1:4: \\u needs four hexadecimal digits"],
    ["[1,]", '1:4: expected a JSON value, got "]"'],
    ["{'a': 1}", '1:2: expected a key in double quotes, got "\'"'],
    ['{"a" 1}', '1:6: expected ":", got "1"'],
    ["[1 2]", '1:4: expected "]", got "2"'],
    ["01", '1:2: expected the end of the text, got "1"'],
    ["NaN", '1:1: expected a JSON value, got "N"'],
    ["\ufeff{}", '1:1: expected a JSON value, got "\ufeff"'],
    ["{}\0", '1:3: expected the end of the text, got "\\u0000"'],
    ["[".repeat(200), "1:128: more than 127 nested levels"],
  ];
  for (const [text, message] of cases) assertThrows(() => parseStrictJson(text), ParseError, message);
});

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item));
}

/** Good enough for the keys of the generated texts: counts what a reviver sees against what the text names. */
function hasDuplicateKeys(text: string): boolean {
  let kept = 0;
  JSON.parse(text, function (key, value) {
    if (key !== "" && !Array.isArray(this)) kept++;
    return value;
  });
  return (text.match(/"\s*:/g) ?? []).length > kept;
}
