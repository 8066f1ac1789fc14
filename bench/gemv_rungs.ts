/**
 * One matrix-vector product, from naive to full, a step of a schedule at a time: what docs/gemv.md walks through.
 *
 * The product is GPT-2 124M's first layer of the feed-forward network for one token: 768 numbers times a weight of
 * 3,072 rows, which is how weights are laid out for an adapter on the CPU.
 *
 * @module
 */
import { lower } from "../compile.ts";
import { compute, method, type Program, spec, trace } from "../dsl/mod.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import { apply, fallback, parseSchedule, printFailure } from "../schedule/mod.ts";

/** The expression: one element of the result. */
const gemv = method({ x: spec([768], "f32"), w: spec([3072, 768], "f32") }, ({ x, w }) => ({
  y: compute(
    "gemv",
    [["n", 3072]],
    ({ n }, { at, sum }) => sum({ k: 768 }, ({ k }) => at(x, k).mul(at(w, n, k))),
  ),
}));

/** A rung: what is done to the nest, and why. */
export interface GemvRung {
  readonly name: string;
  readonly why: string;
  /** Of all steps from the naive nest on, in the text of schedules. */
  readonly steps: readonly string[];
}

const THREADS = ["split(n, [_, 8], names=[nb, nt])", "bind(nb, blockIdx.x)", "bind(nt, threadIdx.x)"];
/** The rungs, each on the naive nest. */
export const GEMV_RUNGS: readonly GemvRung[] = [
  {
    name: "naive",
    why: "A thread for each result. The sum is in memory, so every step of it loads it, and stores it again.",
    steps: THREADS,
  },
  {
    name: "register",
    why: "The sum is in a register until it is done.",
    steps: [...THREADS, "cacheWrite(out_sum, local)"],
  },
  {
    name: "vector",
    why:
      "Four steps of the reduction at once, which are neighbours in a row: the vector and the weights are loaded four " +
      "at a time. Such a kernel is bound by how many loads it makes.",
    steps: [
      ...THREADS,
      "split(k, [_, 4], names=[ko, ki])",
      "cacheWrite(out_sum, local)",
      "decomposeReduction(out_sum, ko)",
      "cacheRead(out_sum, in0, local, ko)",
      "vectorize(in0_local_0)",
      "cacheRead(out_sum, in1, local, ko)",
      "vectorize(in1_local_1)",
      "unroll(ki)",
    ],
  },
  {
    name: "rows",
    why: "A thread has four results, so that each load of the vector serves four rows.",
    steps: [
      "split(n, [_, 8, 4], names=[nb, nt, nj])",
      "split(k, [_, 4], names=[ko, ki])",
      "reorder(nb, nt, ko, ki, nj)",
      "bind(nb, blockIdx.x)",
      "bind(nt, threadIdx.x)",
      "cacheWrite(out_sum, local)",
      "decomposeReduction(out_sum, ko)",
      "cacheRead(out_sum, in0, local, ko)",
      "vectorize(in0_local_0)",
      "cacheRead(out_sum, in1, local, ko)",
      "vectorize(in1_local_1)",
      "unroll(in1_local_0)",
      "unroll(ki)",
      "unroll(nj)",
      "unroll(nj_init)",
      "unroll(nj_write)",
    ],
  },
  {
    name: "full",
    why:
      "What the rule `gemv` makes of it, with its parameters for the target: each result is in several sums, one for " +
      "each place in a vector, which are added up at the end, so that multiplications and additions are of vectors, too.",
    steps: ["rule(gemv)"],
  },
];

/** The program. */
export function gemvProgram(): Program {
  return trace({ gemv });
}

/** The naive nest. */
export function naiveGemv(target: Target): PrimFunc {
  const [kernel] = lower(gemvProgram(), target, { schedule: fallback() }).kernels.values();
  if (kernel === undefined) throw new Error("the program has no kernel");
  return kernel.func;
}

/** The nest of a rung. Throws where a step is refused. */
export function rungOf(func: PrimFunc, { name, steps }: GemvRung, target: Target): PrimFunc {
  const result = apply(
    func,
    parseSchedule(steps.length === 1 ? steps[0] ?? "" : `seq(${steps.join(", ")})`),
    { target },
  );
  if (!result.ok) throw new Error(`rung ${name}: ${printFailure(result.failure, func)}`);
  return result.func;
}
