/**
 * An open safetensors file: its index, and the data of single tensors read on demand. The file is never held in
 * memory as a whole.
 *
 * @module
 */

import type { FileHandle } from "node:fs/promises";
import { InputError, WeightsError } from "../../ir/errors.ts";
import { fileProblem, toPath } from "../files.ts";
import { headerEnd, LENGTH_BYTES, parseSafetensorsHeader, type TensorInfo } from "./header.ts";

/** Tensors that can be read: a file, or the shards of a checkpoint seen as one. */
export interface SafetensorsFile {
  /** The tensors, in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The free text the writer left. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Bytes of all tensors together. */
  readonly totalBytes: number;
  /**
   * The bytes of a tensor, in a new array or at the start of `into`, which may be a view of shared memory.
   *
   * @throws {WeightsError} if there is no such tensor or the file cannot be read
   * @throws {InputError} if `into` is too small
   */
  read(name: string, into?: Uint8Array): Promise<Uint8Array>;
  /**
   * The bytes of a tensor in pieces: `take` gets each with its offset in the tensor and is waited for. All pieces
   * but the last have `chunkBytes` bytes. They share one buffer, so a piece is valid only until `take` is done.
   *
   * @throws {WeightsError} if there is no such tensor or the file cannot be read
   * @throws {InputError} if `chunkBytes` is not a positive integer
   */
  stream(name: string, chunkBytes: number, take: TakeChunk): Promise<void>;
  /** Closes the file. Reading afterwards fails. */
  close(): Promise<void>;
  /** Closes the file at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is done with a piece of a tensor; `offset` is counted in bytes from the start of the tensor. */
export type TakeChunk = (chunk: Uint8Array, offset: number) => void | Promise<void>;

/**
 * Opens a safetensors file and checks its header. Works in Deno, Bun and Node.
 *
 * @param location path or `file:` URL
 * @throws {WeightsError} if the file is missing, may not be read, is malformed or cut short
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openSafetensors, writeSafetensors } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeFile(path, writeSafetensors({ bias: { dtype: "U8", shape: [2], data: Uint8Array.of(7, 9) } }));
 * {
 *   await using file = await openSafetensors(path);
 *   assertEquals(file.tensors.get("bias")?.shape, [2]);
 *   assertEquals(await file.read("bias"), Uint8Array.of(7, 9));
 * }
 * await Deno.remove(path);
 * ```
 */
export async function openSafetensors(location: string | URL): Promise<SafetensorsFile> {
  const path = await toPath(location);
  const { open } = await import("node:fs/promises");
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw new WeightsError(`Cannot open ${path}: ${fileProblem(cause)}.`, [], { cause });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new WeightsError(`Cannot read ${path}: it is no file.`);
    const start = new Uint8Array(Math.min(LENGTH_BYTES, stat.size));
    await readExactly(handle, path, start, 0);
    const header = new Uint8Array(headerEnd(start, stat.size, path));
    await readExactly(handle, path, header, 0);
    return new OpenFile(path, handle, parseSafetensorsHeader(header, stat.size, path));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class OpenFile implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly totalBytes: number;
  readonly #path: string;
  #handle: FileHandle | undefined;
  /** Chunk buffer that no stream uses at the moment: consecutive streams share one, concurrent ones do not. */
  #spare: Uint8Array | undefined;

  constructor(path: string, handle: FileHandle, index: Pick<SafetensorsFile, "tensors" | "metadata">) {
    this.#path = path;
    this.#handle = handle;
    this.tensors = index.tensors;
    this.metadata = index.metadata;
    this.totalBytes = sumBytes(index.tensors);
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const { begin, end } = findTensor(this.tensors, name, this.#path);
    const bytes = end - begin;
    if (into !== undefined && into.length < bytes) {
      throw new InputError(
        `Tensor ${JSON.stringify(name)} has ${bytes} bytes; the given array holds ${into.length}.`,
      );
    }
    const target = into?.subarray(0, bytes) ?? new Uint8Array(bytes);
    await readExactly(this.#opened(), this.#path, target, begin);
    return target;
  }

  async stream(name: string, chunkBytes: number, take: TakeChunk): Promise<void> {
    const { begin, end } = findTensor(this.tensors, name, this.#path);
    if (!Number.isSafeInteger(chunkBytes) || chunkBytes <= 0) {
      throw new InputError(`chunkBytes must be a positive integer, got ${chunkBytes}`);
    }
    const wanted = Math.min(chunkBytes, end - begin);
    let buffer = this.#spare;
    this.#spare = undefined;
    if (buffer === undefined || buffer.length < wanted) buffer = new Uint8Array(wanted);
    try {
      for (let at = begin; at < end; at += chunkBytes) {
        const chunk = buffer.subarray(0, Math.min(chunkBytes, end - at));
        await readExactly(this.#opened(), this.#path, chunk, at);
        await take(chunk, at - begin);
      }
    } finally {
      if (this.#handle !== undefined) this.#spare = buffer;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#spare = undefined;
    await handle?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #opened(): FileHandle {
    if (this.#handle === undefined) throw new WeightsError(`Cannot read ${this.#path}: it has been closed.`);
    return this.#handle;
  }
}

/** The entry of tensor `name`, or an error that names what is there. */
export function findTensor(
  tensors: ReadonlyMap<string, TensorInfo>,
  name: string,
  source: string,
): TensorInfo {
  const info = tensors.get(name);
  if (info !== undefined) return info;
  const some = [...tensors.keys()].slice(0, 5).map((key) => JSON.stringify(key)).join(", ");
  throw new WeightsError(
    `There is no tensor ${JSON.stringify(name)} in ${source}; its ${tensors.size} tensors are ${
      some || "none"
    }` +
      `${tensors.size > 5 ? ", ..." : ""}.`,
  );
}

/** Bytes of all tensors. */
export function sumBytes(tensors: ReadonlyMap<string, TensorInfo>): number {
  let sum = 0;
  for (const { begin, end } of tensors.values()) sum += end - begin;
  return sum;
}

/** Fills `target` from `position` on; one call of the operating system may give less. */
async function readExactly(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length;) {
    let count: number;
    try {
      count = (await handle.read(target, done, target.length - done, position + done)).bytesRead;
    } catch (cause) {
      throw new WeightsError(`Cannot read ${path} at byte ${position + done}: ${fileProblem(cause)}.`, [], {
        cause,
      });
    }
    if (count === 0) {
      throw new WeightsError(
        `Cannot read ${path}: it ends at byte ${position + done}. It became shorter while open.`,
      );
    }
    done += count;
  }
}
