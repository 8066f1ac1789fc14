/**
 * GPT-2: the model in the language, checkpoints, generation.
 *
 * @module
 */
export {
  type Activation,
  GPT2_CONFIGS,
  type GPT2Config,
  type GPT2Name,
  parseGPT2Config,
  readGPT2Config,
} from "./config.ts";
export { type GenerationConfig, parseGenerationConfig, readGenerationConfig } from "./generation_config.ts";
export {
  collect,
  type FinishReason,
  generate,
  type GenerateEvent,
  type GenerateOptions,
  type GenerateResult,
} from "./generate.ts";
export { type LoadedGPT2, loadGPT2, type LoadGPT2Options, traceGPT2 } from "./load.ts";
export { GPT2LMHeadModel } from "./model.ts";
export { type BatchEvent, type BatchOptions, compileBatch, generateBatch, type GPT2Batch } from "./batch.ts";
export { createSession, Session } from "./session.ts";
export type * from "./types.ts";
export { gpt2Dims } from "./variants.ts";
export { gpt2Weights } from "./weights.ts";
export { type Sampler, sampler, type SamplerOptions } from "../sampler.ts";
export { samplingInputs, type SamplingSteps, traceSampling } from "../sampling.ts";
export { type DecodeOptions, loadTokenizer, type StreamDecoder, type Tokenizer } from "../tokenizer.ts";
export {
  openCheckpoint,
  type SafetensorsDType,
  type SafetensorsFile,
  type TakeChunk,
  type TensorInfo,
} from "../safetensors/mod.ts";
export { fixedPrompt, randomGPT2Weights, randomWeight } from "./random.ts";
