/** Random kernels under random steps: refused with a reason, or the same meaning. @module */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { type LoweredFunc, lowerFunc } from "../../backends/lower.ts";
import { lowerCompute } from "../../ir/compute.ts";
import { type TensorArray, toNumbers } from "../../ir/data.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { add, type Axis, type Expr, int, load, mul, reduce, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import { allBlocks } from "../../ir/reduction.ts";
import type { Buffer, ThreadAxis } from "../../ir/stmt.ts";
import { visitStmt } from "../../ir/visit.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { apply, type Primitive, printSchedule } from "../../schedule/mod.ts";
import { allLoops } from "../../schedule/loop/site.ts";
import { countStmt, type Dims } from "../../tune/mod.ts";
import { arbDims, arbFunc, randomInputs } from "../support/arbitrary.ts";
import { assertAllClose } from "../support/close.ts";
import { copyArrays, interpretBackwards, runLowered } from "../support/run_func.ts";

/** Numbers that {@linkcode stepFor} makes a step of. */
type Decisions = readonly [number, number, number, number];

const AXES: readonly ThreadAxis[] = [
  "blockIdx.x",
  "threadIdx.x",
  "blockIdx.y",
  "threadIdx.y",
  "blockIdx.z",
  "threadIdx.z",
];
const FACTORS: readonly (readonly (number | null)[])[] = [
  [null, 2],
  [null, 4],
  [3, null],
  [2, null, 2],
  [null, 1],
  [4, 2],
  [1, 7],
  [null, 64],
  [2, 3, 2],
  [null, null],
  [0, 2],
  [null, 2147483647, 2],
];
const KINDS = [
  "split",
  "bind",
  "fuse",
  "reorder",
  "cacheWrite",
  "computeAt",
  "reverseComputeAt",
  "cacheRead",
  "pad",
  "tile",
  "rfactor",
  "crossThreadReduce",
  "setScope",
  "storageAlign",
  "doubleBuffer",
  "computeWith",
  "computeInline",
  "reverseComputeInline",
  "decomposeReduction",
  "parallel",
  "vectorize",
  "unroll",
  "split",
  "bind",
] as const;
const [REORDER, DECOMPOSE] = [KINDS.indexOf("reorder"), KINDS.indexOf("decomposeReduction")];

/** A buffer that is allocated, or a parameter. */
function kept(func: PrimFunc, n: number): string {
  const names = func.params.slice(0, 1).map((p) => p.buffer.name);
  visitStmt(func.body, (s) => {
    if (s.kind === "alloc") names.push(s.buffer.name);
  });
  return names.toReversed()[n % names.length] ?? "nothing";
}

