import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  addDim,
  canonicalDim,
  canonicalShape,
  type Dim,
  dimEquals,
  dimTerms,
  dimVars,
  divDim,
  evalDim,
  isDimName,
  mulDim,
  printShape,
  productDim,
  substituteDim,
  subtractDim,
  upperBound,
} from "../../ir/dim.ts";
import { ShapeError } from "../../ir/errors.ts";
import { dim, dimText, name, NAMES, shape, smallDim, values } from "./dim_arbitraries.ts";

/** The value of dim text by its grammar, without the algebra. */
function valueOf(text: string, bound: Record<string, number>): number {
  const factor = (f: string) => bound[f] ?? Number(f);
  return text.split("+").reduce((sum, term) => sum + term.split("*").reduce((p, f) => p * factor(f), 1), 0);
}

/** Runs a property on random dims and values of their names. */
function forAll(count: number, property: (dims: Dim[], bound: Record<string, number>) => void): void {
  const dims = fc.array(dim, { minLength: count, maxLength: count });
  fc.assert(fc.property(dims, values, (ds, bound) => property(ds, bound)));
}

Deno.test("dim: canonical text has the value of the text it came from, and is a fixed point", () => {
  fc.assert(fc.property(dimText, values, (text, bound) => {
    const d = canonicalDim(text);
    assertEquals(evalDim(d, bound), valueOf(text, bound));
    assertEquals(canonicalDim(String(d)), d);
  }));
});

Deno.test("dim: the order of terms and factors does not matter", () => {
  const shuffled = fc.array(fc.array(name, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })
    .chain((terms) =>
      fc.tuple(
        fc.constant(terms),
        fc.tuple(...terms.map((factors) => fc.shuffledSubarray(factors, { minLength: factors.length })))
          .chain((list) => fc.shuffledSubarray(list, { minLength: list.length })),
      )
    );
  const text = (terms: string[][]) => terms.map((factors) => factors.join("*")).join("+");
  fc.assert(fc.property(shuffled, ([a, b]) => assertEquals(canonicalDim(text(a)), canonicalDim(text(b)))));
});

Deno.test("dim: canonical forms", () => {
  const forms: [string, Dim][] = [
    ["seq+past", "past+seq"],
    ["n_embd*3", "3*n_embd"],
    ["s*b", "b*s"],
    ["2*n+m+1", "m+2*n+1"],
    ["1+b+b*s", "b*s+b+1"],
    ["n2+n+n*x", "n*x+n+n2"],
    ["a+_b+C", "C+_b+a"],
    ["n+n", "2*n"],
    ["n*n", "n*n"],
    ["0*n+n+0", "n"],
    ["0*n", 0],
    ["2*3+4", 10],
  ];
  for (const [text, canonical] of forms) assertEquals(canonicalDim(text), canonical, text);
});

Deno.test("dim: text that is not a dim is refused with the reason", () => {
  const bad: [string, string][] = [
    ["", "a factor is missing"],
    ["n-1", '"n-1" is neither a name nor an integer'],
    ["past + seq", '"past " is neither a name nor an integer'],
    ["2n", '"2n" is neither a name nor an integer'],
    ["007", '"007" is neither a name nor an integer'],
    ["1.5", '"1.5" is neither a name nor an integer'],
    ["n**2", "a factor is missing"],
    ["n+", "a factor is missing"],
  ];
  for (const [text, reason] of bad) {
    const e = assertThrows(() => canonicalDim(text), ShapeError, reason);
    assert(e.message.startsWith(`dim: cannot read "${text}"`), e.message);
  }
  for (const n of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => dimTerms(n), ShapeError, `dim: ${n} is not a non-negative integer`);
  }
});

Deno.test("dim: addition and multiplication mean what they say", () => {
  forAll(2, ([a, b], bound) => {
    assertEquals(evalDim(addDim(a!, b!), bound), evalDim(a!, bound) + evalDim(b!, bound));
    assertEquals(evalDim(mulDim(a!, b!), bound), evalDim(a!, bound) * evalDim(b!, bound));
  });
});

