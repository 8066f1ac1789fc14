/**
 * From a checkpoint's tensors to the model's parameters.
 *
 * @module
 */
import type { Weight, Weights } from "../../backends/runtime/weights.ts";
import { type NamedParam, parameters } from "../../dsl/mod.ts";
import { isFloat } from "../../ir/dtype.ts";
import { printShape, substituteDim } from "../../ir/dim.ts";
import { WeightsError } from "../../ir/errors.ts";
import { suggest } from "../../ir/suggest.ts";
import { SAFETENSORS_DTYPES, type SafetensorsFile } from "../safetensors/mod.ts";
import type { GPT2Config } from "./config.ts";
import { GPT2LMHeadModel } from "./model.ts";
import { gpt2Dims } from "./variants.ts";

/** Bytes of a tensor that are in the program's memory at a time while it is loaded. */
const CHUNK_BYTES = 4 << 20;

/** Tensors that some checkpoints carry and no GPT-2 needs: the causal mask as a buffer, and a copy of a tied head. */
function isRedundant(name: string, config: GPT2Config): boolean {
  return /\.attn\.(bias|masked_bias)$/.test(name) ||
    (config.tie_word_embeddings && name === "lm_head.weight");
}

/** The model's path of a tensor: checkpoints of the bare transformer have no `transformer.` in front. */
function modelPath(name: string): string {
  return name.startsWith("transformer.") || name.startsWith("lm_head.") ? name : `transformer.${name}`;
}

/**
 * The weights of a checkpoint under the model's paths, to be streamed to a device. The file must stay open until
 * they have been.
 *
 * Throws {@linkcode WeightsError} that lists every tensor that is missing, unexpected, misshapen or of a dtype that
 * cannot be used.
 */
export function gpt2Weights(file: SafetensorsFile, config: GPT2Config): Weights {
  const dims = gpt2Dims(config);
  const wanted = new Map(
    parameters(GPT2LMHeadModel(config)).map((p): [string, NamedParam] => [p.name, {
      ...p,
      shape: p.shape.map((d) => substituteDim(d, dims)),
    }]),
  );
  const weights = new Map<string, Weight>();
  const problems: string[] = [];
  for (const info of file.tensors.values()) {
    const path = modelPath(info.name);
    const param = wanted.get(path);
    if (param === undefined) {
      if (!isRedundant(path, config)) problems.push(`unexpected: ${info.name} ${printShape(info.shape)}`);
      continue;
    }
    if (printShape(info.shape) !== printShape(param.shape)) {
      problems.push(
        `misshapen: ${info.name} is ${printShape(info.shape)}, the config asks for ${
          printShape(param.shape)
        }`,
      );
      continue;
    }
    const dtype = SAFETENSORS_DTYPES[info.dtype];
    if (dtype === undefined || !isFloat(dtype)) {
      problems.push(`dtype: ${info.name} is ${info.dtype}, expected F32, F16 or BF16`);
      continue;
    }
    if (weights.has(path)) {
      problems.push(`twice: ${info.name} is there with and without the prefix "transformer."`);
    }
    weights.set(path, {
      dtype,
      shape: info.shape,
      stream: (sink) => file.stream(info.name, CHUNK_BYTES, sink),
    });
  }
  for (const [path, param] of wanted) {
    const named = problems.some((p) =>
      p.includes(` ${path} `) || p.includes(` ${path.replace(/^transformer\./, "")} `)
    );
    if (weights.has(path) || named) continue;
    const near = suggest(path, [...file.tensors.keys()].map(modelPath).filter((n) => !wanted.has(n)));
    problems.push(
      `missing: ${path} ${printShape(param.shape)}${near === undefined ? "" : ` (there is ${near})`}`,
    );
  }
  if (problems.length > 0) {
    throw new WeightsError("Cannot use the checkpoint: its tensors do not fit the config", problems);
  }
  return weights;
}
