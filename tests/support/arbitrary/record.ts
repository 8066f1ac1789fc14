/** Records as the program makes them. @module */
import fc from "fast-check";

/** Objects with these fields; unlike fast-check's own they have the usual prototype. */
export function record<T extends object>(
  fields: { readonly [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<T> {
  return fc.record<T, keyof T>(fields, {
    noNullPrototype: true,
    requiredKeys: Object.keys(fields) as (keyof T)[],
  }) as fc.Arbitrary<T>;
}
