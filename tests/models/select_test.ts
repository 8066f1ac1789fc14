import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { selector } from "../../models/select.ts";

const value = fc.oneof(
  fc.float({ noNaN: true }),
  fc.constantFrom(0, -0, 1, -1, 1.5, -Infinity, Infinity),
  fc.integer({ min: -4, max: 4 }),
);
const values = fc.array(value, { minLength: 1, maxLength: 60 }).map((items) => Float32Array.from(items));
/** One for all tests: scratch that was used before must not matter. */
const shared = selector(64);

Deno.test("kthLargest is the k-th in descending order", () => {
  fc.assert(
    fc.property(values, fc.nat(), (values, n) => {
      const k = n % values.length + 1;
      const sorted = values.toSorted().reverse();
      assertEquals(shared.kthLargest(values, values.length, k) === sorted[k - 1], true);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("reachMass gives the largest value that reaches the target together with all larger ones", () => {
  // whole numbers as masses, so that sums are exact in any order; equal values have equal masses
  const massOf = (value: number, modulus: number) => Math.abs(Math.trunc(Math.fround(value) % modulus)) || 0;
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 1, max: 9 }),
      fc.double({ min: 0, max: 1.2, noNaN: true }),
      (values, modulus, share) => {
        const masses = Float64Array.from(values, (v) => massOf(v, modulus));
        const target = share * masses.reduce((a, b) => a + b);
        const threshold = shared.reachMass(values, masses, values.length, target);
        const mass = (least: number, strict: boolean) =>
          [...values.keys()].filter((i) => (strict ? values[i]! > least : values[i]! >= least))
            .reduce((sum, i) => sum + masses[i]!, 0);
        assert(values.includes(threshold));
        assert(mass(threshold, false) >= target || values.every((v) => v >= threshold));
        assert(mass(threshold, true) < target || values.every((v) => v <= threshold));
      },
    ),
    { numRuns: 3000 },
  );
});
