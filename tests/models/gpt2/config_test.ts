import fc from "fast-check";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../../../ir/errors.ts";
import {
  GPT2_CONFIGS,
  type GPT2Config,
  parseGPT2Config,
  readGPT2Config,
} from "../../../models/gpt2/config.ts";
import { openCheckpoint } from "../../../models/safetensors/mod.ts";
import { dataTest } from "../../support/data.ts";

const parse = (json: unknown) => parseGPT2Config(json, "x/config.json");
const STORIES = new URL("../../../models/weights/stories", import.meta.url);

Deno.test("an empty configuration is the smallest published model, as in transformers", () => {
  assertEquals(parse({}), GPT2_CONFIGS.gpt2);
});

/** Parameters of a GPT-2 with biases everywhere and a tied output layer. */
function parameters({ n_embd: d, n_layer, n_inner, n_positions, vocab_size }: GPT2Config): number {
  const block = 4 * d + (3 * d * d + 3 * d) + (d * d + d) + (2 * d * n_inner + n_inner + d);
  return (vocab_size + n_positions) * d + n_layer * block + 2 * d;
}

Deno.test("the presets have the published numbers of parameters", () => {
  assertEquals(Object.fromEntries(Object.entries(GPT2_CONFIGS).map(([name, c]) => [name, parameters(c)])), {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
  });
});

/** Reads a folder's configuration and checks it against the shapes of the weights beside it. */
async function checkFolder(dir: string | URL): Promise<GPT2Config> {
  const config = await readGPT2Config(dir);
  await using weights = await openCheckpoint(dir);
  const shape = (end: string) =>
    weights.tensors.get(end)?.shape ?? weights.tensors.get(`transformer.${end}`)?.shape;
  assertEquals(shape("wte.weight"), [config.vocab_size, config.n_embd]);
  assertEquals(shape("wpe.weight"), [config.n_positions, config.n_embd]);
  assertEquals(shape(`h.${config.n_layer - 1}.mlp.c_fc.weight`), [config.n_embd, config.n_inner]);
  assertEquals(shape(`h.${config.n_layer}.mlp.c_fc.weight`), undefined);
  assertEquals(weights.tensors.has("lm_head.weight"), !config.tie_word_embeddings);
  return config;
}

Deno.test("the stories model's configuration fits its weights", async () => {
  const config = await checkFolder(STORIES);
  assertEquals(parameters(config), 3_505_152);
  assertEquals([config.n_head, config.bos_token_id, config.eos_token_ids, config.notes], [
    6,
    4095,
    [4095],
    [],
  ]);
});

dataTest("the configurations of models made by others fit their weights", [
  "gpt-nano-sort",
  "gpt2-basic",
  "tinygpt-slm",
], async ([sort, basic, slm]) => {
  const nano = await checkFolder(sort!);
  assertEquals([nano.n_layer, nano.n_head, nano.bos_token_id, nano.eos_token_ids], [3, 3, null, []]);
  const words = await checkFolder(basic!);
  assertEquals([words.activation_function, words.layer_norm_epsilon, words.n_inner], [
    "gelu",
    9.230769230769232e-6,
    192,
  ]);
  for (const [name, heads] of [["4h2l", 4], ["8h4l", 8]] as const) {
    const car = await checkFolder(`${slm}/${name}`);
    assertEquals([car.n_head, car.eos_token_ids, car.bos_token_id], [heads, [1], 0]);
  }
});

Deno.test("values are taken as they are", () => {
  const size = fc.integer({ min: 1, max: 5000 });
  const json = fc.record({
    vocab_size: size,
    n_positions: size,
    n_layer: size,
    n_inner: fc.option(size),
    activation_function: fc.constantFrom("gelu_new", "gelu", "relu", "tanh"),
    layer_norm_epsilon: fc.double({ min: 1e-12, max: 1, noNaN: true }),
    tie_word_embeddings: fc.boolean(),
    scale_attn_weights: fc.boolean(),
    scale_attn_by_inverse_layer_idx: fc.boolean(),
    reorder_and_upcast_attn: fc.boolean(),
  });
  fc.assert(fc.property(json, size, size, (json, n_head, headSize) => {
    const n_embd = n_head * headSize;
    const config = parse({ ...json, n_embd, n_head, bos_token_id: null, eos_token_id: null });
    const n_inner = json.n_inner ?? 4 * n_embd;
    assertEquals(config, {
      ...json,
      n_embd,
      n_head,
      n_inner,
      bos_token_id: null,
      eos_token_ids: [],
      notes: [],
    });
  }));
});

Deno.test("other names of sizes and of the tanh approximation are understood", () => {
  const config = parse({
    hidden_size: 12,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    max_position_embeddings: 8,
  });
  assertEquals([config.n_embd, config.n_head, config.n_layer, config.n_positions, config.n_inner], [
    12,
    2,
    1,
    8,
    48,
  ]);
  assertEquals(parse({ activation_function: "gelu_pytorch_tanh" }).activation_function, "gelu_new");
  assertEquals(parse({ hidden_size: 768, n_embd: 768 }), GPT2_CONFIGS.gpt2);
});

