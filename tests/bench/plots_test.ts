/** Pictures: what they show is what the data say, and those in the docs are drawn from the data beside them. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { heatMap } from "../../bench/heat_map.ts";
import { lineChart } from "../../bench/line_chart.ts";
import { picturesOf, roofline, searchCurve, type TuneReport } from "../../bench/plots.ts";
import { JS_TARGET } from "../../backends/js/mod.ts";
import { rule, type RuleParams } from "../../schedule/mod.ts";
import { fitCostModel, rankCorrelation } from "../../schedule/tune/cost_model.ts";
import { parseRecord, printRecord, searchOutcome, type TuneRecord } from "../../schedule/tune/record.ts";
import { costOf, search } from "../../schedule/tune/search.ts";
import { pointKey, seeded, sizeOf } from "../../schedule/tune/space.ts";
import { gemvSpace, studyGemvSpace } from "../../schedule/tune/spaces.ts";

const FOLDER = new URL("../../docs/tuning/", import.meta.url);

Deno.test("a heat map has a cell for each value, deeper for larger ones, and frames the largest", () => {
  const cells = fc.array(fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: undefined }), {
    minLength: 6,
    maxLength: 6,
  });
  fc.assert(fc.property(cells, (list) => {
    fc.pre(list.some((v) => (v ?? 0) > 0));
    const value = (x: number, y: number): number | undefined => list[y * 3 + x];
    const svg = heatMap("t", "", [{
      title: "p",
      xLabel: "x",
      yLabel: "y",
      x: [1, 2, 4],
      y: ["a", "b"],
      value,
    }]);
    const shades = [...svg.matchAll(/<rect class="s(\d)( best)?"/g)].map((m) => ({
      shade: Number(m[1]),
      best: m[2],
    }));
    const shown = list.filter((v) => v !== undefined);
    assertEquals(shades.length, shown.length);
    const most = Math.max(...shown);
    shown.forEach((v, i) => {
      assertEquals(shades[i]!.best !== undefined, v === most);
      shown.forEach((w, j) => v <= w || assert(shades[i]!.shade >= shades[j]!.shade));
    });
  }));
});

Deno.test("points of a chart keep their order on either scale, and stay in its frame", () => {
  const value = fc.double({ min: 0.01, max: 1e4, noNaN: true });
  const scales = fc.constantFrom("linear" as const, "log" as const);
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 8 }), scales, (list, scale) => {
      const points = list.map(([x, y]) => ({ x, y }));
      const axis = { label: "a", scale };
      const svg = lineChart("<t>", "", axis, axis, [{ name: "s", mark: "points", points }]);
      const drawn = [...svg.matchAll(/cx="([\d.-]+)" cy="([\d.-]+)"/g)].map((m) => ({
        x: Number(m[1]),
        y: Number(m[2]),
      }));
      assertEquals(drawn.length, points.length);
      drawn.forEach((p, i) => {
        assert(p.x >= 63.9 && p.x <= 510.1 && p.y >= 55.9 && p.y <= 348.1, `${p.x}, ${p.y}`);
        drawn.forEach((q, j) => {
          if (points[i]!.x > points[j]!.x) assert(p.x >= q.x);
          if (points[i]!.y > points[j]!.y) assert(p.y <= q.y);
        });
      });
      assertStringIncludes(svg, "&lt;t&gt;");
    }),
  );
});

const record = (params: Readonly<Record<string, number>>, ratio: number): TuneRecord => ({
  kernel: "k",
  target: "t",
  dims: {},
  reference: "r",
  name: "linear [8, 8]",
  device: "some device",
  at: {},
  schedule: rule("gemv", params),
  outcome: { kind: "timed", figures: { ms: ratio * 2, referenceMs: 2, ratio, spread: 0 } },
  chosen: false,
  date: "2026-11-23T00:00:00Z",
});

Deno.test("where threads share a result, the maps are TS x TR, one for each tile", () => {
  const tiles = [8, 16, 32];
  const records = [
    record({ SCH: 1, TS: 8, TR: 1, TILE_S: 4, TILE_R: 8, VEC: 4 }, 0.5),
    ...tiles.flatMap((TILE_R) =>
      [1, 2, 4].flatMap((TR) =>
        [1, 8].map((TS) => record({ SCH: 2, TS, TR, TILE_S: 1, TILE_R, VEC: 4 }, 1 + TR + TS + TILE_R))
      )
    ),
  ];
  const svg = picturesOf("x.jsonl", records.map(printRecord).join("\n")).get("x-linear-8-8.svg")!;
  for (const tile of tiles) assertStringIncludes(svg, `TILE_S = 1, TILE_R = ${tile}<`);
  assertEquals([...svg.matchAll(/<rect /g)].length, records.length);
  assertEquals([...svg.matchAll(/>TR</g)].length, tiles.length);
});

Deno.test("a kernel that was measured under both schedules of the study becomes a map of speeds", () => {
  const records = [
    record({ SCH: 1, TS: 8, TILE_S: 4, TILE_R: 8, VEC: 4 }, 0.5),
    record({ SCH: 1, TS: 16, TILE_S: 4, TILE_R: 8, VEC: 4 }, 1),
    record({ SCH: 1, TS: 16, TILE_S: 4, TILE_R: 4, VEC: 4 }, 0.1),
    record({ SCH: 2, TS: 8, TILE_S: 1, TILE_R: 16, VEC: 4 }, 4),
  ];
  const pictures = picturesOf("x.jsonl", records.map(printRecord).join("\n\n"));
  assertEquals([...pictures.keys()], ["x-linear-8-8.svg"]);
  const svg = pictures.get("x-linear-8-8.svg")!;
  assertEquals([...svg.matchAll(/>(\d\.\d\d)</g)].map((m) => m[1]), ["2.00", "1.00", "0.25"]);
  for (const shown of ["2.00 ms", "some device, 2026-11-23", "TS, threads", "TILE_S", "TILE_R"]) {
    assertStringIncludes(svg, shown);
  }
  assertEquals(picturesOf("x.jsonl", records.slice(0, 3).map(printRecord).join("\n")).size, 0);
});

Deno.test("a report becomes a search curve and a roofline", () => {
  const report: TuneReport = {
    model: "m",
    device: "d",
    backend: "wasm",
    runtime: "R",
    date: "2026-11-23",
    from: "default",
    kernels: [{
      entry: "decode",
      kernel: "linear [1]",
      flops: 2e6,
      bytes: 4e6,
      figures: { ms: 1, referenceMs: 2 },
      naiveMs: 8,
    }],
    trials: [{ kernel: "k", seconds: 1, best: 1 }, { kernel: "k", seconds: 2, best: 0.5 }],
  };
  const points = [...roofline(report)!.matchAll(/<circle class="f(\d)" cx="([\d.]+)" cy="([\d.]+)"/g)];
  assertEquals(points.map((p) => p[1]), ["0", "1", "2"]);
  assertEquals(new Set(points.map((p) => p[2])).size, 1);
  assert(Number(points[0]![3]) > Number(points[1]![3]) && Number(points[1]![3]) > Number(points[2]![3]));
  assertEquals([...searchCurve(report)!.matchAll(/<path class="l0"/g)].length, 1);
  assertEquals(searchCurve({ ...report, trials: [] }), undefined);
});

Deno.test("the pictures in docs/tuning are drawn from the data beside them (else: deno task plots)", async () => {
  let drawn = 0;
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (!/\.jsonl?$/.test(name)) continue;
    for (const [file, svg] of picturesOf(name, await Deno.readTextFile(new URL(name, FOLDER)))) {
      assertEquals(await Deno.readTextFile(new URL(file, FOLDER)), svg, file);
      drawn++;
    }
  }
  assertGreater(drawn, 0);
});

/** The measurements of the study's space on llvmpipe, by kernel. */
async function measured(): Promise<readonly (readonly TuneRecord[])[]> {
  const text = await Deno.readTextFile(new URL("gemv-llvmpipe.jsonl", FOLDER));
  const records = text.split("\n").map(parseRecord).filter((r) => typeof r !== "string");
  return [...Map.groupBy(records, (r) => r.kernel).values()];
}

