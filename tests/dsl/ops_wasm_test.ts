import fc from "fast-check";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { ALL_OP_CASES } from "../support/all_op_cases.ts";
import { checkCase, compileCase } from "../support/run_case.ts";

const sizes = fc.constantFrom(0, 1, 2, 3, 5, 7, 16, 17);
const dims = fc.record({ b: sizes, n: sizes, m: sizes, k: sizes, h: sizes, past: sizes });

for (const c of ALL_OP_CASES) {
  Deno.test(`wasm: ${c.name} equals the reference for every size`, async () => {
    const device = wasmDevice();
    using executable = await compileCase(c, device);
    await fc.assert(
      fc.asyncProperty(dims, fc.integer(), (d, seed) => checkCase(c, executable, d, seed)),
      { numRuns: 10 },
    );
    device.dispose();
  });
}
