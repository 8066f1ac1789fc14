/**
 * Random softmaxes and their products that are almost right for one of the steps that make attention one pass; what keeps
 * a step from them is one detail each.
 *
 * @module
 */
import fc from "fast-check";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { read } from "./nests.ts";

/** A nest, and steps to try on it. */
export interface OddSoftmax {
  readonly func: () => PrimFunc;
  readonly steps: readonly string[];
}

/** For each detail its first form, but for one or two that have another. */
function arbDetails<K extends string>(
  details: Readonly<Record<K, readonly [plain: string, ...odd: string[]]>>,
): fc.Arbitrary<Readonly<Record<K, string>>> {
  const names = Object.keys(details) as K[];
  const odd = fc.constantFrom(
    ...names.flatMap((name) => details[name].slice(1).map((text) => [name, text] as const)),
  );
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 6, arbitrary: fc.tuple(odd) },
    { weight: 3, arbitrary: fc.tuple(odd, odd) },
  ).map((list) => {
    const plain = Object.fromEntries(names.map((name) => [name, details[name][0]]));
    return { ...plain, ...Object.fromEntries(list) } as Record<K, string>;
  });
}

const ROWS = "spatial 0..4 =";
const SUM = "reduce 0..4 =";

const LATE: readonly string[] = [
  "for d in 0..4 { for d_1 in 0..4 { block late(di: spatial 0..4 = d, dj: spatial 0..4 = d_1) { x[di, dj] = x[di, dj] * 0.5 } } }",
  "for d in 0..4 { block late(di: spatial 0..4 = d) { m[di] = m[di] + 1.0 } }",
  "for d in 0..4 { block late(di: spatial 0..4 = d) { s[di] = s[di] * 2.0 } }",
  "for d in 0..4 { for d_1 in 0..4 { block late(di: spatial 0..4 = d, dj: spatial 0..4 = d_1) { p[di, dj] = 0.25 } } }",
  "for d in 0..4 { block late(di: spatial 0..4 = d) { o[di, 0] = o[di, 0] + 1.0 } }",
];

