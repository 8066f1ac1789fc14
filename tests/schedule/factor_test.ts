/** Reductions in parts, tiles, and blocks that go on to the end of theirs. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { printFunc } from "../../ir/print.ts";
import {
  apply,
  type FailureCode,
  matmul,
  parseSchedule,
  printFailure,
  printSchedule,
} from "../../schedule/mod.ts";
import { assertSame, read } from "../support/nests.ts";
import * as kernels from "./kernels.ts";

const sums = `fn f(x: read i32[n, 7], y: write i32[n]) dims(n) { for i in 0..n { for k in 0..7 {
  block b(vi: spatial 0..n = i, vk: reduce 0..7 = k) { init { y[vi] = 0 } y[vi] = y[vi] + x[vi, vk] } } } }`;
const most = `fn f(x: read i32[n], y: write i32[1]) dims(n) { for k in 0..n {
  block b(vk: reduce 0..n = k) { init { y[0] = -2147483648 } y[0] = max(y[0], x[vk]) } } }`;
const fromFive = most.replaceAll("-2147483648", "5");
const narrowed = `fn f(x: read u8[9], y: write u8[1]) { for k in 0..9 {
  block b(vk: reduce 0..9 = k) { init { y[0] = 0u } y[0] = max(y[0], x[vk] * 100u) } } }`;
const horner = `fn f(x: read i32[6], y: write i32[1]) { for k in 0..6 {
  block b(vk: reduce 0..6 = k) { init { y[0] = 0 } y[0] = y[0] * 2 + x[vk] } } }`;
const twice = `fn f(x: read i32[6], y: write i32[1]) { for u in 0..2 { for k in 0..6 {
  block b(vk: reduce 0..6 = k) { init { y[0] = 0 } y[0] = y[0] + x[vk] } } } }`;
const last =
  `fn f(x: read i32[5], y: write i32[1]) { for u in 0..1 { alloc t: local i32[] { alloc z: local i32[8] {
  for j in 0..8 { block c(vj: spatial 0..8 = j) { z[vj] = vj } }
  for i in 0..8 { block b(vi: spatial 0..5 = i) where i < 5 { t[] = z[vi] } }
  block o() { y[0] = t[] } } } } }`;
const beyond = `fn f(x: read i32[8], y: write i32[1]) { for u in 0..1 { alloc t: local i32[8] {
  for j in 0..8 { block c(vj: spatial 0..8 = j) { t[vj] = 0 } }
  for i in 0..8 { block b(vi: spatial 0..8 = i) where i < 5 { t[vi] = x[vi] } }
  block o() { y[0] = t[7] } } } }`;

/** The nest, the steps, and what they make. */
const GOLDEN: readonly (readonly [string, string])[] = [
  [printFunc(kernels.matmul()), "tile([i, j], [4, 2])"],
  [printFunc(kernels.matmul()), "tile([i, k], [4, 3], names=[io, ko, ii, ki])"],
  [sums, "rfactor(b, k, global)"],
  [sums, "seq(split(k, [_, 4]), rfactor(b, k_0, global))"],
  [most, "seq(split(k, [_, 4]), rfactor(b, k_1, global), bind(k_1, threadIdx.x))"],
];

Deno.test("golden: tile and rfactor", async (t) => {
  const parts = GOLDEN.map(([text, steps]) => {
    const func = read(text);
    const result = apply(func, parseSchedule(steps));
    assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
    assertEquals(
      result.trace.map(printSchedule).join(),
      result.trace.map((s) => printSchedule(parseSchedule(printSchedule(s)))).join(),
    );
    if (!text.includes("f32")) { for (const n of [0, 1, 5, 9]) assertSame(func, result.func, { n }, steps); }
    return `# ${steps}\n${printFunc(result.func)}`;
  });
  await t.assertSnapshot(parts.join("\n\n"));
});

const REFUSED: readonly (readonly [string, string, FailureCode, string])[] = [
  [sums, "rfactor(b, i, global)", "illegal", "does not feed a reduce"],
  [fromFive, "rfactor(b, k, global)", "illegal", "identity of its max"],
  [narrowed, "rfactor(b, k, global)", "illegal", "narrows terms"],
  [horner, "rfactor(b, k, global)", "illegal", "no fold"],
  [twice, "rfactor(b, k, global)", "illegal", "no iterator"],
  [sums, "seq(cacheWrite(b, local), rfactor(b, k, global))", "illegal", "a alloc around"],
  [sums, "seq(bind(i, blockIdx.x), rfactor(b, k, global))", "illegal", "only serial loops"],
  [sums, "tile([i], [2])", "bad-argument", "at least two"],
  [sums, "tile([i, i], [2, 2])", "bad-argument", "named twice"],
  [sums, "tile([i, k], [2])", "bad-argument", "as many sizes"],
  [sums, "tile([i, k], [2, 0])", "bad-argument", "positive integers"],
  [twice, "tile([u, k], [2, 2])", "illegal", "run anew"],
  [sums, "pad(b)", "illegal", "no condition"],
  [sums, "seq(split(i, [_, 4]), pad(b))", "illegal", "not its own"],
  [last, "pad(b)", "illegal", "others need"],
  [beyond, "pad(b)", "illegal", "block o may read what block c wrote to t"],
];

for (const [text, steps, code, why] of REFUSED) {
  Deno.test(`refused: ${steps}: ${why}`, () => {
    const result = apply(read(text), parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertStringIncludes(result.failure.reason, why);
    let inner = result.failure;
    while (inner.causes[0] !== undefined) inner = inner.causes[0];
    assertEquals(inner.code, code);
  });
}

Deno.test("the rule for contractions pads its tiles", () => {
  const result = apply(kernels.matmul(), matmul({ few: 1 }));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, kernels.matmul()));
  assert(result.trace.some((s) => s.kind === "pad"), result.trace.map(printSchedule).join("\n"));
});

Deno.test("a copy of a copy runs beyond the edge where its condition keeps it from reading", () => {
  const func = read(`fn f(x: read i32[2], y: write i32[2]) { for i in 0..2 {
    block b(vi: spatial 0..2 = i) { y[vi] = x[vi] } } }`);
  const steps = "seq(split(i, [_, 3]), cacheRead(b, x, local, i_1), cacheRead(x_local_load, x, local, i_0))";
  const result = apply(func, parseSchedule(steps));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertSame(func, result.func, {}, printFunc(result.func));
});
