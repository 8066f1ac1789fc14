/**
 * A cost model that is fitted to what was measured: ridge regression of the logarithm of times.
 *
 * @module
 */
import type { RuleParams } from "../schedule.ts";
import type { Space } from "./space.ts";

/** A measured point: its cost, in any unit. */
export interface Sample {
  readonly point: RuleParams;
  readonly cost: number;
}

/** Predicts costs: only their order means something. */
export type CostModel = (point: RuleParams) => number;

/** Weight of the penalty on coefficients. */
const RIDGE = 0.1;

/**
 * Fits a model: the logarithm of the cost is linear in the logarithms of the parameters, their squares and products, and
 * the space's own features. The penalty keeps it tame where there are fewer samples than coefficients.
 *
 * @example
 * ```ts
 * import { fitCostModel, gemvSpace, points } from "@weft/weft/schedule";
 * import { JS_TARGET } from "@weft/weft/backends/js";
 *
 * const s = gemvSpace(JS_TARGET);
 * const samples = [...points(s)].filter((_, i) => i % 37 === 0).map((point) => ({ point, cost: 1 + (point.TS ?? 1) }));
 * const model = fitCostModel(s, samples);
 * console.log(model(samples[0]!.point) < model({ ...samples[0]!.point, TS: 256 })); // true
 * ```
 */
export function fitCostModel(s: Space, samples: readonly Sample[]): CostModel {
  const rows = samples.map((x) => featuresOf(s, x.point));
  const width = featuresOf(s, {}).length;
  const means = Array.from({ length: width }, (_, j) => mean(rows.map((r) => r[j] ?? 0)));
  const scales = means.map((m, j) => Math.sqrt(mean(rows.map((r) => ((r[j] ?? 0) - m) ** 2))) || 1);
  const standard = (row: readonly number[]): readonly number[] =>
    row.map((x, j) => (x - (means[j] ?? 0)) / (scales[j] ?? 1));
  const x = rows.map(standard);
  const logs = samples.map((sample) => Math.log(sample.cost));
  const offset = mean(logs);
  const matrix = means.map((_, i) =>
    means.map((_, j) => dot(x, (r) => (r[i] ?? 0) * (r[j] ?? 0)) + (i === j ? RIDGE : 0))
  );
  const right = means.map((_, i) =>
    x.reduce((sum, r, n) => sum + (r[i] ?? 0) * ((logs[n] ?? 0) - offset), 0)
  );
  const coefficients = solve(matrix, right);
  return (point) =>
    Math.exp(
      offset + standard(featuresOf(s, point)).reduce((sum, v, j) => sum + v * (coefficients[j] ?? 0), 0),
    );
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;

const dot = (rows: readonly (readonly number[])[], term: (row: readonly number[]) => number): number =>
  rows.reduce((sum, r) => sum + term(r), 0);

function featuresOf(s: Space, point: RuleParams): readonly number[] {
  const logs = s.axes.map((a) => Math.log2((point[a.name] ?? a.values[0] ?? 1) + 1));
  const full = Object.fromEntries(s.axes.map((a) => [a.name, point[a.name] ?? a.values[0] ?? 1]));
  const products = logs.flatMap((v, i) => logs.slice(i).map((w) => v * w));
  return [...logs, ...products, ...(s.features?.(full) ?? [])];
}

/** Solves a symmetric positive definite system by Gaussian elimination with pivots. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const n = right.length;
  const a = matrix.map((row, i) => [...row, right[i] ?? 0]);
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c; r < n; r++) if (Math.abs(a[r]?.[c] ?? 0) > Math.abs(a[best]?.[c] ?? 0)) best = r;
    const [top, pivot] = [a[c] ?? [], a[best] ?? []];
    a[c] = pivot;
    a[best] = best === c ? pivot : top;
    for (let r = c + 1; r < n; r++) {
      const row = a[r] ?? [];
      const factor = (row[c] ?? 0) / (pivot[c] ?? 1);
      for (let j = c; j <= n; j++) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0);
    }
  }
  const result = new Array<number>(n).fill(0);
  for (let c = n - 1; c >= 0; c--) {
    const row = a[c] ?? [];
    let sum = row[n] ?? 0;
    for (let j = c + 1; j < n; j++) sum -= (row[j] ?? 0) * (result[j] ?? 0);
    result[c] = sum / (row[c] ?? 1);
  }
  return result;
}

/**
 * Spearman's rank correlation of two lists, from -1 to 1: how well one tells the order of the other. Equal values share
 * their mean rank; 0 where a list is constant.
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((v, i) => {
    const [p, q] = [v - mx, (y[i] ?? 0) - my];
    xy += p * q;
    xx += p * p;
    yy += q * q;
  });
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((v, i) => ({ v, i })).sort((p, q) => p.v - q.v);
  const result = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && order[to]?.v === order[from]?.v) to++;
    for (const { i } of order.slice(from, to)) result[i] = (from + to - 1) / 2;
    from = to;
  }
  return result;
}
