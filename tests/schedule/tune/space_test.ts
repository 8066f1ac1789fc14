/** Spaces: every way to a point gives points of the space. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { JS_TARGET } from "../../../backends/js/mod.ts";
import { hashFunc } from "../../../ir/hash.ts";
import { int } from "../../../ir/expr.ts";
import { assertFunc } from "../../../ir/verify.ts";
import { apply, rule } from "../../../schedule/mod.ts";
import {
  fixed,
  neighbours,
  outside,
  pointKey,
  points,
  samplePoint,
  seeded,
  sizeOf,
  type Space,
  space,
} from "../../../schedule/tune/space.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import { SPACES, studyGemvSpace } from "../../../schedule/tune/spaces.ts";
import { arbitraryPoint } from "../../support/arbitrary_point.ts";
import { matvec } from "./kernels.ts";

const target = { ...JS_TARGET, registers: 64, vectorSums: false, maxThreads: 64 };
const all: readonly Space[] = [...SPACES.values()].map((make) => make(target));

/** Small spaces of numbers with a condition on their sum. */
const anySpace = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  modulus: fc.integer({ min: 1, max: 3 }),
}).map(({ sizes, modulus }) =>
  space({
    rule: "any",
    axes: sizes.map((n, i) => ({ name: `p${i}`, values: Array.from({ length: n }, (_, v) => v + 1) })),
    constraints: [{
      text: `sum is a multiple of ${modulus}`,
      holds: (p) => Object.values(p).reduce((a, b) => a + b, 0) % modulus === 0,
    }],
  })
);

Deno.test("points are distinct, in the space, and all that a filter of the product leaves", () => {
  fc.assert(fc.property(anySpace, (s) => {
    const list = [...points(s)];
    assertEquals(new Set(list.map(pointKey)).size, list.length);
    for (const p of list) assertEquals(outside(s, p), undefined);
    let product: Record<string, number>[] = [{}];
    for (const a of s.axes) product = product.flatMap((p) => a.values.map((v) => ({ ...p, [a.name]: v })));
    assertEquals(list.length, product.filter((p) => s.constraints.every((c) => c.holds(p))).length);
    assertEquals(sizeOf(s), list.length);
  }));
});

Deno.test("samples and neighbours are points of the space; a sample fails only where there is none", () => {
  fc.assert(fc.property(anySpace, fc.integer(), (s, seed) => {
    const p = samplePoint(s, seeded(seed));
    assertEquals(p === undefined, sizeOf(s) === 0);
    if (p === undefined) return;
    assertEquals(outside(s, p), undefined);
    const near = neighbours(s, p);
    assert(near.every((q) => outside(s, q) === undefined && pointKey(q) !== pointKey(p)));
    assertEquals(new Set(near.map(pointKey)).size, near.length);
    // A step and back: who is near is so both ways.
    for (const q of near) assert(neighbours(s, q).some((r) => pointKey(r) === pointKey(p)), pointKey(q));
  }));
});

Deno.test("the same seed draws the same", () => {
  fc.assert(fc.property(anySpace, fc.integer(), (s, seed) => {
    assertEquals(samplePoint(s, seeded(seed)), samplePoint(s, seeded(seed)));
  }));
});

Deno.test("points with parameters held fast are those of the space that have them", () => {
  fc.assert(fc.property(anySpace, (s) => {
    const expected = [...points(s)].filter((p) => p["p0"] === 1).map(pointKey);
    assertEquals([...points(fixed(s, { p0: 1 }))].map(pointKey), expected);
  }));
});

Deno.test("a point that is not in the space is told why", () => {
  const s = space({
    rule: "r",
    axes: [{ name: "a", values: [1, 2] }],
    constraints: [{ text: "a is odd", holds: ({ a = 0 }) => a % 2 === 1 }],
  });
  assertEquals(outside(s, {}), "a has no value");
  assertEquals(outside(s, { a: 3 }), "a is one of 1, 2, got 3");
  assertEquals(outside(s, { a: 1, b: 1 }), "there is no b; there are a");
  assertEquals(outside(s, { a: 2 }), "a is odd");
  assertThrows(
    () => space({ rule: "r", axes: [{ name: "a", values: [] }], constraints: [] }),
    Error,
    "axis a",
  );
  assertThrows(
    () => space({ rule: "r", axes: [{ name: "a", values: [1, 1] }], constraints: [] }),
    Error,
    "distinct",
  );
});

Deno.test("the study's space: TILE_R multiples of 8, schedule 1 searches TILE_S, schedule 2 TILE_R", () => {
  const list = [...points(studyGemvSpace({ ...target, maxThreads: 256 }))];
  assert(list.every((p) => p["TILE_R"]! % 8 === 0));
  assert(list.every((p) => p["SCH"] === 1 ? p["TILE_R"] === 8 : p["TILE_S"] === 1));
  const values = (
    sch: number,
    name: string,
  ) => [...new Set(list.filter((p) => p["SCH"] === sch).map((p) => p[name]!))];
  assertEquals(values(1, "TILE_S"), [4, 8, 16, 32]);
  assertEquals(values(2, "TILE_R"), [8, 16, 32, 64]);
  assertEquals(values(1, "TS"), [1, 2, 4, 8, 16, 32, 64, 128, 256]);
});

Deno.test("the study's space has TR, threads that share a result, on every WebGPU target, in schedule 2", () => {
  for (const software of [true, false]) {
    const list = [...points(studyGemvSpace({ ...WEBGPU_BASELINE, software, maxThreads: 256 }))];
    const pairs = new Set(list.flatMap((p) => p["SCH"] === 2 ? [`${p["TS"]} ${p["TR"]}`] : []));
    for (let ts = 1; ts <= 256; ts *= 2) {
      for (let tr = 1; tr <= 64; tr *= 2) assertEquals(pairs.has(`${ts} ${tr}`), ts * tr <= 256);
    }
    assert(list.every((p) => p["SCH"] === 2 || p["TR"] === 1));
  }
});

Deno.test("no space goes over the target's threads", () => {
  for (const s of all) {
    for (const p of points(s)) {
      const threads = (p["lanes"] ?? 1) * (p["groups"] ?? 1) * (p["TS"] ?? 1) * (p["TR"] ?? 1) *
        (p["threads"] ?? 1);
      assert(threads <= target.maxThreads, `${s.rule} ${pointKey(p)}`);
    }
  }
});

Deno.test("every point of gemv's space is a legal schedule of a matrix-vector product, and the points differ", () => {
  const s = SPACES.get("gemv")!(target);
  const func = matvec(int(256), int(256));
  fc.assert(
    fc.property(arbitraryPoint(s), (point) => {
      const result = apply(func, rule(s.rule, point), { target });
      assert(result.ok, pointKey(point));
      assertEquals(result.rule?.params, point);
      assertFunc(result.func);
    }),
    { numRuns: 30 },
  );
  const hashes = [8, 16, 32].map((TS) => {
    const result = apply(func, rule("gemv", { SCH: 1, TS, TR: 1, TILE_S: 4, TILE_R: 4, VEC: 4 }), { target });
    return result.ok ? hashFunc(result.func) : "";
  });
  assertEquals(new Set(hashes).size, 3);
});