/** Nests one after the other: a maximum, a sum, quotients, sums of products with them, and what comes of these. */
const arbNests: fc.Arbitrary<OddSoftmax> = fc.noBias(fc.record({
  details: arbDetails({
    term: ["exp(x[wi, wj] - m[wi])", "(x[wi, wj] - 9.0)"],
    value: [
      "exp(x[ui, uj] - m[ui]) / s[ui]",
      "exp(x[uj, ui] - m[uj]) / s[ui]",
      "exp(x[ui, uj] - m[uj]) / s[ui]",
      "exp(x[ui, uj] - m[ui]) / s[uj]",
      "exp(x[ui, uj] + m[ui]) / s[ui]",
      "exp(x[ui, uj] - m[ui]) * s[ui]",
      "exp(x[ui, uj] - m[ui]) * 0.25",
      "x[ui, uj] / s[ui]",
    ],
    update: [
      "ACC + p[ti, tj] * v[ti, tj, tc]",
      "max(ACC, p[ti, tj] * v[ti, tj, tc])",
      "ACC + p[ti, tj] * p[ti, tj] * v[ti, tj, tc]",
      "ACC + (p[ti, tj] + v[ti, tj, tc])",
    ],
    into: ["o[ti, tc]", "o[0, tc]", "y[ti, tc]"],
    result: ["o[ri, rc]", "o[ri, rc] * 2.0 + x[ri, rc]", "sum"],
    late: ["", ...LATE],
    order: ["", "early"],
    quotients: ["", "wanted"],
  }),
  at: fc.integer({ min: 1, max: 4 }),
  steps: fc.shuffledSubarray([
    "cacheTerm(sum, softmax)",
    "postponeDivision(softmax)",
    "postponeDivision(softmax)",
    "computeWith(i, i_1)",
    "computeInline(softmax)",
  ], { minLength: 1, maxLength: 3 }),
})).map(({ details, at, steps }) => {
  const { update, into, result, late } = details;
  const [early, wanted] = [details.order === "early", details.quotients === "wanted"];
  // Quotients that need no sum may come before it; of a positive divisor, a maximum is like a sum.
  const value = early && details.value.includes("s[") ? "exp(x[ui, uj] - m[ui]) * 0.25" : details.value;
  const term = update.startsWith("max") ? "(x[wi, wj] - 9.0)" : details.term;
  const max = `for i in 0..4 { for j in 0..4 { block max(vi: ${ROWS} i, vj: ${SUM} j) {
    init { m[vi] = -inf } m[vi] = max(m[vi], x[vi, vj]) } } }`;
  const sum = `for i_1 in 0..4 { for j_1 in 0..4 { block sum(wi: ${ROWS} i_1, wj: ${SUM} j_1) {
    init { s[wi] = 0.0 } s[wi] = s[wi] + ${term} } } }`;
  const softmax = `for i_2 in 0..4 { for j_2 in 0..4 { block softmax(ui: ${ROWS} i_2, uj: ${ROWS} j_2) {
    p[ui, uj] = ${value} } } }`;
  const rows = into.includes("0") ? SUM : ROWS;
  const start = update.startsWith("max") ? "-inf" : "0.0";
  const values =
    `for c in 0..3 { for i_3 in 0..4 { for j_3 in 0..4 { block values(ti: ${rows} i_3, tc: spatial 0..3 = c, tj: ${SUM} j_3) {
    init { ${into} = ${start} } ${into} = ${update.replaceAll("ACC", into)} } } } }`;
  const outs = `ri: ${ROWS} i_4, rc: spatial 0..3 = c_1`;
  const block = result === "sum"
    ? `for l in 0..4 { block result(${outs}, rl: ${SUM} l) {
      init { y[ri, rc] = o[ri, rc] } y[ri, rc] = y[ri, rc] + o[ri, rc] * x[ri, rl] } }`
    : `block result(${outs}) { y[ri, rc] = ${result} }`;
  const from = into.includes("0") ? block.replaceAll("o[ri", "o[0") : block;
  const last = into.startsWith("y") ? "" : `for i_4 in 0..4 { for c_1 in 0..3 { ${from} } }`;
  const nests = early ? [max, softmax, sum, values, last] : [max, sum, softmax, values, last];
  const p = wanted ? "" : "alloc p: global f32[4, 4] { ";
  return {
    func: () =>
      read(
        `fn f(x: ${late.includes("x[") ? "read_write" : "read"} f32[4, 4], v: read f32[4, 4, 3], y: ${
          into.startsWith("y") ? "read_write" : "write"
        } f32[4, 3]${wanted ? ", p: read_write f32[4, 4]" : ""}) {
        alloc m: global f32[4] { alloc s: global f32[4] { alloc o: global f32[4, 3] { ${p}
          ${nests.toSpliced(at, 0, late).join("\n")}
        ${wanted ? "" : "}"} } } } }`,
      ),
    steps,
  };
});

