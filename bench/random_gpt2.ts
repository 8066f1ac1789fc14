/**
 * A checkpoint of a GPT-2 of the usual size with random weights, for measurements that start from a file.
 *
 * @module
 */
import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GPT2_CONFIGS, randomGPT2Weights } from "../models/gpt2/mod.ts";
import { type TensorData, writeSafetensors } from "../models/safetensors/mod.ts";

/** Its folder, in `cache`; written where it is not there. */
export async function randomGPT2(cache: string): Promise<string> {
  const dir = join(cache, "gpt2-random-f32");
  const path = join(dir, "model.safetensors");
  const config = GPT2_CONFIGS.gpt2;
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    join(dir, "config.json"),
    JSON.stringify({ model_type: "gpt2", ...config, notes: undefined }),
  );
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return dir;
  console.error(`writing ${path}`);
  const tensors: Record<string, TensorData> = {};
  for (const [name, { shape, stream }] of randomGPT2Weights(config)) {
    await stream((data) => void (tensors[name] = { dtype: "F32", shape, data }));
  }
  // Under its name only when it is whole.
  writeFileSync(`${path}.part`, writeSafetensors(tensors));
  renameSync(`${path}.part`, path);
  return dir;
}
