/**
 * Choosing the tokens of a generation on the device: what `models/sampling.ts` is traced to, compiled once for each
 * model and set of steps.
 *
 * @module
 */
import type { DeviceTensor, Executable } from "../../backends/runtime/executable.ts";
import { compile } from "../../compile.ts";
import { InputError } from "../../ir/errors.ts";
import { uniform } from "../random.ts";
import type { SamplerOptions } from "../sampler.ts";
import { samplingInputs, type SamplingSteps, traceSampling } from "../sampling.ts";
import type { LoadedGPT2 } from "./load.ts";

/** Chooses tokens of one generation. */
export interface DeviceSampler extends Disposable {
  /** The token that follows, of the logits of a step; `step` says which random number to use. */
  next(logits: DeviceTensor, step: number): DeviceTensor;
}

/** Programs that sample, by model and steps: they go with the model. */
const PROGRAMS = new WeakMap<Executable, Map<string, Promise<Executable>>>();

/** A sampler that has seen a prompt. */
export async function deviceSampler(
  model: LoadedGPT2,
  options: Required<SamplerOptions>,
  promptIds: readonly number[],
): Promise<DeviceSampler> {
  const steps: SamplingSteps = {
    topK: options.topK > 0 && options.topK < model.config.vocab_size,
    topP: options.topP < 1,
    repetitionPenalty: options.repetitionPenalty !== 1,
  };
  const program = await programOf(model, steps);
  const state = steps.repetitionPenalty ? program.createState() : undefined;
  const given = state === undefined ? {} : { state };
  if (state !== undefined) {
    const ids = { dtype: "i32", shape: [1, promptIds.length], data: Int32Array.from(promptIds) } as const;
    program.run("mark", { ids }, { state });
  }
  return {
    next(logits, step): DeviceTensor {
      const inputs = samplingInputs(options, [uniform(options.seed, step)]);
      const { next } = program.run("sample", { logits, ...inputs }, given);
      if (next === undefined) throw new InputError("The program that samples has no output next");
      return next;
    },
    [Symbol.dispose]: () => state?.dispose(),
  };
}

function programOf(model: LoadedGPT2, steps: SamplingSteps): Promise<Executable> {
  const { executable, config } = model;
  const known = PROGRAMS.get(executable) ?? new Map<string, Promise<Executable>>();
  PROGRAMS.set(executable, known);
  const key = JSON.stringify(steps);
  const made = known.get(key) ??
    compileSampling(executable, traceSampling(config.vocab_size, config.n_positions, steps));
  known.set(key, made);
  return made;
}

async function compileSampling(
  executable: Executable,
  program: ReturnType<typeof traceSampling>,
): Promise<Executable> {
  const sampling = await compile(program, { device: executable.device });
  executable.onDispose(() => sampling.dispose());
  return sampling;
}
