/**
 * The database of tuned schedules: one file of JSON lines, to which any number of processes may append.
 *
 * @module
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { cpus, homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { WeftError } from "../ir/errors.ts";
import { hashFunc } from "../ir/hash.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import { codeHash } from "./code.ts";
import {
  parseRecord,
  printRecord,
  type RecordKey,
  sameKey,
  scheduleOf,
  targetFingerprint,
  type TuneRecord,
} from "../schedule/tune/record.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** Tuned schedules, in memory and, where there is a path, in a file. */
export interface TuneDatabase {
  readonly path: string | undefined;
  /** What was read and added, in order. */
  readonly records: readonly TuneRecord[];
  /** What was ignored and why, a line each. */
  readonly notes: readonly string[];
  /** Runtime and processor that the records are for, such as `Deno 2.9.6 on AMD EPYC`. */
  readonly runtime: string;
  /**
   * Adds a record, on disk before it returns.
   *
   * @throws {WeftError} if the file cannot be written
   */
  add(record: TuneRecord): void;
  /** Everything that was measured for a key. */
  of(key: RecordKey): readonly TuneRecord[];
  /** The schedule to use for a kernel on a target, if one was chosen: what `compile` asks for. */
  find(func: PrimFunc, target: Target): Schedule | undefined;
  /** Takes note of a schedule that does not apply any more. */
  stale(func: PrimFunc, reason: string): void;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** Default: the runtime and the processor that this runs on. */
  readonly runtime?: string;
}

/**
 * Opens a database; a file that does not exist is an empty one, and is made by the first record. Without a path it is
 * kept in memory only. Lines that cannot be read, such as the last of a process that was killed, are ignored with a
 * note.
 *
 * @throws {WeftError} if there is a file that cannot be read
 *
 * @example
 * ```ts
 * import { compile, jsDevice, method, mul, spec, trace } from "@weft/weft";
 * import { openDatabase, userDatabasePath } from "@weft/weft/tune";
 *
 * const program = trace({ square: method({ x: spec([3], "f32") }, ({ x }) => ({ y: mul(x, x) })) });
 * const database = openDatabase(userDatabasePath());
 * using executable = await compile(program, { device: jsDevice(), database });
 * console.log(executable.info.kernels); // 1
 * ```
 */
export function openDatabase(path?: string, options: DatabaseOptions = {}): TuneDatabase {
  const runtime = options.runtime ?? thisRuntime();
  const { records, notes } = path === undefined ? { records: [], notes: [] } : readDatabase(path);
  const foreign = new Set<string>();
  const noteStale = (r: TuneRecord, func: PrimFunc, target: Target): boolean => {
    if (!isStale(r, func, target)) return false;
    notes.push(`${r.name}: ignored a tuned schedule: its rule or its code has changed since ${r.date}`);
    return true;
  };
  return {
    path,
    records,
    notes,
    runtime,
    add(record) {
      if (path !== undefined) append(path, record);
      records.push(record);
    },
    of: (key) => records.filter((r) => sameKey(r, key)),
    find(func, target) {
      const kernel = hashFunc(func);
      const own = targetFingerprint(target, runtime);
      const same = records.filter((r) => r.kernel === kernel && r.chosen);
      const found = scheduleOf(same.filter((r) => r.target === own && !noteStale(r, func, target)));
      for (const { device } of same.filter((r) => r.target !== own && found === undefined)) {
        if (foreign.has(device)) continue;
        foreign.add(device);
        notes.push(`ignored schedules tuned on ${device}: this is another target or runtime`);
      }
      return found;
    },
    stale: (func, reason) => void notes.push(`${func.name}: ignored a tuned schedule: ${reason}`),
  };
}

/** Whether a schedule comes to other code than when it was measured. */
export function isStale(record: TuneRecord, func: PrimFunc, target: Target): boolean {
  return record.code !== undefined && codeHash(func, record.schedule, target) !== record.code;
}

/** Where the user's database is: `weft/tuning.jsonl` in the folder for caches. */
export function userDatabasePath(): string {
  const cache = process.env["XDG_CACHE_HOME"] ||
    (process.platform === "darwin"
      ? join(homedir(), "Library", "Caches")
      : process.platform === "win32"
      ? process.env["LOCALAPPDATA"] || join(homedir(), "AppData", "Local")
      : join(homedir(), ".cache"));
  return join(cache, "weft", "tuning.jsonl");
}

/**
 * Adds the records of other databases to one that it does not have yet; gives how many.
 *
 * @throws {WeftError} if a file cannot be read or written
 */
export function mergeDatabases(into: string, from: readonly string[]): number {
  const known = new Set(readDatabase(into).records.map(printRecord));
  let added = 0;
  for (const record of from.flatMap((path) => readDatabase(path).records)) {
    const line = printRecord(record);
    if (known.has(line)) continue;
    known.add(line);
    append(into, record);
    added++;
  }
  return added;
}

/** The runtime's name and version, and the model of the processor. */
export function thisRuntime(): string {
  const { deno, bun, node } = process.versions;
  const runtime = deno !== undefined ? `Deno ${deno}` : bun !== undefined ? `Bun ${bun}` : `Node ${node}`;
  return `${runtime} on ${processor()}`;
}

/** The model of the processor, which Wasm and software adapters run on; its architecture where that is not told. */
function processor(): string {
  try {
    return cpus()[0]?.model.trim() || process.arch;
  } catch {
    // Deno asks for a permission that one may not give.
    return process.arch;
  }
}

function readDatabase(path: string): { readonly records: TuneRecord[]; readonly notes: string[] } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === "ENOENT") return { records: [], notes: [] };
    throw new WeftError(`Cannot read the tuning database ${path}: ${(cause as Error).message}`, { cause });
  }
  const records: TuneRecord[] = [];
  const notes: string[] = [];
  text.split("\n").forEach((line, i) => {
    if (line === "") return;
    const record = parseRecord(line);
    if (typeof record === "string") notes.push(`${path}:${i + 1}: ignored this record: ${record}`);
    else records.push(record);
  });
  return { records, notes };
}

/**
 * One write at the end of the file, which the system does not mix with those of other processes. The newline before the
 * record ends a line that a killed process has left unfinished.
 */
function append(path: string, record: TuneRecord): void {
  const bytes = new TextEncoder().encode(`\n${printRecord(record)}\n`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, "a");
    try {
      const written = writeSync(file, bytes);
      if (written !== bytes.length) throw new Error(`${written} of ${bytes.length} bytes were written`);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new WeftError(`Cannot write to the tuning database ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
