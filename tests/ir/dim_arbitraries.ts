/**
 * Random dims and shapes for property tests.
 *
 * @module
 */
import fc from "fast-check";
import { canonicalDim, type Dim } from "../../ir/dim.ts";

/** Names chosen so that their order, and the order of their products, is easy to get wrong. */
export const NAMES = ["B", "_x", "b", "n", "n2", "n_embd", "past", "seq"] as const;

/** A name. */
export const name: fc.Arbitrary<string> = fc.constantFrom(...NAMES);

/** A literal dim, often one that matters (0, 1, the sizes of models). */
export const literal: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 12, 64, 768, 3072, 50257) },
  { weight: 1, arbitrary: fc.nat(100_000) },
);

const product: fc.Arbitrary<string> = fc.array(fc.oneof(name, name, fc.nat(20).map(String)), {
  minLength: 1,
  maxLength: 3,
}).map((factors) => factors.join("*"));

/** Text of a dim, seldom canonical. */
export const dimText: fc.Arbitrary<string> = fc.array(product, { minLength: 1, maxLength: 3 }).map((terms) =>
  terms.join("+")
);

/** A dim of any form. */
export const dim: fc.Arbitrary<Dim> = fc.oneof(
  { weight: 3, arbitrary: name },
  { weight: 3, arbitrary: literal },
  { weight: 2, arbitrary: dimText.map(canonicalDim) },
);

/** A dim so small that the product of eight of them is exact for {@link values}. */
export const smallDim: fc.Arbitrary<Dim> = fc.oneof(
  name,
  fc.constantFrom(0, 1, 2, 3, 4, 6, 12, 64),
  fc.constantFrom("past+seq", "2*past+2*seq", "3*n_embd", "b*seq", "2*B+1"),
);

/** A value, at least 2, for each name. */
export const values: fc.Arbitrary<Record<string, number>> = fc.record(
  Object.fromEntries(NAMES.map((key) => [key, fc.integer({ min: 2, max: 9 })])),
);

/** A shape of at most `maxRank` axes. */
export function shape(
  maxRank: number,
  minRank: number = 0,
  of: fc.Arbitrary<Dim> = dim,
): fc.Arbitrary<Dim[]> {
  return fc.array(of, { minLength: minRank, maxLength: maxRank });
}

/** A shape like `base`: some dims are replaced by 1 or by another dim, and the outermost may be missing. */
export function similar(base: readonly Dim[], of: fc.Arbitrary<Dim> = dim): fc.Arbitrary<Dim[]> {
  const dims = base.map((d) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(d) },
      { weight: 2, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: of },
    )
  );
  return fc.tuple(fc.tuple(...dims), fc.nat(1)).map(([all, drop]) => all.slice(Math.min(drop, all.length)));
}
