import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { collect, generate, type GenerateOptions, loadGPT2 } from "../../../models/gpt2/mod.ts";
import { WebGPUDevice } from "../../../backends/webgpu/mod.ts";
import { deviceTest } from "../../support/devices.ts";
import { webgpuTest } from "../../support/webgpu.ts";

const STORIES = new URL("../../../models/weights/stories/", import.meta.url);

/** What must not depend on how many steps are in flight. */
async function outcome(
  model: Awaited<ReturnType<typeof loadGPT2>>,
  options: GenerateOptions,
): Promise<unknown> {
  const { ids, text, finishReason } = await collect(generate(model, { temperature: 0, ...options }));
  return { ids, text, finishReason };
}

deviceTest("a text does not depend on the steps in flight, wherever it ends", async (device) => {
  using model = await loadGPT2(STORIES, { device });
  const prompt = fc.array(fc.nat(model.config.vocab_size - 1), { minLength: 1, maxLength: 4 });
  const stop = fc.subarray([" the", "a", ".", "ed "]);
  const reasons = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      prompt,
      fc.nat(10),
      stop,
      fc.integer({ min: 2, max: 9 }),
      async (ids, max, stop, inFlight) => {
        const options = { promptIds: ids, maxTokens: max, stop };
        const waited = await outcome(model, { ...options, inFlight: 1 });
        assertEquals(await outcome(model, { ...options, inFlight }), waited);
        reasons.add((waited as { finishReason: string }).finishReason);
      },
    ),
    { numRuns: 6, seed: 3 },
  );
  assertEquals([...reasons].sort(), ["length", "stop"]);
});

deviceTest("generations that take turns do not see each other's tokens", async (device) => {
  using model = await loadGPT2(STORIES, { device });
  const options = [{ prompt: "Once upon a time", inFlight: 4 }, { prompt: "Tom had", inFlight: 3 }]
    .map((o) => ({ ...o, temperature: 0, maxTokens: 10 }));
  const alone = [];
  for (const o of options) alone.push((await collect(generate(model, o))).ids);
  const running = options.map((o) => generate(model, o));
  const together: number[][] = [[], []];
  for (let open = 2; open > 0;) {
    open = 0;
    for (const [i, generation] of running.entries()) {
      const item = await generation.next();
      if (item.done) continue;
      open++;
      if (together[i]!.length < 10) together[i]!.push(item.value.id);
    }
  }
  assertEquals(together, alone);
});

webgpuTest(
  "a step in steady state makes no buffer and no binding, and brings back four bytes",
  async (device) => {
    using model = await loadGPT2(STORIES, { device });
    const start = { ...device.counters };
    const generation = generate(model, {
      prompt: "Once upon a time",
      temperature: 0,
      inFlight: 4,
      maxTokens: 60,
    });
    for (let i = 0; i < 10; i++) await generation.next();
    const before = { ...device.counters };
    for (let i = 0; i < 20; i++) await generation.next();
    const after = device.counters;
    assertEquals([after.buffersMade, after.bindGroupsMade], [before.buffersMade, before.bindGroupsMade]);
    assertEquals(after.submits - before.submits, 20);
    assertEquals(after.dispatches - before.dispatches, 20 * model.executable.info.dispatches["decode"]!);
    assert(after.bufferWrites - before.bufferWrites <= 20, "more than the dims were written");
    // Reads count when they have arrived: all have at the end.
    await generation.return(undefined as never);
    assertEquals(after.bytesRead - start.bytesRead, 4 * (after.submits - start.submits));
  },
);

deviceTest("a generation that is left with steps in flight leaves nothing behind", async (device) => {
  using model = await loadGPT2(STORIES, { device });
  const options = { prompt: "Once upon a time", maxTokens: 5, inFlight: 3 };
  const first = await outcome(model, options);
  const allocated = device instanceof WebGPUDevice ? device.counters.bytesAllocated : 0;
  for (let left = 1; left < 4; left++) {
    const generation = generate(model, { ...options, temperature: 0, maxTokens: 40 });
    for (let i = 0; i < left; i++) await generation.next();
    await generation.return(undefined as never);
  }
  if (device instanceof WebGPUDevice) assertEquals(device.counters.bytesAllocated, allocated);
  assertEquals(await outcome(model, options), first);
});
