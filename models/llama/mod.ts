/**
 * A Llama-style decoder: the model in the language, and its config.
 *
 * @module
 */
export { type LlamaConfig, parseLlamaConfig, readLlamaConfig } from "./config.ts";
export {
  llamaDims,
  LlamaForCausalLM,
  type LlamaLayerPast,
  type LlamaLayerPresent,
  type LlamaMethods,
  type LlamaNext,
  type LlamaStep,
} from "./model.ts";
