/** Every rule on every kernel of the models, at sizes around those of tiles, on the js device. @module */
import { assertEquals, assertGreater } from "@std/assert";
import { jsDevice } from "../../../backends/js/mod.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import type { Target } from "../../../ir/target.ts";
import { RULES } from "../../../schedule/mod.ts";
import { runEveryRule } from "../../support/every_rule.ts";
import { kernelsOf, smallGPT2, smallLlama } from "../../support/model_kernels.ts";

const GPU: Target = { ...WEBGPU_BASELINE, maxBindings: 16 };
const SOFTWARE: Target = { ...GPU, software: true };

for (const [model, program] of [["GPT-2", smallGPT2], ["Llama", smallLlama]] as const) {
  Deno.test(`${model}: every rule on every kernel, on the js device`, async () => {
    const device = jsDevice();
    const sizes = [1, 2, 7, 64, 129, 1000];
    const taken = await runEveryRule(kernelsOf(program(), GPU), device, [GPU, SOFTWARE], sizes, 2e-5);
    // What is transposed in these models is read in place.
    assertEquals([...RULES.keys()].filter((name) => !taken.has(name)), ["transpose"]);
    assertGreater(taken.get("fallback") ?? 0, 40);
    device.dispose();
  });
}
