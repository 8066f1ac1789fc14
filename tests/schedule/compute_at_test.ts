/** computeAt and reverseComputeAt: blocks computed inside of loops of their consumers and producers. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { lower } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import { toNumbers } from "../../ir/data.ts";
import { interpret } from "../../ir/interpret.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { allBlocks } from "../../ir/reduction.ts";
import {
  apply,
  cacheWrite,
  fallback,
  parseSchedule,
  printFailure,
  printSchedule,
  reverseComputeInline,
  type Schedule,
  seq,
} from "../../schedule/mod.ts";
import { allLoops } from "../../schedule/loop/site.ts";
import { shareRows } from "../../schedule/rules/share_rows.ts";
import { randomInputs } from "../support/arbitrary.ts";
import { assertAllClose } from "../support/close.ts";
import { assertSame, read } from "../support/nests.ts";
import { copyArrays, interpretBackwards, runLowered } from "../support/run_func.ts";
import { softmax } from "./kernels.ts";

function after(func: PrimFunc, schedule: Schedule): PrimFunc {
  const result = apply(func, schedule);
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  return result.func;
}

Deno.test("golden: the three nests of a softmax become one over rows", async (t) => {
  const steps = shareRows(softmax());
  await t.assertSnapshot(
    `${steps.map(printSchedule).join("\n")}\n${printFunc(after(softmax(), seq(...steps)))}`,
  );
});

/** A sum or a map into `t`, and what reads `t` at odd places. */
function pair(n: string, sum: boolean, reads: readonly string[], twice = false): string {
  const once = sum
    ? `for i in 0..${n} { for j in 0..6 { for k in 0..4 {
        block a(vi: spatial 0..${n} = i, vj: spatial 0..6 = j, vk: reduce 0..4 = k) {
          init { t[vi, vj] = 1 } t[vi, vj] = t[vi, vj] + x[vi, vj] * vk } } } }`
    : `for i in 0..${n} { for j in 0..6 { block a(vi: spatial 0..${n} = i, vj: spatial 0..6 = j) {
        t[vi, vj] = x[vi, vj] * 3 + vi } } }`;
  const first = twice ? `for u in 0..2 { ${once} }` : once;
  const second = `for p in 0..${n} { for q in 0..6 { block c(vp: spatial 0..${n} = p, vq: spatial 0..6 = q) {
    y[vp, vq] = ${reads.join(" + ")} } } }`;
  const access = reads.some((r) => r.includes("y[")) ? "read_write" : "write";
  const params = `x: read i32[${n}, 6], y: ${access} i32[${n}, 6]`;
  return `fn f(${params}) ${
    n === "n" ? "dims(n) " : ""
  }{ alloc t: global i32[${n}, 6] { ${first} ${second} } }`;
}

const READS = [
  "t[vp, vq]",
  "t[vp, 5 - vq]",
  "t[vp, 0]",
  "select(0 < vp, t[vp - 1, vq], 3)",
  "select(vq < 4, t[vp, vq + 2], 3)",
  "t[vp, vq // 2]",
  "t[vp, vq * 2 % 6]",
  "t[0, vq]",
  "x[vp, 1]",
];
const STEPS = [
  "split(q, [_, 4])",
  "split(p, [_, 2])",
  "fuse([p, q])",
  "reorder(q, p)",
  "bind(p, blockIdx.x)",
  "bind(q, threadIdx.x)",
  "seq(fuse([p, q], name=pq), split(pq, [_, 4]), bind(pq_0, blockIdx.x), bind(pq_1, threadIdx.x))",
  "bind(p_0, blockIdx.x)",
  "bind(p_1, threadIdx.x)",
];

Deno.test("1000 random consumers with their producer at a random loop mean the same, or it is said why not", () => {
  let taken = 0;
  let local = 0;
  fc.assert(
    fc.property(
      fc.constantFrom("n", "4"),
      fc.boolean(),
      fc.subarray(READS, { minLength: 1, maxLength: 3 }),
      fc.shuffledSubarray(STEPS, { maxLength: 4 }),
      fc.nat({ max: 99 }),
      fc.nat({ max: 4 }),
      fc.constantFrom(0, 1, 4, 5),
      (n, sum, reads, steps, loop, when, value) => {
        const naive = read(pair(n, sum, reads));
        let func = naive;
        const done: string[] = [];
        const step = (text: string): void => {
          const result = apply(func, parseSchedule(text));
          if (!result.ok) {
            assert(result.failure.reason.length > 10 && !result.failure.reason.includes("undefined"));
            return;
          }
          func = result.func;
          done.push(text);
          if (!text.startsWith("computeAt")) return;
          taken++;
          if (printFunc(func).includes("alloc t: local")) local++;
        };
        const at = (): void => {
          const loops = allLoops(func.body).map((s) => s.loop.var);
          step(`computeAt(a, ${loops[loop % loops.length]})`);
        };
        steps.slice(0, when).forEach(step);
        at();
        steps.slice(when).forEach(step);
        assertSame(naive, func, { n: value }, `${done.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`);
      },
    ),
    { numRuns: 1000 },
  );
  assertGreater(taken, 250);
  assertGreater(local, 60);
  assertGreater(taken - local, 8);
});

