import { assert, assertEquals, assertLess } from "@std/assert";
import { collect, generate, GPT2_CONFIGS, loadGPT2 } from "../../../models/gpt2/mod.ts";
import { fixedPrompt, randomWeight, tensorShapes } from "../../../models/gpt2/random.ts";
import { webgpuTest } from "../../support/webgpu.ts";

/** What onnxruntime, llama.cpp and jax-js give for these weights and this prompt. */
const GREEDY = [19841, 26517, 26517, 26517, 45840, 45840, 45840, 16772];

/** Writes a checkpoint of GPT-2 small with random weights tensor by tensor; gives its size. */
async function writeCheckpoint(dir: string): Promise<number> {
  const config = GPT2_CONFIGS["gpt2"];
  const shapes = [...tensorShapes(config)];
  let end = 0;
  const header = Object.fromEntries(shapes.map(([name, shape]) => {
    const begin = end;
    end += shape.reduce((a, b) => a * b, 4);
    return [name, { dtype: "F32", shape, data_offsets: [begin, end] }];
  }));
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(json.length), true);
  using file = await Deno.create(`${dir}/model.safetensors`);
  const writer = file.writable.getWriter();
  await writer.write(new Uint8Array(length.buffer));
  await writer.write(json);
  for (const [name, shape] of shapes) {
    await writer.write(new Uint8Array(randomWeight(name, shape.reduce((a, b) => a * b, 1)).buffer));
  }
  await writer.close();
  const { eos_token_ids: _, notes: __, ...rest } = config;
  await Deno.writeTextFile(
    `${dir}/config.json`,
    JSON.stringify({ model_type: "gpt2", ...rest, eos_token_id: null }),
  );
  return end + json.length + 8;
}

/** Bytes that the process has had resident at most, where the platform tells. */
function peakBytes(): number {
  const kib = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return Number(kib ?? 0) * 1024;
}

webgpuTest("GPT-2 small at its real size gives the tokens that other engines give", async (device) => {
  const dir = await Deno.makeTempDir();
  try {
    const fileBytes = await writeCheckpoint(dir);
    const before = Deno.memoryUsage().rss;
    using model = await loadGPT2(dir, { device });
    const loadedBytes = peakBytes();
    const prompt = fixedPrompt(128, model.config.vocab_size);
    const result = await collect(
      generate(model, { promptIds: prompt, temperature: 0, maxTokens: GREEDY.length }),
    );
    assertEquals(result.ids, GREEDY);
    const mib = (n: number): string => `${(n / 2 ** 20).toFixed(0)} MiB`;
    console.log(
      `    GPT-2 small on ${device.target.name}: file ${mib(fileBytes)}, load ${
        model.loadMs.toFixed(0)
      } ms, ` +
        `compile ${model.compileMs.toFixed(0)} ms, resident ${mib(before)} before, ${
          mib(loadedBytes)
        } at most after ` +
        `loading, ${mib(peakBytes())} at most in all; prefill ${
          result.prefillTokensPerSecond.toFixed(1)
        } tok/s, ` +
        `decode ${result.decodeTokensPerSecond.toFixed(2)} tok/s`,
    );
    assert(model.executable.info.weightBytes >= 497e6);
    // On a software adapter device memory is the process's own: all of it counts against the limit.
    assertLess(loadedBytes - before, 2.2 * fileBytes);
    assertLess(peakBytes(), 24 * 2 ** 30);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
