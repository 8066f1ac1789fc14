/** Every rule on the models' kernels for any length, at few lengths, on WebGPU. @module */
import { assertGreater } from "@std/assert";
import { runEveryRule } from "../../support/every_rule.ts";
import { kernelsOf, smallGPT2, smallLlama } from "../../support/model_kernels.ts";
import { webgpuTest } from "../../support/webgpu.ts";

for (const [model, program] of [["GPT-2", smallGPT2], ["Llama", smallLlama]] as const) {
  webgpuTest(`${model}: every rule on every kernel for any length, on WebGPU`, async (device) => {
    const kernels = kernelsOf(program(), device.target).filter((f) => f.dims.includes("s"));
    const taken = await runEveryRule(kernels, device, [device.target], [1, 7], 1e-4);
    for (const name of ["matmul", "fallback"]) assertGreater(taken.get(name) ?? 0, 2, name);
  });
}
