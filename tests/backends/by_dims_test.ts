import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { byDims } from "../../backends/by_dims.ts";

const NAMES = ["a", "b", "c"] as const;

Deno.test("property: what is remembered is what would be found, and found only when a dim of it changes", () => {
  const dims = fc.record({ a: fc.nat(2), b: fc.nat(2), c: fc.nat(2) });
  fc.assert(fc.property(fc.subarray([...NAMES]), fc.array(dims), (names, calls) => {
    let found = 0;
    const key = (d: Readonly<Record<string, number>>): string => names.map((n) => d[n]).join();
    const get = byDims(names, (d) => {
      found++;
      return { key: key(d) };
    });
    let last: { readonly key: string } | undefined;
    let changes = 0;
    for (const d of calls) {
      const value = get(d);
      assertEquals(value.key, key(d));
      if (last?.key === value.key) assert(value === last);
      else changes++;
      last = value;
    }
    assertEquals(found, changes);
  }));
});

Deno.test("a failure is not remembered, nor what was found before it", () => {
  const get = byDims(["n"], ({ n = 0 }) => {
    if (n > 5) throw new RangeError("too many");
    return { n };
  });
  const first = get({ n: 1 });
  assertThrows(() => get({ n: 6 }), RangeError);
  assertThrows(() => get({ n: 6 }), RangeError);
  assertEquals(get({ n: 1 }), first);
});
