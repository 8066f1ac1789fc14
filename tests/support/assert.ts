/**
 * Assertions with the names and argument order of `@std/assert`, over `node:assert/strict`, so that the tests
 * need nothing from a registry that may be out of reach. Equality is `deepStrictEqual`: prototypes count, `NaN`
 * equals `NaN`, `0` and `-0` differ.
 *
 * @module
 */

import strict, { AssertionError } from "node:assert/strict";

export { AssertionError };

// deno-lint-ignore no-explicit-any -- matches classes with any constructor, abstract ones included
type Constructor<T> = abstract new (...args: any[]) => T;

/** Fails unless `value` is truthy. */
export function assert(value: unknown, message = "expected a truthy value"): asserts value {
  if (!value) fail(`${message} (got ${show(value)})`);
}

/** Fails always. */
export function fail(message = "failed"): never {
  throw new AssertionError({ message });
}

/** Fails unless `actual` deeply equals `expected`. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (message === undefined) return strict.deepStrictEqual(actual, expected);
  try {
    strict.deepStrictEqual(actual, expected);
  } catch (cause) {
    fail(`${message}: ${(cause as Error).message}`);
  }
}

/** Fails if `actual` deeply equals `unexpected`. */
export function assertNotEquals<T>(actual: T, unexpected: T, message?: string): void {
  strict.notDeepStrictEqual(actual, unexpected, message);
}

/** Fails unless `Object.is(actual, expected)`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  strict.strictEqual(actual, expected, message);
}

/** Fails unless two numbers are within `tolerance` (default: 1e-7 of the larger magnitude, or 1e-7). */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? 1e-7 * Math.max(1, Math.abs(expected));
  const delta = Math.abs(actual - expected);
  if (!(delta <= allowed)) {
    fail(
      `${
        message === undefined ? "" : `${message}: `
      }${actual} is not within ${allowed} of ${expected} (off by ${delta})`,
    );
  }
}

/** Fails unless `fn` throws; checks class and a part of the message, returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: Constructor<E>,
  messageIncludes?: string,
  message?: string,
): E {
  let caught: unknown;
  try {
    fn();
  } catch (error) {
    caught = error;
    return checkError(caught, errorClass, messageIncludes, message);
  }
  return fail(message ?? `expected ${errorClass?.name ?? "an error"} to be thrown, but nothing was`);
}

/** Fails unless the promise of `fn` rejects; checks class and a part of the message, returns the error. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: Constructor<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    return fail(`expected a rejected promise, but the function threw at once: ${show(error)}`);
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, errorClass, messageIncludes, message);
  }
  return fail(
    message ?? `expected a rejection with ${errorClass?.name ?? "an error"}, but the promise resolved`,
  );
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  strict.match(actual, expected, message);
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) fail(`${message ?? "text not found"}: ${show(expected)} in\n${actual}`);
}

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: Constructor<T>,
  message?: string,
): asserts actual is T {
  if (!(actual instanceof expectedType)) {
    fail(message ?? `expected a ${expectedType.name}, got ${show(actual)}`);
  }
}

/** Fails if `actual` is `null` or `undefined`. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) fail(message ?? `expected a value, got ${actual}`);
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  if (!(actual > expected)) fail(message ?? `expected ${show(actual)} > ${show(expected)}`);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual >= expected)) fail(message ?? `expected ${show(actual)} >= ${show(expected)}`);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) fail(message ?? `expected ${show(actual)} < ${show(expected)}`);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual <= expected)) fail(message ?? `expected ${show(actual)} <= ${show(expected)}`);
}

function checkError<E extends Error>(
  error: unknown,
  errorClass: Constructor<E> | undefined,
  messageIncludes: string | undefined,
  message: string | undefined,
): E {
  if (!(error instanceof Error)) {
    return fail(`${message ?? "expected an Error to be thrown"}, got ${show(error)}`);
  }
  if (errorClass !== undefined && !(error instanceof errorClass)) {
    return fail(
      `${message ?? "wrong error class"}: expected ${errorClass.name}, got ${error.stack ?? error}`,
    );
  }
  if (messageIncludes !== undefined) assertStringIncludes(error.message, messageIncludes, message);
  return error as E;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
