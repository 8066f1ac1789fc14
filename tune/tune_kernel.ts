/**
 * Tuning one kernel: a search in the space of the rule that takes it, measured beside the schedule that it has now.
 *
 * @module
 */
import type { Device } from "../backends/backend.ts";
import { DeviceError, ScheduleError, WeftError } from "../ir/errors.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import { defaultSchedule } from "../schedule/rules/mod.ts";
import { rule, type RuleParams, type Schedule } from "../schedule/schedule.ts";
import { apply, printFailure } from "../schedule/strategy.ts";
import { printSchedule } from "../schedule/text.ts";
import {
  type DimRanges,
  type Figures,
  recordKey,
  type RecordOutcome,
  searchOutcome,
  targetFingerprint,
  type TuneRecord,
} from "../schedule/tune/record.ts";
import {
  costOf,
  type Outcome,
  search,
  type SearchOptions,
  type SearchResult,
  type Trial,
} from "../schedule/tune/search.ts";
import { outside, pointKey, type Space } from "../schedule/tune/space.ts";
import { SPACES } from "../schedule/tune/spaces.ts";
import { type Bench, type BenchOptions, openBench, type Prepared } from "./bench.ts";
import { WrongResultError } from "./check.ts";
import { HangError } from "./timing.ts";
import { codeHash } from "./code.ts";
import { isStale, type TuneDatabase } from "./database.ts";
import { type Dims, labelOf } from "./work.ts";

/** What is said of a measurement. */
export interface TuneProgress {
  readonly kernel: string;
  readonly trial: number;
  readonly point: RuleParams;
  readonly outcome: Outcome;
  /** The least ratio to the reference so far. */
  readonly best: number | undefined;
}

/** How to tune a kernel. */
export interface TuneKernelOptions
  extends Pick<SearchOptions, "strategy" | "trials" | "seconds" | "seed" | "signal">, BenchOptions {
  readonly database: TuneDatabase;
  /** Values of its dims to measure at. */
  readonly dims?: Dims;
  /** Values that what is found is for. */
  readonly ranges?: DimRanges;
  /** What to search. Default: the space of the rule that takes the kernel. */
  readonly space?: Space;
  /** What candidates are measured against, and what stays where none is better. Default: the default schedule. */
  readonly incumbent?: Schedule;
  /** Points to begin with, besides the parameters of before: such as were good for kernels like this one. */
  readonly start?: readonly RuleParams[];
  /** Schedules of other kinds to measure as well, such as other rules: where one is the fastest, it is chosen. */
  readonly beside?: readonly Schedule[];
  /** Search even where the database has a choice. */
  readonly again?: boolean;
  readonly onProgress?: (progress: TuneProgress) => void;
}

/** What became of a kernel. */
export interface TunedKernel {
  readonly name: string;
  /** The rule whose parameters were searched; `undefined` where it has none. */
  readonly rule: string | undefined;
  /** The parameters of before. */
  readonly before: RuleParams;
  /** The schedule that was chosen; `undefined` where the search was interrupted. */
  readonly chosen: Schedule | undefined;
  /** Whether it is another than before. */
  readonly changed: boolean;
  /** Times of the choice beside those of before. */
  readonly figures: Figures | undefined;
  /** Measurements of this search: 0 where the database had a choice. */
  readonly trials: readonly Trial[];
  readonly stopped: SearchResult["stopped"] | "known";
  /** Candidates that computed something else: faults of a rule or a backend. */
  readonly wrong: readonly string[];
}

/** Least gain that is taken for one, whatever the spread. */
const LEAST_GAIN = 0.02;

/** How many of the best are measured once more. */
const FINALISTS = 8;

/**
 * Tunes a kernel on a device and records everything in a database. The incumbent stays unless a candidate beats it by
 * more than the spread of the measurements. `open` is called again where a candidate has cost the device; what it gave
 * last stays open. A candidate that does not end is stopped where `dispose` of its device can do that: kernels on the
 * processor are measured on a {@linkcode processDevice}.
 *
 * @throws {DeviceError} if there is no device
 * @throws {ScheduleError} if the incumbent does not apply
 *
 * @example
 * ```ts
 * import { jsDevice } from "@weft/weft/backends/js";
 * import { block, f32, forLoop, int, primFunc, store, variable } from "@weft/weft/ir";
 * import { printSchedule } from "@weft/weft/schedule";
 * import { openDatabase, tuneKernel } from "@weft/weft/tune";
 *
 * const y = { name: "y", dtype: "f32", shape: [int(100)], scope: "global" } as const;
 * const iter = { var: "vi", role: "spatial", extent: int(100), binding: variable("i") } as const;
 * const zero = block({ name: "zero", iters: [iter], body: store("y", [variable("vi")], f32(0)) });
 * const func = primFunc("zero", [{ buffer: y, access: "write" }], [], forLoop("i", int(100), zero));
 * const tuned = await tuneKernel(() => Promise.resolve(jsDevice()), func, { database: openDatabase(), trials: 3 });
 * console.log(tuned.trials.length, tuned.chosen && printSchedule(tuned.chosen));
 * ```
 */
