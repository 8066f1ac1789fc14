/**
 * Draws the pictures of `docs/tuning/` from the data beside them: `deno task plots [FOLDER]`. Every `NAME.jsonl` is a
 * database, of which each kernel that was measured in the study's space becomes a heat map; every `NAME.json` is the
 * output of `deno task tune`, which becomes a search curve and a roofline.
 *
 * @module
 */
import { parseRecord, type TuneRecord } from "../schedule/tune/record.ts";
import type { RuleParams } from "../schedule/schedule.ts";
import { heatMap, type HeatPanel } from "./heat_map.ts";
import { lineChart, type Series } from "./line_chart.ts";

/** The output of `deno task tune`, as far as it is drawn. */
export interface TuneReport {
  readonly model: string;
  readonly device: string;
  readonly backend: string;
  readonly runtime: string;
  readonly date: string;
  readonly from: string;
  readonly kernels: readonly {
    readonly entry: string;
    readonly kernel: string;
    readonly flops: number;
    readonly bytes: number;
    readonly figures: { readonly ms: number; readonly referenceMs: number } | null;
    /** Milliseconds of the fallback schedule. */
    readonly naiveMs: number | null;
  }[];
  readonly trials: readonly {
    readonly kernel: string;
    readonly seconds: number;
    readonly best: number | null;
  }[];
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const distinct = (values: readonly number[]): readonly number[] => [...new Set(values)].sort((a, b) => a - b);

/** A measurement: parameters, and the speed, that of the default schedule being 1. */
interface Point {
  readonly p: RuleParams;
  readonly speed: number;
}

/** Threads that share one result. */
const threadsOfOne = (p: RuleParams): number => p["TR"] ?? 1;

/** The speeds over `TS` and another parameter; none where nothing was measured. */
function panel(
  title: string,
  own: readonly Point[],
  yLabel: string,
  rowOf: (p: RuleParams) => number,
): readonly HeatPanel[] {
  if (own.length === 0) return [];
  const [x, y] = [distinct(own.map(({ p }) => p["TS"] ?? 0)), distinct(own.map(({ p }) => rowOf(p)))];
  return [{
    title,
    xLabel: "TS, threads of a workgroup along the results",
    yLabel,
    x,
    y,
    value: (i, j) => own.findLast(({ p }) => p["TS"] === x[i] && rowOf(p) === y[j])?.speed,
  }];
}

/**
 * Heat maps of one kernel, both of the study's schedules: `TS` x tile where a thread reduces alone, else `TS` x `TR` for
 * each tile; `undefined` where there are no measurements of them.
 */
export function gemvMap(records: readonly TuneRecord[]): string | undefined {
  const points = records.flatMap((r) => {
    if (r.chosen || r.schedule.kind !== "rule" || r.schedule.name !== "gemv" || r.outcome.kind !== "timed") {
      return [];
    }
    return [{ p: r.schedule.params, speed: 1 / r.outcome.figures.ratio, ms: r.outcome.figures.referenceMs }];
  });
  const panels = ([[1, "TILE_S", "TILE_R"], [2, "TILE_R", "TILE_S"]] as const).flatMap(
    ([sch, free, held]): readonly HeatPanel[] => {
      const own = points.filter(({ p }) =>
        p["SCH"] === sch && p[held] === (sch === 1 ? 8 : 1) && p["VEC"] === 4
      );
      const title = `Sch. ${sch}: vectors along ${sch === 1 ? "N, TILE_R = 8" : "K, TILE_S = 1"}`;
      if (!own.some(({ p }) => threadsOfOne(p) > 1)) return panel(title, own, free, (p) => p[free] ?? 0);
      return distinct(own.map(({ p }) => p[free] ?? 0)).flatMap((tile) =>
        panel(`${title}, ${free} = ${tile}`, own.filter(({ p }) => p[free] === tile), "TR", threadsOfOne)
      );
    },
  );
  const [first] = records;
  if (panels.length < 2 || first === undefined) return undefined;
  const ms = median(points.map((p) => p.ms));
  return heatMap(
    `gemv ${first.name}: speed, the default schedule (${ms.toFixed(2)} ms) being 1`,
    `${first.device}, ${first.date.slice(0, 10)}; the framed cell is the fastest`,
    panels,
  );
}

const about = (r: TuneReport): string => `${r.model} on ${r.backend} ${r.device}, ${r.runtime}, ${r.date}`;

/** The best ratio found over time, for the kernels with the most measurements. */
export function searchCurve(report: TuneReport): string | undefined {
  const kernels = [...Map.groupBy(report.trials, (t) => t.kernel)]
    .map(([name, trials]) => ({ name, trials: trials.filter((t) => t.best !== null) }))
    .filter((k) => k.trials.length > 1).sort((a, b) => b.trials.length - a.trials.length).slice(0, 8);
  if (kernels.length === 0) return undefined;
  const series = kernels.map(({ name, trials }): Series => ({
    name: name.length > 34 ? `${name.slice(0, 33)}…` : name,
    mark: "steps",
    points: trials.map((t, i) => ({ x: i + 1, y: t.best ?? 1 })),
  }));
  return lineChart(
    `Best time found, that of the ${report.from} schedule being 1`,
    about(report),
    { label: "measurements of the kernel", scale: "linear", from: 1 },
    { label: "time, relative (less is better)", scale: "linear" },
    series,
  );
}

/** Speed over arithmetic intensity of each product: naive, with the schedule of before, tuned. */
export function roofline(report: TuneReport): string | undefined {
  const kernels = report.kernels.filter((k) => k.figures !== null && /^(linear|matmul)/.test(k.kernel));
  if (kernels.length === 0) return undefined;
  const marks = (ms: (k: TuneReport["kernels"][number]) => number | null | undefined): Series["points"] =>
    kernels.flatMap((k) => {
      const t = ms(k);
      return t === null || t === undefined || t <= 0 ? [] : [{ x: k.flops / k.bytes, y: k.flops / t / 1e6 }];
    });
  const series: readonly Series[] = [
    { name: "naive (fallback rule)", mark: "points", points: marks((k) => k.naiveMs) },
    {
      name: report.from === "fallback" ? "before (fallback)" : "default",
      mark: "points",
      points: marks((k) => k.figures?.referenceMs),
    },
    { name: "tuned", mark: "points", points: marks((k) => k.figures?.ms) },
  ];
  return lineChart(
    "Speed of matrix products over their arithmetic intensity, and what memory at so many GB/s would allow",
    about(report),
    { label: "operations a byte", scale: "log" },
    { label: "GFLOP/s", scale: "log" },
    series,
    [5, 10, 20, 40].map((gbs) => ({ name: String(gbs), of: (x: number) => x * gbs })),
  );
}

/** The pictures of a file of data, by the names of their files. */
export function picturesOf(name: string, text: string): ReadonlyMap<string, string> {
  const pictures: (readonly [string, string | undefined])[] = [];
  const stem = name.replace(/\.jsonl?$/, "");
  if (name.endsWith(".jsonl")) {
    const records = text.split("\n").map(parseRecord).filter((r) => typeof r !== "string");
    for (const [, own] of Map.groupBy(records, (r) => r.kernel)) {
      const label = own[0]?.name.replace(/[^\w]+/g, "-").replace(/-$/, "") ?? "";
      pictures.push([`${stem}-${label}.svg`, gemvMap(own)]);
    }
  } else if (name.endsWith(".json")) {
    const report: TuneReport = JSON.parse(text);
    pictures.push([`${stem}-search.svg`, searchCurve(report)], [`${stem}-roofline.svg`, roofline(report)]);
  }
  return new Map(pictures.flatMap(([file, svg]) => (svg === undefined ? [] : [[file, svg] as const])));
}

async function main(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!/\.jsonl?$/.test(name)) continue;
    for (const [file, svg] of picturesOf(name, await Deno.readTextFile(`${folder}/${name}`))) {
      await Deno.writeTextFile(`${folder}/${file}`, svg);
      console.log(`${folder}/${file}`);
    }
  }
}

if (import.meta.main) await main(Deno.args[0] ?? "docs/tuning");
