/**
 * Tuning the kernels of a program: which there are, how the budget is shared between them.
 *
 * @module
 */
import type { Device } from "../backends/backend.ts";
import { lower, type LoweredProgram } from "../compile.ts";
import type { Program } from "../dsl/mod.ts";
import type { GraphInput } from "../ir/graph.ts";
import { hashFunc } from "../ir/hash.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import { defaultSchedule } from "../schedule/rules/mod.ts";
import { apply } from "../schedule/strategy.ts";
import type { DimRanges } from "../schedule/tune/record.ts";
import type { RuleParams } from "../schedule/schedule.ts";
import { costOf } from "../schedule/tune/search.ts";
import { pointKey, type Space } from "../schedule/tune/space.ts";
import { type TunedKernel, tuneKernel, type TuneKernelOptions } from "./tune_kernel.ts";
import { countBytes, countStmt, type Dims } from "./work.ts";

/** Sizes at which an entry point is tuned. */
export interface EntrySizes {
  readonly entry: string;
  /** Values of all dims. */
  readonly dims: Dims;
  /** Values that what is found is for. */
  readonly ranges?: DimRanges;
}

/** A kernel of a program, at the sizes of an entry point. */
export interface KernelUse {
  readonly func: PrimFunc;
  readonly entry: string;
  readonly dims: Dims;
  readonly ranges: DimRanges;
  /** Calls of it in one run. */
  readonly calls: number;
  /** The rule that takes it by default. */
  readonly rule: string | undefined;
}

/** How to tune a program. */
export interface TuneProgramOptions
  extends Omit<TuneKernelOptions, "dims" | "ranges" | "space" | "start" | "onProgress"> {
  readonly sizes: readonly EntrySizes[];
  /** Dtypes of the weights, by name. Default f32. */
  readonly storage?: ReadonlyMap<string, GraphInput["dtype"]>;
  /** Which kernels. Default: all. */
  readonly only?: (use: KernelUse) => boolean;
  /** What to search for a kernel. Default: the space of its rule. */
  readonly spaceOf?: (use: KernelUse, target: Target) => Space | undefined;
  readonly onProgress?: (
    use: KernelUse,
    progress: Parameters<NonNullable<TuneKernelOptions["onProgress"]>>[0],
  ) => void;
  readonly onKernel?: (use: KernelUse, result: TunedKernel) => void;
}

/** Part of the time that goes into the search: the rest is for opening and for measuring the best once more. */
const SEARCHING = 0.7;

/** Points of a kernel that the next ones of its rule begin with. */
const PASSED_ON = 2;

/** Part of the time that is left to try on the first kernels what was found for later ones. */
const PASSED_BACK = 0.1;

/** What became of a program's kernels. */
export type TunedProgram = readonly { readonly use: KernelUse; readonly result: TunedKernel }[];

/**
 * Tunes the kernels of a program, the smallest first: the best points of one are where the next of the same rule
 * begins, and what is best for the later ones is tried on the earlier ones at the end. Seconds of the budget are shared
 * by how long the kernels are likely to take in a run; what one leaves goes to the next.
 */
