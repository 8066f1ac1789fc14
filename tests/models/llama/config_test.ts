import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../ir/errors.ts";
import { parseLlamaConfig } from "../../../models/llama/mod.ts";

Deno.test("an empty config is transformers' default, the 7-billion model", () => {
  assertEquals(parseLlamaConfig({}, "config.json"), {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    head_dim: 128,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: false,
  });
});

Deno.test("heads may be wider together than the hidden size, null is absent, rope_parameters hold the base", () => {
  const config = parseLlamaConfig({
    hidden_size: 50,
    num_attention_heads: 4,
    num_key_value_heads: null,
    head_dim: 16,
    rope_scaling: null,
    rope_parameters: { rope_type: "default", rope_theta: 500000 },
  }, "config.json");
  assertEquals([config.head_dim, config.num_key_value_heads, config.rope_theta], [16, 4, 500000]);
});

const REFUSED: readonly (readonly [json: Record<string, unknown>, message: string])[] = [
  [{ model_type: "mistral" }, 'model_type must be "llama", got "mistral"'],
  [{ hidden_act: "gelu" }, 'hidden_act must be "silu", got "gelu"'],
  [{ num_key_value_heads: 5 }, "num_key_value_heads must divide num_attention_heads, 32, got 5"],
  [{ hidden_size: 96 }, "hidden_size must be an even multiple of num_attention_heads, 32, got 96"],
  [{ hidden_size: 100 }, "hidden_size must be an even multiple of num_attention_heads, 32, got 100"],
  [{ head_dim: 5 }, "head_dim must be even, got 5"],
  [{ rope_theta: 0 }, "rope_theta must be a number above 0, got 0"],
  [
    { rope_scaling: { rope_type: "llama3", factor: 8 } },
    'rope_scaling must have the rope_type "default", got {"rope_type":"llama3","factor":8}',
  ],
  [
    { rope_scaling: { type: "linear", factor: 2 } },
    'rope_scaling must have the rope_type "default", got {"type":"linear","factor":2}',
  ],
  [
    { rope_parameters: { rope_theta: "1e4" } },
    'rope_parameters must have a rope_theta that is a number above 0, got {"rope_theta":"1e4"}',
  ],
  [{ attention_bias: true }, "attention_bias is not part of this model (biases of attention), got true"],
];

Deno.test("what would change the numbers is refused, with the value found", () => {
  for (const [json, message] of REFUSED) {
    const { message: text } = assertThrows(() => parseLlamaConfig(json, "config.json"), ConfigError);
    assertEquals(text, `Cannot use config.json as a Llama configuration:\n  - ${message}`);
  }
});

Deno.test("all wrong values are reported at once", () => {
  const wrong = { vocab_size: 0, mlp_bias: true };
  const { message } = assertThrows(() => parseLlamaConfig(wrong, "config.json"), ConfigError);
  assertEquals(message.split("\n").length, 3);
});
