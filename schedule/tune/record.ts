/**
 * Records of what was measured: their text, whom they are for, and the schedule that they add up to.
 *
 * @module
 */
import { fnv1a64 } from "../../ir/fnv.ts";
import { hashFunc } from "../../ir/hash.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import { defaultSchedule } from "../rules/mod.ts";
import { type Schedule, specialize } from "../schedule.ts";
import { parseSchedule, printSchedule } from "../text.ts";
import type { Outcome } from "./search.ts";

/** Version of the form of records: others are ignored, with a note. */
export const RECORD_FORMAT = 1;

/** Values that a dim was tuned for, from the least to the most. */
export type DimRanges = Readonly<Record<string, readonly [least: number, most: number]>>;

/** Whom a record is for. */
export interface RecordKey {
  /** Structural hash of the kernel before its schedule. */
  readonly kernel: string;
  /** {@linkcode targetFingerprint} of the target. */
  readonly target: string;
  readonly dims: DimRanges;
  /** Text of the schedule that others are measured against: ratios to different ones are not comparable. */
  readonly reference: string;
}

/** Times of a schedule beside those of the reference, measured in turns. */
export interface Figures {
  /** Medians, in milliseconds. */
  readonly ms: number;
  readonly referenceMs: number;
  /** Median of the ratios of neighbouring measurements, less is better; and how far it may be off. */
  readonly ratio: number;
  readonly spread: number;
}

/** What came of measuring a schedule. */
export type RecordOutcome =
  | { readonly kind: "timed"; readonly figures: Figures }
  | { readonly kind: "failed"; readonly reason: string };

/** A schedule of a kernel that was measured. */
export interface TuneRecord extends RecordKey {
  /** Name of the kernel and of the device, for people. */
  readonly name: string;
  readonly device: string;
  /** Values of the dims that were measured. */
  readonly at: Readonly<Record<string, number>>;
  readonly schedule: Schedule;
  readonly outcome: RecordOutcome;
  /** Whether a search ended with this schedule: it is the one to use. */
  readonly chosen: boolean;
  /**
   * Hash of the code that the schedule came to. Where it comes to other code now, a rule or a code generator has changed
   * since, and the times are of something else.
   */
  readonly code?: string;
  /** Time in UTC, as ISO 8601. */
  readonly date: string;
}

/**
 * A target, the runtime that drives it and the processor as 16 hex digits: schedules tuned for one are not used for
 * another.
 *
 * @param runtime for example `Deno 2.9.6 on AMD EPYC`: what compiles shaders and Wasm, and may run them
 */
export function targetFingerprint(target: Target, runtime: string): string {
  const facts = Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1));
  return fnv1a64(JSON.stringify([runtime, ...facts]));
}

/** The key of a kernel. */
export function recordKey(
  func: PrimFunc,
  target: string,
  dims: DimRanges = {},
  reference: Schedule = defaultSchedule(),
): RecordKey {
  return { kernel: hashFunc(func), target, dims, reference: printSchedule(reference) };
}

/** Whether two keys are the same. */
export function sameKey(a: RecordKey, b: RecordKey): boolean {
  return a.kernel === b.kernel && a.target === b.target && a.reference === b.reference &&
    rangesText(a.dims) === rangesText(b.dims);
}

function rangesText(dims: DimRanges): string {
  return Object.entries(dims).map(([name, [least, most]]) => `${name}=${least}..${most}`).sort().join(" ");
}

/** The outcome as a search takes it: the cost is the ratio to the reference, comparable between sessions. */
export function searchOutcome(outcome: RecordOutcome): Outcome {
  return outcome.kind === "failed" ? outcome : { kind: "timed", cost: outcome.figures.ratio };
}

/** A record as one line of JSON, without the newline: equal records are equal texts. */
export function printRecord(record: TuneRecord): string {
  const { kernel, target, dims, reference, name, device, at, schedule, outcome, chosen, code, date } = record;
  return JSON.stringify({
    format: RECORD_FORMAT,
    kernel,
    target,
    dims,
    reference,
    name,
    device,
    at,
    schedule: printSchedule(schedule),
    outcome,
    chosen,
    code,
    date,
  });
}

