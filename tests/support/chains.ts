/**
 * Random nests that are almost right for one step or another: chains of blocks that write and read each other's
 * results, statements beside each other in loops. What keeps a step from them is one detail each.
 *
 * @module
 */
import fc from "fast-check";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { read } from "./nests.ts";

const nest = (id: string, n: string, body: string): string =>
  `for i${id} in 0..${n} { for j${id} in 0..3 {
    block b${id}(vi${id}: spatial 0..${n} = i${id}, vj${id}: spatial 0..3 = j${id}) { ${body} } } }`;

const SECOND = [
  "t[vib, vjb] * 2 + 1",
  "t[vib, vjb] + z[vib, vjb]",
  "select(vjb < 2, t[vib, vjb], 7)",
  "t[vib, 0] + t[vib, vjb]",
  "t[vib, 2 - vjb]",
  "y[vib, vjb] + t[vib, vjb]",
];
const THIRD = [
  "u[vic, vjc] * 5",
  "u[vic, vjc] + t[vic, vjc]",
  "u[vic, 2 - vjc] + z[vic, vjc]",
  "y[vic, vjc] + u[vic, vjc]",
];
const LATE = [
  "",
  "",
  "z[vid, vjd] = z[vid, vjd] * 2",
  "y[vid, vjd] = 4",
  "t[vid, vjd] = 5",
  "u[vid, 2 - vjd] = 6",
];
const ODD: readonly (readonly [string, string])[] = [
  ["", ""],
  ["spatial 0..3 = ja) {", "spatial 0..3 = ja) where ja < 2 {"],
  ["y[vic, vjc] =", "y[vic, 0] ="],
  ["t: global i32", "t: global i8"],
  ["for ja in 0..3", "for ja in 0..2"],
  ["for jb in 0..3", "for jb in 0..2"],
  ["spatial 0..3 = jc) {", "spatial 0..3 = jc) where jc < 2 {"],
  ["{ for ja in", "{ y[0, 0] = y[0, 0] + 1 for ja in"],
];
const LOOPS = ["ia", "ja", "k", "ib", "jb", "ic", "jc", "id", "jd"];

const MOVES = [
  "computeAt(ba, L)",
  "computeAt(bb, L)",
  "reverseComputeAt(bb, L)",
  "reverseComputeAt(bc, L)",
  "computeInline(ba)",
  "reverseComputeInline(bb)",
  "reverseComputeInline(bc)",
];

/** A map or a sum into `t`, a map of it into `u`, a map of that into `y`, with something in between. */
const arbChain: fc.Arbitrary<Aimed> = fc.noBias(fc.record({
  n: fc.constantFrom("n", "4"),
  sum: fc.boolean(),
  second: fc.constantFrom(...SECOND),
  third: fc.constantFrom(...THIRD),
  late: fc.constantFrom(...LATE),
  early: fc.boolean(),
  odd: fc.constantFrom(...ODD),
  moves: fc.array(
    fc.tuple(
      fc.constantFrom(...MOVES),
      fc.constantFrom(...LOOPS),
    ),
    { minLength: 1, maxLength: 3 },
  ),
})).map(({ n, sum, second, third, late, early, odd, moves }) => {
  const first = sum
    ? `for ia in 0..${n} { for ja in 0..3 { for k in 0..4 {
        block ba(via: spatial 0..${n} = ia, vja: spatial 0..3 = ja, vk: reduce 0..4 = k) {
          init { t[via, vja] = 0 } t[via, vja] = t[via, vja] + x[via, vja] * vk } } } }`
    : nest("a", n, "t[via, vja] = x[via, vja] * 30 + via");
  const between = late === "" ? "" : nest("d", n, late);
  const b = nest("b", n, `u[vib, vjb] = ${second}`);
  const text = `alloc t: global i32[${n}, 3] { alloc u: global i32[${n}, 3] {
    ${first} ${early ? between : ""} ${b} ${early ? "" : between} ${
    nest("c", n, `y[vic, vjc] = ${third}`)
  } } }`;
  const params = `x: read i32[${n}, 3], z: read_write i32[${n}, 3], y: read_write i32[${n}, 3]`;
  const made = `fn f(${params}) ${n === "n" ? "dims(n) " : ""}{ ${text} }`.replace(
    ...odd as [string, string],
  );
  return {
    text: made,
    steps: moves.map(([step, loop]) => step.replace("L", loop)),
    dims: [{ n: 0 }, { n: 4 }],
  };
});