/** A step on loops and blocks that are there, now and then on one that is not. */
function stepFor(func: PrimFunc, [kind, a, b, c]: Decisions): Primitive {
  const sites = allLoops(func.body);
  const blocks = allBlocks(func.body);
  const loop = (
    n: number,
  ): string => (n % 17 === 16 ? "nowhere" : sites[n % (sites.length || 1)]?.loop.var ?? "i");
  const block = (n: number): string => (n % 17 === 16 ? "nothing" : blocks[n % blocks.length]!.block.name);
  /** Loops around a block, as they are: what most steps are for. */
  const chain = (n: number): readonly string[] => {
    const { path } = blocks[n % blocks.length]!;
    return path.flatMap((s) => (s.kind === "for" ? [s.var] : []));
  };
  switch (KINDS[kind % KINDS.length]!) {
    case "split":
      return { kind: "split", loop: loop(a), factors: FACTORS[b % FACTORS.length]! };
    case "bind":
      return { kind: "bind", loop: loop(a), axis: AXES[b % AXES.length]! };
    case "fuse": {
      const around = chain(a);
      const start = b % (around.length || 1);
      return {
        kind: "fuse",
        loops: [...around.slice(start, start + 1 + c % 3), ...(c % 13 === 12 ? [loop(b)] : [])],
      };
    }
    case "reorder": {
      const loops = [...new Set([loop(a), loop(b), ...chain(c)])];
      const picked = loops.filter((_, i) => (b >> i) % 2 === 0);
      return { kind: "reorder", loops: c % 2 === 0 ? picked : picked.toReversed() };
    }
    case "cacheWrite":
      return { kind: "cacheWrite", block: block(a), scope: "local" };
    case "computeAt":
    case "reverseComputeAt":
      return { kind: KINDS[kind % KINDS.length] as "computeAt", block: block(a), loop: loop(b) };
    case "cacheRead": {
      const reads = blocks[a % blocks.length]!.block.reads.map((r) => r.buffer);
      const buffer = c % 17 === 16 ? "nothing" : reads[c % (reads.length || 1)] ?? "a";
      const around = chain(a);
      return {
        kind: "cacheRead",
        block: block(a),
        buffer,
        scope: c >= 500 ? "workgroup" : "local",
        loop: around[b % (around.length || 1)] ?? loop(b),
      };
    }
    case "pad":
      return { kind: "pad", block: block(a) };
    case "tile": {
      const around = chain(a);
      const start = b % (around.length || 1);
      const loops = around.slice(start, start + 2 + c % 2);
      return {
        kind: "tile",
        loops,
        sizes: loops.slice(c % 19 === 18 ? 1 : 0).map((_, i) => [2, 3, 1, 4][(b + i) % 4]!),
      };
    }
    case "rfactor":
      return {
        kind: "rfactor",
        block: block(a),
        loop: chain(a)[b % (chain(a).length || 1)] ?? loop(b),
        scope: "global",
      };
    case "setScope":
      return { kind: "setScope", buffer: kept(func, a), scope: b % 2 === 0 ? "workgroup" : "local" };
    case "storageAlign":
      return { kind: "storageAlign", buffer: kept(func, a), axis: b % 3, factor: c % 7, offset: b % 2 };
    case "doubleBuffer":
      return { kind: "doubleBuffer", buffer: kept(func, a), loop: loop(b) };
    case "computeWith": {
      const all = allLoops(func.body).map((s) => s.loop);
      const first = all[a % all.length];
      const alike = all.slice(a % all.length + 1).filter((l) => l.extent === first?.extent);
      const second = c % 9 === 0 ? undefined : alike[b % (alike.length || 1)];
      return { kind: "computeWith", loops: [loop(a), second?.var ?? loop(b)] };
    }
    case "crossThreadReduce":
      return {
        kind: "crossThreadReduce",
        block: block(a),
        loop: chain(a)[b % (chain(a).length || 1)] ?? loop(b),
      };
    case "computeInline":
    case "reverseComputeInline":
      return { kind: KINDS[kind % KINDS.length] as "computeInline", block: block(a) };
    case "decomposeReduction":
      return {
        kind: "decomposeReduction",
        block: block(a),
        loop: chain(a)[b % (chain(a).length || 1)] ?? loop(b),
      };
    case "parallel":
      return { kind: "parallel", loop: loop(a) };
    case "vectorize":
      return { kind: "vectorize", loop: loop(a) };
    case "unroll":
      return { kind: "unroll", loop: loop(a) };
  }
}

interface Scheduled {
  readonly func: PrimFunc;
  readonly steps: readonly Primitive[];
  readonly refused: readonly { readonly step: Primitive; readonly reason: string }[];
}

/** Iterations of a nest up to which it is run: a copy of a copy for each of many threads would take hours. */
const LONGEST = 3e5;

/** Takes the steps one after the other; those that are refused or make too long a nest leave the function as it is. */
function scheduled(start: PrimFunc, decisions: readonly Decisions[], dims: Dims = {}): Scheduled {
  let func = start;
  const steps: Primitive[] = [];
  const refused: { step: Primitive; reason: string }[] = [];
  for (const d of decisions) {
    const step = stepFor(func, d);
    const result = apply(func, step);
    if (result.ok) {
      if (countStmt(result.func.body, dims) > LONGEST) continue;
      func = result.func;
      steps.push(step);
    } else refused.push({ step, reason: result.failure.reason });
  }
  return { func, steps, refused };
}

// Unbiased: small numbers would name the first loop most of the time.
const arbDecisions: fc.Arbitrary<readonly Decisions[]> = fc.noBias(fc.array(
  fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat({ max: 999 })),
  { minLength: 1, maxLength: 12, size: "max" },
));

