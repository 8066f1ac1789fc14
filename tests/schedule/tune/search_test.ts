/** Searches on made-up costs: what they find, what they promise to measure, when they stop. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { JS_TARGET } from "../../../backends/js/mod.ts";
import type { RuleParams } from "../../../schedule/schedule.ts";
import { fitCostModel, rankCorrelation } from "../../../schedule/tune/cost_model.ts";
import { costOf, type Outcome, search, type Strategy, type Trial } from "../../../schedule/tune/search.ts";
import { pointKey, points, seeded, sizeOf } from "../../../schedule/tune/space.ts";
import { gemvSpace, matmulSpace, reductionSpace } from "../../../schedule/tune/spaces.ts";

const target = { ...JS_TARGET, registers: 64, vectorSums: false, maxThreads: 256 };
const small = reductionSpace(target);

/** A valley whose bottom is where `bottom` says, with noise of some percent and failures beyond a size. */
function valley(bottom: RuleParams, noise = 0, seed = 1): (p: RuleParams) => Outcome {
  return (p) => {
    const random = seeded(seed ^ [...pointKey(p)].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0), 7));
    const far = Object.entries(bottom).reduce(
      (sum, [name, v]) => sum + 0.3 * Math.log2((p[name] ?? 1) / v) ** 2,
      0,
    );
    if ((p["rows"] ?? 1) * (p["columns"] ?? 1) >= 128) return { kind: "failed", reason: "too large" };
    return { kind: "timed", cost: (1 + far) * (1 + noise * random()) };
  };
}

const strategies: readonly Strategy[] = ["exhaustive", "random", "evolution"];

Deno.test("without a budget each strategy measures every point once and finds the cheapest", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...strategies), fc.integer(), async (strategy, seed) => {
      const cost = valley({ threads: 16, parts: 64, fewest: 8, VEC: 4 }, 0.5, seed);
      const seen: string[] = [];
      const result = await search(small, (p) => {
        seen.push(pointKey(p));
        return Promise.resolve(cost(p));
      }, { strategy, seed });
      assertEquals(result.stopped, "complete");
      assertEquals(seen.length, sizeOf(small));
      assertEquals(new Set(seen).size, seen.length);
      const least = Math.min(...[...points(small)].map((p) => costOf({ point: p, outcome: cost(p) })));
      assertEquals(costOf(result.best!), least);
    }),
    { numRuns: 6 },
  );
});

Deno.test("evolution finds a far better point of a large space than as many draws by chance", async () => {
  const s = matmulSpace(target);
  const cost = valley({ rows: 4, columns: 8, vector: 4, depth: 4, lanes: 16, groups: 8 }, 0.1);
  const after = async (strategy: Strategy, seed: number): Promise<number> =>
    costOf((await search(s, (p) => Promise.resolve(cost(p)), { strategy, seed, trials: 60 })).best!);
  const seeds = [1, 2, 3, 4, 5];
  const evolved = await Promise.all(seeds.map((seed) => after("evolution", seed)));
  const drawn = await Promise.all(seeds.map((seed) => after("random", seed)));
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  assert(mean(evolved) < 0.85 * mean(drawn), `${evolved} against ${drawn}`);
  // The bottom of the valley is at 1 to 1.1; most points are far above.
  const all = [...points(s)].map((p) => costOf({ point: p, outcome: cost(p) })).sort((a, b) => a - b);
  assert(all[Math.floor(all.length / 2)]! > 4);
  assert(Math.max(...evolved) < 1.4, String(evolved));
});

