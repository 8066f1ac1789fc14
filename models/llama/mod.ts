/**
 * A Llama-style decoder: the model in the language, and its config.
 *
 * @module
 */
export { type LlamaConfig, parseLlamaConfig, readLlamaConfig } from "./config.ts";
export { llamaDims, LlamaForCausalLM } from "./model.ts";
export type * from "./types.ts";
