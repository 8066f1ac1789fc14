/** Steps on nests where they would change the meaning are refused; what is not refused keeps it. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { ScheduleError } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { allBlocks } from "../../ir/reduction.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { apply, type FailureCode, parseSchedule, type Primitive, printSchedule } from "../../schedule/mod.ts";
import { allLoops } from "../../schedule/loop/site.ts";
import { arbOddNest } from "../support/arbitrary/odd_nest.ts";
import { assertSame, inputs, read } from "../support/nests.ts";

const one = (loops: string, iters: string, body: string, params: string): string => {
  const list = loops.split(",").map((l) => l.trim());
  return `fn f(${params}) { ${list.map((l) => `for ${l} {`).join(" ")} block b(${iters}) { ${body} } ${
    "}".repeat(list.length)
  } }`;
};

const shift = one("i in 0..7", "vi: spatial 0..7 = i", "x[vi + 1] = x[vi] + 1", "x: read_write i32[8]");
const last = one("i in 0..8", "vi: spatial 0..8 = i", "y[0] = x[vi]", "x: read i32[8], y: write i32[1]");
const halves = one(
  "i in 0..8",
  "vi: spatial 0..4 = i // 2",
  "x[vi] = x[vi] * 3 + 1",
  "x: read_write i32[4]",
);
const diagonal = one(
  "t in 0..4, j in 0..4",
  "vt: spatial 0..4 = t, vj: spatial 0..4 = j",
  "y[vt + vj] = y[vt + vj] * 2 + vt",
  "y: read_write i32[8]",
);
const horner = one(
  "k in 0..3, l in 0..4",
  "vk: reduce 0..3 = k, vl: reduce 0..4 = l",
  "y[0] = y[0] * 2 + x[vk, vl]",
  "x: read i32[3, 4], y: read_write i32[1]",
);
const again = one(
  "u in 0..2, k in 0..3",
  "vk: reduce 0..3 = k",
  "init { y[0] = 0 } y[0] = y[0] + x[vk]",
  "x: read i32[3], y: write i32[1]",
);
const halfSums = one(
  "i in 0..4, k in 0..3",
  "vi: spatial 0..2 = i // 2, vk: reduce 0..3 = k",
  "init { y[vi] = 0 } y[vi] = y[vi] + x[vk]",
  "x: read i32[3], y: write i32[2]",
);
const sums = one(
  "i in 0..4, k in 0..3",
  "vi: spatial 0..4 = i, vk: reduce 0..3 = k",
  "init { y[vi] = 0 } y[vi] = y[vi] + x[vi, vk]",
  "x: read i32[4, 3], y: write i32[4]",
);
const dynamic = `fn f(x: read i32[4, n], y: write i32[4]) dims(n) { for i in 0..4 { for k in 0..n {
  block b(vi: spatial 0..4 = i, vk: reduce 0..n = k) { init { y[vi] = 0 } y[vi] = y[vi] + x[vi, vk] } } } }`;
const neighbour = one(
  "i in 0..3, k in 0..3",
  "vi: spatial 0..3 = i, vk: reduce 0..3 = k",
  "init { y[vi + 1] = 0 } y[vi + 1] = y[vi + 1] + y[vi] * x[vk]",
  "x: read i32[3], y: read_write i32[4]",
);
const shifted = `fn f(x: read i32[5], y: write i32[5], z: write i32[5]) { for i in 0..4 {
  block a(vi: spatial 0..4 = i) { y[vi + 1] = x[vi] }
  block c(wi: spatial 0..4 = i) { z[wi] = select(0 < wi, y[wi], 0) } } }`;
const bare = `fn f(x: read_write i32[3]) { for i in 0..3 { for j in 0..3 {
  x[0] = i block b(vi: spatial 0..3 = i, vj: spatial 0..3 = j) { x[1] = 4 } } } }`;
const triangle = `fn f(x: read i32[5], y: read_write i32[5, 5]) { for i in 0..5 { for j in 0..i {
  block b(vi: spatial 0..5 = i, vj: spatial 0..5 = j) { y[vi, vj] = x[vi] } } } }`;
const inner = `fn f(x: read i32[5, 4], y: write i32[5, 4]) { for i in 0..5 {
  block o(vi: spatial 0..5 = i) { reads x[vi, 0:+4] writes y[vi, 0:+4]
    for j in 0..4 { block b(wi: spatial 0..5 = vi, wj: spatial 0..4 = j) { y[wi, wj] = x[wi, wj] } } } } }`;

const square = `fn f(x: read i32[2, 2], y: write i32[2, 2]) { alloc t: local i32[2, 2] {
  for i in 0..2 { for j in 0..2 { block a(vi: spatial 0..2 = i, vj: spatial 0..2 = j) { t[vi, vj] = x[vi, vj] } } }
  for k in 0..2 { for l in 0..2 { block c(wk: spatial 0..2 = k, wl: spatial 0..2 = l) { y[wk, wl] = t[wk, wl] } } } } }`;

/** What is refused: the nest, the steps, the code, what is at fault, and a part of the reason. */
const REFUSED: readonly (readonly [string, string, string, FailureCode, readonly string[], string])[] = [
  [
    "what the iteration before wrote is read",
    shift,
    "bind(i, blockIdx.x)",
    "illegal",
    ["i", "b"],
    "one element of x",
  ],
  ["the same on a CPU", shift, "parallel(i)", "illegal", ["i", "b"], "one element of x"],
  ["the same in lanes", shift, "vectorize(i)", "illegal", ["i", "b"], "one element of x"],
  ["the last write wins", last, "bind(i, threadIdx.x)", "illegal", ["i", "b"], "one element of y"],
  [
    "two iterations update one element",
    halves,
    "bind(i, threadIdx.x)",
    "illegal",
    ["i", "b"],
    "one element of x",
  ],
  [
    "threads do not wait between rounds",
    diagonal,
    "bind(j, threadIdx.x)",
    "illegal",
    ["j", "b"],
    "one element of y",
  ],
  ["an order that matters", diagonal, "reorder(j, t)", "illegal", ["t", "j", "b"], "no fold"],
  ["a recurrence is no fold", horner, "reorder(l, k)", "illegal", ["k", "l", "b"], "no fold"],
  ["a reduction that is run again", again, "reorder(k, u)", "illegal", ["u", "b"], "run anew"],
  ["one loop for again and reduce", again, "fuse([u, k])", "illegal", ["u", "k", "b"], "move its init"],
  ["one init for two runs", again, "decomposeReduction(b, u)", "illegal", ["b", "u"], "anew"],
  ["one loop for spatial and reduce", dynamic, "fuse([i, k])", "illegal", ["i", "k", "b"], "move its init"],
  [
    "one loop for half sums and reduce",
    halfSums,
    "fuse([i, k])",
    "illegal",
    ["i", "k", "b"],
    "move its init",
  ],
  ["one sum that is made twice", halfSums, "reorder(k, i)", "illegal", ["i", "b"], "one element in several"],
  ["one sum that is made twice", halfSums, "decomposeReduction(b, i)", "illegal", ["b", "i"], "anew"],
  ["a sum of its neighbour", neighbour, "cacheWrite(b, local)", "illegal", ["b"], "other than to accumulate"],
  ["a sum of its neighbour", neighbour, "reorder(k, i)", "illegal", ["b"], "does not write"],
  ["reduce loops write one element", sums, "bind(k, threadIdx.x)", "illegal", ["k", "b"], "reduce iterator"],
  ["another thread wrote it", shifted, "bind(i, blockIdx.x)", "illegal", ["i", "a", "c"], "one element of y"],
  [
    "another thread wrote it, in a loop beside",
    square,
    "seq(bind(j, threadIdx.x), bind(k, threadIdx.x))",
    "illegal",
    ["k", "j"],
    "an element of t may be of one in j and of another in k",
  ],
  ["statements in order", bare, "reorder(j, i)", "illegal", ["j", "i"], "2 statements"],
  ["an extent that depends", triangle, "fuse([i, j])", "illegal", ["j"], "depends on loop i"],
  ["an extent that depends", triangle, "reorder(j, i)", "illegal", ["j"], "depends on loop i"],
  ["an extent that depends", triangle, "bind(j, blockIdx.x)", "illegal", ["j"], "depends on other loops"],
  ["a block is run as a whole", inner, "bind(j, threadIdx.x)", "illegal", ["j", "o"], "as a whole"],
  ["more than an i32 counts", sums, "split(i, [_, 100000, 100000])", "bad-argument", ["i"], "than an i32"],
  ["a loop that is not there", sums, "bind(kk, blockIdx.x)", "unknown-loop", ["kk"], "did you mean k?"],
  ["a block that is not there", sums, "cacheWrite(bb, local)", "unknown-block", ["bb"], "did you mean b?"],
  [
    "an axis that is taken",
    sums,
    "seq(split(i, [_, 2]), bind(i_1, threadIdx.x), bind(i_0, threadIdx.x))",
    "illegal",
    ["i_0", "i_1"],
    "threadIdx.x already",
  ],
  [
    "workgroups in threads",
    sums,
    "seq(split(i, [_, 2]), bind(i_0, threadIdx.x), bind(i_1, blockIdx.x))",
    "illegal",
    ["i_1", "i_0"],
    "inside loop i_0",
  ],
  [
    "threads around workgroups",
    sums,
    "seq(split(i, [_, 2]), bind(i_1, blockIdx.x), bind(i_0, threadIdx.x))",
    "illegal",
    ["i_0", "i_1"],
    "inside loop i_0",
  ],
  [
    "threads around workgroups",
    sums,
    "seq(split(i, [_, 2]), bind(i_0, blockIdx.x), bind(i_1, threadIdx.x), reorder(i_1, i_0))",
    "illegal",
    ["i_0", "i_1"],
    "would be inside",
  ],
];

