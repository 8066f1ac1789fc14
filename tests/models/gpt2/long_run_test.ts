import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { DeviceTensor, HostTensor } from "../../../backends/runtime/executable.ts";
import { WebGPUDevice } from "../../../backends/webgpu/mod.ts";
import { compile } from "../../../compile.ts";
import { parseGPT2Config, randomGPT2Weights, traceGPT2 } from "../../../models/gpt2/mod.ts";
import { deviceTest } from "../../support/devices.ts";

const CONFIG = { model_type: "gpt2", vocab_size: 97, n_positions: 64, n_embd: 16, n_layer: 1, n_head: 2 };
const TOKENS = 1500;

deviceTest("memory is flat over 3000 tokens, and a second run gives the same", async (device) => {
  const config = parseGPT2Config(CONFIG, "config.json");
  const program = traceGPT2(config, { decode: { s: 1 } });
  using executable = await compile(program, { device, weights: randomGPT2Weights(config) });
  using state = executable.createState();
  const generate = async (tokens: number): Promise<number[]> => {
    state.reset();
    const [ids, reads]: [number[], Promise<HostTensor>[]] = [[], []];
    let next: HostTensor | DeviceTensor = { dtype: "i32", shape: [1, 1], data: Int32Array.of(5) };
    while (ids.length < tokens) {
      if (ids.length + reads.length < tokens) {
        // A full context goes on from its middle.
        if (state.length("past") === config.n_positions) state.rewind("past", 32);
        next = executable.run("decode", { ids: next }, { state })["next"]!;
        reads.push(next.read());
        if (reads.length < 8) continue;
      }
      ids.push(Number((await reads.shift()!).data[0]));
    }
    return ids;
  };
  const first = await generate(TOKENS);
  const before = { rss: Deno.memoryUsage().rss, ...device instanceof WebGPUDevice ? device.counters : {} };
  const second = await generate(TOKENS);
  const after = { rss: Deno.memoryUsage().rss, ...device instanceof WebGPUDevice ? device.counters : {} };
  assertEquals(second, first);
  assertEquals(first.length, TOKENS);
  assertGreater(new Set(first).size, 1);
  for (const made of ["buffersMade", "bindGroupsMade", "buffersAllocated", "bytesAllocated"] as const) {
    assertEquals(after[made], before[made], made);
  }
  // A leak of 16 KB a token would show; the collector and the driver may keep what they like below that.
  assertLess(after.rss - before.rss, 2 ** 14 * TOKENS);
});