export async function tuneKernel(
  open: () => Promise<Device>,
  func: PrimFunc,
  options: TuneKernelOptions,
): Promise<TunedKernel> {
  const { database, dims = {}, ranges = {}, incumbent = defaultSchedule() } = options;
  const site = new Site(open, func, dims, incumbent, options);
  try {
    const { target } = await site.device();
    const before = apply(func, incumbent, { target });
    if (!before.ok) throw new ScheduleError(func.name, printFailure(before.failure, func));
    const name = before.rule?.name;
    const space = options.space ?? (name === undefined ? undefined : SPACES.get(name)?.(target));
    const key = recordKey(func, targetFingerprint(target, database.runtime), ranges, incumbent);
    const result = {
      name: labelOf(func, dims),
      rule: space?.rule,
      before: before.rule?.params ?? {},
      wrong: site.wrong,
    };
    const chosen = database.of(key).findLast((r) => r.chosen);
    if (chosen !== undefined && options.again !== true && database.find(func, target) !== undefined) {
      const figures = chosen.outcome.kind === "timed" ? chosen.outcome.figures : undefined;
      const changed = (figures?.ratio ?? 1) < 1;
      return { ...result, chosen: chosen.schedule, changed, figures, trials: [], stopped: "known" };
    }
    if (space === undefined) {
      return {
        ...result,
        chosen: undefined,
        changed: false,
        figures: undefined,
        trials: [],
        stopped: "complete",
      };
    }
    const about = {
      ...key,
      name: labelOf(func, dims),
      device: `${target.kind} ${target.name}, ${database.runtime}`,
      at: dims,
    };
    const add = (schedule: Schedule, outcome: RecordOutcome, isChosen: boolean): void => {
      const code = outcome.kind === "timed" ? codeHash(func, schedule, target) : undefined;
      database.add({
        ...about,
        schedule,
        outcome,
        chosen: isChosen,
        ...(code === undefined ? {} : { code }),
        date: new Date().toISOString(),
      });
    };

    const stale = new Set(database.of(key).filter((r) => isStale(r, func, target)));
    const fresh = (): readonly TuneRecord[] => database.of(key).filter((r) => !stale.has(r));
    const found = await search(space, async (point) => {
      const schedule = rule(space.rule, point);
      const outcome = await site.measure(schedule);
      add(schedule, outcome, false);
      return searchOutcome(outcome);
    }, {
      ...options,
      start: [...startOf(space, result.before), ...options.start ?? []],
      known: knownTrials(fresh(), space),
      onTrial: (trial, best, done) =>
        options.onProgress?.({
          kernel: result.name,
          trial: done,
          point: trial.point,
          outcome: trial.outcome,
          best: best === undefined ? undefined : costOf(best),
        }),
    });
    if (found.stopped === "aborted") {
      return {
        ...result,
        chosen: undefined,
        changed: false,
        figures: undefined,
        trials: found.trials,
        stopped: "aborted",
      };
    }
    for (const schedule of options.beside ?? []) {
      if (fresh().some((r) => printSchedule(r.schedule) === printSchedule(schedule))) continue;
      if (apply(func, schedule, { target }).ok) add(schedule, await site.measure(schedule), false);
    }
    const best = await finale(site, finalists(fresh()), incumbent, options);
    const kept = name === undefined ? incumbent : rule(name, result.before);
    const same: Figures = {
      ms: best.referenceMs,
      referenceMs: best.referenceMs,
      ratio: 1,
      spread: best.spread,
    };
    const choice = best.schedule === undefined ? { schedule: kept, figures: same } : {
      schedule: best.schedule,
      figures: best.figures ?? same,
    };
    add(choice.schedule, { kind: "timed", figures: choice.figures }, true);
    return {
      ...result,
      chosen: choice.schedule,
      changed: best.schedule !== undefined,
      figures: choice.figures,
      trials: found.trials,
      stopped: found.stopped,
    };
  } finally {
    site.close();
  }
}