/** Two nests in one loop, the second of which may read what other iterations of the first wrote. */
const arbBeside: fc.Arbitrary<Aimed> = fc.noBias(fc.tuple(
  fc.constantFrom("vk, vl", "vl, vk", "vk, 3 - vl", "0, vl"),
  fc.constantFrom("local", "global"),
  fc.shuffledSubarray([
    "bind(i, threadIdx.y)",
    "bind(j, threadIdx.x)",
    "bind(k, threadIdx.y)",
    "bind(l, threadIdx.x)",
    "bind(k, threadIdx.x)",
    "parallel(o)",
    "vectorize(l)",
  ]),
)).map(([place, scope, steps]) => ({
  text: `fn f(x: read i32[4, 4], y: write i32[2, 4, 4]) { for o in 0..2 { alloc t: ${scope} i32[4, 4] {
    for i in 0..4 { for j in 0..4 { block a(vi: spatial 0..4 = i, vj: spatial 0..4 = j) { t[vi, vj] = x[vi, vj] } } }
    for k in 0..4 { for l in 0..4 { block c(vo: spatial 0..2 = o, vk: spatial 0..4 = k, vl: spatial 0..4 = l) {
      y[vo, vk, vl] = t[${place}] + vo } } } } } }`,
  steps: ["bind(o, blockIdx.x)", ...steps],
  dims: [{}],
}));

const BESIDE = ["y[0] = y[0] * 2", "y[0] = 3", "x[vi] = 4", "x[2 - vi] = x[vi] * 2", "z[0] = vi"];

/** Two statements in two loops, one after the other in each iteration. */
const arbTogether: fc.Arbitrary<Aimed> = fc.noBias(fc.tuple(
  fc.constantFrom("y[0] = y[0] + x[vk]", "y[vk] = x[2 - vk] + 1", "y[vj] = x[vk] * 3"),
  fc.constantFrom(...BESIDE),
  fc.boolean(),
  fc.shuffledSubarray([
    "reorder(l, k)",
    "cacheRead(a, x, local, k)",
    "cacheRead(a, x, local, l)",
    "vectorize(l)",
    "parallel(k)",
    "unroll(l)",
  ], { minLength: 1 }),
)).map(([first, second, swap, steps]) => {
  const a = `block a(vk: spatial 0..3 = k, vj: spatial 0..3 = l) { ${first} }`;
  const b = `block b(vi: spatial 0..3 = l) { ${second} }`;
  return {
    text: `fn f(x: read_write i32[3], y: read_write i32[3], z: read_write i32[3]) {
      for k in 0..3 { for l in 0..3 { ${swap ? b : a} ${swap ? a : b} } } }`,
    steps,
    dims: [{}],
  };
});

/** The first of these in three of four cases. */
const mostly = (plain: string, ...odd: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });

