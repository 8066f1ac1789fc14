import { ALL_OP_CASES } from "../support/all_op_cases.ts";
import { checkCase, compileCase } from "../support/run_case.ts";
import { webgpuTest } from "../support/webgpu.ts";

/** Compiling is what takes time here: few sizes, but 0, 1, primes and more than a workgroup among them. */
const SIZES: readonly Readonly<Record<string, number>>[] = [
  { b: 2, n: 3, m: 5, k: 7, h: 2, past: 4 },
  { b: 1, n: 1, m: 1, k: 1, h: 1, past: 0 },
  { b: 3, n: 17, m: 16, k: 2, h: 3, past: 17 },
  { b: 2, n: 5, m: 0, k: 0, h: 1, past: 2 },
  { b: 1, n: 0, m: 7, k: 3, h: 2, past: 1 },
];

for (const c of ALL_OP_CASES) {
  webgpuTest(`webgpu: ${c.name} equals the reference`, async (device) => {
    using executable = await compileCase(c, device);
    for (const [seed, dims] of SIZES.entries()) await checkCase(c, executable, dims, seed + 1);
  });
}