/** A row at a time: its maximum, and a loop that sums what is relative to it. */
const arbRows: fc.Arbitrary<OddSoftmax> = fc.noBias(fc.record({
  details: arbDetails({
    max: ["-inf max", "inf min", "0.0 max"],
    length: ["4", "5", "3"],
    twice: ["", "several", "before"],
    late: [
      "",
      "block late(di: spatial 0..4 = i) { x[di, 1] = x[di, 1] * 0.5 }",
      "block late(di: spatial 0..4 = i) { m[di] = m[di] + 1.0 }",
    ],
    sum: [
      "exp(x[si, sk] - m[si])",
      "exp(x[si, sk] - m[0])",
      "exp(x[si, sk] - m[si]) * exp(x[si, sk] - m[si])",
      "exp(x[si, sk] - m[si]) * m[si]",
      "exp((x[si, sk] - m[si]) - m[si])",
      "(exp(x[si, sk] - m[si]) + 1.0)",
      "exp(m[si] - x[si, sk])",
      "exp(x[si, sk] + m[si])",
      "tanh(x[si, sk] - m[si])",
    ],
    combine: ["s[si] + TERM", "max(s[si], TERM)"],
    through: ["", "inside", "outside"],
    across: ["", "c"],
    extra: [
      "",
      "block extra(ei: spatial 0..4 = i, ek: reduce 0..4 = k) { z[ei] = z[ei] + s[ei] }",
      "block extra(ei: spatial 0..4 = i, ek: reduce 0..4 = k) { z[ei] = z[ei] + m[ei] }",
      "block extra(ei: spatial 0..4 = i, ek: spatial 0..4 = k) { y[ei, ek % 3] = exp(x[ei, ek] - m[ei]) }",
      "for l in 0..2 { block extra(ei: spatial 0..4 = i, ek: spatial 0..4 = k, el: reduce 0..2 = l) { w[ei, ek] = w[ei, ek] + exp(x[ei, ek] - m[ei]) } }",
    ],
    turn: ["", "last"],
  }),
  result: fc.constantFrom("o[ri, rc] / s[ri]", "o[ri, rc]", "o[ri, rc] + s[ri]", "o[ri, rc] + s[ri] + m[ri]"),
  tiled: fc.boolean(),
})).map(({ details, result, tiled }) => {
  const { max, length, twice, late, sum, combine, through, across, extra, turn } = details;
  const [start = "", op = ""] = max.split(" ");
  const several = twice === "several";
  const row = several ? "(i + r + 1) % 4" : twice === "before" ? "q" : "i";
  const own = `for j in 0..${length} { block max(vi: ${ROWS} ${row}, vj: reduce 0..${length} = j) {
    init { m[vi] = ${start} } m[vi] = ${op}(m[vi], x[vi, vj]) } }`;
  const maximum = several
    ? `for r in 0..4 { ${own} }`
    : twice === "before"
    ? `for q in 0..4 { ${own} }`
    : own;
  const factor = through === "" ? "exp(x[ti, tk] - m[ti])" : "e[0]";
  const exp = `block ex(xi: ${ROWS} i, xk: spatial 0..4 = k) { e[0] = exp(x[xi, xk] - m[xi]) }`;
  const begin = `block start(gi: ${ROWS} i) { s[gi] = ${combine.startsWith("max") ? "-inf" : "0.0"} }
    for c_3 in 0..3 { block begin(bi: ${ROWS} i, bc: spatial 0..3 = c_3) { o[bi, bc] = 0.0 } }`;
  const sums = `block sum(si: ${ROWS} i, sk: ${SUM} k) { s[si] = ${combine.replace("TERM", sum)} }
    for c in 0..3 { block values(ti: ${ROWS} i, tc: spatial 0..3 = c, tk: ${SUM} k) {
      o[ti, tc] = o[ti, tc] + ${factor} * v[ti, tk, tc] } } ${extra}`;
  const body = through === ""
    ? sums
    : through === "inside"
    ? `alloc e: local f32[1] { ${exp} ${sums} }`
    : `${exp} ${sums}`;
  const loop = `for k in 0..4 { ${body} }`;
  const whole = across === ""
    ? loop
    : `for c_2 in 0..2 { ${
      loop.replace(`sum(si: ${ROWS} i,`, `sum(sz: reduce 0..2 = c_2, si: ${ROWS} i,`)
        .replace("values(ti", "values(tz: reduce 0..2 = c_2, ti")
    } }`;
  const parts = [
    ...(twice === "before" ? [] : [maximum]),
    late,
    begin,
    whole,
  ];
  if (turn === "last") parts.push(parts.shift() ?? "");
  const text = `${twice === "before" ? maximum : ""} for i in 0..4 { ${parts.join("\n")}
    for c_1 in 0..3 { block result(ri: ${ROWS} i, rc: spatial 0..3 = c_1) { y[ri, rc] = y[ri, rc] + ${result} } } }`;
  const held = through === "outside" ? "alloc e: global f32[1] { " : "";
  const uses = through === "outside"
    ? text.replace("y[ri, rc] = y[ri, rc] +", "y[ri, rc] = y[ri, rc] + e[0] +")
    : text;
  return {
    func: () =>
      read(
        `fn f(x: ${
          late.includes("x[") ? "read_write" : "read"
        } f32[4, 5], v: read f32[4, 4, 3], y: read_write f32[4, 3]${
          extra.includes("z[") ? ", z: read_write f32[4]" : ""
        }${extra.includes("w[") ? ", w: read_write f32[4, 4]" : ""}) {
        alloc m: global f32[4] { alloc s: global f32[4] { alloc o: global f32[4, 3] { ${held} ${uses} } } } ${
          held === "" ? "" : "}"
        } }`,
      ),
    steps: tiled
      ? ["split(k, [_, 2], names=[ko, ki])", `split(j, [_, 2], names=[jo, ji])`, "rollingUpdate(max, ko)"]
      : ["rollingUpdate(max, k)"],
  };
});

/** Softmaxes with a detail that is odd, and steps that each do most of what is legal there, or just more. */
export function arbOddSoftmax(): fc.Arbitrary<OddSoftmax> {
  return fc.oneof(arbNests, arbRows);
}
