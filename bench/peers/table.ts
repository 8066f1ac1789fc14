/**
 * What was measured of all engines, as figures, a table and a picture.
 *
 * @module
 */
import { barChart } from "../bar_chart.ts";
import type { EngineSpec } from "./engines.ts";
import type { Result } from "./loop.ts";

/** A median with the least and the most. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** An engine's figures over all rounds, or why there are none. */
export type Row =
  & Pick<EngineSpec, "name" | "title" | "dtype">
  & { readonly native: boolean }
  & (
    | {
      readonly version: string;
      readonly prefill: Spread;
      readonly decode: Spread;
      /** Whether its tokens are the first engine's; `undefined` where it does not tell them. */
      readonly sameTokens: boolean | undefined;
    }
    | { readonly missing: string }
  );

/** Three digits of a number of tokens. */
const digits = (n: number): number => Number(n.toPrecision(3));

/** The median of some numbers, the least and the most, in three digits. */
export function spread(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle] ?? 0
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { median: digits(median), least: digits(sorted[0] ?? 0), most: digits(sorted.at(-1) ?? 0) };
}

/** An engine's row of the results of its processes, or of the reason of the last that failed. */
export function rowOf(
  { name, title, dtype, native = false }: EngineSpec,
  outcomes: readonly (Result | string)[],
  tokens: readonly number[] | undefined,
): Row {
  const about = { name, title, dtype, native };
  const results = outcomes.filter((o) => typeof o !== "string");
  const [first] = results;
  if (first === undefined) {
    return {
      ...about,
      missing: outcomes.findLast((o) => typeof o === "string") ?? "not run",
    };
  }
  const told = results.flatMap((r) => (r.tokens === undefined ? [] : [r.tokens.join()]));
  const sameTokens = told.length === 0 || tokens === undefined
    ? undefined
    : told.every((t) => t === tokens.join());
  return {
    ...about,
    version: first.version,
    prefill: spread(results.flatMap((r) => r.prefill)),
    decode: spread(results.flatMap((r) => r.decode)),
    sameTokens,
  };
}

const cell = ({ median, least, most }: Spread): string => `${median} (${least} to ${most})`;

/** How fast memory is read, in GB/s, and what a step reads of f32 weights, in GB. */
export interface MemorySpeed {
  readonly readGBytes: number;
  readonly weightGBytes: number;
}

/** The part of memory's speed that decode reaches, in percent: bytes of its weights, read once for each token. */
export function shareOf(
  { decode, dtype }: { readonly decode: Spread; readonly dtype: EngineSpec["dtype"] },
  { readGBytes, weightGBytes }: MemorySpeed,
): number {
  const bytes = dtype === "f16" ? weightGBytes / 2 : weightGBytes;
  return Math.round(100 * decode.median * bytes / readGBytes);
}

/** Rows as markdown; with the part of memory's speed that decode reaches, where that is known. */
export function tableOf(rows: readonly Row[], prompt: number, memory?: MemorySpeed): string {
  const [head, line, none] = memory === undefined ? ["", "", ""] : [" Of memory's speed |", " --- |", " |"];
  return [
    `| Engine | Weights | Prefill of ${prompt}, tok/s | Decode, tok/s |${head} Same tokens |`,
    `| --- | --- | --- | --- |${line} --- |`,
    ...rows.map((row) => {
      const title = `${row.title}${row.native ? " (native)" : ""}`;
      if ("missing" in row) return `| ${title} | ${row.dtype} | ${row.missing} | |${none} |`;
      const version = /^\d/.test(row.version) ? ` ${row.version}` : "";
      const same = row.sameTokens === undefined ? "not told" : row.sameTokens ? "yes" : "no";
      const share = memory === undefined ? "" : ` ${shareOf(row, memory)} % |`;
      return `| ${title}${version} | ${row.dtype} | ${cell(row.prefill)} | ${
        cell(row.decode)
      } |${share} ${same} |`;
    }),
  ].join("\n");
}

/** Medians as bars. */
export function chartOf(rows: readonly Row[], title: string): string {
  const bars = (of: "prefill" | "decode"): readonly { readonly name: string; readonly value: number }[] =>
    rows.flatMap((row) =>
      "missing" in row ? [] : [{
        name: `${
          row.title.replace("onnxruntime", "ort").replace("node-llama-cpp", "llama.cpp")
        } ${row.dtype}`,
        value: row[of].median,
      }]
    );
  return barChart(title, [
    { title: "decode, tokens/s", bars: bars("decode") },
    { title: "prefill, tokens/s", bars: bars("prefill") },
  ]);
}
