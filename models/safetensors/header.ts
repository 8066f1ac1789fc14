/**
 * The header of a safetensors file: eight bytes of length, JSON that names the tensors, then their data without a
 * hole or an overlap. Everything is checked before any byte of data is used.
 *
 * @module
 */

import { WeightsError } from "../../ir/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import { type Json, type JsonObject, parseStrictJson } from "./json.ts";

/** The format's name of an element type. */
export type SafetensorsDType =
  | ("BOOL" | "U8" | "I8" | "U16" | "I16" | "U32" | "I32" | "U64" | "I64")
  | ("F64" | "F32" | "F16" | "BF16" | "C64")
  | ("F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" | "F6_E2M3" | "F6_E3M2" | "F4");

/** Bits of one element of each dtype. */
const BITS: Readonly<Record<SafetensorsDType, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  U32: 32,
  I32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  C64: 64,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

/** The Weft dtype of each of the format's dtypes that has one. */
export const SAFETENSORS_DTYPES: Readonly<Partial<Record<SafetensorsDType, DType>>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I32: "i32",
  U32: "u32",
  I8: "i8",
  U8: "u8",
  BOOL: "bool",
};

/** What the header says of one tensor. */
export interface TensorInfo {
  /** Name of the tensor. */
  readonly name: string;
  /** Element type, in the format's spelling. */
  readonly dtype: SafetensorsDType;
  /**
   * Dimensions. One over 2^53 - 1, which only a tensor without elements can have, is `Infinity` here and exact
   * in `exactShape`.
   */
  readonly shape: readonly number[];
  /** The exact dimensions, given where a `number` cannot hold one of them. */
  readonly exactShape?: readonly bigint[];
  /** First byte of the data, counted from the start of the file. */
  readonly begin: number;
  /** The byte after the data, counted from the start of the file. */
  readonly end: number;
  /** The file that holds the data. */
  readonly file: string;
}

/** A checked header. */
export interface SafetensorsIndex {
  /** The tensors in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The free text the writer left under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** First byte of data, counted from the start of the file. */
  readonly dataBegin: number;
}

/** Bytes of the length field. */
export const LENGTH_BYTES = 8;
/** Largest header that is read; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000n;
const MAX_U64 = (1n << 64n) - 1n;
const METADATA_KEY = "__metadata__";
const FIELDS = ["dtype", "shape", "data_offsets"] as const;
/** Faults listed in one error; a broken file may have thousands. */
const MAX_PROBLEMS = 8;

/**
 * Bytes from the start of the file to its first byte of data, read from the first eight bytes and checked against
 * the size of the file.
 *
 * @throws {WeightsError} if the length cannot be that of a header in a file of this size
 */
export function headerEnd(start: Uint8Array, fileSize: number, source: string): number {
  if (fileSize < LENGTH_BYTES || start.length < LENGTH_BYTES) {
    throw refuse(source, `it has ${fileSize} bytes, and the header's length alone takes ${LENGTH_BYTES}`);
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw refuse(
      source,
      `its header claims ${length} bytes, more than the limit of ${MAX_HEADER_BYTES}`,
      start,
    );
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > fileSize) {
    throw refuse(
      source,
      `its header claims ${length} bytes, but the file has only ${fileSize} in all`,
      start,
    );
  }
  return end;
}