const FORWARD = [
  "split(i, [_, 2])",
  "split(j, [_, 4])",
  "split(j, [3, 2])",
  "reorder(j, i)",
  "reorder(i_0, j, i_1)",
  "fuse([i, j], name=ij)",
  "split(ij, [_, 5])",
  "reorder(k, j)",
  "seq(split(i, [_, 2]), bind(i_0, blockIdx.x), bind(i_1, threadIdx.x))",
  "cacheWrite(a, local)",
  "decomposeReduction(a, k)",
  "bind(j, threadIdx.y)",
];
const CONSUMED = [
  "t[vp, vq] * 2",
  "y[vp, vq] * 3 + t[vp, vq]",
  "t[vp, vq] - y[vp, vq]",
  "t[vp, vq] + x[vp, 0]",
  "select(vq < 3, t[vp, vq], 9)",
  "t[vp, 5 - vq]",
  "t[vq % 4, 0]",
];

Deno.test("1000 random producers with their consumer at a random loop mean the same, or it is said why not", () => {
  const n = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.constantFrom("n", "4"),
      fc.boolean(),
      fc.constantFrom(...CONSUMED),
      fc.boolean(),
      fc.shuffledSubarray(FORWARD, { maxLength: 5 }),
      fc.nat({ max: 99 }),
      fc.nat({ max: 5 }),
      fc.constantFrom(0, 1, 4, 5),
      fc.boolean(), // by columns: a column of symbolic length has no room in registers
      fc.nat({ max: 3 }).map((n) => n === 0), // computed again: who reads after each time reads too often
      (size, sum, reads, part, steps, loop, when, value, columns, twice) => {
        const text = pair(size, sum, [size === "n" && reads.includes("% 4") ? CONSUMED[0]! : reads], twice);
        const naive = read(part ? text.replace("y[vp, vq] =", "y[vp, 5 - vq] =") : text);
        let func = naive;
        const done: string[] = [];
        const step = (s: string): void => {
          const result = apply(func, parseSchedule(s));
          if (!result.ok) {
            assert(result.failure.reason.length > 10 && !result.failure.reason.includes("undefined"));
            return;
          }
          func = result.func;
          done.push(s);
          const what = !s.startsWith("reverseComputeAt")
            ? "other"
            : printFunc(func).includes("alloc t: local")
            ? "local"
            : "global";
          n.set(what, (n.get(what) ?? 0) + 1);
        };
        if (columns) step("reorder(j, i)");
        steps.slice(0, when).forEach(step);
        const loops = allLoops(func.body).map((s) => s.loop.var);
        step(`reverseComputeAt(c, ${loops[loop % loops.length]})`);
        steps.slice(when).forEach(step);
        assertSame(naive, func, { n: value }, `${done.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`);
      },
    ),
    { numRuns: 1000 },
  );
  assertGreater(n.get("local") ?? 0, 30, JSON.stringify([...n]));
  assertGreater(n.get("global") ?? 0, 20, JSON.stringify([...n]));
});

Deno.test("golden: what is done with a row, right after it", async (t) => {
  const func = read(pair("n", true, ["t[vp, vq] * 2"]));
  await t.assertSnapshot(printFunc(after(func, parseSchedule("reverseComputeAt(c, i)"))));
});

