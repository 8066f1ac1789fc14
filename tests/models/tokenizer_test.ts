import fc from "fast-check";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, InputError, UnsupportedError } from "../../ir/errors.ts";
import { loadTokenizer, makeTokenizer, type Tokenizer } from "../../models/tokenizer.ts";
import { dataTest } from "../support/data.ts";

const STORIES = new URL("../../models/weights/stories/", import.meta.url);
const stories = await loadTokenizer(STORIES);

/** A small tokenizer of each decoder that can be streamed; ids 0 to 3 are the letters and a special token. */
const model = { type: "BPE", vocab: { a: 0, " b": 1, "##c": 2 }, merges: [], unk_token: null };
const eos = { id: 3, content: "<eos>", special: true };
const small = (decoder: Record<string, unknown> | null) =>
  makeTokenizer({ model, decoder, added_tokens: [eos] }, {});

interface Case {
  readonly text: string;
  readonly ids: number[];
}

async function checkCases(tokenizer: Tokenizer, path: string, atLeast: number): Promise<void> {
  const json = JSON.parse(await Deno.readTextFile(path));
  const cases: readonly Case[] = Array.isArray(json) ? json : json.cases;
  for (const { text, ids } of cases) assertEquals(tokenizer.encode(text), ids, text);
  assert(cases.length >= atLeast);
}

dataTest("GPT-2's tokenizer gives OpenAI's ids, and the text back", ["gpt2-tokenizer"], async ([dir]) => {
  const tokenizer = await loadTokenizer(dir!);
  await checkCases(tokenizer, `${dir}/golden.json`, 132);
  const { cases } = JSON.parse(await Deno.readTextFile(`${dir}/golden.json`)) as { cases: Case[] };
  for (const { text, ids } of cases) assertEquals(tokenizer.decode(ids), text);
  assertEquals([tokenizer.vocabSize, tokenizer.eosId, tokenizer.bosId], [50257, 50256, 50256]);
  assertEquals([...tokenizer.specialIds], [50256]);
  checkStreams(tokenizer);
});

dataTest("the longest-match tokenizer gives its authors' ids", ["gpt2-basic"], async ([dir]) => {
  const tokenizer = await loadTokenizer(dir!);
  await checkCases(tokenizer, `${dir}/tokenizer_cases.json`, 100);
  assertEquals(tokenizer.vocabSize, 4096);
  checkStreams(tokenizer);
});

dataTest("the word tokenizer gives its authors' ids", ["tinygpt-slm"], async ([dir]) => {
  const tokenizer = await loadTokenizer(dir!);
  await checkCases(tokenizer, `${dir}/tokenizer_cases.json`, 100);
  assertEquals([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId, tokenizer.idOf("<sep>")], [
    445,
    0,
    1,
    4,
  ]);
  assertEquals(tokenizer.decode(tokenizer.encode("<sos> What is this? <sep>")), "<sos> what is this <sep>");
  checkStreams(tokenizer);
});

Deno.test("the stories tokenizer gives the ids of its golden prompts", async () => {
  const { prompts, eos_token_id } = JSON.parse(await Deno.readTextFile(new URL("golden.json", STORIES)));
  for (const { prompt, ids, greedy, greedy_text } of prompts) {
    assertEquals(stories.encode(prompt), ids);
    assertEquals(stories.decode(ids), prompt);
    assertEquals(stories.decode(greedy), greedy_text);
  }
  assertEquals([stories.vocabSize, stories.eosId, stories.tokenOf(4095)], [
    4096,
    eos_token_id,
    "<|endoftext|>",
  ]);
});

Deno.test("any text survives encoding and decoding by bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(stories.decode(stories.encode(text)), text);
    assertEquals(stream(stories, stories.encode(text)), text);
  }));
});

Deno.test("streamed text is the decoded text, whatever the tokens", () => {
  checkStreams(stories);
  for (const type of ["ByteLevel", "Fuse", "Metaspace"]) checkStreams(small({ type }));
  checkStreams(small({ type: "WordPiece", prefix: "##", cleanup: true }));
  checkStreams(small({ type: "Replace", pattern: { String: "#" }, content: "-" }));
  checkStreams(small({ type: "Strip", content: " ", start: 1, stop: 0 }));
  checkStreams(small(null));
});

Deno.test("a stream holds back incomplete characters only", () => {
  const ids = stories.encode("aé🙂");
  const bytes = stories.stream();
  const pieces = ids.map((id) => bytes.push(id));
  assert(ids.length > 4, "the characters are split");
  assertEquals(pieces.join(""), "aé🙂");
  assertEquals(pieces.every((piece) => !piece.includes("\ufffd")), true);
  assertEquals(bytes.end(), "");
  const emoji = stories.encode("🙂");
  assertEquals([bytes.push(emoji[0]!), bytes.end()], ["", "\ufffd"]);
  assertEquals([bytes.push(emoji[0]!), bytes.push(stories.eosId!)], ["", "\ufffd<|endoftext|>"]);
  assertEquals([bytes.push(stories.encode("x")[0]!), bytes.end()], ["x", ""]);
});

Deno.test("special tokens can be left out", () => {
  const ids = [...stories.encode("The"), 4095, ...stories.encode(" end")];
  assertEquals(stories.decode(ids), "The<|endoftext|> end");
  assertEquals(stories.decode(ids, { skipSpecialTokens: true }), "The end");
  assertEquals(stories.encode("The<|endoftext|> end"), ids);
});