Deno.test("dim: laws of a commutative semiring", () => {
  forAll(3, ([a, b, c]) => {
    assertEquals(addDim(a!, b!), addDim(b!, a!));
    assertEquals(mulDim(a!, b!), mulDim(b!, a!));
    assertEquals(addDim(addDim(a!, b!), c!), addDim(a!, addDim(b!, c!)));
    assertEquals(mulDim(mulDim(a!, b!), c!), mulDim(a!, mulDim(b!, c!)));
    assertEquals(mulDim(a!, addDim(b!, c!)), addDim(mulDim(a!, b!), mulDim(a!, c!)));
    assertEquals([addDim(a!, 0), mulDim(a!, 1), mulDim(a!, 0)], [a!, a!, 0]);
  });
});

Deno.test("dim: division undoes multiplication, and only exact quotients are given", () => {
  forAll(2, ([a, b]) => {
    if (b !== 0) assertEquals(divDim(mulDim(a!, b!), b!), a!);
    const quotient = divDim(a!, b!);
    if (quotient !== undefined) assertEquals(mulDim(quotient, b!), a!);
  });
  assertEquals(divDim("3*n_embd", 3), "n_embd");
  assertEquals(divDim("a*b+a*c+b*b+b*c", "b+c"), "a+b");
  assertEquals(divDim("3*n", 2), undefined);
  assertEquals(divDim("n+1", "n"), undefined);
  assertEquals([divDim(0, "n"), divDim("n", 0), divDim(0, 0)], [0, undefined, undefined]);
});

Deno.test("dim: subtraction undoes addition, and a result proves a >= b", () => {
  forAll(2, ([a, b], bound) => {
    assertEquals(subtractDim(addDim(a!, b!), b!), a!);
    const rest = subtractDim(a!, b!);
    if (rest !== undefined) assertEquals(evalDim(rest, bound), evalDim(a!, bound) - evalDim(b!, bound));
  });
  assertEquals(subtractDim("n", "n+1"), undefined);
});

Deno.test("dim: terms rebuild the dim, and its names are sorted", () => {
  forAll(1, ([d]) => {
    const terms = dimTerms(d!).map(({ coef, vars }) => vars.reduce<Dim>(mulDim, coef));
    assertEquals(terms.reduce<Dim>(addDim, 0), d!);
    assertEquals(dimVars(d!), NAMES.filter((n) => String(d).split(/[+*]/).includes(n)));
    assert(Object.isFrozen(dimTerms(String(d))) && dimTerms(String(d)) === dimTerms(String(d)));
  });
  assertEquals(dimTerms("3*b*s+1"), [{ coef: 3, vars: ["b", "s"] }, { coef: 1, vars: [] }]);
  assertEquals(dimTerms(0), []);
});

Deno.test("dim: equal dims are equal text", () => {
  assert(dimEquals("past+seq", addDim("seq", "past")));
  assert(!dimEquals("n", 1));
});

Deno.test("dim: substitution then evaluation is evaluation of the values put in", () => {
  const replacement = fc.dictionary(name, dim, { maxKeys: 4 });
  fc.assert(fc.property(dim, replacement, values, (d, by, bound) => {
    const inner = Object.fromEntries(NAMES.map((n) => [n, evalDim(by[n] ?? n, bound)]));
    // Cubes of large literals leave the exact range, which is refused (tested below).
    if (Object.values(inner).every((v) => v < 10_000)) {
      assertEquals(evalDim(substituteDim(d, by), bound), evalDim(d, inner));
    }
  }));
  assertEquals(substituteDim("past+seq", { seq: "past" }), "2*past");
  assertEquals(substituteDim("n+m", { n: "m", m: "n" }), "m+n");
  assertEquals(substituteDim("toString", {}), "toString");
});