export async function tuneProgram(
  open: () => Promise<Device>,
  program: Program,
  options: TuneProgramOptions,
): Promise<TunedProgram> {
  let device: Device | undefined;
  // A device that was lost refuses everything: the next kernel opens another.
  const opened = async (): Promise<Device> => {
    try {
      await device?.sync();
    } catch {
      device = undefined;
    }
    return device ??= await open();
  };
  try {
    const { target } = await opened();
    const storage = options.storage === undefined ? {} : { storage: options.storage };
    const uses = kernelUses(lower(program, target, storage), options.sizes, target)
      .filter((u) => options.only?.(u) ?? true)
      .sort((a, b) => estimate(a) / a.calls - estimate(b) / b.calls);
    const good = new Map<string, RuleParams[]>();
    const results: { use: KernelUse; result: TunedKernel }[] = [];
    const { seconds = Infinity, onProgress, spaceOf, ...rest } = options;
    const begun = performance.now();
    const hasTime = (): boolean => !options.signal?.aborted && performance.now() - begun < seconds * 1000;
    let left = seconds * (1 - PASSED_BACK);
    let weight = uses.reduce((sum, u) => sum + share(u), 0);
    const tune = (use: KernelUse, own: Partial<TuneKernelOptions>): Promise<TunedKernel> => {
      const space = spaceOf?.(use, target);
      return tuneKernel(opened, use.func, {
        ...rest,
        dims: use.dims,
        ranges: use.ranges,
        ...(space === undefined ? {} : { space }),
        ...(onProgress === undefined ? {} : { onProgress: (p) => onProgress(use, p) }),
        ...own,
      });
    };
    for (const use of uses) {
      if (options.signal?.aborted) break;
      const started = performance.now();
      const result = await tune(use, {
        seconds: SEARCHING * left * share(use) / weight,
        start: good.get(use.rule ?? "") ?? [],
      });
      results.push({ use, result });
      const best = bestOf(result, PASSED_ON);
      good.set(use.rule ?? "", [...best, ...good.get(use.rule ?? "") ?? []]);
      options.onKernel?.(use, result);
      left = Math.max(0, left - (performance.now() - started) / 1000);
      weight -= share(use);
    }
    for (const [i, { use, result }] of results.entries()) {
      const points = foundLater(results, i);
      if (points.length === 0 || !hasTime()) continue;
      const more = await tune(use, { again: true, start: points, trials: points.length });
      results[i] = { use, result: { ...more, trials: [...result.trials, ...more.trials] } };
      options.onKernel?.(use, results[i].result);
    }
    return results;
  } finally {
    device?.dispose();
  }
}

/** The points that took least. */
function bestOf({ trials }: TunedKernel, count: number): readonly RuleParams[] {
  return trials.filter((t) => t.outcome.kind === "timed").sort((a, b) => costOf(a) - costOf(b)).slice(
    0,
    count,
  )
    .map((t) => t.point);
}

/** The best points of later kernels of the same rule that this one has not tried. */
function foundLater(results: TunedProgram, at: number): readonly RuleParams[] {
  const own = results[at];
  const tried = new Set(own?.result.trials.map((t) => pointKey(t.point)));
  // What was known already was not searched.
  if (own === undefined || tried.size === 0) return [];
  const found = new Map<string, RuleParams>();
  for (const { use, result } of results.slice(at + 1)) {
    if (use.rule !== own.use.rule) continue;
    for (const point of bestOf(result, 1)) if (!tried.has(pointKey(point))) found.set(pointKey(point), point);
  }
  return [...found.values()];
}

/** The distinct kernels of a lowered program at some sizes. */
export function kernelUses(
  { legalized }: Pick<LoweredProgram, "legalized">,
  sizes: readonly EntrySizes[],
  target: Target,
): readonly KernelUse[] {
  const uses = new Map<string, KernelUse>();
  for (const { entry, dims, ranges = {} } of sizes) {
    const calls = legalized.find((l) => l.graph.name === entry)?.calls ?? [];
    for (const [hash, same] of Map.groupBy(calls, (c) => hashFunc(c.func))) {
      const [first] = same;
      if (first === undefined) continue;
      const { func } = first;
      const own = Object.fromEntries(func.dims.flatMap((d) => dims[d] === undefined ? [] : [[d, dims[d]]]));
      const mine = Object.fromEntries(Object.entries(ranges).filter(([d]) => func.dims.includes(d)));
      const key = JSON.stringify([hash, mine]);
      if (uses.has(key)) continue;
      const applied = apply(func, defaultSchedule(), { target });
      const rule = applied.ok ? applied.rule?.name : undefined;
      uses.set(key, { func, entry, dims: own, ranges: mine, calls: same.length, rule });
    }
  }
  return [...uses.values()];
}

/** Seconds of a run that the kernel may take: its operations, its bytes, its launches. */
function estimate({ func, dims, calls }: KernelUse): number {
  const bytes = countBytes(func, dims);
  return calls * (countStmt(func.body, dims) / 5e9 + bytes / 10e9 + 3e-5);
}

/** Small kernels get their part as well: the root of the time. */
const share = (use: KernelUse): number => Math.sqrt(estimate(use));
