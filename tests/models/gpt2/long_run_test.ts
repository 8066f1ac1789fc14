import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { deviceTest } from "../../support/devices.ts";
import type { LongRun } from "./long_run.ts";

/** `WEFT_LONG_RUN=10000` for as many as that (`deno task test:long`). */
const TOKENS = Number(Deno.env.get("WEFT_LONG_RUN") ?? 1000);

deviceTest(`memory and speed are flat over twice ${TOKENS} tokens, both the same`, async (device) => {
  const script = new URL("./long_run.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", script, device.target.kind, String(TOKENS)],
    stderr: "inherit",
  });
  const { stdout, code } = await child.output();
  assertEquals(code, 0);
  const run: LongRun = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals([run.same, run.tokens], [true, TOKENS]);
  assertGreater(run.distinct, 50, "a text that says nothing is the same by chance");
  for (const [what, count] of Object.entries(run.kept)) assertEquals(count, 0, what);
  assertGreater(run.inUse, 0);
  assertEquals(run.left, 0, "buffers that nobody freed");
  // A promise that is kept is 300 bytes; what the collector leaves is below 100.
  assertLess(run.heldPerToken, 160, "bytes of objects held");
  // The process: the collector and the driver may keep some MB.
  assertLess(run.grown, 2 ** 24);
  // Wall time only where it was asked for: this machine may be busy.
  if (Deno.env.has("WEFT_LONG_RUN")) assertLess(run.slower, 1.5);
});
