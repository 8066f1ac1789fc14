/** computeInline and reverseComputeInline: elementwise blocks put into their neighbours. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { lowerFunc } from "../../backends/lower.ts";
import { printFunc } from "../../ir/print.ts";
import { allBlocks } from "../../ir/reduction.ts";
import { apply, parseSchedule, printFailure, printSchedule } from "../../schedule/mod.ts";
import { nestsOf } from "../../schedule/analysis/nests.ts";
import { assertSame, read } from "../support/nests.ts";

const nest = (id: string, n: string, body: string): string =>
  `for i${id} in 0..${n} { for j${id} in 0..3 {
    block b${id}(vi${id}: spatial 0..${n} = i${id}, vj${id}: spatial 0..3 = j${id}) { ${body} } } }`;

/** A map or a sum into `t`, a map of it into `u`, a map of that into `y`; each may be odd. */
function chain(n: string, sum: boolean, second: string, third: string, late: string): string {
  const first = sum
    ? `for ia in 0..${n} { for ja in 0..3 { for k in 0..4 {
        block ba(via: spatial 0..${n} = ia, vja: spatial 0..3 = ja, vk: reduce 0..4 = k) {
          init { t[via, vja] = 0 } t[via, vja] = t[via, vja] + x[via, vja] * vk } } } }`
    : nest("a", n, "t[via, vja] = x[via, vja] * 3 + via");
  const body = `alloc t: global i32[${n}, 3] { alloc u: global i32[${n}, 3] {
    ${first}
    ${nest("b", n, `u[vib, vjb] = ${second}`)}
    ${late}
    ${nest("c", n, `y[vic, vjc] = ${third}`)} } }`;
  const z = late.includes("z[") ? "read_write" : "read";
  const y = /y\[/.test(second + third) ? "read_write" : "write";
  const params = `x: read i32[${n}, 3], z: ${z} i32[${n}, 3], y: ${y} i32[${n}, 3]`;
  return `fn f(${params}) ${n === "n" ? "dims(n) " : ""}{ ${body} }`;
}

const SECOND = [
  "t[vib, vjb] * 2 + 1",
  "t[vib, vjb] + z[vib, vjb]",
  "select(0 < vjb, t[vib, vjb], 7)",
  "select(vjb < 2, t[vib, vjb], 7)",
  "t[vib, 0] + t[vib, vjb]",
  "t[vib, 2 - vjb]",
  "t[vib // 2, vjb] - 1",
  "y[vib, vjb] + t[vib, vjb]",
];
const THIRD = [
  "u[vic, vjc] * 5",
  "u[vic, vjc] + t[vic, vjc]",
  "u[vic, 2 - vjc] + z[vic, vjc]",
  "u[vic, vjc] + z[vic, vjc]",
  "y[vic, vjc] + u[vic, vjc]",
  "select(vjc < 2, u[vic, vjc + 1], z[vic, 0])",
];
const LATE = ["", "", nest("d", "N", "z[vid, vjd] = z[vid, vjd] * 2"), nest("d", "N", "y[vid, vjd] = 4")];
const STEPS = [
  "split(ia, [_, 2])",
  "fuse([ia, ja], name=fa)",
  "seq(fuse([ia, ja], name=fa), split(fa, [_, 4]), bind(fa_0, blockIdx.x), bind(fa_1, threadIdx.x))",
  "seq(split(ia, [_, 4]), split(ia_0, [_, 3]))",
  "reorder(ja, ia)",
  "cacheWrite(ba, local)",
  "fuse([ib, jb], name=fb)",
  "seq(fuse([ib, jb], name=fb), split(fb, [_, 5]))",
  "split(jc, [2, 2])",
];
const INLINES = [
  "computeInline(ba)",
  "computeInline(bb)",
  "reverseComputeInline(bb)",
  "reverseComputeInline(bc)",
];

/** What else may be odd: stores to one element again and again, elements that are left out where nobody wants them. */
const ODD: readonly (readonly [string, string])[] = [
  ["", ""],
  ["", ""],
  ["spatial 0..3 = ja) {", "spatial 0..3 = ja) where ja < 2 {"],
  ["y[vic, vjc] =", "y[vic, 0] ="],
  ["y[vic, vjc] =", "y[vic, vjc // 2] ="],
  ["y[vic, vjc] =", "y[vic, 2 - vjc] ="],
];

Deno.test("2000 random chains of blocks mean the same with blocks put into each other, or it is said why not", () => {
  const taken = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.constantFrom("n", "5"),
      fc.boolean(),
      fc.constantFrom(...SECOND),
      fc.constantFrom(...THIRD),
      fc.constantFrom(...LATE),
      fc.subarray(STEPS, { maxLength: 3 }),
      fc.shuffledSubarray(INLINES, { minLength: 1 }),
      fc.constantFrom(0, 1, 2, 5),
      fc.constantFrom(...ODD),
      (n, sum, second, third, late, steps, inlines, value, [from, to]) => {
        const naive = read(chain(n, sum, second, third, late.replaceAll("N", n)).replace(from, to));
        let func = naive;
        const done: string[] = [];
        for (const text of [...steps, ...inlines]) {
          const result = apply(func, parseSchedule(text));
          if (!result.ok) {
            assert(result.failure.reason.length > 10 && !result.failure.reason.includes("undefined"));
            continue;
          }
          func = result.func;
          done.push(...result.trace.map(printSchedule));
          taken.set(text, (taken.get(text) ?? 0) + 1);
        }
        assertSame(naive, func, { n: value }, `${done.join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`);
      },
    ),
    { numRuns: 2000 },
  );
  for (const text of INLINES) assertGreater(taken.get(text) ?? 0, 20, text);
});

