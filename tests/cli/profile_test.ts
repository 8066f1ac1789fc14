import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { main } from "../../cli/main.ts";
import { byKernel, chromeTrace, profileTable, type StepProfile } from "../../cli/profile.ts";
import { timelineSvg } from "../../cli/timeline.ts";
import { fakeIo } from "./fakes.ts";

/** Dispatches one after the other, with pauses. */
const dispatches: fc.Arbitrary<StepProfile["dispatches"]> = fc.array(
  fc.record({
    kernel: fc.constantFrom("a", "bb", "c<c"),
    pause: fc.nat(3),
    ms: fc.integer({ min: 1, max: 9 }),
    flops: fc.option(fc.nat(1e9), { nil: undefined, freq: 9 }),
    bytes: fc.option(fc.nat(1e9), { nil: undefined, freq: 9 }),
  }),
).map((given) => {
  let start = 1000;
  return given.map(({ pause, ...d }, index) => {
    start += pause;
    const dispatch = { ...d, index, start };
    start += d.ms;
    return dispatch;
  });
});

const profile: fc.Arbitrary<StepProfile> = fc.record({
  entry: fc.constantFrom("prefill", "decode"),
  past: fc.nat(99),
  tokens: fc.integer({ min: 1, max: 99 }),
  dispatches,
  hostMs: fc.constant(0.25),
});

Deno.test("property: a timeline has every dispatch once, in order, and none overlaps another of its row", () => {
  fc.assert(fc.property(fc.array(profile), (profiles) => {
    const { traceEvents } = JSON.parse(chromeTrace(profiles)) as {
      traceEvents: { name: string; ph: string; ts: number; dur: number; tid: number }[];
    };
    profiles.forEach(({ dispatches }, i) => {
      const row = traceEvents.filter((e) => e.tid === i + 1 && e.ph === "X");
      assertEquals(row.map((e) => [e.name, e.dur]), dispatches.map((t) => [t.kernel, t.ms * 1000]));
      row.slice(1).forEach((e, n) => assert(e.ts >= row[n]!.ts + row[n]!.dur));
    });
    assertEquals(traceEvents.filter((e) => e.ph === "M").length, profiles.length);
    const svg = timelineSvg(profiles);
    assertEquals(svg.match(/<title>/g)?.length ?? 0, profiles.flatMap((p) => p.dispatches).length);
    assert(!svg.includes("c<c") && !/NaN|undefined/.test(svg));
  }));
});

Deno.test("property: the lines of a table add up to its last line, and that to the step", () => {
  fc.assert(fc.property(profile, (step) => {
    const kernels = byKernel(step.dispatches);
    const sum = (of: readonly number[]): number => of.reduce((a, b) => a + b, 0);
    assertEquals(sum(kernels.map((k) => k.calls)), step.dispatches.length);
    assertEquals(sum(kernels.map((k) => k.ms)), sum(step.dispatches.map((d) => d.ms)));
    for (const what of ["flops", "bytes"] as const) {
      const known = kernels.filter((k) => k[what] !== undefined);
      const names = new Set(known.map((k) => k.kernel));
      const counted = step.dispatches.filter((d) => names.has(d.kernel));
      assertEquals(sum(known.map((k) => k[what]!)), sum(counted.map((d) => d[what]!)));
      const open = new Set(step.dispatches.filter((d) => d[what] === undefined).map((d) => d.kernel));
      assertEquals(kernels.length - known.length, open.size);
    }
    const rows = profileTable(step).trimEnd().split("\n").slice(2).map((line) => line.split(/ {2,}/));
    assert(rows.every((row) => row.length === 7));
    const shares = sum(rows.slice(0, -1).map((row) => Number.parseFloat(row[3]!)));
    assertAlmostEquals(shares, step.dispatches.length === 0 ? 0 : 100, 0.2);
    assertEquals(rows.at(-1)!.slice(0, 2), ["all", String(step.dispatches.length)]);
  }));
});

Deno.test("times are summed by kernel, the longest first, with rates and what is between", () => {
  const given = [["a", 0, 1, 2e6, 1e6], ["b", 1.5, 5, undefined, 8e6], ["a", 7, 2, 4e6, 2e6]] as const;
  const dispatches = given.map(([kernel, start, ms, flops, bytes], index) => ({
    kernel,
    index,
    start,
    ms,
    flops,
    bytes,
  }));
  assertEquals(
    profileTable({ entry: "decode", past: 7, tokens: 1, dispatches, hostMs: 0.25 }),
    "decode of 1 after 7: 3 dispatches, 8.000 ms; 1.000 ms between them, 9.000 ms from first to last; " +
      "the host spends 0.250 ms a run beside the kernels\n" +
      "kernel  calls  ms     share   MB      GFLOP/s  GB/s\n" +
      "b       1      5.000  62.5%   8.000   -        1.60\n" +
      "a       2      3.000  37.5%   3.000   2.00     1.00\n" +
      "all     3      8.000  100.0%  11.000  -        1.38\n",
  );
});

Deno.test("generate --profile writes a timeline of the model's steps, and changes no text", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const args = [
      "generate",
      "--device",
      "js",
      "--temperature",
      "0",
      "--max-tokens",
      "2",
      "Once upon a time",
    ];
    const [plain, io] = [fakeIo(), fakeIo()];
    assertEquals(await main(args, plain), 0);
    assertEquals(await main([...args, "--profile", file], io), 0);
    assertEquals(io.written.out, plain.written.out);
    assertMatch(io.written.err, /prefill of \d+ after 0: \d+ dispatches/);
    assertMatch(io.written.err, /decode of 1 after \d+: \d+ dispatches/);
    const { traceEvents } = JSON.parse(await Deno.readTextFile(file));
    const dispatches = [...io.written.err.matchAll(/(\d+) dispatches/g)].reduce(
      (n, [, d]) => n + Number(d),
      0,
    );
    assert(dispatches > 0);
    assertEquals(traceEvents.filter((e: { ph: string }) => e.ph === "X").length, dispatches);
    // Every kernel of the model can be counted.
    assert(!/ -( |$)/m.test(io.written.err));
  } finally {
    await Deno.remove(file);
  }
});
