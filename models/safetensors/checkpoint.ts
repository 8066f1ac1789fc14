/**
 * A checkpoint folder as Hugging Face lays it out: `model.safetensors`, or shards listed in
 * `model.safetensors.index.json`, seen as one.
 *
 * @module
 */

import { WeightsError } from "../../ir/errors.ts";
import { fileProblem, joinPath, listIfExists, readTextIfExists, toPath } from "../files.ts";
import { findTensor, openSafetensors, type SafetensorsFile, sumBytes, type TakeChunk } from "./file.ts";
import type { TensorInfo } from "./header.ts";
import { type Json, parseStrictJson } from "./json.ts";

/** File of a checkpoint that is not sharded. */
const SINGLE = "model.safetensors";
/** List of the shards of one that is. */
const INDEX = "model.safetensors.index.json";

/**
 * Opens the weights in a folder. Where both layouts are present the single file is used.
 *
 * @param location the folder, as path or `file:` URL
 * @throws {WeightsError} if there are none, a file is malformed, or index and shards contradict each other
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openCheckpoint, writeSafetensors } from "./mod.ts";
 *
 * const dir = await Deno.makeTempDir();
 * const bias = { dtype: "F32", shape: [3], data: new Uint8Array(12) } as const;
 * await Deno.writeFile(`${dir}/model.safetensors`, writeSafetensors({ bias }));
 * const checkpoint = await openCheckpoint(dir);
 * assertEquals(checkpoint.totalBytes, 12);
 * await checkpoint.close();
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function openCheckpoint(location: string | URL): Promise<SafetensorsFile> {
  const dir = await toPath(location);
  const names = await listIfExists(dir);
  // without a listing (no such folder, no permission) opening the usual file gives the precise reason
  if (names === undefined || names.includes(SINGLE)) return openSafetensors(joinPath(dir, SINGLE));
  const indexPath = joinPath(dir, INDEX);
  let text: string | undefined;
  try {
    text = await readTextIfExists(indexPath);
  } catch (cause) {
    throw new WeightsError(`Cannot read ${indexPath}: ${fileProblem(cause)}.`, [], { cause });
  }
  if (text === undefined) throw noWeights(dir, names);
  return await openShards(dir, parseWeightMap(text, indexPath), indexPath);
}

/** Which shard holds which tensor, checked. */
function parseWeightMap(text: string, source: string): ReadonlyMap<string, string> {
  let json: Json;
  try {
    json = parseStrictJson(text);
  } catch (cause) {
    throw new WeightsError(`Cannot read ${source}: it is no valid JSON`, [(cause as Error).message], {
      cause,
    });
  }
  const map = json instanceof Map ? json.get("weight_map") : undefined;
  if (!(map instanceof Map)) {
    throw new WeightsError(
      `Cannot read ${source}: expected an object "weight_map" of tensor names and file names.`,
    );
  }
  const problems: string[] = [];
  const shards = new Map<string, string>();
  for (const [name, shard] of map as ReadonlyMap<string, Json>) {
    if (typeof shard === "string" && isPlainFileName(shard)) shards.set(name, shard);
    else {problems.push(
        `${JSON.stringify(name)}: ${shard instanceof Map ? "an object" : JSON.stringify(String(shard))}`,
      );}
  }
  if (problems.length > 0) {
    throw new WeightsError(
      `Cannot use ${source}: shards must be names of .safetensors files in the same folder`,
      problems.slice(0, 8),
    );
  }
  return shards;
}

/** A name, not a path: an index must not be able to point out of its folder. */
function isPlainFileName(name: string): boolean {
  // deno-lint-ignore no-control-regex -- control characters are refused, NUL would cut the name in some systems
  return /^[^/\\:\u0000-\u001f]+\.safetensors$/.test(name) && !name.startsWith(".");
}

async function openShards(
  dir: string,
  weightMap: ReadonlyMap<string, string>,
  indexPath: string,
): Promise<SafetensorsFile> {
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const shard of [...new Set(weightMap.values())].sort()) {
      shards.set(shard, await openSafetensors(joinPath(dir, shard)));
    }
    checkAgreement(weightMap, shards, indexPath);
  } catch (error) {
    await closeAll(shards);
    throw error;
  }
  return merge(shards, weightMap, indexPath);
}

function checkAgreement(
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
  indexPath: string,
): void {
  const problems: string[] = [];
  for (const [name, shard] of weightMap) {
    if (!shards.get(shard)!.tensors.has(name)) {
      problems.push(`${JSON.stringify(name)} is missing from ${shard}`);
    }
  }
  for (const [shard, { tensors }] of shards) {
    for (const name of tensors.keys()) {
      const listed = weightMap.get(name);
      if (listed === shard) continue;
      problems.push(
        `${JSON.stringify(name)} is in ${shard}, but ${
          listed === undefined ? "not listed in the index" : `the index says ${listed}`
        }`,
      );
    }
  }
  if (problems.length === 0) return;
  const more = problems.length > 8 ? [`and ${problems.length - 8} more`] : [];
  throw new WeightsError(`${indexPath} and its shards contradict each other`, [
    ...problems.slice(0, 8),
    ...more,
  ]);
}

function merge(
  shards: ReadonlyMap<string, SafetensorsFile>,
  weightMap: ReadonlyMap<string, string>,
  indexPath: string,
): SafetensorsFile {
  const files = [...shards.values()];
  const tensors: ReadonlyMap<string, TensorInfo> = new Map(files.flatMap((file) => [...file.tensors]));
  const holder = (name: string): SafetensorsFile => {
    findTensor(tensors, name, indexPath);
    return shards.get(weightMap.get(name)!)!;
  };
  const close = () => closeAll(shards);
  return {
    tensors,
    // the first shard's text wins where two have the same key
    metadata: new Map(files.toReversed().flatMap((file) => [...file.metadata])),
    totalBytes: sumBytes(tensors),
    read: async (name: string, into?: Uint8Array) => await holder(name).read(name, into),
    stream: async (name: string, chunkBytes: number, take: TakeChunk) =>
      await holder(name).stream(name, chunkBytes, take),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function closeAll(shards: ReadonlyMap<string, SafetensorsFile>): Promise<void> {
  for (const file of shards.values()) await file.close();
}

function noWeights(dir: string, names: readonly string[]): WeightsError {
  const others = names.filter((name) => /\.(safetensors|bin|pt|pth|gguf|onnx|h5|msgpack)$/.test(name));
  const found = others.length > 0 ? ` Found ${others.slice(0, 8).join(", ")}.` : "";
  return new WeightsError(
    `Cannot find weights in ${dir}: expected ${SINGLE} or ${INDEX}.${found} ` +
      `In transformers, save_pretrained(dir, safe_serialization=True) writes them.`,
  );
}
