import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { main } from "../../cli/main.ts";
import { chromeTrace, profileTable, type StepProfile } from "../../cli/profile.ts";
import { fakeIo } from "./fakes.ts";

const profile: fc.Arbitrary<StepProfile> = fc.record({
  entry: fc.constantFrom("prefill", "decode"),
  past: fc.nat(99),
  tokens: fc.integer({ min: 1, max: 99 }),
  times: fc.array(
    fc.record({ kernel: fc.constantFrom("a", "bb", "c_c"), ms: fc.integer({ min: 1, max: 9 }) }),
  ),
  hostMs: fc.constant(0.25),
});

Deno.test("property: a timeline has every dispatch once, in order, and none overlaps another of its row", () => {
  fc.assert(fc.property(fc.array(profile), (profiles) => {
    const { traceEvents } = JSON.parse(chromeTrace(profiles)) as {
      traceEvents: { name: string; ph: string; ts: number; dur: number; tid: number }[];
    };
    profiles.forEach(({ times }, i) => {
      const row = traceEvents.filter((e) => e.tid === i + 1 && e.ph === "X");
      assertEquals(row.map((e) => [e.name, e.dur]), times.map((t) => [t.kernel, t.ms * 1000]));
      row.slice(1).forEach((e, n) => assert(e.ts >= row[n]!.ts + row[n]!.dur));
    });
    assertEquals(traceEvents.filter((e) => e.ph === "M").length, profiles.length);
  }));
});

Deno.test("times are summed by kernel, the longest first", () => {
  const times = [["a", 1], ["b", 5], ["a", 2]].map(([kernel, ms]) =>
    ({ kernel, ms }) as StepProfile["times"][0]
  );
  assertEquals(
    profileTable({ entry: "decode", past: 7, tokens: 1, times, hostMs: 0.25 }),
    "decode of 1 after 7: 3 dispatches, 8.000 ms; a run keeps the host for 0.250 ms\n" +
      "kernel  calls  ms     share\n" +
      "b       1      5.000  62.5%\n" +
      "a       2      3.000  37.5%\n",
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
  } finally {
    await Deno.remove(file);
  }
});
