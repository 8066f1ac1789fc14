/**
 * docs/gemv.md: one matrix-vector product from naive to full, written from the code that it is about and from the times
 * that were measured.
 *
 * @module
 */
import { lowerFunc } from "../backends/lower.ts";
import { generateWgsl, WEBGPU_BASELINE } from "../backends/webgpu/mod.ts";
import { GEMV_RUNGS, type GemvRung, naiveGemv, rungOf } from "../bench/gemv_rungs.ts";
import { printFunc } from "../ir/print.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import {
  apply,
  coalescing,
  costOf,
  parseSchedule,
  printCount,
  printSchedule,
  resourcesOf,
} from "../schedule/mod.ts";

/** Times of the rungs, as `deno task bench:gemv` writes them. */
export interface GemvTimes {
  readonly device: string;
  readonly runtime: string;
  readonly date: string;
  readonly rounds: number;
  readonly rungs: readonly {
    readonly name: string;
    readonly ms: number;
    readonly gflops: number;
    readonly gbytes: number;
  }[];
}

/** The kernels are made for an adapter on the CPU, where the times are from: 8 threads a workgroup. */
const TARGET: Target = { ...WEBGPU_BASELINE, name: "an adapter on the CPU", software: true };

/** The page: the expression, the nest, each rung with its steps, its nest, its code and its gain. */
export function gemvPage(times: GemvTimes, source: string): string {
  const naive = naiveGemv(TARGET);
  const cost = costOf(naive);
  const expression = /const gemv = [\s\S]*?\n\}\)\);\n/.exec(source)?.[0].trimEnd() ?? "";
  const rows = times.rungs.map(({ name, ms, gflops, gbytes }) =>
    `| ${name} | ${ms} | ${gflops} | ${gbytes} | ${((times.rungs[0]?.ms ?? ms) / ms).toFixed(1)}x |`
  );
  return [
    "# One matrix-vector product, from naive to full",
    "",
    "This page is written by `deno task docs` from [bench/gemv_rungs.ts](../bench/gemv_rungs.ts); the times are those that",
    "`deno task bench:gemv` measured last.",
    "",
    "Decoding with a language model is one matrix-vector product after another. This one is the first layer of GPT-2's",
    "feed-forward network for one token. Its weights are a row for each result, which is how they are laid out for an",
    "adapter on the CPU (the checkpoint has them the other way round; rule `layoutWeights`",
    "decides).",
    "",
    "| Rung | ms | GFLOP/s | GB/s | Gain |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `On ${times.device}, ${times.runtime}, ${times.date}, medians of ${times.rounds} rounds. On a GPU other steps pay: there`,
    "the table of parameters chooses more threads and smaller tiles, and the steps are the same kind of thing.",
    "",
    "## The expression",
    "",
    "```ts bench/gemv_rungs.ts",
    expression,
    "```",
    "",
    "## The nest",
    "",
    "Lowering gives two loops and a block. The block says that `n` is spatial and `k` is reduced over, what it reads and",
    "what it writes; that is what steps look at to know whether they are legal.",
    "",
    "```text",
    printFunc(naive).trimEnd(),
    "```",
    "",
    `\`costOf\` counts ${printCount(cost.flops)} operations, and ${
      printCount(cost.bytesRead)
    } bytes to read: two operations ` +
    "for each weight of four bytes,",
    "so no schedule is faster than the memory.",
    "",
    ...GEMV_RUNGS.flatMap((rung, i) => section(rung, i, naive, times)),
  ].join("\n");
}

function section(rung: GemvRung, index: number, naive: PrimFunc, times: GemvTimes): readonly string[] {
  const func = rungOf(naive, rung, TARGET);
  const [before, now] = [times.rungs[index - 1], times.rungs[index]];
  const gain = before === undefined || now === undefined
    ? `${now?.ms ?? "?"} ms.`
    : `${before.ms} ms become ${now.ms} ms: ${(before.ms / now.ms).toFixed(1)} times as fast.`;
  const code = lowerFunc(func).launches.map((l) => generateWgsl(l, TARGET).source.trimEnd());
  return [
    `## ${index + 1}. ${rung.name}`,
    "",
    rung.why,
    "",
    gain,
    "",
    "```text",
    ...stepsOf(rung, naive),
    "```",
    "",
    facts(func),
    "",
    "```text",
    printFunc(func).trimEnd(),
    "```",
    "",
    "```wgsl",
    ...code,
    "```",
    "",
  ];
}

/** The steps; of a rule, those that it gives. */
function stepsOf({ steps }: GemvRung, naive: PrimFunc): readonly string[] {
  const [only, ...others] = steps;
  if (only === undefined || others.length > 0) return steps;
  const result = apply(naive, parseSchedule(only), { target: TARGET });
  return result.ok ? [`// ${only} gives`, ...result.trace.map(printSchedule)] : steps;
}

/** What the analyses say about it. */
function facts(func: PrimFunc): string {
  const [nest] = resourcesOf(func);
  const weights = coalescing(func).filter((s) => s.buffer === "in1" && s.axis === "threadIdx.x");
  const spread = [...new Set(weights.map((s) => s.spread))].join(" and ") || "the same for all";
  return `\`resourcesOf\`: ${nest?.threads[0] ?? 1} threads a workgroup, ${
    nest?.registers ?? 0
  } registers of four ` +
    `numbers a thread. \`coalescing\`: weights of neighbouring threads are ${spread}.`;
}
