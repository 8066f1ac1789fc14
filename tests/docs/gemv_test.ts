/** docs/gemv.md is what its code says, and its rungs compute the same. @module */
import { assertEquals, assertGreater } from "@std/assert";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../backends/webgpu/mod.ts";
import { GEMV_RUNGS, naiveGemv, rungOf } from "../../bench/gemv_rungs.ts";
import { gemvPage } from "../../tools/gemv_page.ts";
import { assertAllClose } from "../support/close.ts";
import { float64 } from "../support/float64.ts";
import { runLowered } from "../support/run_func.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (name: string): Promise<string> => Deno.readTextFile(new URL(name, ROOT));

Deno.test("docs: docs/gemv.md is what its code gives (else: deno task docs)", async () => {
  const times = JSON.parse(await read("bench/results/gemv.json"));
  assertEquals(gemvPage(times, await read("bench/gemv_rungs.ts")), await read("docs/gemv.md"));
  // The times are of these rungs, and each is a gain over the first.
  assertEquals(times.rungs.map((r: { name: string }) => r.name), GEMV_RUNGS.map((r) => r.name));
  for (const r of times.rungs.slice(1)) assertGreater(times.rungs[0].ms, r.ms, r.name);
});

Deno.test("docs: every rung of docs/gemv.md computes the product", async () => {
  const target = { ...WEBGPU_BASELINE, software: true };
  const naive = naiveGemv(target);
  const numbers = (n: number, step: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: n }, (_, i) => ((i * step) % 31) / 15 - 1);
  const arrays = {
    in0: numbers(768, 7),
    in1: numbers(768 * 3072, 11),
    out: new Float32Array(3072).fill(NaN),
  };
  const expected = Object.fromEntries(Object.entries(arrays).map(([k, v]) => [k, Float64Array.from(v)]));
  float64(naive)(expected, {});
  const device = jsDevice();
  for (const rung of GEMV_RUNGS) {
    const { out } = await runLowered(device, lowerFunc(rungOf(naive, rung, target)), arrays, {});
    assertAllClose(out!, expected["out"]!, { rtol: 1e-5, atol: 1e-4 }, rung.name);
  }
  device.dispose();
});