Deno.test("a byte order mark is text like any other", () => {
  const ids = stories.encode("\ufeffa");
  assertEquals([stories.decode(ids), stream(stories, ids)], ["\ufeffa", "\ufeffa"]);
});

Deno.test("nothing in, nothing out", () => {
  assertEquals(stories.encode(""), []);
  assertEquals(stories.decode([]), "");
  assertEquals(stories.stream().end(), "");
});

Deno.test("ids and texts that cannot be used are refused", () => {
  for (const id of [4096, -1, 1.5, NaN]) {
    assertThrows(
      () => stories.decode([1, id]),
      InputError,
      `Cannot decode token ${id}: the vocabulary has ids from 0 to 4095`,
    );
    assertThrows(() => stories.stream().push(id), InputError, `Cannot decode token ${id}`);
  }
  assertThrows(
    () => stories.encode(5 as unknown as string),
    InputError,
    "Cannot encode 5: expected a string",
  );
  const unknown = makeTokenizer({ model: { ...model, unk_token: "<unk>" } }, {});
  assertThrows(() => unknown.encode("az"), InputError, "no token for");
});

Deno.test("kinds of tokenizers that are not supported are named", () => {
  const kind = (json: Record<string, unknown>) => () => makeTokenizer(json, {}, "x/tokenizer.json");
  const wordLevel = { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" };
  assertThrows(
    kind({ model: wordLevel }),
    UnsupportedError,
    'its model is "WordLevel", supported are BPE, WordPiece',
  );
  assertThrows(kind({ model: { vocab: { a: 0 } } }), UnsupportedError, "its model is undefined");
  assertEquals(kind({ model: { ...model, type: undefined, continuing_subword_prefix: "" } })().vocabSize, 3);
  const sequence = small({ type: "Sequence", decoders: [] });
  assertEquals(sequence.decode([0, 1]), "a b");
  assertThrows(() => sequence.stream(), UnsupportedError, "its decoder is Sequence");
  const suffix = makeTokenizer({
    model: { ...model, end_of_word_suffix: "</w>" },
    decoder: { type: "ByteLevel" },
  }, {});
  assertThrows(() => suffix.stream(), UnsupportedError, "ByteLevel with a word suffix");
});

Deno.test("malformed tokenizers are refused with the part at fault", () => {
  const cases: readonly (readonly [json: Record<string, unknown>, message: string])[] = [
    [{}, 'expected an object "model", got undefined'],
    [{ model: { ...model, vocab: [] } }, 'expected "vocab" to be an object'],
    [{ model: { ...model, vocab: { a: -1 } } }, 'the id of token "a" is -1'],
    [{ model: { ...model, vocab: { a: "0" } } }, 'the id of token "a" is "0"'],
    [{ model: { ...model, merges: "a b" } }, 'expected "merges" to be a list'],
    [{ model: { ...model, type: "Unigram" } }, 'expected "vocab" to be a list'],
    [{ model, decoder: "ByteLevel" }, 'expected "decoder" to be null or an object'],
    [{ model, decoder: { type: "Nonsense" } }, "Nonsense"],
    [{ model, pre_tokenizer: { type: "Nonsense" } }, "Nonsense"],
    [{ model, added_tokens: [{ content: "x" }] }, "added_tokens must be a list"],
  ];
  for (const [json, message] of cases) {
    const error = assertThrows(() => makeTokenizer(json, {}, "x/tokenizer.json"), ConfigError, message);
    assertStringIncludes(error.message, "Cannot use x/tokenizer.json");
  }
});

Deno.test("folders without a readable tokenizer are refused", async () => {
  await assertRejects(
    () => loadTokenizer("/no/such"),
    ConfigError,
    "Cannot read /no/such/tokenizer.json: there is no such folder",
  );
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/vocab.json`, "{}");
  await assertRejects(
    () => loadTokenizer(dir),
    ConfigError,
    "there is no such file. Found vocab.json: in transformers",
  );
  await Deno.writeTextFile(`${dir}/tokenizer.json`, '{"model":');
  await assertRejects(() => loadTokenizer(dir), ConfigError, "it is no valid JSON");
  await Deno.writeTextFile(`${dir}/tokenizer.json`, "[]");
  await assertRejects(() => loadTokenizer(dir), ConfigError, "expected a JSON object, got []");
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify({ model, added_tokens: [eos] }));
  assertEquals((await loadTokenizer(dir)).eosId, undefined);
  await Deno.writeTextFile(`${dir}/tokenizer_config.json`, '{"eos_token": {"content": "<eos>"}}');
  assertEquals((await loadTokenizer(dir)).eosId, 3);
  await Deno.remove(dir, { recursive: true });
});

function stream(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens = false): string {
  const pieces = tokenizer.stream({ skipSpecialTokens });
  return ids.map((id) => pieces.push(id)).join("") + pieces.end();
}

/** For random ids, special tokens among them, the pieces of a stream are the text that decode gives. */
function checkStreams(tokenizer: Tokenizer): void {
  const id = fc.oneof(
    { arbitrary: fc.nat(tokenizer.vocabSize - 1), weight: 6 },
    { arbitrary: fc.nat(Math.min(255, tokenizer.vocabSize - 1)), weight: 3 }, // single bytes, in GPT-2's vocabularies
    { arbitrary: fc.constantFrom(...tokenizer.specialIds), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(id, { maxLength: 30 }), fc.boolean(), (ids, skipSpecialTokens) => {
      assertEquals(stream(tokenizer, ids, skipSpecialTokens), tokenizer.decode(ids, { skipSpecialTokens }));
    }),
    { numRuns: 300 },
  );
}
