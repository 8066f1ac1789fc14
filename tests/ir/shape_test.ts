import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Dim, evalDim, productDim, type Shape, substituteDim } from "../../ir/dim.ts";
import {
  appendShape,
  broadcastShape,
  concatShape,
  lastAxisShape,
  linearShape,
  matmulShape,
  normalizeAxis,
  permuteShape,
  reduceShape,
  reshapeShape,
  type ShapeResult,
  sliceShape,
  softmaxShape,
  splitShape,
  takeShape,
  transposeShape,
  whereShape,
} from "../../ir/shape.ts";
import { dim, literal, shape, similar, smallDim, values } from "./dim_arbitraries.ts";

type Bound = Record<string, number>;

const bind = (s: Shape, bound: Bound): number[] => s.map((d) => evalDim(d, bound));
const pair = shape(4).chain((a) => fc.tuple(fc.constant(a), similar(a)));
const smallPair = shape(4, 0, smallDim).chain((a) => fc.tuple(fc.constant(a), similar(a, smallDim)));
const axis = fc.integer({ min: -5, max: 4 });

/** What is accepted with names is accepted with their values, with the same shape. */
function assertBindingAgrees(result: ShapeResult, bound: Bound, again: (d: Shape) => ShapeResult): void {
  if (typeof result !== "string") assertEquals(again(result), bind(result, bound));
}

Deno.test("shape functions: binding names to values (not 1) keeps what was accepted", () => {
  fc.assert(fc.property(pair, axis, axis, fc.boolean(), values, ([a, b], i, j, keep, bound) => {
    const [p, q] = [bind(a, bound), bind(b, bound)];
    assertBindingAgrees(broadcastShape("add", a, b), bound, () => broadcastShape("add", p, q));
    assertBindingAgrees(whereShape(b, a, b), bound, () => whereShape(q, p, q));
    assertBindingAgrees(matmulShape(a, b), bound, () => matmulShape(p, q));
    assertBindingAgrees(linearShape(a, b), bound, () => linearShape(p, q));
    assertBindingAgrees(
      reduceShape("sum", a, [i, j], keep),
      bound,
      () => reduceShape("sum", p, [i, j], keep),
    );
    assertBindingAgrees(transposeShape(a), bound, () => transposeShape(p));
    assertBindingAgrees(concatShape([a, b], i), bound, () => concatShape([p, q], i));
    assertBindingAgrees(takeShape("take", a, b), bound, () => takeShape("take", p, q));
    assertBindingAgrees(splitShape(a, 3, i), bound, () => splitShape(p, 3, i));
  }));
});

Deno.test("broadcast: the same either way round, associative, and neutral in []", () => {
  fc.assert(fc.property(pair, shape(3), ([a, b], c) => {
    const ab = broadcastShape("f", a, b);
    const ba = broadcastShape("f", b, a);
    assertEquals(typeof ab === "string", typeof ba === "string");
    if (typeof ab !== "string") assertEquals(ab, ba);
    assertEquals(broadcastShape("f", a, []), a);
    const bc = broadcastShape("f", b, c);
    if (typeof ab !== "string" && typeof bc !== "string") {
      const [left, right] = [broadcastShape("f", ab, c), broadcastShape("f", a, bc)];
      if (typeof left !== "string") assertEquals(left, right);
    }
  }));
});

Deno.test("broadcast: every axis of the result comes from an operand, the other has it or is 1 there", () => {
  fc.assert(fc.property(pair, ([a, b]) => {
    const result = broadcastShape("f", a, b);
    const at = (s: Shape, fromEnd: number): Dim => s[s.length - fromEnd] ?? 1;
    const rank = Math.max(a.length, b.length);
    const fits = Array.from({ length: rank }, (_, i) => [at(a, i + 1), at(b, i + 1)] as const);
    const good = fits.every(([x, y]) => x === y || x === 1 || y === 1);
    assertEquals(typeof result !== "string", good);
    if (typeof result !== "string") {
      assertEquals(result.length, rank);
      fits.forEach(([x, y], i) => assertEquals(at(result, i + 1), x === 1 ? y : x));
    }
  }));
});

Deno.test("reshape: literal shapes fit exactly if the numbers of elements are equal", () => {
  const sizes = fc.array(fc.constantFrom(0, 1, 2, 3, 4, 6, 12), { maxLength: 4 });
  fc.assert(fc.property(sizes, sizes, (a, b) => {
    assertEquals(typeof reshapeShape(a, b) !== "string", productDim(a) === productDim(b));
  }));
});

Deno.test("reshape: what is refused has other counts for all values, what is accepted is as asked", () => {
  const target = smallPair.chain(([a, b]) =>
    fc.constantFrom(
      [a, b],
      [a, [productDim(a)]],
      [[productDim(a)], a],
      [a, [...b, ...a]],
      [a, a.toReversed()],
    ) as fc.Arbitrary<[Dim[], Dim[]]>
  );
  fc.assert(fc.property(target, values, ([a, b], bound) => {
    const [p, q] = [bind(a, bound), bind(b, bound)];
    const equal = productDim(p) === productDim(q);
    const result = reshapeShape(a, b);
    if (typeof result === "string") assert(!equal, result);
    else assertEquals(result, b);
    if (productDim(a) === productDim(b)) assertEquals(result, b);
  }));
});

