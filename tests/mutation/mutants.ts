/**
 * The legality tests of the primitives, each with a text that takes it away: what the property tests must notice.
 *
 * @module
 */

/** A legality test without which a primitive would change the meaning of some nests. */
export interface Mutant {
  /** Primitive, and what is no longer looked at. */
  readonly name: string;
  /** Of `schedule/loop/`. */
  readonly file: string;
  /** A piece of the file, there once, and what stands in its place. */
  readonly from: string;
  readonly to: string;
  /** The file in `tests/schedule/` with the random test that notices. */
  readonly by: "legality" | "loops" | "inline" | "compute_at" | "aimed" | "odd_softmax";
}

const call = (name: string, file: string, from: string, by: Mutant["by"]): Mutant => ({
  name,
  file,
  from,
  to: "",
  by,
});
const test = (name: string, file: string, condition: string, by: Mutant["by"]): Mutant => ({
  name,
  file,
  from: `if (${condition})`,
  to: "if (false)",
  by,
});

/** Every one. */
export const MUTANTS: readonly Mutant[] = [
  call("fuse: one role", "fuse.ts", "requireOneRole(loops, sites[0]?.path ?? []);", "aimed"),
  test("fuse: the only child", "fuse.ts", "next !== undefined && loop.body !== next", "legality"),
  call("reorder: order", "reorder.ts", "requireOrder(chain, placed, block, outer.path);", "legality"),
  {
    name: "reorder: init",
    file: "reorder.ts",
    from: "if (block.init !== undefined) requireInit",
    to: "if (false) requireInit",
    by: "legality",
  },
  {
    name: "reorder: one block",
    file: "reorder.ts",
    from: "const blocks = below.body.length;",
    to: "const blocks = 2; if (below.body[0]?.kind !== 'store') return onlyBlock(below.body[0], loops);",
    by: "aimed",
  },
  call("bind: independent", "bind.ts", "requireIndependent(STEP, site, true);", "legality"),
  test("bind: threads beside", "bind.ts", "other.loop === axis && other.extent === loop.extent", "aimed"),
  {
    name: "computeWith: elements",
    file: "compute_with.ts",
    from: "if (known.has(both.var)) continue;",
    to: "if (known.size >= 0) continue;",
    by: "aimed",
  },
  {
    name: "computeWith: between",
    file: "compute_with.ts",
    from: "if (used !== undefined) refuse",
    to: "if (false) refuse",
    by: "aimed",
  },
  call("parallel: independent", "kind.ts", 'requireIndependent("parallel", site, false);', "legality"),
  call("vectorize: independent", "kind.ts", 'requireIndependent("vectorize", site, false);', "aimed"),
  call("decomposeReduction: distinct", "decompose_reduction.ts", "requireDistinct(site, loop);", "legality"),
  call(
    "cacheWrite: own elements",
    "cache_write.ts",
    "requireOwnElements(b, path, target, tile);",
    "legality",
  ),
  test("cacheWrite: one element", "cache_write.ts", "others || reads || outside", "legality"),
  test("cacheRead: written inside", "cache_read.ts", "sharedAccesses(loop).has(buffer)", "aimed"),
  test("computeAt: readers", "compute_at.ts", "depth < 0 || depth === place.length - 1", "aimed"),
  test("computeAt: other writers", "compute_at.ts", "write", "aimed"),
  test("computeAt: changed", "compute_at.ts", "changed !== undefined", "aimed"),
  test(
    "computeAt: after",
    "compute_at.ts",
    "fork.seq === undefined || fork.at[0] > fork.at[1]",
    "aimed",
  ),
  call(
    "reverseComputeAt: whole",
    "reverse_compute_at.ts",
    "requireWhole(func, producer, buffer, fork, at);",
    "aimed",
  ),
  call(
    "reverseComputeAt: untouched",
    "reverse_compute_at.ts",
    "requireUntouched(func, consumer, name, fork, at);",
    "aimed",
  ),
  {
    name: "reverseComputeAt: own boxes",
    file: "reverse_compute_at.ts",
    from: "const again = fixed.find((l) => !known.has(l.var));",
    to: "const again = fixed.find(() => false);",
    by: "compute_at",
  },
  call("computeInline: exact", "compute_inline.ts", "requireExact(STEP, blockName, buffer);", "aimed"),
  call(
    "computeInline: cover",
    "compute_inline.ts",
    "requireCover(STEP, at, producer, open, fork, reader);",
    "inline",
  ),
  call(
    "computeInline: unchanged",
    "compute_inline.ts",
    "for (const name of used) requireUnchanged(func, producer, reader, place, name);",
    "inline",
  ),
  call(
    "reverseComputeInline: exact",
    "reverse_compute_inline.ts",
    "requireExact(STEP, p.name, buffer);",
    "aimed",
  ),
  call(
    "reverseComputeInline: producer's cover",
    "reverse_compute_inline.ts",
    "requireCover(STEP, at, producer, computed, fork, c);",
    "inline",
  ),
  call(
    "reverseComputeInline: independent",
    "reverse_compute_inline.ts",
    "requireIndependent(func, producer, consumer, name, fork);",
    "inline",
  ),
  test(
    "rfactor: from the identity",
    "rfactor.ts",
    'target === undefined || !starts || init?.kind !== "store" || init.value.kind !== "const"',
    "aimed",
  ),
  {
    name: "pad: own elements",
    file: "pad.ts",
    from: "!known.has(l.var));",
    to: "false);",
    by: "aimed",
  },
  {
    name: "pad: guarded reads",
    file: "pad.ts",
    from:
      "if (again === undefined) return requireGuardedReads(b, tile, commonIndices(own), conjuncts(dropped));",
    to: "if (again === undefined) return;",
    by: "aimed",
  },
  call("pad: in bounds", "pad.ts", "requireInBounds(func, b, loops, kept);", "aimed"),
  test(
    "computeInline: after",
    "compute_inline.ts",
    "fork.seq === undefined || fork.at[0] > fork.at[1]",
    "aimed",
  ),
  call(
    "reverseComputeInline: consumer's cover",
    "reverse_compute_inline.ts",
    "requireCover(STEP, at, consumer, c.iters.filter((i) => !fixed.has(i.var)), fork, p);",
    "aimed",
  ),
  test("rfactor: in order", "rfactor.ts", "wraps && !fits", "aimed"),
  {
    name: "rfactor: one role",
    file: "rfactor.ts",
    from: "if (spatial.has(l.var) !== reduced.has(l.var)) continue;",
    to: "continue;",
    by: "aimed",
  },
  call("rfactor: heads", "rfactor.ts", "requireHeads(STEP, b, loops);", "aimed"),
  test("rfactor: predicate", "rfactor.ts", "both !== undefined", "aimed"),
  test("cacheTerm: after", "cache_term.ts", "!isBefore([...path, b], reader.place)", "odd_softmax"),
  test("cacheTerm: late writes", "cache_term.ts", "late !== undefined", "odd_softmax"),
  {
    name: "cacheTerm: one iterator",
    file: "cache_term.ts",
    from: "return known === undefined || known === e;",
    to: "return true;",
    by: "odd_softmax",
  },
  {
    name: "cacheTerm: the same term",
    file: "cache_term.ts",
    from: " || !sameHead(pattern, e)",
    to: "",
    by: "odd_softmax",
  },
  {
    name: "cacheTerm: the same operands",
    file: "cache_term.ts",
    from: "if (own.length === 0) return pattern === e;",
    to: "if (own.length === 0) return true;",
    by: "odd_softmax",
  },
  {
    name: "cacheTerm: own nest",
    file: "cache_term.ts",
    from: " || other !== undefined || own.length !== loops.size",
    to: "",
    by: "odd_softmax",
  },
  {
    name: "postponeDivision: sums",
    file: "postpone_division.ts",
    from: 'fold?.op === "sum" ? factorsOf',
    to: "fold !== undefined ? factorsOf",
    by: "odd_softmax",
  },
  {
    name: "postponeDivision: a division",
    file: "postpone_division.ts",
    from: 'value.op !== "div" || ',
    to: "",
    by: "odd_softmax",
  },
  {
    name: "postponeDivision: one factor",
    file: "postpone_division.ts",
    from: "used.length !== 1 || ",
    to: "",
    by: "odd_softmax",
  },
  test(
    "postponeDivision: one divisor",
    "postpone_division.ts",
    "[...freeVars(wanted)].some((name) => !target.includes(name))",
    "odd_softmax",
  ),
  call(
    "postponeDivision: sums are wanted",
    "postpone_division.ts",
    "allocationOf(STEP, func, reader.name, fold.store.buffer);",
    "odd_softmax",
  ),
  {
    name: "postponeDivision: quotients are wanted",
    file: "postpone_division.ts",
    from: "const { buffer } = allocationOf(STEP, func, blockName, own.buffer);",
    to: "const buffer = func.params.find((p) => p.buffer.name === own.buffer)?.buffer ?? " +
      "allocationOf(STEP, func, blockName, own.buffer).buffer;",
    by: "odd_softmax",
  },
  test(
    "postponeDivision: divisor",
    "postpone_division.ts",
    "touch.write && !isBefore(touch.place, producer.place)",
    "odd_softmax",
  ),
  {
    name: "postponeDivision: sums' uses",
    file: "postpone_division.ts",
    from: 'if (write || reader?.kind !== "block" || !isBefore(sum.place, place)) {',
    to: 'if (reader?.kind !== "block") {',
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: a maximum",
    file: "rolling_update.ts",
    from: 'if (fold?.op !== "max" || !starts ||',
    to: "if (fold === undefined ||",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: identity",
    file: "rolling_update.ts",
    from: " || !starts || bufferOf",
    to: " || bufferOf",
    by: "odd_softmax",
  },
  test(
    "rollingUpdate: extents",
    "rolling_update.ts",
    'target?.kind === "for" && outer.extent !== target.extent',
    "odd_softmax",
  ),
  test("rollingUpdate: operands", "rolling_update.ts", "changed !== undefined", "odd_softmax"),
  {
    name: "rollingUpdate: uses",
    file: "rolling_update.ts",
    from: "if (place.includes(b) || (target !== undefined && place.includes(target))) continue;",
    to: "continue;",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: element",
    file: "rolling_update.ts",
    from: "e.indices.every((i, d) => sameInt(overLoops(b, i), element[d] ?? int(-1)))",
    to: "e.indices.length >= 0",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: one factor",
    file: "rolling_update.ts",
    from: "parts.length - others.length !== 1",
    to: "parts.length - others.length < 1",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: an exponential",
    file: "rolling_update.ts",
    from: 'e.op === "exp" && ',
    to: "",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: a difference",
    file: "rolling_update.ts",
    from: 'e.x.op === "sub" &&',
    to: "",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: over the loop",
    file: "rolling_update.ts",
    from: ' || !boundVars(b, "reduce").has(loop.var)',
    to: "",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: other factors",
    file: "rolling_update.ts",
    from: " || others.some((e) => names.some((name) => reads(e, name)))",
    to: "",
    by: "odd_softmax",
  },
  {
    name: "rollingUpdate: relative to it",
    file: "rolling_update.ts",
    from: "!reads(e.x.a, max.store.buffer)",
    to: "true",
    by: "odd_softmax",
  },
  test(
    "rollingUpdate: factors",
    "rolling_update.ts",
    '!path.some((p) => p.kind === "alloc" && p.buffer.name === s.buffer)',
    "odd_softmax",
  ),
  test(
    "rollingUpdate: sums",
    "rolling_update.ts",
    'fold.op !== "sum" || !boundVars(b, "reduce").has(loop.var)',
    "odd_softmax",
  ),
  test("rollingUpdate: sums' uses", "rolling_update.ts", "other !== undefined", "odd_softmax"),
];
