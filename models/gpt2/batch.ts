/**
 * Texts from several prompts at once: each step is one run for all of them.
 *
 * @module
 */
import type { Executable, InputTensor } from "../../backends/runtime/executable.ts";
import type { State } from "../../backends/runtime/state.ts";
import { compile, type CompileOptions } from "../../compile.ts";
import { trace } from "../../dsl/mod.ts";
import { InputError } from "../../ir/errors.ts";
import { sampler, type SamplerOptions } from "../sampler.ts";
import type { GPT2Config } from "./config.ts";
import { GPT2LMHeadModel } from "./model.ts";
import { gpt2Dims } from "./variants.ts";

/** Several texts, a row each, computed together. */
export interface GPT2Batch extends Disposable {
  readonly config: GPT2Config;
  /** Most prompts at once. */
  readonly rows: number;
  readonly executable: Executable;
}

/** How to generate several texts. */
export interface BatchOptions extends SamplerOptions {
  /** Most tokens of each text; by default what the context has room for. */
  readonly maxTokens?: number;
  /** Tokens that end a text; by default those of the config. None of them is part of the result. */
  readonly endIds?: readonly number[];
  /** Ends it early; each text has what it has until then. */
  readonly signal?: AbortSignal;
}

/** A token of one of the texts. */
export interface BatchEvent {
  readonly row: number;
  readonly id: number;
}

/**
 * Compiles a GPT-2 for up to `rows` texts at once, which may be of several lengths.
 *
 * Throws {@linkcode WeightsError} where the weights do not fit the config.
 *
 * @example
 * ```ts
 * import { jsDevice } from "@weft/weft/backends/js";
 * import { compileBatch, generateBatch, GPT2_CONFIGS, randomGPT2Weights } from "@weft/weft/models/gpt2";
 *
 * const config = { ...GPT2_CONFIGS["gpt2"], n_layer: 1, n_embd: 12, n_inner: 24, n_head: 2, vocab_size: 20 };
 * using batch = await compileBatch(config, 2, { device: jsDevice(), weights: randomGPT2Weights(config) });
 * const texts = await generateBatch(batch, [[1, 2, 3], [4]], { maxTokens: 2, temperature: 0 }, () => {});
 * console.log(texts.map((ids) => ids.length)); // [ 2, 2 ]
 * ```
 */
export async function compileBatch(
  config: GPT2Config,
  rows: number,
  options: CompileOptions,
): Promise<GPT2Batch> {
  if (!Number.isInteger(rows) || rows < 1) throw new InputError(`rows must be an integer >= 1, got ${rows}`);
  const n = config.n_positions;
  const program = trace(GPT2LMHeadModel(config), {
    dims: gpt2Dims(config, rows),
    bounds: { s: n, past: n, "past+s": n },
    methods: { prefillRagged: {}, decodeRagged: { s: 1 } },
  });
  const executable = await compile(program, options);
  return { config, rows, executable, [Symbol.dispose]: () => executable.dispose() };
}

/**
 * Goes on from each prompt until its text ends; gives the new ids of each. Row `r` draws with the seed plus `r`, so that
 * it is the text that it would be alone, up to rounding. The longest prompt and `maxTokens` share the context.
 *
 * @param each is told of every token as it comes
 * @throws {InputError} if there is no prompt or too many, one is empty or too long, or has ids outside the vocabulary
 */
export async function generateBatch(
  batch: GPT2Batch,
  prompts: readonly (readonly number[])[],
  options: BatchOptions = {},
  each: (event: BatchEvent) => void = () => {},
): Promise<readonly (readonly number[])[]> {
  const { config, rows, executable } = batch;
  checkPrompts(batch, prompts);
  const { maxTokens = config.n_positions, endIds = config.eos_token_ids, signal, ...sampling } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new InputError(`maxTokens must be an integer >= 0, got ${maxTokens}`);
  }
  const seed = sampling.seed ?? sampler(sampling).options.seed;
  const choose = prompts.map((_, r) => sampler({ ...sampling, seed: seed + r }));
  const greedy = choose[0]?.options.temperature === 0 && choose[0].options.repetitionPenalty === 1;
  const longest = Math.max(...prompts.map((p) => p.length));
  // Rows without a prompt say something, too, which nobody hears.
  const padded = Array.from({ length: rows }, (_, r) => {
    const ids = prompts[r] ?? [0];
    return [...Array<number>(longest - ids.length).fill(0), ...ids];
  });
  const start = ints([rows], Array.from({ length: rows }, (_, r) => longest - (prompts[r]?.length ?? 1)));
  const texts: number[][] = prompts.map(() => []);
  const open = new Set(prompts.keys());
  using state: State = executable.createState();
  let ids = ints([rows, longest], padded.flat());
  for (let n = 0; n < maxTokens && open.size > 0 && !signal?.aborted; n++) {
    if (state.length("past") + ids.shape[1]! > config.n_positions) break;
    const { logits, next } = executable.run(n === 0 ? "prefillRagged" : "decodeRagged", { ids, start }, {
      state,
    });
    if (logits === undefined || next === undefined) {
      throw new InputError("The model has no outputs logits and next");
    }
    const chosen = new Int32Array(rows);
    if (greedy) chosen.set((await next.read()).data as Int32Array);
    else {
      const all = (await logits.read()).data as Float32Array;
      for (const r of open) {
        const own = all.subarray(r * config.vocab_size, (r + 1) * config.vocab_size);
        chosen[r] = choose[r]!.next(own, [...prompts[r]!, ...texts[r]!], n);
      }
    }
    for (const row of [...open]) {
      const id = chosen[row]!;
      if (endIds.includes(id)) {
        open.delete(row);
        continue;
      }
      texts[row]!.push(id);
      each({ row, id });
    }
    ids = ints([rows, 1], [...chosen]);
  }
  return texts;
}

function ints(shape: readonly number[], values: readonly number[]): InputTensor<"i32"> {
  return { dtype: "i32", shape, data: Int32Array.from(values) };
}

function checkPrompts({ rows, config }: GPT2Batch, prompts: readonly (readonly number[])[]): void {
  if (prompts.length === 0 || prompts.length > rows) {
    throw new InputError(`The batch has ${rows} rows, got ${prompts.length} prompts; give 1 to ${rows}`);
  }
  prompts.forEach((ids, row) => {
    if (ids.length === 0) throw new InputError(`Prompt ${row} is empty: give at least one token`);
    if (ids.length > config.n_positions) {
      throw new InputError(
        `Prompt ${row} has ${ids.length} tokens, the context ${config.n_positions}; shorten it`,
      );
    }
    const wrong = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= config.vocab_size);
    if (wrong >= 0) {
      throw new InputError(
        `Prompt ${row} has ${ids[wrong]} at position ${wrong}: the vocabulary has ids 0 to ${
          config.vocab_size - 1
        }`,
      );
    }
  });
}
