/** Every rule on every kernel of the models, at sizes around those of tiles, on the Wasm device. @module */
import { assertGreater } from "@std/assert";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { runEveryRule } from "../../support/every_rule.ts";
import { kernelsOf, smallGPT2, smallLlama } from "../../support/model_kernels.ts";

for (const [model, program] of [["GPT-2", smallGPT2], ["Llama", smallLlama]] as const) {
  Deno.test(`${model}: every rule on every kernel, on the Wasm device`, async () => {
    const device = wasmDevice({ threads: 1 });
    const sizes = [1, 2, 7, 64, 129, 1000];
    const taken = await runEveryRule(
      kernelsOf(program(), device.target),
      device,
      [device.target],
      sizes,
      2e-5,
    );
    for (const name of ["matmul", "fallback"]) assertGreater(taken.get(name) ?? 0, 2, name);
    device.dispose();
  });
}