for (const [what, text, steps, code, at, why] of REFUSED) {
  Deno.test(`refused: ${what}: ${steps}`, () => {
    const result = apply(read(text), parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertEquals([result.failure.code, result.failure.at], [code, at], result.failure.reason);
    assertStringIncludes(result.failure.reason, why);
  });
}

/** What is legal on nests like those above. */
const TAKEN: readonly (readonly [string, string, string])[] = [
  [
    "an update of its own element",
    one("i in 0..8", "vi: spatial 0..8 = i", "x[vi] = x[vi] * 3", "x: read_write i32[8]"),
    "bind(i, blockIdx.x)",
  ],
  ["an order that is kept", diagonal, "reorder(t, j)"],
  ["rounds that a CPU waits between", diagonal, "parallel(j)"],
  ["the order within each element is kept", sums, "reorder(k, i)"],
  [
    "a fold takes its terms in any order",
    one(
      "k in 0..3, l in 0..4",
      "vk: reduce 0..3 = k, vl: reduce 0..4 = l",
      "y[0] = max(y[0], x[vk, vl])",
      "x: read i32[3, 4], y: read_write i32[1]",
    ),
    "reorder(l, k)",
  ],
  [
    "two blocks at one element",
    sums,
    "seq(decomposeReduction(b, k), split(i, [_, 3]), bind(i_0, blockIdx.x), bind(i_1, threadIdx.x))",
  ],
  [
    "a register after binding",
    sums,
    "seq(split(i, [_, 3]), bind(i_0, blockIdx.x), bind(i_1, threadIdx.x), cacheWrite(b, local))",
  ],
  [
    "a register wraps as the buffer does",
    one(
      "k in 0..9",
      "vk: reduce 0..9 = k",
      "init { y[0] = 0u } y[0] = max(y[0], x[vk] * 100u)",
      "x: read u8[9], y: write u8[1]",
    ),
    "cacheWrite(b, local)",
  ],
  [
    "a register rounds as the buffer does",
    one(
      "k in 0..9",
      "vk: reduce 0..9 = k",
      "init { y[0] = 0.0 } y[0] = y[0] + x[vk]",
      "x: read f32[9], y: write bf16[1]",
    ),
    "cacheWrite(b, local)",
  ],
  [
    "a store in no block",
    "fn f(x: read i32[5], y: write i32[5]) { for i in 0..5 { y[i] = x[i] } }",
    "split(i, [_, 2])",
  ],
  ["an extent that depends", triangle, "split(i, [_, 2])"],
  [
    "a condition that reads",
    "fn f(x: read i32[5], y: read_write i32[5]) { for i in 0..5 { if x[i] < 3 { y[i] = 9 } else { y[i] = x[i] } } }",
    "split(i, [_, 2])",
  ],
  [
    "a predicate that reads",
    "fn f(x: read i32[5], y: read_write i32[5]) { for i in 0..5 { block b(vi: spatial 0..5 = i) where x[i] < 3 { y[vi] = 9 } } }",
    "split(i, [_, 2])",
  ],
  ["blocks in blocks", inner, "seq(split(i, [_, 2]), split(j, [3, _]))"],
  ["blocks in blocks", inner, "bind(i, blockIdx.x)"],
  [
    "fewer than no points twice",
    "fn f(y: read_write i32[100]) dims(n) { for i in 0..n - 5 { for j in 0..n - 5 { block b(vi: spatial 0..n - 5 = i, vj: spatial 0..n - 5 = j) { y[vi] = vj } } } }",
    "fuse([i, j])",
  ],
  ["a name that goes", sums, "split(i, [_, 2], names=[i, q])"],
  [
    "a binding that simplifies to 0 still says where the init is",
    "fn f(x: read_write i32[1]) { for i in 0..1 { for k in 0..2 { block b(vi: spatial 0..1 = i, vk: reduce 0..1 = k // 2) { init { x[vi] = 1 } x[vi] = x[vi] + x[vi] } } } }",
    "fuse([i, k])",
  ],
  ["names that are taken", sums, "split(i, [_, 2], names=[k, vk])"],
  ["one loop for spatial and reduce, none empty", sums, "fuse([i, k])"],
];

for (const [what, text, steps] of TAKEN) {
  Deno.test(`taken: ${what}: ${steps}`, () => {
    const func = read(text);
    const result = apply(func, parseSchedule(steps));
    assert(result.ok, result.ok ? "" : result.failure.reason);
    for (const n of func.dims.length === 0 ? [0] : [0, 2, 5, 9]) {
      assertSame(func, result.func, { n }, printFunc(result.func));
    }
  });
}

/** A step on loops and blocks that are there. */
function stepFor(func: PrimFunc, [kind, a, b, c]: readonly [number, number, number, number]): Primitive {
  const loops = allLoops(func.body).map((s) => s.loop.var);
  const blocks = allBlocks(func.body).map((s) => s.block.name);
  const loop = (n: number): string => loops[n % loops.length]!;
  const blockName = (n: number): string => blocks[n % blocks.length]!;
  const axes = ["blockIdx.x", "threadIdx.x", "blockIdx.y", "threadIdx.y"] as const;
  switch (kind % 13) {
    case 0:
      return {
        kind: "split",
        loop: loop(a),
        factors: [[null, 2], [3, null], [null, 1], [2, null, 2]][b % 4]!,
      };
    case 1: {
      const start = a % loops.length;
      return { kind: "fuse", loops: loops.slice(start, start + 2 + c % 2) };
    }
    case 2: {
      const some = loops.filter((_, i) => (b >> i) % 3 > 0);
      return { kind: "reorder", loops: c % 3 === 0 ? some : some.toReversed() };
    }
    case 3:
      return { kind: "decomposeReduction", block: blockName(a), loop: loop(b) };
    case 4:
      return { kind: "cacheWrite", block: blockName(a), scope: "local" };
    case 11:
      return { kind: "computeAt", block: blockName(a), loop: loop(b) };
    case 9:
      return { kind: "computeInline", block: blockName(a) };
    case 10:
      return { kind: "reverseComputeInline", block: blockName(a) };
    case 5:
      return { kind: "parallel", loop: loop(a) };
    case 12:
      return { kind: "computeWith", loops: [loop(a), loop(b)] };
    default:
      return { kind: "bind", loop: loop(a), axis: axes[b % axes.length]! };
  }
}

Deno.test("1500 random odd nests under random steps: refused, or the same meaning in any order of threads", () => {
  const n = fc.nat({ max: 999 });
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(
      arbOddNest(),
      fc.noBias(fc.array(fc.tuple(n, n, n, n), { minLength: 1, maxLength: 6 })),
      (naive, decisions) => {
        assertEquals(verifyFunc(naive), []);
        try {
          interpret(naive, inputs(naive, {}), {});
        } catch (error) {
          // An init that cannot be told from its update: no meaning to keep.
          assert(error instanceof ScheduleError, String(error));
          return;
        }
        let func = naive;
        const taken: string[] = [];
        for (const d of decisions) {
          const step = stepFor(func, d);
          const result = apply(func, step);
          count(`${step.kind} ${result.ok ? "taken" : "refused"}`);
          if (!result.ok) {
            assert(result.failure.reason.length > 10, printSchedule(step));
            continue;
          }
          func = result.func;
          taken.push(printSchedule(step));
        }
        assertSame(naive, func, {}, `${taken.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`);
      },
    ),
    { numRuns: 1500 },
  );
  for (const kind of ["split", "fuse", "reorder", "decomposeReduction", "cacheWrite", "parallel", "bind"]) {
    for (const outcome of ["taken", "refused"]) {
      if (kind === "split" && outcome === "refused") continue; // there is nothing about a serial loop to refuse
      assertGreater(counts.get(`${kind} ${outcome}`) ?? 0, 2, `${kind} ${outcome}`);
    }
  }
});
