import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../../../ir/errors.ts";
import { parseGenerationConfig, readGenerationConfig } from "../../../models/gpt2/generation_config.ts";
import { sampler } from "../../../models/sampler.ts";

const parse = (json: unknown) => parseGenerationConfig(json, "generation_config.json");

Deno.test("the stories model asks to sample", async () => {
  const config = await readGenerationConfig(new URL("../../../models/weights/stories", import.meta.url));
  assertEquals(config, {
    sampler: { temperature: 0.7, topK: 40, topP: 0.95 },
    eos_token_ids: [4095],
    max_new_tokens: 180,
    notes: [],
  });
  assertEquals(sampler({ ...config.sampler, seed: 0 }).options.topK, 40);
});

Deno.test("without do_sample the likeliest token is taken, and only the penalty remains", () => {
  assertEquals(parse({}), { sampler: { temperature: 0 }, notes: [] });
  const json = {
    temperature: 0.5,
    top_k: 3,
    top_p: 0.5,
    min_p: 0.1,
    repetition_penalty: 1.2,
    max_length: 20,
  };
  assertEquals(parse(json), {
    sampler: { temperature: 0, repetitionPenalty: 1.2 },
    max_length: 20,
    notes: [],
  });
});

Deno.test("sampling has the defaults of transformers", () => {
  assertEquals(parse({ do_sample: true }).sampler, { temperature: 1, topK: 50 });
  assertEquals(parse({ do_sample: true, top_k: null, temperature: null }).sampler, { temperature: 1 });
  assertEquals(parse({ do_sample: true, top_k: 0, min_p: 0.1 }).sampler, {
    temperature: 1,
    topK: 0,
    minP: 0.1,
  });
});

Deno.test("the end may be one token, several or none", () => {
  assertEquals(parse({ eos_token_id: 5 }).eos_token_ids, [5]);
  assertEquals(parse({ eos_token_id: [5, 6] }).eos_token_ids, [5, 6]);
  assertEquals(parse({ eos_token_id: null }).eos_token_ids, []);
  assertEquals(parse({}).eos_token_ids, undefined);
});

Deno.test("ways of generating that are not supported are said, their neutral values are not", () => {
  assertEquals(
    parse({ num_beams: 1, no_repeat_ngram_size: 0, bad_words_ids: null, penalty_alpha: 0 }).notes,
    [],
  );
  assertEquals(parse({ num_beams: 4, bad_words_ids: [[3]] }).notes, [
    "generation_config.json: num_beams = 4 is not supported and ignored",
    "generation_config.json: bad_words_ids = [[3]] is not supported and ignored",
  ]);
});

Deno.test("values out of range are refused, all at once", () => {
  const json = { do_sample: "yes", temperature: -1, top_k: 1.5, top_p: 0, min_p: 2, repetition_penalty: 0 };
  const error = assertThrows(() => parse({ ...json, eos_token_id: -1, max_new_tokens: 0 }), ConfigError);
  assertEquals(error.message.split("\n"), [
    "Cannot use generation_config.json:",
    '  - do_sample must be true or false, got "yes"',
    "  - temperature must be a number of at least 0, got -1",
    "  - top_k must be an integer of at least 0, got 1.5",
    "  - top_p must be a number above 0 and up to 1, got 0",
    "  - min_p must be a number from 0 to 1, got 2",
    "  - repetition_penalty must be a number above 0, got 0",
    "  - eos_token_id must be a token id, a list of them or null, got -1",
    "  - max_new_tokens must be an integer of at least 1, got 0",
  ]);
  assertThrows(() => parse([]), ConfigError, "expected a JSON object, got []");
});

Deno.test("a folder without the file asks for nothing, a malformed file is refused", async () => {
  const dir = await Deno.makeTempDir();
  assertEquals(await readGenerationConfig(dir), { sampler: { temperature: 0 }, notes: [] });
  await Deno.writeTextFile(`${dir}/generation_config.json`, "nope");
  await assertRejects(() => readGenerationConfig(dir), ConfigError, "it is no valid JSON");
  await Deno.remove(dir, { recursive: true });
});