/** Folds of products over up to three axes: the nests that steps can do most to. */
const arbFold: fc.Arbitrary<PrimFunc> = fc.noBias(fc.record({
  spatial: fc.array(fc.constantFrom<Expr>(int(3), int(2), variable("n"), int(5), int(1), int(0)), {
    minLength: 1,
    maxLength: 3,
  }),
  reduced: fc.array(fc.constantFrom<Expr>(int(3), variable("m"), int(4), int(1), int(0)), {
    minLength: 1,
    maxLength: 2,
  }),
  last: fc.boolean(),
})).map(({ spatial, reduced, last }) => {
  const [is, ks] = [spatial, reduced].map((list, at) =>
    list.map((extent, i) => ({ name: `${"ik"[at]}${i}`, extent }))
  ) as [Axis[], Axis[]];
  const buffer = (name: string, axes: readonly Axis[]): Buffer => ({
    name,
    dtype: "i32",
    shape: axes.map((a) => a.extent),
    scope: "global",
  });
  const [a, b, out] = [buffer("a", [...is, ...ks]), buffer("b", [...ks, ...is]), buffer("out", is)];
  const at = (x: Buffer, axes: readonly Axis[]): Expr =>
    load(x.name, "i32", axes.map((x) => variable(x.name)));
  const sum = reduce("sum", ks, mul(at(a, [...is, ...ks]), at(b, [...ks, ...is])));
  // With more to do after the sum there are two nests.
  const compute = { name: "fold", axes: is, body: last ? add(sum, int(1)) : sum };
  return lowerCompute(compute, [a, b], out, ["m", "n"]);
});

/** The function lowered; where it cannot be, the reason was said. */
function lowerOrRefuse(func: PrimFunc): LoweredFunc | undefined {
  try {
    return lowerFunc(func);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    assert(error.message.startsWith("Cannot launch "), error.message);
    return undefined;
  }
}

/** Steps that begin by taking a reduction apart somewhere, so that loops have several blocks inside. */
const arbApart: fc.Arbitrary<readonly Decisions[]> = fc.tuple(
  arbDecisions,
  fc.nat({ max: 999 }),
  fc.nat({ max: 999 }),
)
  .map(([decisions, a, b]) => [[REORDER, a, b, a + b], [DECOMPOSE, a, b, 0], ...decisions]);

const [SPLIT, BIND, TILE, CACHE_WRITE, CACHE_READ, PAD] = [
  KINDS.indexOf("split"),
  KINDS.indexOf("bind"),
  KINDS.indexOf("tile"),
  KINDS.indexOf("cacheWrite"),
  KINDS.indexOf("cacheRead"),
  KINDS.indexOf("pad"),
];

/** Steps that begin as register tiles do. */
const arbTiled: fc.Arbitrary<readonly Decisions[]> = fc.noBias(
  fc.tuple(arbDecisions, ...Array.from({ length: 6 }, () => fc.nat({ max: 999 }))),
).map(([decisions, a, b, c, d, e, f]) => [
  [a! % 2 === 0 ? TILE : SPLIT, 0, b!, c!],
  [CACHE_WRITE, 0, 0, 0],
  [CACHE_READ, d!, e!, 0],
  [CACHE_READ, d!, f!, 1],
  [PAD, e!, 0, 0],
  [PAD, f!, 0, 0],
  ...decisions.slice(0, 5),
]);

/** Steps that begin by reducing in parts. */
const arbParts: fc.Arbitrary<readonly Decisions[]> = fc.noBias(
  fc.tuple(arbDecisions, fc.nat({ max: 15 }), fc.nat({ max: 2 }), fc.nat({ max: 15 })),
).map((
  [decisions, a, b, c],
) => [[SPLIT, a, b, 0], [KINDS.indexOf("rfactor"), 0, c, 0], ...decisions.slice(0, 5)]);

/** Steps that begin by giving loops to threads, which then load what they read together. */
const arbStaged: fc.Arbitrary<readonly Decisions[]> = fc.noBias(
  fc.tuple(arbDecisions, ...Array.from({ length: 8 }, () => fc.nat({ max: 499 }))),
).map(([decisions, a, b, c, d, e, f, g, h]) => [
  [SPLIT, a!, b!, 0],
  [SPLIT, c!, d!, 0],
  [BIND, e!, a! % 4, 0],
  [BIND, f!, c! % 4, 0],
  [CACHE_WRITE, 0, 0, 0],
  [DECOMPOSE, 0, e!, 0],
  [CACHE_READ, g!, f!, 500 + h!],
  [CACHE_READ, g!, f!, 501 + h!],
  ...decisions.slice(0, 4),
]);

