/**
 * Reading settings from parsed JSON: every wrong value is collected, so that one error lists them all.
 *
 * @module
 */

import { ConfigError } from "../ir/errors.ts";
import { fileProblem, readTextIfExists } from "./files.ts";

/** Range of a number; the ends are allowed unless said otherwise. */
export interface Range {
  /** Smallest value. */
  readonly min: number;
  /** Largest value; none if absent. */
  readonly max?: number;
  /** Whether `min` itself is refused. */
  readonly aboveMin?: boolean;
}

/** Typed access to the fields of a JSON object. A field that is absent or wrong gives the fallback. */
export interface SettingsReader {
  /** The value at `key`, or `undefined`; marks it as read. */
  field(key: string): unknown;
  /** A safe integer. */
  integer(key: string, fallback: number, range: Range): number;
  /** A finite number. */
  number(key: string, fallback: number, range: Range): number;
  /** `true` or `false`. */
  boolean(key: string, fallback: boolean): boolean;
  /** One token id, a list of them, or `null` for none. */
  tokenIds(key: string, fallback: readonly number[]): readonly number[];
  /** Records that the value at `key` cannot be used: `rule` is what it must be. */
  problem(key: string, rule: string): void;
  /** Whether a problem was recorded for `key`. */
  failed(key: string): boolean;
  /** Keys that nothing has asked for. */
  unread(): readonly string[];
  /** Throws a {@linkcode ConfigError} that starts with `attempt` and lists the problems, if there are any. */
  finish(attempt: string): void;
}

/** A reader of the fields of `json`. */
export function settingsReader(json: Readonly<Record<string, unknown>>): SettingsReader {
  const seen = new Set<string>();
  const problems = new Map<string, string>();
  const field = (key: string): unknown => {
    seen.add(key);
    return Object.hasOwn(json, key) ? json[key] : undefined;
  };
  const problem = (key: string, rule: string): void => {
    const value = field(key);
    problems.set(key, `${key} ${rule}${value === undefined ? "" : `, got ${describe(value)}`}`);
  };
  const checked = <T>(key: string, fallback: T, valid: (value: unknown) => value is T, rule: string): T => {
    const value = field(key);
    if (value === undefined) return fallback;
    if (valid(value)) return value;
    problem(key, rule);
    return fallback;
  };
  return {
    field,
    problem,
    integer: (key, fallback, range) =>
      checked(
        key,
        fallback,
        (v): v is number => Number.isSafeInteger(v) && inRange(v as number, range),
        `must be an integer ${inWords(range)}`,
      ),
    number: (key, fallback, range) =>
      checked(
        key,
        fallback,
        (v): v is number => Number.isFinite(v) && inRange(v as number, range),
        `must be a number ${inWords(range)}`,
      ),
    boolean: (key, fallback) =>
      checked(key, fallback, (v): v is boolean => typeof v === "boolean", "must be true or false"),
    tokenIds: (key, fallback) => {
      const value = field(key);
      const ids: unknown = value === undefined
        ? fallback
        : value === null
        ? []
        : Array.isArray(value)
        ? value
        : [value];
      if ((ids as unknown[]).every((id) => Number.isSafeInteger(id) && (id as number) >= 0)) {
        return ids as number[];
      }
      problem(key, "must be a token id, a list of them or null");
      return fallback;
    },
    failed: (key) => problems.has(key),
    unread: () => Object.keys(json).filter((key) => !seen.has(key)),
    finish: (attempt) => {
      if (problems.size === 0) return;
      throw new ConfigError(`${attempt}:\n${[...problems.values()].map((text) => `  - ${text}`).join("\n")}`);
    },
  };
}

/** The text of a settings file, or `undefined` where there is none; a {@linkcode ConfigError} if it is not readable. */
export async function readTextOrRefuse(path: string): Promise<string | undefined> {
  try {
    return await readTextIfExists(path);
  } catch (cause) {
    throw new ConfigError(`Cannot read ${path}: ${fileProblem(cause)}.`, { cause });
  }
}

/** The value of JSON text that must be an object. */
export function parseJsonRecord(text: string, source: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`Cannot use ${source}: it is no valid JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
  if (!isRecord(json)) {
    throw new ConfigError(`Cannot use ${source}: expected a JSON object, got ${describe(json)}.`);
  }
  return json;
}

/** Whether a value is an object with named fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as JSON, shortened. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function inRange(value: number, { min, max = Infinity, aboveMin = false }: Range): boolean {
  return value <= max && (aboveMin ? value > min : value >= min);
}

function inWords({ min, max, aboveMin = false }: Range): string {
  const low = aboveMin ? `above ${min}` : max === undefined ? `of at least ${min}` : `from ${min}`;
  return max === undefined ? low : aboveMin ? `${low} and up to ${max}` : `${low} to ${max}`;
}
