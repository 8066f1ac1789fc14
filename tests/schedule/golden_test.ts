/** What each primitive makes of small kernels, as text. @module */
import { assert } from "@std/assert";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { printFunc } from "../../ir/print.ts";
import {
  apply,
  at,
  bind,
  cacheWrite,
  choose,
  decomposeReduction,
  defaultSchedule,
  everywhere,
  explain,
  fallback,
  fuse,
  named,
  parallel,
  printFailure,
  printSchedule,
  reorder,
  type Schedule,
  seq,
  split,
  unroll,
  vectorize,
} from "../../schedule/mod.ts";
import { matmul, softmax, square } from "./kernels.ts";

function after(func: PrimFunc, schedule: Schedule): string {
  const result = apply(func, schedule);
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  return `# ${printSchedule(schedule)}\n${printFunc(result.func)}`;
}

const STEPS: Readonly<Record<string, readonly [matmul: Schedule, softmax: Schedule]>> = {
  "split that overshoots": [split("j", [null, 4]), everywhere(split(".0", [null, 8]))],
  "split that is exact": [split("j", [2, null], ["jo", "ji"]), split("k", [1, 7])],
  fuse: [fuse(["i", "j"]), fuse(["i_2", "j"], "ij")],
  reorder: [reorder("k", "i"), reorder("j", "i_2")],
  bind: [bind("i", "blockIdx.y"), seq(bind("i_2", "blockIdx.x"), bind("j", "threadIdx.x"))],
  parallel: [parallel("i"), at("softmax", parallel(".0"))],
  vectorize: [vectorize("j"), vectorize("j")],
  unroll: [unroll("k"), everywhere(unroll(".-1"))],
  decomposeReduction: [decomposeReduction("c_sum", "j"), decomposeReduction("acc_max", "k")],
  cacheWrite: [cacheWrite("c_sum"), everywhere(cacheWrite("."))],
};

Deno.test("kernels before any step", async (t) => {
  await t.assertSnapshot([matmul(), softmax()].map(printFunc).join("\n\n"));
});

for (const [what, [ofMatmul, ofSoftmax]] of Object.entries(STEPS)) {
  Deno.test(`golden: ${what}`, async (t) => {
    await t.assertSnapshot(`${after(matmul(), ofMatmul)}\n\n${after(softmax(), ofSoftmax)}`);
  });
}

Deno.test("golden: the fallback and what it is made of", async (t) => {
  const parts = [matmul(), softmax()].map((func) => {
    const result = apply(func, fallback({ threads: 8 }));
    assert(result.ok);
    return [...result.trace.map(printSchedule), printFunc(result.func)].join("\n");
  });
  await t.assertSnapshot(parts.join("\n\n"));
});

Deno.test("explain: who took each kernel, and why others did not", async (t) => {
  const kernels = [matmul(), softmax(), square()];
  const wide = named("wide", seq(vectorize("j"), vectorize("i")));
  await t.assertSnapshot([
    explain(kernels, defaultSchedule()),
    explain(kernels, seq(choose(wide, fallback({ threads: 4 })))),
    explain(kernels, cacheWrite("c_sum")),
    explain([], defaultSchedule()),
  ].join("\n\n"));
});
