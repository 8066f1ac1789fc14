/**
 * A GPT-2 from a folder: config, weights, tokenizer, compiled for a device.
 *
 * @module
 */
import type { Device } from "../../backends/backend.ts";
import type { Executable } from "../../backends/runtime/executable.ts";
import { compile, type CompileOptions } from "../../compile.ts";
import { type Program, trace } from "../../dsl/mod.ts";
import { InputError } from "../../ir/errors.ts";
import { joinPath, readTextIfExists, toPath } from "../files.ts";
import { openCheckpoint } from "../safetensors/mod.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer.ts";
import { type GPT2Config, readGPT2Config } from "./config.ts";
import { type GenerationConfig, readGenerationConfig } from "./generation_config.ts";
import { GPT2LMHeadModel } from "./model.ts";
import { gpt2Dims } from "./variants.ts";
import { gpt2Weights } from "./weights.ts";

/** How to load. */
export interface LoadGPT2Options extends
  Pick<
    CompileOptions,
    "schedule" | "database" | "without" | "cacheBlock" | "lazy" | "onProgress" | "signal"
  > {
  readonly device: Device;
  /**
   * Most positions of a prompt that are computed at once (default: the context). Less takes less memory for
   * intermediates, and longer; texts stay the same.
   */
  readonly prefillChunk?: number;
}

/** A GPT-2 that is ready to run. */
export interface LoadedGPT2 extends Disposable {
  readonly config: GPT2Config;
  readonly generationConfig: GenerationConfig;
  /** Absent where the folder has no tokenizer: then only token ids go in and come out. */
  readonly tokenizer: Tokenizer | undefined;
  readonly executable: Executable;
  /** Most positions of a prompt that are computed at once. */
  readonly prefillChunk: number;
  /** Milliseconds for reading and uploading weights, and for everything else of the compilation. */
  readonly loadMs: number;
  readonly compileMs: number;
  /** Bytes of the checkpoint's tensors. */
  readonly checkpointBytes: number;
}

/** The model's entry points for generation: any length up to the config's context, at most `s` new positions at once. */
export function traceGPT2(
  config: GPT2Config,
  methods: Readonly<Record<string, Readonly<Record<string, number>>>>,
  s: number = config.n_positions,
): Program {
  const n = config.n_positions;
  return trace(GPT2LMHeadModel(config), {
    dims: gpt2Dims(config),
    bounds: { s, past: n, "past+s": n },
    methods,
  });
}

/**
 * Loads a model from a folder as Hugging Face lays it out: `config.json`, `model.safetensors` (or shards with an
 * index), `tokenizer.json`, `generation_config.json`. Weights go to the device in pieces, in the dtype of the file.
 *
 * Throws {@linkcode ConfigError}, {@linkcode WeightsError} or {@linkcode DeviceError} where the folder or the device
 * does not fit.
 *
 * @example
 * ```ts
 * import { jsDevice } from "@weft/weft/backends/js";
 * import { loadGPT2 } from "@weft/weft/models/gpt2";
 *
 * const dir = new URL("../weights/stories/", import.meta.url);
 * using model = await loadGPT2(dir, { device: jsDevice() });
 * console.log(model.config.n_layer, model.checkpointBytes);
 * ```
 */
export async function loadGPT2(dir: string | URL, options: LoadGPT2Options): Promise<LoadedGPT2> {
  const started = performance.now();
  const config = await readGPT2Config(dir);
  const generationConfig = await readGenerationConfig(dir);
  const hasTokenizer = await readTextIfExists(joinPath(await toPath(dir), "tokenizer.json")) !== undefined;
  const tokenizer = hasTokenizer ? await loadTokenizer(dir) : undefined;
  const prefillChunk = options.prefillChunk ?? config.n_positions;
  if (!Number.isInteger(prefillChunk) || prefillChunk < 1) {
    throw new InputError(`prefillChunk must be an integer >= 1, got ${prefillChunk}`);
  }
  const program = traceGPT2(
    config,
    { prefill: {}, decode: { s: 1 } },
    Math.min(prefillChunk, config.n_positions),
  );
  let loadMs = 0;
  let weightsFrom: number | undefined;
  await using file = await openCheckpoint(dir);
  const executable = await compile(program, {
    ...options,
    weights: gpt2Weights(file, config),
    onProgress(progress): void {
      // Weights are the last stage: the time from its first report on is loading.
      if (progress.stage === "weights") {
        weightsFrom ??= performance.now();
        loadMs = performance.now() - weightsFrom;
      }
      options.onProgress?.(progress);
    },
  });
  await options.device.sync();
  return {
    config,
    generationConfig,
    tokenizer,
    executable,
    prefillChunk: Math.min(prefillChunk, config.n_positions),
    loadMs,
    compileMs: performance.now() - started - loadMs,
    checkpointBytes: file.totalBytes,
    [Symbol.dispose]: () => executable.dispose(),
  };
}
