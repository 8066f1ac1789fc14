/**
 * What the engine has: found out by validating a few bytes, never assumed.
 *
 * @module
 */
import type { Instr } from "./encoder/instructions.ts";
import { encodeModule } from "./encoder/module.ts";

const ZERO: Instr = ["v128.const", ...new Array<number>(16).fill(0)];

function valid(body: readonly Instr[], shared: boolean): boolean {
  return WebAssembly.validate(encodeModule({
    memory: { shared, min: 1, max: 1 },
    imports: [],
    functions: [{ name: "f", params: [], results: [], locals: [], body }],
  }));
}

/** Whether the engine has vectors of 128 bits. */
export function hasVectors(): boolean {
  return valid([ZERO, ZERO, ["f32x4.add"], ["drop"]], false);
}

/** Whether the engine has multiplication and addition in one instruction. */
export function hasRelaxed(): boolean {
  return valid([ZERO, ZERO, ZERO, ["f32x4.relaxed_madd"], ["drop"]], false);
}

/** Whether the engine has atomic instructions on memory that nobody shares, which every kernel uses. */
export function hasAtomics(): boolean {
  return valid([["i32.const", 0], ["i32.const", 0], ["i32.atomic.rmw.add", 0], ["drop"]], false);
}

/** Whether memory can be shared here: a page must be isolated from other origins for it. */
export function canShare(): boolean {
  const isolated = (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (typeof SharedArrayBuffer === "undefined" || "document" in globalThis && isolated !== true) return false;
  return valid([["i32.const", 0], ["i32.const", 0], ["i32.atomic.rmw.add", 0], ["drop"]], true);
}
