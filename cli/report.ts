/**
 * What a generation says about itself when it is over.
 *
 * @module
 */
import process from "node:process";
import type { Device } from "../backends/backend.ts";
import type { FinishReason, GenerateResult, LoadedGPT2 } from "../models/gpt2/mod.ts";
import { megabytes } from "./progress.ts";

/** The object that `--json` prints. Times are milliseconds. */
export interface GenerateReport {
  readonly text: string;
  readonly ids: readonly number[];
  readonly promptIds: readonly number[];
  readonly finishReason: FinishReason;
  readonly device: string;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly timeToFirstTokenMs: number;
  readonly loadMs: number;
  readonly compileMs: number;
}

/** The report of a finished generation. */
export function report(
  result: GenerateResult,
  model: Pick<LoadedGPT2, "loadMs" | "compileMs">,
  device: Device,
): GenerateReport {
  return {
    text: result.text,
    ids: result.ids,
    promptIds: result.promptIds,
    finishReason: result.finishReason,
    device: device.target.kind,
    promptTokens: result.promptTokens,
    generatedTokens: result.generatedTokens,
    prefillTokensPerSecond: result.prefillTokensPerSecond,
    decodeTokensPerSecond: result.decodeTokensPerSecond,
    timeToFirstTokenMs: result.timeToFirstTokenMs,
    loadMs: model.loadMs,
    compileMs: model.compileMs,
  };
}

/** The last line on stderr. */
export function summaryLine(r: GenerateReport, device: Device): string {
  const { kind, name } = device.target;
  return [
    `prompt ${r.promptTokens} tokens ${rate(r.prefillTokensPerSecond)}`,
    `generated ${r.generatedTokens} tokens ${rate(r.decodeTokensPerSecond)}`,
    `first token ${duration(r.timeToFirstTokenMs)}`,
    `load ${duration(r.loadMs)}`,
    `compile ${duration(r.compileMs)}`,
    kind === name ? kind : `${kind} (${name})`,
  ].join(" | ");
}

/** What a model takes on the device, for `--verbose`: known before it runs. */
export function memoryLine({ executable }: Pick<LoadedGPT2, "executable">): string {
  const { weightBytes, workBytes, stateBytes, stateBytesAtFirst, peakBytes } = executable.info;
  const cache = stateBytesAtFirst === stateBytes ? "" : ` (${megabytes(stateBytesAtFirst)} MB at first)`;
  return `memory: weights ${megabytes(weightBytes)} MB, work ${megabytes(workBytes)} MB, ` +
    `cache ${megabytes(stateBytes)} MB${cache}, at most ${megabytes(peakBytes)} MB`;
}

/** Lines about kernels and the process, for `--verbose`. */
export function detailLines(model: Pick<LoadedGPT2, "executable" | "checkpointBytes">): readonly string[] {
  const { kernels, dispatches } = model.executable.info;
  const perEntry = Object.entries(dispatches).map(([entry, n]) => `${entry} ${n}`).join(", ");
  return [
    `kernels: ${kernels}; dispatches: ${perEntry}`,
    `checkpoint ${megabytes(model.checkpointBytes)} MB, peak of the process ${megabytes(peakBytes())} MB`,
  ];
}

/** Most memory that this process has held, in bytes. */
function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function rate(tokensPerSecond: number): string {
  return tokensPerSecond > 0 ? `(${tokensPerSecond.toFixed(1)} tok/s)` : "(- tok/s)";
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