/**
 * Reads and checks the header.
 *
 * @param bytes the file from its start, at least to the end of the header
 * @param fileSize bytes of the whole file; data must end there exactly
 * @param source what to call the file in errors and in {@linkcode TensorInfo.file}
 * @throws {WeightsError} if the file breaks a rule of the format: what is wrong, and where
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSafetensorsHeader, writeSafetensors } from "./mod.ts";
 *
 * const file = writeSafetensors({ bias: { dtype: "F32", shape: [2], data: new Uint8Array(8) } });
 * const { tensors } = parseSafetensorsHeader(file, file.length);
 * assertEquals(tensors.get("bias")?.shape, [2]);
 * ```
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileSize: number,
  source = "the safetensors file",
): SafetensorsIndex {
  const dataBegin = headerEnd(bytes, fileSize, source);
  if (bytes.length < dataBegin) {
    throw refuse(source, `its header ends at byte ${dataBegin}, and only ${bytes.length} bytes were given`);
  }
  const header = parseJsonObject(bytes.subarray(LENGTH_BYTES, dataBegin), source);
  const problems: string[] = [];
  const metadata = readMetadata(header.get(METADATA_KEY), problems);
  const entries: Entry[] = [];
  for (const [name, value] of header) {
    if (name === METADATA_KEY) continue;
    const entry = readEntry(name, value, problems);
    if (entry !== undefined) entries.push(entry);
  }
  if (problems.length === 0) checkLayout(entries, BigInt(fileSize - dataBegin), problems);
  if (problems.length > 0) {
    throw new WeightsError(`Cannot read ${source}: its header is malformed`, cut(problems));
  }
  return { tensors: toInfos(entries, dataBegin, source), metadata, dataBegin };
}

interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly bigint[];
  readonly begin: bigint;
  readonly end: bigint;
}

function parseJsonObject(bytes: Uint8Array, source: string): JsonObject {
  let json: Json;
  try {
    // a copy, because TextDecoder takes no view of shared memory; ignoreBOM keeps the mark, which is then refused
    json = parseStrictJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice()));
  } catch (cause) {
    const what = cause instanceof TypeError ? "not UTF-8" : (cause as Error).message;
    throw new WeightsError(`Cannot read ${source}: its header is no valid JSON`, [what], { cause });
  }
  if (!isObject(json)) throw refuse(source, `its header is ${describe(json)}, expected an object`);
  return json;
}

function readMetadata(value: Json | undefined, problems: string[]): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined || value === null) return metadata;
  if (!isObject(value)) {
    problems.push(`${METADATA_KEY}: expected an object of strings, got ${describe(value)}`);
    return metadata;
  }
  for (const [key, text] of value) {
    if (typeof text === "string") metadata.set(key, text);
    else {problems.push(
        `${METADATA_KEY}, key ${JSON.stringify(key)}: expected a string, got ${describe(text)}`,
      );}
  }
  return metadata;
}

function readEntry(name: string, value: Json, problems: string[]): Entry | undefined {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!isObject(value)) {
    problems.push(`${where}: expected an object, got ${describe(value)}`);
    return undefined;
  }
  const missing = FIELDS.filter((field) => !value.has(field));
  if (missing.length > 0) {
    problems.push(`${where}: no ${missing.join(", no ")}`);
    return undefined;
  }
  const dtype = value.get("dtype")!;
  const shape = readSizes(value.get("shape")!);
  const offsets = readSizes(value.get("data_offsets")!);
  if (typeof dtype !== "string" || !Object.hasOwn(BITS, dtype)) {
    problems.push(`${where}: unknown dtype ${describe(dtype)}, known are ${Object.keys(BITS).join(" ")}`);
  } else if (shape === undefined) {
    problems.push(`${where}: shape must be a list of integers from 0, got ${describe(value.get("shape")!)}`);
  } else if (offsets === undefined || offsets.length !== 2) {
    problems.push(
      `${where}: data_offsets must be two integers from 0, got ${describe(value.get("data_offsets")!)}`,
    );
  } else {
    return { name, dtype: dtype as SafetensorsDType, shape, begin: offsets[0]!, end: offsets[1]! };
  }
  return undefined;
}

function readSizes(value: Json): readonly bigint[] | undefined {
  const isSize = (item: Json): item is bigint => typeof item === "bigint" && item >= 0n && item <= MAX_U64;
  return Array.isArray(value) && value.every(isSize) ? value : undefined;
}

/** Sorts `entries` by their place in the data and checks that they fill it exactly. */
function checkLayout(entries: Entry[], dataBytes: bigint, problems: string[]): void {
  entries.sort((a, b) => compare(a.begin, b.begin) || compare(a.end, b.end));
  let at = 0n;
  for (const { name, dtype, shape, begin, end } of entries) {
    const where = `tensor ${JSON.stringify(name)}: data_offsets [${begin}, ${end}]`;
    const size = byteSize(dtype, shape);
    if (typeof size === "string") problems.push(`tensor ${JSON.stringify(name)}: ${size}`);
    else if (end < begin) problems.push(`${where} end before they begin`);
    else if (begin > at) {
      problems.push(`${where} leave bytes ${at} to ${begin} unused; tensors must have no holes`);
    } else if (begin < at) problems.push(`${where} overlap the tensor before, which ends at ${at}`);
    else if (end - begin !== size) {
      problems.push(`${where} span ${end - begin} bytes, but ${dtype} [${shape.join(", ")}] takes ${size}`);
    }
    if (end > at) at = end;
  }
  if (problems.length > 0 || at === dataBytes) return;
  problems.push(
    at > dataBytes
      ? `the tensors take ${at} bytes of data, the file has ${dataBytes}: ${
        at - dataBytes
      } bytes are missing. ` +
        `The file was probably cut short; fetch it again`
      : `the tensors take ${at} bytes of data, the file has ${dataBytes}: ${
        dataBytes - at
      } bytes belong to nothing`,
  );
}