Deno.test("dim: evaluation names what is not bound", () => {
  assertThrows(
    () => evalDim("past+seq", { past: 3 }),
    ShapeError,
    "dim: past+seq has no value: seq is not bound (bound: past)",
  );
  assertThrows(() => evalDim("constructor", {}), ShapeError, "constructor is not bound (bound: nothing)");
  assertThrows(() => evalDim("n", { n: -1 }), ShapeError, "-1 is not a non-negative integer");
});

Deno.test("dim: exact up to 2^53 - 1, and refused beyond", () => {
  const max = Number.MAX_SAFE_INTEGER;
  assertEquals(addDim(max - 1, 1), max);
  assertEquals(mulDim(6361, 69431 * 20394401), max);
  assertEquals(addDim(`${max - 1}*n`, "n"), `${max}*n`);
  assertThrows(() => addDim(max, 1), ShapeError, "over 2^53 - 1");
  assertThrows(() => mulDim("n", mulDim(max, 2)), ShapeError, "over 2^53 - 1");
  assertThrows(() => addDim(`${max}*n`, "n"), ShapeError, "over 2^53 - 1");
  assertThrows(() => evalDim("n*n", { n: max }), ShapeError, "over 2^53 - 1");
  assertThrows(() => canonicalDim("9007199254740992"), ShapeError, "over 2^53 - 1");
});

Deno.test("dim: an upper bound is never exceeded", () => {
  const keys = fc.uniqueArray(fc.oneof(name, dimText.map((t) => String(canonicalDim(t)))), { maxLength: 5 });
  fc.assert(fc.property(dim, keys, values, (d, extra, bound) => {
    // Bounds that the values meet exactly are the tightest true ones.
    const bounds = Object.fromEntries([...NAMES, ...extra].map((key) => [key, evalDim(key, bound)]));
    assertEquals(upperBound(d, bounds), evalDim(d, bound));
    const slack = Object.fromEntries(Object.entries(bounds).map(([key, v]) => [key, v + 3]));
    assert(upperBound(d, slack)! >= evalDim(d, bound));
  }));
});

Deno.test("dim: an upper bound uses the bounds of sums and products", () => {
  const bounds = { past: 1024, seq: 1024, "past+seq": 1024, "b*n": 10, b: 4, "2*k": 9 };
  const cases: [Dim, number | undefined][] = [
    [7, 7],
    ["past", 1024],
    ["past+seq", 1024],
    ["past+seq+1", 1025],
    ["past+2*seq", 2048],
    ["2*past+2*seq", 2048],
    ["b*past+b*seq", 4096],
    ["3*b*n+5", 35],
    ["n", undefined],
    ["n+past", undefined],
    ["4*k", 18],
    ["k", undefined],
  ];
  for (const [d, expected] of cases) assertEquals(upperBound(d, bounds), expected, String(d));
});

Deno.test("shape: product, text and canonical form", () => {
  fc.assert(fc.property(shape(3, 0, smallDim), values, (s, bound) => {
    assertEquals(evalDim(productDim(s), bound), s.reduce<number>((p, d) => p * evalDim(d, bound), 1));
    assertEquals(canonicalShape(s), s);
  }));
  assertEquals(productDim([]), 1);
  assertEquals([printShape(["b", "s", 768]), printShape([])], ["[b, s, 768]", "[]"]);
  assertEquals(canonicalShape(["n*3", "2*2", 5]), ["3*n", 4, 5]);
  assertThrows(() => canonicalShape([1, -1]), ShapeError, "dim: -1 is not");
  assertThrows(() => canonicalShape(Array(9).fill(1)), ShapeError, "has 9 axes, at most 8 work");
});

Deno.test("dim: names", () => {
  const good = ["n", "N_1", "_", "n_embd"];
  const bad = ["", "1n", "a-b", "a b", "a+b", "é", "n\n"];
  assertEquals(good.filter(isDimName), good);
  assertEquals(bad.filter(isDimName), []);
});