/** Earlier measurements in a space, the last of each point. */
export function knownTrials(records: readonly TuneRecord[], s: Space): readonly Trial[] {
  const trials = new Map<string, Trial>();
  for (const { schedule, outcome } of records) {
    if (schedule.kind !== "rule" || schedule.name !== s.rule) continue;
    if (outside(s, schedule.params) !== undefined) continue;
    trials.set(pointKey(schedule.params), { point: schedule.params, outcome: searchOutcome(outcome) });
  }
  return [...trials.values()];
}

/** The parameters of before, as far as the space has them. */
function startOf(s: Space, before: RuleParams): readonly RuleParams[] {
  const point = Object.fromEntries(
    s.axes.flatMap((a) => {
      const value = before[a.name];
      return value === undefined ? [] : [[a.name, value]];
    }),
  );
  return [point];
}

/** The schedules that were the fastest, where they were faster than the incumbent. */
function finalists(records: readonly TuneRecord[]): readonly Schedule[] {
  const costs = new Map<string, { readonly schedule: Schedule; readonly cost: number }>();
  for (const { schedule, outcome } of records) {
    costs.set(printSchedule(schedule), {
      schedule,
      cost: outcome.kind === "timed" ? outcome.figures.ratio : Infinity,
    });
  }
  return [...costs.values()].filter((c) => c.cost < 1).sort((a, b) => a.cost - b.cost).slice(0, FINALISTS)
    .map((c) => c.schedule);
}

const NOTHING: Figures = { ms: 0, referenceMs: 0, ratio: 0, spread: 0 };

/** Whether a schedule beats the reference by more than the measurements may be off. */
function isBetter({ ratio, spread }: Figures): boolean {
  return ratio + Math.max(spread, LEAST_GAIN) < 1;
}

/** The best few twice more, each longer: the least of many noisy measurements is too good to be true. */
async function finale(
  site: Site,
  candidates: readonly Schedule[],
  incumbent: Schedule,
  options: TuneKernelOptions,
): Promise<
  { schedule?: Schedule; figures?: Figures; readonly referenceMs: number; readonly spread: number }
> {
  let best: { readonly schedule: Schedule; readonly figures: Figures } | undefined;
  let seen: Figures | undefined;
  // Once in each direction: what keeps a machine busy for a second is over by the other time.
  const passes = [candidates, [...candidates].reverse()];
  const worst = new Map<Schedule, Figures>(candidates.map((c) => [c, NOTHING]));
  for (const pass of passes) {
    if (!options.signal?.aborted) await site.settle();
    for (const schedule of pass) {
      const known = worst.get(schedule);
      if (options.signal?.aborted || known === undefined) continue;
      const outcome = await site.measure(schedule, true);
      worst.delete(schedule);
      if (outcome.kind === "failed") continue;
      seen = outcome.figures;
      if (isBetter(seen)) worst.set(schedule, known.ratio < seen.ratio ? seen : known);
    }
  }
  for (const [schedule, figures] of options.signal?.aborted ? [] : worst) {
    if (figures.ratio < (best?.figures.ratio ?? Infinity)) best = { schedule, figures };
  }
  if (seen === undefined) {
    const outcome = await site.measure(incumbent, true);
    if (outcome.kind === "timed") seen = outcome.figures;
  }
  return { ...best, referenceMs: seen?.referenceMs ?? 0, spread: seen?.spread ?? 0 };
}

/** What schedules are measured beside: the incumbent, or what is much faster, and how that compares with the incumbent. */
interface Yardstick {
  readonly incumbent: Prepared;
  readonly prepared: Prepared;
  readonly figures: Figures | undefined;
}

/** From this part of the yardstick's time on a schedule is the next one: beside what is slow, time goes by and tells little. */
const MUCH_FASTER = 0.75;

/** Milliseconds that a busy moment of a machine may take. */
const MOMENT = 60;

/** Figures beside the incumbent of what was measured beside something else. */
function chained(own: Figures, yardstick: Figures | undefined): Figures {
  if (yardstick === undefined) return own;
  return {
    ms: own.ms,
    referenceMs: own.referenceMs / yardstick.ratio,
    ratio: own.ratio * yardstick.ratio,
    spread: Math.hypot(own.spread * yardstick.ratio, own.ratio * yardstick.spread),
  };
}