Deno.test("reshape: -1 is the dim that makes the counts equal", () => {
  const factored = fc.tuple(shape(3, 0, smallDim), shape(2, 0, smallDim), fc.nat(2));
  fc.assert(fc.property(factored, values, ([known, missing, at], bound) => {
    const target = known.toSpliced(at, 0, -1);
    const result = reshapeShape([...known, ...missing], target);
    if (typeof result === "string") {
      assert(known.includes(0), result);
    } else {
      assertEquals(productDim(result), productDim([...known, ...missing]));
      assertEquals(productDim(bind(result, bound)), productDim(bind([...known, ...missing], bound)));
    }
  }));
});

Deno.test("permute: a permutation and its inverse cancel out; transpose is one", () => {
  const permuted = shape(5).chain((s) =>
    fc.tuple(fc.constant(s), fc.shuffledSubarray([...s.keys()], { minLength: s.length }))
  );
  fc.assert(fc.property(permuted, ([s, axes]) => {
    const inverse = axes.map((_, i) => axes.indexOf(i));
    assertEquals(permuteShape(permuteShape(s, axes) as Shape, inverse), s);
    const negative = axes.map((a) => a - s.length);
    assertEquals(permuteShape(s, negative), permuteShape(s, axes));
    if (s.length >= 2) {
      assertEquals(transposeShape(transposeShape(s) as Shape), s);
      const swap = [...s.keys()].slice(0, -2).concat(s.length - 1, s.length - 2);
      assertEquals(transposeShape(s), permuteShape(s, swap));
    }
  }));
});

Deno.test("reduce: keepDims gives the same elements, and the result broadcasts with the operand", () => {
  fc.assert(fc.property(shape(4, 1, smallDim), fc.array(axis, { maxLength: 3 }), (s, axes) => {
    const [kept, dropped] = [reduceShape("sum", s, axes, true), reduceShape("sum", s, axes)];
    assertEquals(typeof kept, typeof dropped);
    if (typeof kept === "string") return assertEquals(kept, dropped);
    assertEquals(productDim(kept), productDim(dropped as Shape));
    assertEquals(broadcastShape("f", s, kept), s);
    assertEquals(dropped.length, s.length - axes.length);
  }));
  assertEquals(reduceShape("sum", ["b", 2], undefined), []);
  assertEquals(reduceShape("sum", ["b", 2], undefined, true), [1, 1]);
});

Deno.test("split, concat, append: the parts put together are the whole", () => {
  fc.assert(fc.property(shape(4, 1), axis, fc.integer({ min: 1, max: 4 }), (s, i, parts) => {
    const part = splitShape(s, parts, i);
    if (typeof part === "string") return;
    assertEquals(concatShape(Array<Shape>(parts).fill(part), i), s);
    const twice = concatShape([part, part], i) as Shape;
    assertEquals(appendShape(part, part, i), twice);
    assertEquals(splitShape(twice, 2, i), part);
  }));
});

Deno.test("slice: literal ranges are accepted exactly if they lie within the axis", () => {
  const size = fc.nat(6);
  fc.assert(fc.property(size, fc.integer({ min: -7, max: 7 }), size, (n, start, length) => {
    const first = start < 0 ? n + start : start;
    const good = first >= 0 && first + length <= n;
    assertEquals(typeof sliceShape(["b", n], 1, start, length) !== "string", good);
    if (good) assertEquals(sliceShape(["b", n], -1, start, length), ["b", length]);
    assertEquals(typeof sliceShape([n], 0, undefined, length) !== "string", length <= n);
  }));
});

Deno.test("slice: what is refused lies outside the axis for all values", () => {
  fc.assert(
    fc.property(dim, fc.oneof(dim, fc.constantFrom(-1, -2)), dim, values, (d, start, length, bound) => {
      if (typeof sliceShape([d], 0, start, length) !== "string") return;
      const [n, from, count] = [
        evalDim(d, bound),
        typeof start === "number" ? start : evalDim(start, bound),
        evalDim(length, bound),
      ];
      assert(from < 0 ? -from > n || count > -from : from + count > n);
    }),
  );
});

Deno.test("matmul: linear is matmul with a matrix, and transposing swaps the operands", () => {
  fc.assert(fc.property(pair, literal, ([a, b], n) => {
    const last = a.at(-1);
    if (last !== undefined && a.length > 1) {
      assertEquals(linearShape(a, [last, n]), matmulShape(a, [last, n]));
    }
    const ab = matmulShape(a, b);
    if (typeof ab !== "string") {
      assertEquals(matmulShape(transposeShape(b) as Shape, transposeShape(a) as Shape), transposeShape(ab));
    }
  }));
});

Deno.test("axes: the same from either end", () => {
  fc.assert(fc.property(shape(5), fc.integer({ min: -7, max: 7 }), (s, i) => {
    const index = normalizeAxis("f", s, i);
    assertEquals(typeof index === "number", i >= -s.length && i < s.length);
    if (typeof index === "number") {
      assertEquals(normalizeAxis("f", s, index - s.length), index);
      assertEquals(softmaxShape("f", s, i), s);
    } else assertEquals(softmaxShape("f", s, i), index);
  }));
  assertEquals(normalizeAxis("f", ["b", "s"], 0.5), "f: axis 0.5 is out of range for [b, s]");
});

Deno.test("shape functions: operands are not changed, and results name no unbound dims", () => {
  const a = Object.freeze(["b", "s", 768]);
  const b = Object.freeze([768, "3*n"]);
  assertEquals(linearShape(a, b), ["b", "s", "3*n"]);
  assertEquals(takeShape("take", b, a), ["b", "s", 768, "3*n"]);
  assertEquals(lastAxisShape("layerNorm", a, 768), a);
  assertEquals(substituteDim((linearShape(a, b) as Shape)[2]!, { n: 256 }), 768);
});
