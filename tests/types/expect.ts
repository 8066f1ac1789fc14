/**
 * Assertions about types. `deno check` (and `deno test`, unless told `--no-check`) is what runs them.
 *
 * @module
 */

/** Whether two types are the same, `any` and `readonly` included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Does not compile unless `T` is `true`. */
export type Expect<T extends true> = T;

/** Does not compile unless the type of `value` is exactly `E`: `is<["b", 768]>()(x.shape)`. */
export function is<E>(): <A>(
  value: A,
  ...unequal: Equal<A, E> extends true ? [] : [{ expected: E; got: A }]
) => void {
  return () => {};
}