/** A line as a record, or why it is none. */
export function parseRecord(line: string): TuneRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "it is no JSON, as a line that was not written to its end";
  }
  if (!isObject(value)) return "it is no object";
  if (value["format"] !== RECORD_FORMAT) {
    return `it has format ${JSON.stringify(value["format"])}, this version reads ${RECORD_FORMAT}`;
  }
  const { kernel, target, dims, reference, at, name, device, schedule, outcome, chosen, date } = value;
  const { code } = value;
  const texts = { kernel, target, reference, name, device, schedule, date };
  const wrong = Object.entries(texts).find(([, v]) => typeof v !== "string");
  if (wrong !== undefined) return `its ${wrong[0]} is no text`;
  if (code !== undefined && typeof code !== "string") return "its code is no text";
  if (typeof chosen !== "boolean") return "its field chosen is neither true nor false";
  const ranges = readRanges(dims);
  if (ranges === undefined) return "its dims are no ranges";
  if (!isObject(at) || !Object.values(at).every(isCount)) {
    return "the sizes that it was measured at are no counts";
  }
  const result = readOutcome(outcome);
  if (result === undefined) return "its outcome is neither timed nor failed";
  let parsed: Schedule;
  try {
    parsed = parseSchedule(String(schedule));
  } catch (error) {
    return `its schedule cannot be read: ${(error as Error).message}`;
  }
  return {
    kernel: String(kernel),
    target: String(target),
    dims: ranges,
    reference: String(reference),
    name: String(name),
    device: String(device),
    at: at as Readonly<Record<string, number>>,
    schedule: parsed,
    outcome: result,
    chosen,
    ...(code === undefined ? {} : { code }),
    date: String(date),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readRanges(value: unknown): DimRanges | undefined {
  if (!isObject(value)) return undefined;
  const ranges: Record<string, readonly [number, number]> = {};
  for (const [name, range] of Object.entries(value)) {
    if (!Array.isArray(range) || range.length !== 2) return undefined;
    const [least, most] = range as readonly unknown[];
    if (!isCount(least) || !isCount(most) || least > most) return undefined;
    ranges[name] = [least, most];
  }
  return ranges;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function readOutcome(value: unknown): RecordOutcome | undefined {
  if (!isObject(value)) return undefined;
  if (value["kind"] === "failed" && typeof value["reason"] === "string") {
    return { kind: "failed", reason: value["reason"] };
  }
  const figures = value["figures"];
  if (value["kind"] !== "timed" || !isObject(figures)) return undefined;
  const number = (name: string): number => {
    const v = figures[name];
    return typeof v === "number" && Number.isFinite(v) && v >= 0 ? v : NaN;
  };
  const read: Figures = {
    ms: number("ms"),
    referenceMs: number("referenceMs"),
    ratio: number("ratio"),
    spread: number("spread"),
  };
  return Object.values(read).some(Number.isNaN) ? undefined : { kind: "timed", figures: read };
}

/**
 * The schedule that chosen records of one kernel and target add up to: the newest of each range, and where there are
 * ranges of a dim, a family of kernels with the ranges in order (see {@linkcode specialize}). Sizes between two ranges
 * take the schedule of the larger one, sizes beyond all ranges that of the last.
 */
export function scheduleOf(records: readonly TuneRecord[]): Schedule | undefined {
  const newest = new Map<string, TuneRecord>();
  for (const r of records) {
    const known = newest.get(rangesText(r.dims));
    if (r.chosen && (known === undefined || known.date <= r.date)) newest.set(rangesText(r.dims), r);
  }
  const ranged = [...newest.values()].map((record) => ({ record, range: mainRange(record.dims) }));
  const dim = ranged.find((r) => r.range !== undefined)?.range?.dim;
  // Of ranges of other dims there can be no order: the family goes by the first dim in the alphabet.
  const members = ranged.filter((r) => r.range?.dim === dim)
    .sort((a, b) => (a.range?.most ?? 0) - (b.range?.most ?? 0));
  return members.reduceRight<Schedule | undefined>((rest, { record, range }) => {
    if (rest === undefined || range === undefined) return record.schedule;
    return printSchedule(rest) === printSchedule(record.schedule)
      ? rest
      : specialize(range.dim, range.most, record.schedule, rest);
  }, undefined);
}

function mainRange(dims: DimRanges): { readonly dim: string; readonly most: number } | undefined {
  const [first] = Object.entries(dims).sort(([a], [b]) => (a < b ? -1 : 1));
  return first === undefined ? undefined : { dim: first[0], most: first[1][1] };
}