/** A point as the space writes it: where one thread reduces, records need not say so. */
function inSpace({ SCH = 1, TS = 1, TR = 1, ...tile }: RuleParams): RuleParams {
  return { SCH, TS, TR, ...tile };
}

Deno.test("on real measurements, a third of the points is enough for nearly the best of all", async () => {
  const s = studyGemvSpace({ ...JS_TARGET, maxThreads: 256 });
  const parts: Record<"evolution" | "random", number[]> = { evolution: [], random: [] };
  for (const own of await measured()) {
    const outcomes = new Map(
      own.flatMap((r) =>
        r.chosen || r.schedule.kind !== "rule" || r.schedule.name !== "gemv"
          ? []
          : [[pointKey(inSpace(r.schedule.params)), searchOutcome(r.outcome)] as const]
      ),
    );
    assertEquals(outcomes.size, sizeOf(s));
    const best = Math.min(...[...outcomes.values()].map((o) => o.kind === "timed" ? o.cost : Infinity));
    for (const strategy of ["evolution", "random"] as const) {
      for (let seed = 1; seed <= 10; seed++) {
        const measure = (p: RuleParams) => Promise.resolve(outcomes.get(pointKey(p))!);
        const found = await search(s, measure, { strategy, seed, trials: 24 });
        parts[strategy].push(best / costOf(found.best!));
      }
    }
  }
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  assertGreater(mean(parts.evolution), 0.96);
  assertGreater(mean(parts.evolution), mean(parts.random));
});

Deno.test("the cost model ranks real measurements that it has not seen", async () => {
  const s = gemvSpace({ ...JS_TARGET, maxThreads: 256 });
  const random = seeded(1);
  const correlations = (await measured()).map((own) => {
    const samples = own.flatMap(({ schedule, outcome, chosen }) =>
      !chosen && schedule.kind === "rule" && schedule.name === "gemv" && outcome.kind === "timed"
        ? [{ point: inSpace(schedule.params), cost: outcome.figures.ratio, order: random() }]
        : []
    ).sort((a, b) => a.order - b.order);
    const [seen, held] = [samples.slice(0, 36), samples.slice(36)];
    const model = fitCostModel(s, seen);
    return rankCorrelation(held.map((h) => model(h.point)), held.map((h) => h.cost));
  });
  assertGreater(correlations.length, 0);
  // By chance they would be 0, give or take 0.17.
  assertGreater(Math.min(...correlations), 0.4, String(correlations));
  assertGreater(correlations.reduce((a, b) => a + b, 0) / correlations.length, 0.65, String(correlations));
});
