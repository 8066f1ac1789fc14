import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { jsDevice } from "../../../backends/js/mod.ts";
import { trace } from "../../../dsl/mod.ts";
import { ConfigError, InputError, ShapeError, WeightsError } from "../../../ir/errors.ts";
import {
  collect,
  generate,
  type GenerateOptions,
  type LoadedGPT2,
  loadGPT2,
} from "../../../models/gpt2/mod.ts";
import { gpt2Dims, GPT2LMHeadModel, parseGPT2Config } from "../../../models/gpt2/mod.ts";
import { type SafetensorsDType, writeSafetensors } from "../../../models/safetensors/mod.ts";
import { randomWeight, tensorShapes } from "../../../models/gpt2/random.ts";

const CONFIG = {
  model_type: "gpt2",
  vocab_size: 11,
  n_positions: 8,
  n_embd: 6,
  n_layer: 1,
  n_head: 2,
  bos_token_id: null,
  eos_token_id: null,
};

type Tensors = Record<
  string,
  { dtype: SafetensorsDType; shape: readonly number[]; data: Uint8Array<ArrayBuffer> }
>;

function tinyTensors(): Tensors {
  const config = parseGPT2Config(CONFIG, "config.json");
  return Object.fromEntries([...tensorShapes(config)].map(([name, shape]) => {
    const data = new Uint8Array(randomWeight(name, shape.reduce((a, b) => a * b, 1)).buffer);
    return [name, { dtype: "F32" as const, shape, data }];
  }));
}

/** Loads a tiny model from a folder with these tensors and config, and gives it to `fn`. */
async function withModel(
  tensors: Tensors,
  fn: (load: () => Promise<LoadedGPT2>, dir: string) => Promise<void>,
  config: object = CONFIG,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const device = jsDevice();
  try {
    await Deno.writeFile(`${dir}/model.safetensors`, writeSafetensors(tensors));
    await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(config));
    await fn(() => loadGPT2(dir, { device }), dir);
  } finally {
    device.dispose();
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("missing, misshapen, unexpected and unusable tensors are listed all at once", async () => {
  const tensors = tinyTensors();
  const { "h.0.ln_1.bias": moved, "ln_f.weight": _gone, ...rest } = tensors;
  const wrong: Tensors = {
    ...rest,
    "h.0.ln_1.bais": moved!,
    "wpe.weight": { ...tensors["wpe.weight"]!, shape: [6, 8] },
    "h.0.mlp.c_fc.bias": { dtype: "I32", shape: [24], data: new Uint8Array(96) },
    "h.0.attn.bias": { dtype: "U8", shape: [1], data: new Uint8Array(1) },
  };
  await withModel(wrong, async (load) => {
    const error = await assertRejects(load, WeightsError);
    assertInstanceOf(error, WeightsError);
    assertEquals([...error.problems].sort(), [
      "dtype: h.0.mlp.c_fc.bias is I32, expected F32, F16 or BF16",
      "misshapen: wpe.weight is [6, 8], the config asks for [8, 6]",
      "missing: transformer.h.0.ln_1.bias [6] (there is transformer.h.0.ln_1.bais)",
      "missing: transformer.ln_f.weight [6]",
      "unexpected: h.0.ln_1.bais [6]",
    ]);
  });
});

Deno.test("names with and without the transformer. prefix are the same tensors", async () => {
  const prefixed = Object.fromEntries(
    Object.entries(tinyTensors()).map(([name, t]) => [`transformer.${name}`, t]),
  );
  const results: (readonly number[])[] = [];
  for (const tensors of [tinyTensors(), prefixed]) {
    await withModel(tensors, async (load) => {
      using model = await load();
      results.push((await collect(generate(model, { promptIds: [1, 2, 3], temperature: 0 }))).ids);
    });
  }
  assertEquals(results[0], results[1]);
});

Deno.test("a file that was cut short is refused", async () => {
  await withModel(tinyTensors(), async (load, dir) => {
    const path = `${dir}/model.safetensors`;
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(0, bytes.length - 10));
    assertStringIncludes((await assertRejects(load, WeightsError)).message, "model.safetensors");
  });
});

Deno.test("a config that asks for something else is refused by name", async () => {
  await withModel(tinyTensors(), async (load) => {
    const { message } = await assertRejects(load, ConfigError);
    assertStringIncludes(message, "activation_function");
    assertStringIncludes(message, "n_head");
  }, { ...CONFIG, activation_function: "silu", n_head: 4 });
});