const PLAIN = chain("n", true, "t[vib, vjb] * 2 + z[vib, vjb]", "max(u[vic, vjc], 0)", "");

Deno.test("golden: a matmul-like sum, its bias and its activation become one nest", async (t) => {
  const func = read(PLAIN);
  const text =
    `seq(fuse([ia, ja], name=f), split(f, [_, 4], names=[bx, tx]), bind(bx, blockIdx.x), bind(tx, threadIdx.x),
    cacheWrite(ba, local), reverseComputeInline(bb), reverseComputeInline(bc))`;
  const result = apply(func, parseSchedule(text));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertEquals(lowerFunc(result.func).launches.length, 1);
  await t.assertSnapshot(printFunc(result.func));
});

Deno.test("golden: a map computed where it is read", async (t) => {
  const func = read(chain("n", false, "t[vib, 2 - vjb] + t[vib, 0]", "u[vic, vjc] * 5", ""));
  const result = apply(func, parseSchedule("seq(computeInline(ba), computeInline(bb))"));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertEquals(nestsOf(result.func.body).length, 1);
  assertEquals(allBlocks(result.func.body).map((s) => s.block.name), ["bc"]);
  await t.assertSnapshot(printFunc(result.func));
});

Deno.test("taken: an axis that the consumer sees as two", () => {
  const func = read(`fn f(x: read i32[n, 6], y: write i32[2, n, 3]) dims(n) { alloc t: global i32[n, 6] {
    for i in 0..n { for j in 0..6 { block a(vi: spatial 0..n = i, vj: spatial 0..6 = j) { t[vi, vj] = x[vi, vj] + 1 } } }
    for h in 0..2 { for l in 0..n { for d in 0..3 {
      block c(vh: spatial 0..2 = h, vl: spatial 0..n = l, vd: spatial 0..3 = d) {
        y[vh, vl, vd] = t[vl, vh * 3 + vd] * 2 } } } } } }`);
  const result = apply(func, parseSchedule("reverseComputeInline(c)"));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  assertSame(func, result.func, { n: 4 }, printFunc(result.func));
});

/** What is refused: the chain, the steps, and a part of the reason. */
const REFUSED: readonly (readonly [string, string, string, string])[] = [
  ["a reduction is not computed where it is read", PLAIN, "computeInline(ba)", "reduces"],
  ["nor takes its consumer", PLAIN, "reverseComputeInline(bb)", "cacheWrite makes a block"],
  ["a result is wanted", PLAIN, "computeInline(bc)", "is a parameter"],
  [
    "nothing is before it",
    chain("n", false, "z[vib, vjb]", "1", ""),
    "reverseComputeInline(bb)",
    "reads nothing",
  ],
  [
    "an operand is written again",
    chain("n", false, SECOND[1]!, THIRD[0]!, LATE[2]!.replaceAll("N", "n")),
    "computeInline(bb)",
    "written again before",
  ],
  [
    "several elements are read for one",
    chain("n", false, SECOND[4]!, THIRD[0]!, ""),
    "reverseComputeInline(bb)",
    "several elements of t",
  ],
  [
    "an element is read in several iterations",
    chain("n", false, SECOND[6]!, THIRD[0]!, ""),
    "reverseComputeInline(bb)",
    "at an index that does not say",
  ],
  [
    "others read it too",
    chain("n", false, SECOND[0]!, THIRD[1]!, ""),
    "reverseComputeInline(bb)",
    "reads t too",
  ],
  [
    "what it writes is used between",
    chain("n", false, SECOND[7]!, THIRD[0]!, ""),
    "reverseComputeInline(bc)",
    "is used between them",
  ],
  [
    "an operand that changes",
    chain("n", false, SECOND[0]!, "u[vic, vjc] + z[vic, vjc]", LATE[2]!.replaceAll("N", "n")),
    "reverseComputeInline(bc)",
    "z, which block bc reads, is written between",
  ],
  [
    "the last store wins",
    chain("n", false, SECOND[0]!, THIRD[0]!, "").replace("y[vic, vjc] =", "y[vic, 0] ="),
    "reverseComputeInline(bc)",
    "one element of y in several iterations",
  ],
  [
    "a part is not computed",
    chain("n", false, SECOND[0]!, THIRD[0]!, "").replace(
      "block ba(via: spatial 0..n = ia, vja: spatial 0..3 = ja)",
      "block ba(via: spatial 0..n = ia, vja: spatial 0..3 = ja) where ja < 2",
    ),
    "computeInline(ba)",
    "may leave out elements",
  ],
  [
    "storing rounds",
    `fn f(x: read f32[3], y: write f32[3]) { alloc t: global bf16[3] {
      for i in 0..3 { block a(vi: spatial 0..3 = i) { t[vi] = x[vi] } }
      for j in 0..3 { block c(vj: spatial 0..3 = j) { y[vj] = t[vj] } } } }`,
    "computeInline(a)",
    "rounds",
  ],
];

for (const [what, text, steps, why] of REFUSED) {
  Deno.test(`refused: ${what}: ${steps}`, () => {
    const result = apply(read(text), parseSchedule(steps));
    assert(!result.ok, result.ok ? printFunc(result.func) : "");
    assertEquals(result.failure.code, "illegal", result.failure.reason);
    assertStringIncludes(result.failure.reason, why);
  });
}
