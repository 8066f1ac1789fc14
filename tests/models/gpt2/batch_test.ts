/** Several texts at once are what each is alone. @module */
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../../backends/js/mod.ts";
import { compile } from "../../../compile.ts";
import { InputError } from "../../../ir/errors.ts";
import {
  type BatchOptions,
  compileBatch,
  generateBatch,
  parseGPT2Config,
  randomGPT2Weights,
  sampler,
  traceGPT2,
} from "../../../models/gpt2/mod.ts";
import { deviceTest } from "../../support/devices.ts";

/** Many, so that some rows end early. */
const ENDS = Array.from({ length: 10 }, (_, id) => id);

const CONFIG = { model_type: "gpt2", vocab_size: 31, n_positions: 24, n_embd: 16, n_layer: 2, n_head: 2 };

deviceTest(
  "each row of a batch is the text that it is alone, however long the others are",
  async (device) => {
    const config = parseGPT2Config(CONFIG, "config.json");
    const weights = randomGPT2Weights(config);
    const rows = 3;
    using batch = await compileBatch(config, rows, { device, weights });
    using single = await compile(traceGPT2(config, { prefill: {}, decode: { s: 1 } }), { device, weights });
    const alone = async (
      prompt: readonly number[],
      { maxTokens = 24, seed = 0, endIds = [], ...options }: BatchOptions,
    ) => {
      const choose = sampler({ ...options, seed });
      using state = single.createState();
      const ids: number[] = [];
      let given = prompt;
      while (ids.length < maxTokens && state.length("past") + given.length <= config.n_positions) {
        const input = { dtype: "i32", shape: [1, given.length], data: Int32Array.from(given) } as const;
        const { logits } = single.run(given.length === 1 ? "decode" : "prefill", { ids: input }, { state });
        const id = choose.next((await logits!.read()).data as Float32Array, [...prompt, ...ids], ids.length);
        if (endIds.includes(id)) break;
        ids.push(id);
        given = [id];
      }
      return ids;
    };
    const prompt = fc.array(fc.nat(29), { minLength: 1, maxLength: 7 });
    let ended = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(prompt, { minLength: 1, maxLength: rows }),
        fc.constantFrom({ temperature: 0 }, { temperature: 1.5, topK: 9, seed: 3 }),
        async (prompts, sampling) => {
          const options = { ...sampling, maxTokens: 5, endIds: ENDS };
          const events: number[][] = prompts.map(() => []);
          const texts = await generateBatch(batch, prompts, options, ({ row, id }) => events[row]!.push(id));
          assertEquals(events, texts);
          for (const [r, p] of prompts.entries()) {
            assertEquals(
              texts[r],
              await alone(p, { ...options, seed: (sampling.seed ?? 0) + r }),
              `row ${r}`,
            );
            if (texts[r]!.length < 5) ended++;
          }
        },
      ),
      { numRuns: device.target.kind === "webgpu" ? 6 : 15, seed: 11 },
    );
    assertGreater(ended, 0);
  },
);

Deno.test("batches refuse prompts that they have no room for, and stop at the end of the context", async () => {
  const config = parseGPT2Config(CONFIG, "config.json");
  using batch = await compileBatch(config, 2, { device: jsDevice(), weights: randomGPT2Weights(config) });
  const refused = async (prompts: number[][], words: string): Promise<void> => {
    await assertRejects(() => generateBatch(batch, prompts, { temperature: 0 }), InputError, words);
  };
  await refused([], "The batch has 2 rows, got 0 prompts");
  await refused([[1], [2], [3]], "got 3 prompts; give 1 to 2");
  await refused([[1], []], "Prompt 1 is empty");
  await refused([[1, 31]], "Prompt 0 has 31 at position 1");
  await refused([Array(25).fill(1)], "Prompt 0 has 25 tokens, the context 24");
  const texts = await generateBatch(batch, [Array(20).fill(1), [2]], { temperature: 0, endIds: [] });
  assertEquals(texts.map((t) => t.length), [5, 5]);
  const stop = AbortSignal.abort();
  assertEquals(await generateBatch(batch, [[1]], { temperature: 0, signal: stop }), [[]]);
  await assertRejects(
    () => compileBatch(config, 0, { device: jsDevice() }),
    InputError,
    "rows must be an integer",
  );
});
