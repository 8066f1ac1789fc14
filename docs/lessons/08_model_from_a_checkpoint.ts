/**
 * Lesson 8: a model from a checkpoint.
 *
 *     deno run -A docs/lessons/08_model_from_a_checkpoint.ts
 *
 * The repository has a small GPT-2 that writes stories, as Hugging Face lays a model out: `config.json`,
 * `model.safetensors`, `tokenizer.json`. The model is code (`models/gpt2/model.ts`), the folder has its numbers.
 */
import { assert, assertEquals } from "@std/assert";
import { compile, describe, type HostTensor, jsDevice, parameters } from "@weft/weft";
import {
  collect,
  generate,
  gpt2Dims,
  GPT2LMHeadModel,
  gpt2Weights,
  loadGPT2,
  loadTokenizer,
  openCheckpoint,
  readGPT2Config,
  traceGPT2,
} from "@weft/weft/models/gpt2";

const folder = new URL("../../models/weights/stories/", import.meta.url);

// 1. The config says the sizes; the model is the same for all of them.
const config = await readGPT2Config(folder);
const model = GPT2LMHeadModel(config);
const { text, elements } = describe(model, gpt2Dims(config));
console.log(text);

// 2. The paths of its weights are the names in the checkpoint.
await using file = await openCheckpoint(folder);
const weights = gpt2Weights(file, config);
assert(parameters(model).every((p) => weights.has(p.name)));
console.log(`${elements} elements, ${file.totalBytes} bytes: the file has two bytes for each`);

// 3. `prefill` reads a prompt, `decode` goes on from it one token at a time.
const program = traceGPT2(config, { prefill: {}, decode: { s: 1 } });
const device = jsDevice();
using executable = await compile(program, { device, weights });

// 4. The keys and values of all positions so far are a state, which stays on the device.
const tokenizer = await loadTokenizer(folder);
using state = executable.createState();
let ids = tokenizer.encode("Once upon a time");
const written: number[] = [];
for (let step = 0; step < 4; step++) {
  const input: HostTensor = { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) };
  const { next } = executable.run(step === 0 ? "prefill" : "decode", { ids: input }, { state });
  ids = [Number((await next!.read()).data[0])];
  written.push(...ids);
}
console.log(tokenizer.decode(written));

// 5. `loadGPT2` and `generate` do all of this, and stop words, sampling and streaming.
using loaded = await loadGPT2(folder, { device });
const story = await collect(generate(loaded, { prompt: "Once upon a time", maxTokens: 4, temperature: 0 }));
console.log(story.text);
assertEquals(story.ids, written);
