import fc from "fast-check";
import { compile } from "../../../compile.ts";
import { trace } from "../../../dsl/mod.ts";
import { gpt2Dims, GPT2LMHeadModel, gpt2Weights, readGPT2Config } from "../../../models/gpt2/mod.ts";
import { openCheckpoint } from "../../../models/safetensors/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { deviceTest } from "../../support/devices.ts";

const STORIES = new URL("../../../models/weights/stories/", import.meta.url);

deviceTest("cached steps equal the uncached forward, wherever the text is cut", async (device) => {
  const config = await readGPT2Config(STORIES);
  const model = GPT2LMHeadModel(config);
  const n = 40;
  const traced = (methods: Record<string, Record<string, number>>) =>
    trace(model, { dims: gpt2Dims(config), bounds: { s: n, past: n, "past+s": n }, methods });
  await using file = await openCheckpoint(STORIES);
  const weights = gpt2Weights(file, config);
  using whole = await compile(traced({ forward: { past: 0 } }), { device, weights });
  using steps = await compile(traced({ prefill: {}, decode: { s: 1 } }), { device, weights });
  const tensor = (ids: readonly number[]) =>
    ({ dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) }) as const;

  const text = fc.array(fc.nat({ max: config.vocab_size - 1 }), { minLength: 1, maxLength: n });
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(text, cuts, async (ids, lengths) => {
      const { data } = await whole.run("forward", { ids: tensor(ids) })["logits"]!.read();
      using state = steps.createState();
      for (let from = 0, i = 0; from < ids.length; i++) {
        const part = ids.slice(from, from + lengths[i % lengths.length]!);
        from += part.length;
        // A part of one position takes the program made for one, every other time.
        const entry = part.length === 1 && i % 2 === 0 ? "decode" : "prefill";
        const step = await steps.run(entry, { ids: tensor(part) }, { state })["logits"]!.read();
        const at = (from - 1) * config.vocab_size;
        const expected = data.subarray(at, at + config.vocab_size);
        assertAllClose(step.data, expected, { rtol: 0, atol: 1e-4 }, `position ${from - 1} by ${entry}`);
      }
    }),
    { numRuns: 6 },
  );
});

deviceTest("a state goes back to an earlier length", async (device) => {
  const config = await readGPT2Config(STORIES);
  await using file = await openCheckpoint(STORIES);
  using model = await compile(
    trace(GPT2LMHeadModel(config), {
      dims: gpt2Dims(config),
      bounds: { s: 8, past: 16, "past+s": 16 },
      methods: { prefill: {} },
    }),
    { device, weights: gpt2Weights(file, config) },
  );
  using state = model.createState();
  const run = async (ids: readonly number[]): Promise<ArrayLike<number>> => {
    const given = { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } as const;
    return (await model.run("prefill", { ids: given }, { state })["logits"]!.read()).data;
  };
  await run([5, 6, 7]);
  const first = await run([8, 9]);
  state.rewind("past", 3);
  await run([100, 200, 300]);
  state.rewind("past", 3);
  assertAllClose(await run([8, 9]), first, { rtol: 0, atol: 0 });
});