/** A reduction that is odd in what it starts from, combines, is stored as, or which loops run, in parts. */
const arbOddSum: fc.Arbitrary<Aimed> = fc.noBias(fc.record({
  start: mostly("0", "1", "x[0]"),
  update: mostly("y[vi] + x[vk]", "max(y[vi], x[vk] * 90)", "y[vi] + x[vk] * (vi + 2)"),
  dtype: fc.constantFrom("i32", "i32", "i8"),
  where: mostly("", "k < 5", "x[k] < 5", "i < 2", "i + k < 6", "y[i] < 20", "y[i] < 9", "y[0] < 20", "u < 1"),
  binding: mostly("spatial 0..4 = i", "spatial 0..4 = (i + k_1) % 4"),
  last: mostly("4", "k_0 + 1"),
  around: mostly("", "for u in 0..n "),
  steps: fc.shuffledSubarray([
    "rfactor(b, k_0, global)",
    "rfactor(b, k_1, global)",
    "reorder(k_0, i)",
    "fuse([i, k_0])",
    "bind(i, blockIdx.x)",
    "cacheWrite(b, local)",
  ], { minLength: 1 }),
})).map(({ start, update, dtype, where, binding, last, around, steps }) => {
  const holds = where === "" || (around === "" && where.includes("u"))
    ? ""
    : `where ${where.replace(/\bk\b/, "k_0 * 4 + k_1")} `;
  // The identity of a max, so that it is one detail that keeps it from parts.
  const first = start === "0" && update.startsWith("max") ? "-2147483648" : start;
  const access = where.includes("y") || around !== "" ? "read_write" : "write";
  return {
    text: `fn f(x: read ${dtype}[8], y: ${access} ${dtype}[4]) ${around === "" ? "" : "dims(n) "}{
      ${around === "" ? "" : `${around}{`} for i in 0..4 { for k_0 in 0..2 { for k_1 in 0..${last} {
      block b(vi: ${binding}, vk: reduce 0..8 = k_0 * 4 + k_1) ${holds}{
        init { y[vi] = ${first} } y[vi] = ${update} } } } } ${around === "" ? "" : "}"} }`,
    steps,
    dims: around === "" ? [{}] : [{ n: 0 }, { n: 2 }],
  };
});

/** Tiles with an edge: registers that are filled, used and written, where some of these look beyond the edge. */
const arbEdge: fc.Arbitrary<Aimed> = fc.noBias(fc.record({
  place: fc.constantFrom("i", "i", "i % 2", "0"),
  read: fc.constantFrom("vi", "vi", "vi * 2 % 3", "2"),
  size: fc.constantFrom(3, 6),
  guard: fc.boolean(),
  fill: fc.boolean(),
  scope: fc.constantFrom("local", "local", "global"),
})).map(({ place, read: from, size, guard, fill, scope }) => ({
  text: `fn f(x: read i32[${size}], y: write i32[4]) { for o in 0..1 { alloc t: ${scope} i32[4] {
    ${fill ? "for f in 0..4 { block a(vf: spatial 0..4 = f) { t[vf] = 7 } }" : ""}
    for i in 0..4 { block b(vi: spatial 0..6 = i, vp: spatial 0..4 = ${place}) where i < 3 { t[vp] = x[${from}] + vi } }
    for w in 0..4 { block c(vw: spatial 0..4 = w)${
    guard || !fill ? " where w < 3" : ""
  } { y[vw] = t[vw] } } } } }`,
  steps: ["pad(b)"],
  dims: [{}],
}));

/** A producer and its reader in one loop, or the reader alone, with a statement beside them. */
const arbInner: fc.Arbitrary<Aimed> = fc.noBias(fc.record({
  inside: fc.boolean(),
  beside: fc.constantFrom(
    "block d(vd: spatial 0..4 = l) { t[3 - vd] = 5 }",
    "block d(vd: spatial 0..4 = l) { t[vd] = t[vd] + 5 }",
    "for m in 0..4 { block d(vm: spatial 0..4 = m) { x[vm] = x[vm] + 3 } }",
    "block d(vd: spatial 0..4 = l) { y[vd] = 8 }",
    "",
  ),
  order: fc.constantFrom("bac", "abc", "bca", "cba", "cab"),
  place: fc.constantFrom("vj", "3 - vj", "vl"),
  dtype: fc.constantFrom("i32", "i32", "i8"),
  repeat: fc.boolean(),
  out: fc.constantFrom("y[vj]", "y[vl]"),
  steps: fc.shuffledSubarray([
    "computeAt(a, l)",
    "computeAt(a, j)",
    "computeInline(a)",
    "reverseComputeInline(c)",
    "reverseComputeAt(c, i)",
    "reverseComputeAt(c, l)",
  ], { minLength: 1, maxLength: 2 }),
})).map(({ inside, beside, order, place, dtype, repeat, out, steps }) => {
  const a = `${
    repeat ? "for r in 0..2 { " : ""
  }for i in 0..4 { block a(vi: spatial 0..4 = i) { t[vi] = x[vi] * 70 } }${repeat ? " }" : ""}`;
  // What reads before anything was computed does so from the second iteration on.
  const early = inside && order.indexOf("c") < order.indexOf("a") ? "where 0 < l " : "";
  const c = `for j in 0..4 { block c(vl: spatial 0..4 = l, vj: spatial 0..4 = j) ${early}{
    ${out} = t[${place}] + vl } }`;
  const [inner, outer] = inside ? [a, ""] : ["", a];
  const parts = new Map([["a", inner], ["b", beside], ["c", c]]);
  const body = [...order].map((part) => parts.get(part)).join(" ");
  return {
    text: `fn f(x: read_write i32[4], y: read_write i32[4]) { alloc t: global ${dtype}[4] {
      ${outer} for l in 0..4 { ${body} } } }`,
    steps,
    dims: [{}],
  };
});

/** Two loops beside each other, the second of which mostly reads what the same iteration of the first wrote. */
const arbJoined: fc.Arbitrary<Aimed> = fc.noBias(fc.record({
  stored: mostly("t[va]", "t[3 - va]", "t[va % 2]", "y[va]", "z[va]"),
  computed: mostly("x[va] + 1", "y[va] * 2", "x[3 - va]"),
  between: mostly("", "t[vd] = 5", "y[vd] = 6", "z[vd] = t[vd]", "x[vd] = 3"),
  read: mostly("t[vc]", "t[3 - vc]", "t[0]", "z[vc]"),
  out: mostly("y[vc]", "y[3 - vc]", "t[vc]", "x[vc]"),
  extent: mostly("4", "3"),
  steps: fc.shuffledSubarray(["computeWith(a, c)", "computeWith(d, c)", "computeWith(a, d)", "parallel(c)"], {
    minLength: 1,
  }),
})).map(({ stored, computed, between, read: from, out, extent, steps }) => ({
  text: `fn f(x: read_write i32[4], y: read_write i32[4], z: read_write i32[4]) { alloc t: global i32[4] {
    for i in 0..4 { block s(vi: spatial 0..4 = i) { t[vi] = vi * 9 } }
    for a in 0..4 { block p(va: spatial 0..4 = a) { ${stored} = ${computed} } }
    ${between === "" ? "" : `for d in 0..4 { block q(vd: spatial 0..4 = d) { ${between} } }`}
    for c in 0..${extent} { block r(vc: spatial 0..4 = c) { ${out} = ${from} * 2 + 1 } } } }`,
  steps,
  dims: [{}],
}));

/** A nest, steps to try on it, and values of its dims. */
interface Aimed {
  readonly text: string;
  readonly steps: readonly string[];
  readonly dims: readonly Readonly<Record<string, number>>[];
}

/** Random nests with steps that each do most of what is legal there, or just more. */
export function arbAimed(): fc.Arbitrary<Omit<Aimed, "text"> & { readonly func: () => PrimFunc }> {
  return fc.oneof(
    { weight: 10, arbitrary: arbChain },
    { weight: 2, arbitrary: arbBeside },
    { weight: 2, arbitrary: arbTogether },
    { weight: 8, arbitrary: arbOddSum },
    { weight: 4, arbitrary: arbInner },
    { weight: 2, arbitrary: arbEdge },
    { weight: 4, arbitrary: arbJoined },
  ).map(({ text, ...rest }) => ({ ...rest, func: () => read(withAccess(text)) }));
}

/** Parameters that nothing writes are read. */
function withAccess(text: string): string {
  return text.replace(
    /(\w+): read_write/g,
    (all, name: string) => (new RegExp(`\\b${name}\\[[^\\]]*\\] =`).test(text) ? all : `${name}: read`),
  );
}