/** Bytes of a tensor, or why it has no size. Products are limited to 64 bits on the way, as in the format. */
function byteSize(dtype: SafetensorsDType, shape: readonly bigint[]): bigint | string {
  let bits = 1n;
  for (const factor of [...shape, BigInt(BITS[dtype])]) {
    bits *= factor;
    if (bits > MAX_U64) return `${dtype} [${shape.join(", ")}] is too large: its size overflows 64 bits`;
  }
  return bits % 8n === 0n ? bits / 8n : `${dtype} [${shape.join(", ")}] takes ${bits} bits, not whole bytes`;
}

function toInfos(
  entries: readonly Entry[],
  dataBegin: number,
  file: string,
): ReadonlyMap<string, TensorInfo> {
  const infos = new Map<string, TensorInfo>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const sizes = shape.map((d) => d <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(d) : Infinity);
    infos.set(name, {
      name,
      dtype,
      shape: sizes,
      ...(sizes.includes(Infinity) && { exactShape: shape }),
      begin: dataBegin + Number(begin),
      end: dataBegin + Number(end),
      file,
    });
  }
  return infos;
}

function isObject(value: Json): value is JsonObject {
  return value instanceof Map;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(value: Json): string {
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return value.length > 4 ? "a list" : `[${value.map(describe).join(", ")}]`;
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
}

function cut(problems: readonly string[]): readonly string[] {
  if (problems.length <= MAX_PROBLEMS) return problems;
  return [...problems.slice(0, MAX_PROBLEMS), `and ${problems.length - MAX_PROBLEMS} more`];
}

function refuse(source: string, problem: string, start?: Uint8Array): WeightsError {
  return new WeightsError(`Cannot read ${source}: ${problem}.${start === undefined ? "" : lookalike(start)}`);
}

/** What a file that starts like this probably is, as advice. */
function lookalike(start: Uint8Array): string {
  const text = String.fromCharCode(...start.subarray(0, 8));
  if (text.startsWith("PK")) return " It looks like a PyTorch .bin or a zip; convert it to safetensors.";
  if (text.startsWith("GGUF")) return " It looks like a GGUF file; Weft reads safetensors.";
  if (text.startsWith("version ")) {
    return " It looks like a Git LFS pointer; fetch the real file with `git lfs pull`.";
  }
  if (text.startsWith("<")) {
    return " It looks like a web page, not the file behind it; check how it was downloaded.";
  }
  return " It is damaged or no safetensors file.";
}