Deno.test("the cost model ranks points that it has not seen", () => {
  const s = gemvSpace(target);
  const cost = valley({ TS: 16, TILE_S: 4, TILE_R: 8 }, 0.3);
  const random = seeded(3);
  const timed = [...points(s)].flatMap((point) => {
    const outcome = cost(point);
    return outcome.kind === "timed" ? [{ point, cost: outcome.cost, order: random() }] : [];
  }).sort((a, b) => a.order - b.order);
  const held = timed.slice(60, 260);
  const model = fitCostModel(s, timed.slice(0, 60));
  const correlation = rankCorrelation(held.map((h) => model(h.point)), held.map((h) => h.cost));
  assert(correlation > 0.8, String(correlation));
  // Chance is 0: costs in another order are not ranked.
  const shuffled = held.map((h) => h.order);
  assert(Math.abs(rankCorrelation(held.map((h) => model(h.point)), shuffled)) < 0.25);
});

Deno.test("rank correlation: 1 for any rising function, -1 for any falling, 0 for constants", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer(), { minLength: 2 }), (list) => {
    const near = (a: number, b: number) => assert(Math.abs(a - b) < 1e-9, `${a} and ${b}`);
    near(rankCorrelation(list, list.map((v) => v * 3 + 1)), 1);
    near(rankCorrelation(list, list.map((v) => -v)), -1);
    near(rankCorrelation(list, list.map(() => 5)), 0);
  }));
});

Deno.test("the same seed searches the same way", async () => {
  const s = gemvSpace(target);
  const cost = valley({ TS: 16, TILE_S: 4 });
  const run = async (seed: number) =>
    (await search(s, (p) => Promise.resolve(cost(p)), { strategy: "evolution", seed, trials: 30 })).trials
      .map(
        (t) => pointKey(t.point),
      );
  assertEquals(await run(5), await run(5));
  assert((await run(5)).join() !== (await run(6)).join());
});

Deno.test("budgets: trials, seconds by the given clock, and the signal", async () => {
  const timed = (): Promise<Outcome> => Promise.resolve({ kind: "timed", cost: 1 });
  const byTrials = await search(small, timed, { strategy: "random", trials: 7 });
  assertEquals([byTrials.stopped, byTrials.trials.length], ["trials", 7]);
  let clock = 0;
  const bySeconds = await search(small, timed, { strategy: "random", seconds: 3, now: () => (clock += 500) });
  assertEquals([bySeconds.stopped, bySeconds.trials.length], ["seconds", 5]);
  const abort = new AbortController();
  const onTrial = (_: Trial, __: Trial | undefined, done: number) => void (done === 4 && abort.abort());
  const aborted = await search(small, timed, { strategy: "random", signal: abort.signal, onTrial });
  assertEquals([aborted.stopped, aborted.trials.length], ["aborted", 4]);
});

Deno.test("what is known is not measured again, and a known best stays", async () => {
  const cost = valley({ threads: 16 });
  const first = await search(small, (p) => Promise.resolve(cost(p)), { strategy: "random", trials: 40 });
  const rest = await search(small, (p) => Promise.resolve(cost(p)), {
    strategy: "random",
    known: first.trials,
  });
  assertEquals(first.trials.length + rest.trials.length, sizeOf(small));
  const again = await search(small, () => Promise.reject(new Error("measured")), {
    known: [...first.trials, ...rest.trials],
  });
  assertEquals(again.trials, []);
  assertEquals(again.best, rest.best);
});

Deno.test("starting points come first, unless they are outside; all failing gives no best", async () => {
  const failed = (): Promise<Outcome> => Promise.resolve({ kind: "failed", reason: "no" });
  const start = [{ threads: 3, VEC: 4, fewest: 8, parts: 64 }, { threads: 64, VEC: 4, fewest: 8, parts: 64 }];
  const result = await search(small, failed, { start, trials: 30 });
  assertEquals(result.trials[0]?.point, start[1]);
  assertEquals(result.best, undefined);
  assertEquals(result.trials.length, 30);
});

Deno.test("an error of the measurement itself ends the search", async () => {
  await assertRejects(
    () => search(small, () => Promise.reject(new Error("wrong result"))),
    Error,
    "wrong result",
  );
});