Deno.test("prompts that cannot be used are refused before anything runs", async () => {
  await withModel(tinyTensors(), async (load) => {
    using model = await load();
    const refusal = async (options: GenerateOptions): Promise<string> =>
      (await assertRejects(() => collect(generate(model, options)), InputError)).message;
    assertEquals(
      await refusal({ promptIds: [] }),
      "Cannot generate from an empty prompt: give at least one token",
    );
    assertEquals(
      await refusal({ promptIds: [1, 11] }),
      "Cannot use token id 11 at position 1: the vocabulary has ids 0 to 10",
    );
    assertEquals(
      await refusal({ promptIds: [1, -1] }),
      "Cannot use token id -1 at position 1: the vocabulary has ids 0 to 10",
    );
    assertEquals(
      await refusal({ promptIds: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
      "Cannot generate from 9 tokens: the model's context is 8; shorten the prompt by 1 tokens",
    );
    assertEquals(
      await refusal({ prompt: "hello" }),
      "Cannot read a text: the model's folder has no tokenizer.json; give promptIds",
    );
    assertStringIncludes(await refusal({ promptIds: [1], temperature: -1 }), "temperature");
    assertStringIncludes(await refusal({ promptIds: [1], maxTokens: 1.5 }), "maxTokens");
    for (const inFlight of [0, 1.5, NaN]) {
      assertEquals(
        await refusal({ promptIds: [1], inFlight }),
        `inFlight must be an integer >= 1, got ${inFlight}`,
      );
    }
  });
});

Deno.test("a full context, a token limit and an abort end a generation, each with its reason", async () => {
  await withModel(tinyTensors(), async (load) => {
    using model = await load();
    const full = await collect(generate(model, { promptIds: [1, 2, 3], temperature: 0 }));
    for (const inFlight of [1, 2, 20]) {
      const given = { promptIds: [1, 2, 3], temperature: 0, inFlight };
      const long = await collect(generate(model, given));
      // Positions 3 to 7 take the tokens that were generated; the one after the last has no position to go to.
      assertEquals([long.finishReason, long.generatedTokens, long.ids], ["context", 6, full.ids]);
      const short = await collect(generate(model, { ...given, maxTokens: 2 }));
      assertEquals([short.finishReason, short.ids], ["length", full.ids.slice(0, 2)]);
    }
    const none = await collect(generate(model, { promptIds: [1, 2, 3], temperature: 0, maxTokens: 0 }));
    assertEquals([none.finishReason, none.ids], ["length", []]);
    const aborted = new AbortController();
    const running = generate(model, { promptIds: [1, 2, 3], temperature: 0, signal: aborted.signal });
    await running.next();
    aborted.abort();
    const result = await collect(running);
    assertEquals([result.finishReason, result.ids], ["aborted", full.ids.slice(0, 1)]);
  });
});

Deno.test("runs are refused with the input, what it is and what it should be", async () => {
  await withModel(tinyTensors(), async (load) => {
    using model = await load();
    const { executable } = model;
    using state = executable.createState();
    const ids = (shape: readonly number[], n: number) =>
      ({ dtype: "i32", shape, data: new Int32Array(n) }) as const;
    const refusal = (f: () => unknown): string => assertThrows(f, InputError).message;
    assertEquals(
      refusal(() => executable.run("decode", { ids: ids([1, 2], 2) }, { state })),
      "decode: ids is [1, 2], expected [1, 1]",
    );
    assertEquals(
      refusal(() => executable.run("prefill", { ids: ids([1, 9], 9) }, { state })),
      "prefill: past+s is 9, more than its bound 8",
    );
    assertEquals(
      refusal(() => executable.run("prefill", { ids: ids([1, 3], 2) }, { state })),
      "prefill: ids has 2 elements, its shape [1, 3] has 3",
    );
    assertEquals(
      refusal(() => executable.run("prefil", {})),
      "Cannot run prefil: there is no such entry point, there are prefill, decode",
    );
    assertStringIncludes(
      refusal(() => executable.run("prefill", { ids: ids([1, 3], 3) })),
      "prefill: needs a state; give run() { state",
    );
    const first = executable.run("prefill", { ids: ids([1, 3], 3) }, { state });
    executable.run("prefill", { ids: ids([1, 3], 3) }, { state });
    assertEquals(
      (await assertRejects(() => first["logits"]!.read(), InputError)).message,
      "Cannot read logits: a later run of prefill has replaced it; read it before",
    );
  });
});

Deno.test("a model whose dims contradict each other is refused with the module's path", () => {
  const config = parseGPT2Config(CONFIG, "config.json");
  const dims = { ...gpt2Dims(config), head_dim: 5 };
  const error = assertThrows(
    () => trace(GPT2LMHeadModel(config), { dims, methods: { prefill: {} } }),
    ShapeError,
  );
  assertStringIncludes(
    error.message,
    "transformer.h.0.attn: reshape: [1, s, 6] has 6*s elements, [1, s, 2, 5] has 10*s",
  );
});