/** Steps that begin by giving a reduction to the threads of a workgroup. */
const arbTogether: fc.Arbitrary<readonly Decisions[]> = fc.noBias(
  fc.tuple(arbDecisions, ...Array.from({ length: 7 }, () => fc.nat({ max: 999 }))),
).map(([decisions, a, b, c, d, e, f, g]) => [
  [SPLIT, a!, b!, 0],
  [REORDER, c!, d!, e!],
  [BIND, e!, 2 * (b! % 2), 0],
  [BIND, g!, 3, 0],
  [KINDS.indexOf("crossThreadReduce"), 0, f!, 0],
  [KINDS.indexOf("crossThreadReduce"), 0, f! + 1, 0],
  [CACHE_WRITE, 0, 0, 0],
  ...decisions.slice(0, 3),
]);

/** How many kernels: more by night, see the task `test:nightly`. */
const CASES = Number(Deno.env.get("WEFT_SCHEDULE_CASES") ?? 1200);

for (const exact of [true, false]) {
  const numRuns = exact ? CASES : Math.ceil(CASES / 8);
  const seed = Date.now() | 0;
  Deno.test(`${numRuns} random kernels mean the same under random steps, or say why not (exact: ${exact})`, async () => {
    console.log(`seed ${seed}`);
    const device = jsDevice();
    let lowerings = 0;
    await fc.assert(
      fc.asyncProperty(
        (exact ? fc.oneof(arbFunc({ exact }), arbFold) : arbFunc({ exact })).chain((f) =>
          fc.tuple(fc.constant(f), arbDims(f.dims))
        ),
        fc.oneof(arbDecisions, arbApart, arbTiled, arbParts, arbStaged, arbTogether),
        fc.nat(),
        async ([naive, dims], decisions, inputs) => {
          const { func, steps, refused } = scheduled(naive, decisions, dims);
          for (const { step, reason } of refused) {
            assert(reason.length > 10 && !reason.includes("undefined"), `${printSchedule(step)}: ${reason}`);
          }
          const what = (): string =>
            `${steps.map(printSchedule).join("\n")}\n${printFunc(naive)}\n${printFunc(func)}`;
          assertEquals(verifyFunc(func), [], what());

          const arrays = randomInputs(naive, dims, inputs);
          const expected = copyArrays(arrays);
          interpret(naive, expected, dims);
          const same = (actual: Readonly<Record<string, TensorArray>>, where: string): void => {
            for (const { buffer: { name, dtype } } of naive.params) {
              const [a, e] = [toNumbers(dtype, actual[name]!), toNumbers(dtype, expected[name]!)];
              if (exact) assertEquals(a, e, `${where}: ${name}\n${what()}`);
              else {
                const tolerance = dtype === "f16" || dtype === "bf16" ? 2e-2 : 1e-4;
                assertAllClose(a, e, { rtol: tolerance, atol: tolerance }, `${where}: ${name}\n${what()}`);
              }
            }
          };
          const interpreted = copyArrays(arrays);
          interpret(func, interpreted, dims);
          same(interpreted, "interpreted");

          const lowered = lowerOrRefuse(func);
          if (lowered === undefined) return;
          lowerings++;
          same(await runLowered(device, lowered, arrays, dims), "on the js device");
          same(interpretBackwards(lowered, arrays, dims), "last thread first");
        },
      ),
      { numRuns, seed },
    );
    assertGreater(lowerings, numRuns * 0.5);
    device.dispose();
  });
}

Deno.test("random steps are of every kind, some taken and some refused", () => {
  const seen = new Set<string>();
  for (
    const [func, decisions] of fc.sample(
      fc.tuple(fc.oneof(arbFunc(), arbFold), fc.oneof(arbDecisions, arbTiled, arbTogether)),
      { numRuns: 300, seed: 5 },
    )
  ) {
    const { steps, refused } = scheduled(func, decisions);
    for (const s of steps) seen.add(`${s.kind} taken`);
    for (const { step } of refused) seen.add(`${step.kind} refused`);
  }
  // Random kernels have few blocks that these fit: inline_test.ts, compute_at_test.ts and rules/contract_test.ts have
  // more. workgroup_test.ts has what memory of a workgroup needs.
  const wanted = [...new Set(KINDS)].flatMap((k) => [`${k} taken`, `${k} refused`]).filter((w) =>
    !/(nline|reverseComputeAt|pad|setScope|storageAlign|doubleBuffer) taken/.test(w)
  );
  assertEquals(wanted.filter((w) => !seen.has(w)), []);
});
