/**
 * What depends on dims, found again only when one of them changes.
 *
 * @module
 */

/**
 * `find` of the dims called `names`, remembered until one of them has another value: what depends on no dim is found
 * once. A failure is not remembered.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byDims } from "./by_dims.ts";
 *
 * let found = 0;
 * const grid = byDims(["n"], ({ n = 0 }) => [++found, Math.ceil(n / 8)]);
 * assertEquals(grid({ n: 20, past: 3 }), [1, 3]);
 * assertEquals(grid({ n: 20, past: 4 }), [1, 3]);
 * assertEquals(grid({ n: 30, past: 4 }), [2, 4]);
 * ```
 */
export function byDims<T>(
  names: readonly string[],
  find: (dims: Readonly<Record<string, number>>) => T,
): (dims: Readonly<Record<string, number>>) => T {
  const last: (number | undefined)[] = names.map(() => undefined);
  let found: { readonly value: T } | undefined;
  return (dims) => {
    let same = found !== undefined;
    for (let i = 0; i < names.length && same; i++) same = dims[names[i]!] === last[i];
    if (found !== undefined && same) return found.value;
    found = undefined;
    const value = find(dims);
    for (let i = 0; i < names.length; i++) last[i] = dims[names[i]!];
    found = { value };
    return value;
  };
}
