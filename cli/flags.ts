/**
 * Flags of a command as a table: reading them, and the help text.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { suggest } from "../ir/suggest.ts";

/** The command line cannot be understood; one line for each problem. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  /** What is wrong, one entry a fault. */
  readonly problems: readonly string[];

  /** Builds the error from the list of faults. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** A flag whose value is a `T`. */
export interface Flag<T> {
  /** Name of its value in the help; absent for a switch, which takes none. */
  readonly placeholder?: string;
  /** What it does, one line. */
  readonly help: string;
  /** Whether it may be given several times. */
  readonly many: boolean;
  /** What a value must be, in words that follow "must be". */
  readonly rule: string;
  /** The value of the texts given (one, unless `many`), or `undefined` where they break the rule. */
  readonly read: (texts: readonly string[]) => T | undefined;
}

/** Flags of a command, by name without the dashes. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** Values of the flags that were given. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]?: F[K] extends Flag<infer T> ? T : never;
};

/** A flag without a value. */
export function toggle(help: string): Flag<boolean> {
  return { help, many: false, rule: "", read: () => true };
}

/** A flag with any text as value. */
export function text(placeholder: string, help: string): Flag<string> {
  return { placeholder, help, many: false, rule: "a text", read: ([value]) => value };
}

/** A flag that may be given several times, with any texts as values. */
export function texts(placeholder: string, help: string): Flag<readonly string[]> {
  return {
    placeholder,
    help: `${help} (repeatable)`,
    many: true,
    rule: "a text",
    read: (values) => values,
  };
}

/** A flag with one of some names as value. */
export function oneOf<const N extends string>(names: readonly N[], help: string): Flag<N> {
  return {
    placeholder: names.join("|"),
    help,
    many: false,
    rule: oneOfWords(names),
    read: ([value]) => names.find((name) => name === value),
  };
}

/** Like {@linkcode oneOf}, but it may be given several times. */
export function someOf<const N extends string>(names: readonly N[], help: string): Flag<readonly N[]> {
  return {
    placeholder: names.join("|"),
    help: `${help} (repeatable)`,
    many: true,
    rule: oneOfWords(names),
    read: (values) => {
      const known = values.flatMap((value) => names.filter((name) => name === value));
      return known.length === values.length ? known : undefined;
    },
  };
}

function oneOfWords(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** A flag with a decimal number as value that obeys a rule. */
export function number(help: string, rule: string, valid: (value: number) => boolean): Flag<number> {
  return numberFlag("X", help, rule, valid);
}

/** A flag with an integer as value, from `min` up. */
export function integer(help: string, min: number): Flag<number> {
  return numberFlag("N", help, `an integer >= ${min}`, (n) => Number.isSafeInteger(n) && n >= min);
}

function numberFlag(
  placeholder: string,
  help: string,
  rule: string,
  valid: (value: number) => boolean,
): Flag<number> {
  return {
    placeholder,
    help,
    many: false,
    rule,
    read: ([value = ""]) => {
      const n = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : NaN;
      return Number.isFinite(n) && valid(n) ? n : undefined;
    },
  };
}

/** A flag with a list of integers from 0 as value: `1,2,3`. */
export function integers(help: string): Flag<readonly number[]> {
  return {
    placeholder: "N,N,...",
    help,
    many: false,
    rule: "integers >= 0 separated by commas",
    read: ([value = ""]) => /^\s*\d+\s*(,\s*\d+\s*)*$/.test(value) ? value.split(",").map(Number) : undefined,
  };
}

/** What a command line says. */
export interface ParsedArgs<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line. `--name value` and `--name=value` are the same; after `--` everything is positional.
 *
 * @throws {UsageError} for unknown flags and values that break a flag's rule; all at once
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { integer, parseFlags, toggle } from "./flags.ts";
 *
 * const flags = { "max-tokens": integer("most tokens", 0), json: toggle("as JSON") };
 * const parsed = parseFlags(flags, ["--max-tokens", "3", "Once upon"]);
 * assertEquals(parsed, { flags: { "max-tokens": 3 }, positionals: ["Once upon"] });
 * ```
 */
export function parseFlags<const F extends Flags>(table: F, args: readonly string[]): ParsedArgs<F> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, flag]) => [
      name,
      { type: flag.placeholder === undefined ? "boolean" as const : "string" as const },
    ]),
  );
  // Not `strict`: its errors neither say what would be right nor come all at once.
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const problems: string[] = [];
  const positionals: string[] = [];
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (flag === undefined) {
      const near = suggest(token.name, Object.keys(table));
      problems.push(
        `unknown flag ${token.rawName}${near === undefined ? "" : `; did you mean --${near}?`}`,
      );
    } else if (flag.placeholder === undefined) {
      if (token.value === undefined) given.set(token.name, [""]);
      else problems.push(`--${token.name} takes no value, got ${JSON.stringify(token.value)}`);
    } else if (token.value === undefined || !token.inlineValue && /^--./.test(token.value)) {
      problems.push(`--${token.name} needs a value: ${flag.rule}`);
    } else {
      const known = given.get(token.name);
      if (known !== undefined && !flag.many) problems.push(`--${token.name} is given twice`);
      given.set(token.name, [...known ?? [], token.value]);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, list] of given) {
    const value = table[name]?.read(list);
    if (value !== undefined) values[name] = value;
    else {
      const bad = list.filter((t) => table[name]?.read([t]) === undefined).map((t) => JSON.stringify(t));
      problems.push(`--${name} must be ${table[name]?.rule}, got ${bad.join(", ")}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return { flags: values as FlagValues<F>, positionals };
}

/** The help text of a command: how to call it, what it does, its flags. */
export function helpText(usage: string, summary: string, table: Flags): string {
  const rows = Object.entries(table).map(([name, flag]) =>
    [flag.placeholder === undefined ? `--${name}` : `--${name} ${flag.placeholder}`, flag.help] as const
  );
  const widest = 28;
  const lines = rows.map(([left, help]) =>
    left.length > widest ? `  ${left}\n  ${" ".repeat(widest)}  ${help}` : `  ${left.padEnd(widest)}  ${help}`
  );
  return `Usage: ${usage}\n\n${summary}\n\nFlags:\n${lines.join("\n")}\n`;
}