/** The device with the kernel on it: opened when it is first needed, and anew where it was lost. */
class Site {
  readonly wrong: string[] = [];
  readonly #open: () => Promise<Device>;
  readonly #func: PrimFunc;
  readonly #dims: Dims;
  readonly #incumbent: Schedule;
  readonly #options: BenchOptions;
  readonly #seen = new Map<string, RecordOutcome>();
  #device: Device | undefined;
  #bench: Bench | undefined;
  #yardstick: Yardstick | undefined;

  constructor(
    open: () => Promise<Device>,
    func: PrimFunc,
    dims: Dims,
    incumbent: Schedule,
    options: BenchOptions,
  ) {
    this.#open = open;
    this.#func = func;
    this.#dims = dims;
    this.#incumbent = incumbent;
    this.#options = options;
  }

  async device(): Promise<Device> {
    return this.#device ??= await this.#open();
  }

  /** Measures a schedule, thoroughly if it is a finalist. */
  async measure(schedule: Schedule, finalist = false): Promise<RecordOutcome> {
    const bench = this.#bench ??= await openBench(await this.device(), this.#func, this.#dims, this.#options);
    const yardstick = this.#yardstick ??= await this.#begin(bench);
    const reference = yardstick.prepared;
    let prepared: Prepared | undefined;
    try {
      prepared = await bench.prepare(schedule);
      // Points that come to the same kernel are not measured twice.
      const known = this.#seen.get(prepared.hash);
      if (known !== undefined && !finalist) return known;
      const measured = await bench.compare(prepared, reference, finalist);
      // The same kernel is no faster than itself, whatever the clock says.
      let own = prepared.hash === reference.hash ? { ...measured, ratio: 1 } : measured;
      const isNext = (): boolean => own.ratio < MUCH_FASTER && !finalist;
      // All that follow are measured beside the next one: where it was only lucky, they would be as well. Runs of more
      // than a moment are not.
      const brief = measured.ms + measured.referenceMs < MOMENT;
      if (isNext() && brief) own = await bench.compare(prepared, reference, true);
      const figures = chained(own, yardstick.figures);
      const outcome: RecordOutcome = { kind: "timed", figures };
      this.#seen.set(prepared.hash, outcome);
      if (isNext()) {
        if (reference !== yardstick.incumbent) bench.release(reference);
        this.#yardstick = { ...yardstick, prepared, figures };
        prepared = undefined;
      }
      return outcome;
    } catch (error) {
      return { kind: "failed", reason: this.#survive(error) };
    } finally {
      if (prepared !== undefined) this.#bench?.release(prepared);
    }
  }

  async #begin(bench: Bench): Promise<Yardstick> {
    const incumbent = await bench.prepare(this.#incumbent);
    return { incumbent, prepared: incumbent, figures: undefined };
  }

  /** Compares what the others are measured beside with the incumbent once more: it may have been lucky. */
  async settle(): Promise<void> {
    const [bench, yardstick] = [this.#bench, this.#yardstick];
    if (bench === undefined || yardstick?.figures === undefined) return;
    const { incumbent } = yardstick;
    this.#yardstick = { incumbent, prepared: incumbent, figures: undefined };
    bench.release(yardstick.prepared);
    try {
      const prepared = await bench.prepare(yardstick.prepared.schedule);
      const figures = await bench.compare(prepared, incumbent, yardstick.figures.ratio > MUCH_FASTER / 2);
      if (figures.ratio < MUCH_FASTER) this.#yardstick = { incumbent, prepared, figures };
      else bench.release(prepared);
    } catch (error) {
      this.#survive(error);
    }
  }

  /** What went wrong in one line; the device is given up where it does not answer any more. */
  #survive(error: unknown): string {
    if (!(error instanceof WeftError)) throw error;
    if (error instanceof WrongResultError) this.wrong.push(error.message);
    if (error instanceof HangError || error instanceof DeviceError && error.reason === "lost") {
      this.close();
      this.#device?.dispose();
      this.#device = undefined;
    }
    const reason = error.message.split("\n")[0] ?? error.message;
    return error instanceof HangError ? `hang: ${reason}` : reason;
  }

  /** Frees what is on the device, which stays open. */
  close(): void {
    this.#bench?.dispose();
    this.#bench = undefined;
    this.#yardstick = undefined;
  }
}