Deno.test("what cannot be used is refused by name", () => {
  const cases: readonly (readonly [json: Record<string, unknown>, message: string])[] = [
    [{ model_type: "llama" }, 'model_type must be "gpt2", got "llama"'],
    [{ n_embd: 50, n_head: 3 }, "n_head must divide n_embd, 50, got 3"],
    [{ n_embd: 50 }, "n_head must divide n_embd, 50; it is 12"],
    [{ n_layer: 0 }, "n_layer must be an integer of at least 1, got 0"],
    [{ n_layer: 1.5 }, "n_layer must be an integer of at least 1, got 1.5"],
    [{ n_layer: "12" }, 'n_layer must be an integer of at least 1, got "12"'],
    [{ n_positions: null }, "n_positions must be an integer of at least 1, got null"],
    [{ n_inner: -1 }, "n_inner must be an integer of at least 1, got -1"],
    [{ layer_norm_epsilon: 0 }, "layer_norm_epsilon must be a number above 0, got 0"],
    [{ tie_word_embeddings: 1 }, "tie_word_embeddings must be true or false, got 1"],
    [
      { activation_function: "silu" },
      'activation_function must be one of gelu_new, gelu_pytorch_tanh, gelu_fast, gelu, relu, tanh, got "silu"',
    ],
    [{ activation_function: "toString" }, 'got "toString"'],
    [{ eos_token_id: "</s>" }, 'eos_token_id must be a token id, a list of them or null, got "</s>"'],
    [{ hidden_size: 512, n_embd: 768 }, "hidden_size must be equal to n_embd, 768, got 512"],
    [
      { add_cross_attention: true },
      "add_cross_attention is not part of GPT-2 (cross-attention to an encoder), got true",
    ],
    [
      { quantization_config: { bits: 4 } },
      'quantization_config is not part of GPT-2 (quantized weights), got {"bits":4}',
    ],
    [{ pruned_heads: { "0": [1] } }, "pruned_heads is not part of GPT-2"],
    [{ rope_theta: 10000 }, "rope_theta is not part of GPT-2"],
    [{ position_embedding_type: "relative_key" }, "position_embedding_type is not part of GPT-2"],
    [{ n_head: 12, num_key_value_heads: 4 }, "num_key_value_heads is not part of GPT-2"],
    [{ bias: false }, "bias is not part of GPT-2"],
  ];
  for (const [json, message] of cases) {
    const error = assertThrows(() => parse(json), ConfigError, message);
    assertEquals(error.message.split("\n").length, 2, error.message);
  }
  for (const json of [null, [], "gpt2", 5]) {
    assertThrows(() => parse(json), ConfigError, "expected a JSON object");
  }
});

Deno.test("all problems are listed at once", () => {
  const error = assertThrows(() =>
    parse({ model_type: "bert", n_embd: "a", n_head: -1, activation_function: "silu" })
  );
  assertEquals(error.message.split("\n"), [
    "Cannot use x/config.json as a GPT-2 configuration:",
    '  - model_type must be "gpt2", got "bert"',
    '  - n_embd must be an integer of at least 1, got "a"',
    "  - n_head must be an integer of at least 1, got -1",
    '  - activation_function must be one of gelu_new, gelu_pytorch_tanh, gelu_fast, gelu, relu, tanh, got "silu"',
  ]);
});

Deno.test("settings that change nothing are accepted in silence, unknown ones with a note", () => {
  const harmless = {
    add_cross_attention: false,
    pruned_heads: {},
    quantization_config: null,
    position_embedding_type: "absolute",
    num_key_value_heads: 12,
    n_head: 12,
    resid_pdrop: 0.1,
    torch_dtype: "float16",
    transformers_version: "5.0.0",
    summary_type: "cls_index",
    task_specific_params: { "text-generation": { do_sample: true } },
    n_ctx: 1024,
  };
  assertEquals(parse(harmless), GPT2_CONFIGS.gpt2);
  assertEquals(parse({ color: "red" }).notes, ['x/config.json: unknown setting "color" ignored']);
});

Deno.test("tokens outside the vocabulary cannot be met and are left out; said if the file names them", () => {
  assertEquals(parse({ vocab_size: 10 }).eos_token_ids, []);
  const config = parse({ vocab_size: 10, eos_token_id: [3, 10], bos_token_id: 50256 });
  assertEquals([config.eos_token_ids, config.bos_token_id], [[3], null]);
  assertEquals(config.notes.toSorted(), [
    "bos_token_id 50256 is outside the vocabulary of 10",
    "eos_token_id 10 is outside the vocabulary of 10",
  ]);
});

Deno.test("any JSON gives a configuration or a ConfigError", () => {
  const keys = [
    ...Object.keys(GPT2_CONFIGS.gpt2),
    "model_type",
    "eos_token_id",
    "pruned_heads",
    "hidden_size",
    "bias",
    "__proto__",
  ];
  const json = fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.jsonValue(), fc.nat(100)));
  fc.assert(
    fc.property(json, (json) => {
      try {
        const config = parse(JSON.parse(JSON.stringify(json)));
        assert(config.n_embd % config.n_head === 0 && config.vocab_size > 0 && config.layer_norm_epsilon > 0);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("files that cannot be read are refused", async () => {
  await assertRejects(
    () => readGPT2Config("/no/such"),
    ConfigError,
    "Cannot read /no/such/config.json: there is no such file.",
  );
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/config.json`, "{,}");
  await assertRejects(() => readGPT2Config(dir), ConfigError, "it is no valid JSON");
  await Deno.remove(dir, { recursive: true });
});