const P = pair("n", true, ["t[vp, vq]"]);
/** What is refused: the nest, the steps, and a part of the reason. */
const REFUSED: readonly (readonly [string, string, string, string])[] = [
  ["its own loop", P, "computeAt(a, j)", "reads t outside of loop j"],
  ["loops that were rewritten", P, "seq(split(i, [_, 2]), computeAt(a, p))", "were rewritten"],
  ["a consumer before its loop", P, "reverseComputeAt(a, p)", "reduces"],
  ["a loop that does not produce", P, "reverseComputeAt(c, q)", "around it or after"],
  ["a loop that does not finish", P, "reverseComputeAt(c, k)", "a box of t of their own"],
  [
    "an odd place",
    pair("n", true, ["t[vp, 5 - vq]"]),
    "reverseComputeAt(c, i)",
    "at its iterators",
  ],
  [
    "a part is not computed",
    P.replace("= k) {", "= k) where j < 5 {"),
    "reverseComputeAt(c, i)",
    "may leave out elements",
  ],
  ["a result is wanted", P, "computeAt(c, p)", "is a parameter"],
  ["an init apart", P, "seq(decomposeReduction(a, k), computeAt(a, p))", "a_init writes t too"],
  ["no such loop", P, "computeAt(a, pp)", "did you mean p?"],
  [
    "an operand that changes",
    pair("n", false, ["t[vp, vq]"]).replace("x: read i32", "x: read_write i32").replace(
      "for p",
      "for u in 0..n { block z(vu: spatial 0..n = u) { x[vu, 0] = 5 } } for p",
    ),
    "computeAt(a, p)",
    "is written before the end of loop p",
  ],
  [
    "a reader outside",
    pair("n", false, ["t[vp, vq]"]).replace(
      "for p",
      "for u in 0..1 { block z(vu: spatial 0..1 = u) { y[0, vu] = t[0, 0] } } for p",
    ).replace("for u", "for u"),
    "computeAt(a, p)",
    "reads t outside of loop p",
  ],
];

for (const [what, text, steps, why] of REFUSED) {
  Deno.test(`refused: ${what}: ${steps}`, () => {
    const result = apply(read(text), parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertStringIncludes(result.failure.reason, why);
  });
}

/** The kernels of attention and of the norms around it, as the graph rules make them. */
function kernels(): readonly PrimFunc[] {
  const program = w.trace(
    w.module({ g: w.param([12], "f32"), b: w.param([12], "f32") }, (p) => ({
      main: w.method({
        q: w.spec([2, "s", 4], "f32"),
        k: w.spec([2, "t", 4], "f32"),
        mask: w.spec(["s", "t"], "bool"),
        x: w.spec(["s", 12], "f32"),
      }, ({ q, k, mask, x }) => ({
        probabilities: w.softmax(
          w.where(mask, w.mul(w.matmul(q, w.transpose(k)), w.full([1], 0.5)), w.full([1], -Infinity)),
          -1,
        ),
        norm: w.layerNorm(x, p.g, p.b),
        total: w.logSumExp(x, [-1]),
      })),
    })),
    { bounds: { s: 16, t: 16 } },
  );
  return [...lower(program, jsDevice().target).kernels.values()].map((k) => k.func);
}

Deno.test("softmax with mask and scale, layerNorm and logSumExp take one launch each, with the same results", async () => {
  const device = jsDevice();
  const found = new Map<string, number>();
  for (const func of kernels()) {
    const blocks = allBlocks(func.body).map((s) => s.block);
    const steps = blocks.length === 2 && blocks[0]?.init !== undefined && func.name.startsWith("matmul")
      // A product with something after: its epilogue.
      ? seq(cacheWrite(blocks[0].name), reverseComputeInline(blocks[1]!.name), fallback({ threads: 4 }))
      : seq(...shareRows(func), fallback({ threads: 4 }));
    const scheduled = after(func, steps);
    const lowered = lowerFunc(scheduled);
    found.set(func.name, lowered.launches.length);
    for (const dims of [{ s: 1, t: 1 }, { s: 5, t: 7 }, { s: 9, t: 3 }]) {
      const arrays = randomInputs(func, dims, 3);
      const expected = copyArrays(arrays);
      interpret(func, expected, dims);
      const backwards = interpretBackwards(lowered, arrays, dims);
      const onDevice = await runLowered(device, lowered, arrays, dims);
      for (const { buffer: { name, dtype } } of func.params) {
        const [e, a, d] = [expected, backwards, onDevice].map((r) => toNumbers(dtype, r[name]!));
        assertEquals(a, e, `${func.name}: ${name}\n${printFunc(scheduled)}`);
        assertAllClose(d!, e!, { rtol: 1e-5, atol: 1e-6 }, `${func.name}: ${name}`);
      }
    }
  }
  assertEquals([...found.values()].every((n) => n === 1), true, JSON.stringify([...found]));
  for (const part of ["softmax", "layerNorm", "logSumExp", "where"]) {
    assert([...found.keys()].some((name) => name.includes(part)), `${part}: ${[...found.keys()]}`);
  }
  device.dispose();
});
