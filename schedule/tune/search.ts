/**
 * Searches: which points of a space are measured, in which order, until when.
 *
 * @module
 */
import type { RuleParams } from "../schedule.ts";
import { fitCostModel, type Sample } from "./cost_model.ts";
import {
  neighbours,
  outside,
  pick,
  pointKey,
  points,
  type Random,
  samplePoint,
  seeded,
  type Space,
} from "./space.ts";

/** What came of a point: its cost (positive, in any unit, less is better), or why there is none. */
export type Outcome =
  | { readonly kind: "timed"; readonly cost: number }
  | { readonly kind: "failed"; readonly reason: string };

/** A point that was measured. */
export interface Trial {
  readonly point: RuleParams;
  readonly outcome: Outcome;
}

/** Measures a point. What it throws ends the search; a candidate that fails is an {@linkcode Outcome}. */
export type Measure = (point: RuleParams) => Promise<Outcome>;

/** The order in which points are taken. */
export type Strategy = "exhaustive" | "random" | "evolution";

/** How to search and how long. */
export interface SearchOptions {
  /** Default: exhaustive where the whole space is within the trials, else evolution. */
  readonly strategy?: Strategy;
  /** Most measurements. Default: none but the space. */
  readonly trials?: number;
  /** Most seconds; the measurement under way is finished. */
  readonly seconds?: number;
  /** Seed of everything random. Default 1. */
  readonly seed?: number;
  /** Points to start with, such as the defaults. */
  readonly start?: readonly RuleParams[];
  /** What is known already, of an earlier search: not measured again, and no part of `trials`. */
  readonly known?: readonly Trial[];
  readonly signal?: AbortSignal;
  readonly onTrial?: (trial: Trial, best: Trial | undefined, done: number) => void;
  /** Milliseconds now. Default: the clock. */
  readonly now?: () => number;
}

/** What a search found. */
export interface SearchResult {
  /** The cheapest point, of `known` as well; `undefined` if none could be timed. */
  readonly best: Trial | undefined;
  /** What was measured, in order. */
  readonly trials: readonly Trial[];
  /** What ended it: the whole space is known, the budget, or the signal. */
  readonly stopped: "complete" | "trials" | "seconds" | "aborted";
}

/** Searches a space for its cheapest point. */
export async function search(s: Space, measure: Measure, options: SearchOptions = {}): Promise<SearchResult> {
  const { signal, seconds = Infinity, now = () => performance.now() } = options;
  const most = options.trials ?? Infinity;
  const deadline = now() + seconds * 1000;
  const trials: Trial[] = [];
  const known = new Map((options.known ?? []).map((t) => [pointKey(t.point), t] as const));
  let best = cheapest([...known.values()]);
  const done = (stopped: SearchResult["stopped"]): SearchResult => ({ best, trials, stopped });
  for (const point of proposals(s, options, known)) {
    if (known.has(pointKey(point))) continue;
    if (signal?.aborted) return done("aborted");
    if (trials.length >= most) return done("trials");
    if (now() >= deadline) return done("seconds");
    const trial: Trial = { point, outcome: await measure(point) };
    trials.push(trial);
    known.set(pointKey(point), trial);
    best = cheapest([...(best === undefined ? [] : [best]), trial]);
    options.onTrial?.(trial, best, trials.length);
  }
  return done("complete");
}

/** The cost of a trial; infinite where it failed. */
export function costOf({ outcome }: Trial): number {
  return outcome.kind === "timed" ? outcome.cost : Infinity;
}

function cheapest(trials: readonly Trial[]): Trial | undefined {
  let best: Trial | undefined;
  for (const t of trials) if (costOf(t) < (best === undefined ? Infinity : costOf(best))) best = t;
  return best;
}

/** Points in the order of the strategy; `known` grows between two of them. */
function* proposals(
  s: Space,
  options: SearchOptions,
  known: ReadonlyMap<string, Trial>,
): Generator<RuleParams> {
  for (const p of options.start ?? []) if (outside(s, p) === undefined) yield p;
  const all = [...points(s)];
  const strategy = options.strategy ?? (all.length <= (options.trials ?? 0) ? "exhaustive" : "evolution");
  const random = seeded(options.seed ?? 1);
  switch (strategy) {
    case "exhaustive":
      yield* all;
      return;
    case "random":
      yield* shuffled(all, random);
      return;
    case "evolution":
      yield* evolution(s, all, options.start ?? [], known, random);
      return;
    default:
      strategy satisfies never;
  }
}

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Points that are drawn before there is a model, of a generation, of which the model picks, and that survive. */
const [FIRST, GENERATION, POOL, SURVIVORS] = [12, 6, 128, 8];

/**
 * Evolution with a cost model: of many points drawn from the neighbours and crossings of the best, those that the model
 * fitted to all measurements so far thinks the cheapest are measured; one in three is drawn by chance, so that a wrong
 * model finds out. The first are drawn by chance, half of them from the neighbours of the starting points, if there are
 * such. Ends when every point is known.
 */
function* evolution(
  s: Space,
  all: readonly RuleParams[],
  start: readonly RuleParams[],
  known: ReadonlyMap<string, Trial>,
  random: Random,
): Generator<RuleParams> {
  const fresh = (p: RuleParams | undefined): p is RuleParams => p !== undefined && !known.has(pointKey(p));
  const order = shuffled(all, random).filter(fresh);
  const near = shuffled(
    start.filter((p) => outside(s, p) === undefined).flatMap((p) => neighbours(s, p)),
    random,
  )
    .filter(fresh).slice(0, FIRST / 2);
  if (known.size < FIRST) yield* [...near, ...order.slice(0, FIRST - near.length)];
  for (;;) {
    const left = order.filter(fresh);
    if (left.length === 0) return;
    const timed = [...known.values()].filter((t) =>
      t.outcome.kind === "timed" && outside(s, t.point) === undefined
    );
    timed.sort((a, b) => costOf(a) - costOf(b));
    const parents = timed.slice(0, SURVIVORS).map((t) => t.point);
    const pool = new Map<string, RuleParams>();
    const add = (p: RuleParams | undefined): void => void (fresh(p) && pool.set(pointKey(p), p));
    for (const p of parents) neighbours(s, p).forEach(add);
    for (let n = 0; n < POOL && parents.length > 0; n++) {
      add(crossing(s, pick(parents, random) ?? {}, pick(parents, random) ?? {}, random));
    }
    for (let n = 0; n < POOL / 2; n++) add(samplePoint(s, random));
    // What failed counts as dear, so that the model keeps away from it.
    const worst = Math.max(...timed.map(costOf), 1);
    const samples = [...known.values()].map((t): Sample => ({
      point: t.point,
      cost: t.outcome.kind === "timed" ? t.outcome.cost : 2 * worst,
    }));
    const model = fitCostModel(s, samples);
    const ranked = [...pool.values()].map((p) => ({ p, cost: model(p) })).sort((a, b) => a.cost - b.cost);
    const chosen = ranked.slice(0, Math.ceil(GENERATION * 2 / 3)).map(({ p }) => p);
    const byChance = shuffled(left, random).slice(0, Math.max(GENERATION - chosen.length, 1));
    yield* [...chosen, ...byChance];
  }
}

/** Each parameter of either parent. */
function crossing(s: Space, a: RuleParams, b: RuleParams, random: Random): RuleParams | undefined {
  const child = Object.fromEntries(s.axes.map(({ name }) => [name, (random() < 0.5 ? a : b)[name] ?? 0]));
  return outside(s, child) === undefined ? child : undefined;
}
