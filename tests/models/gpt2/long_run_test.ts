import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { deviceTest } from "../../support/devices.ts";
import type { LongRun } from "./long_run.ts";

/** `WEFT_LONG_RUN=10000` for as many as that (`deno task test:long`). */
const TOKENS = Number(Deno.env.get("WEFT_LONG_RUN") ?? 1500);

deviceTest(`memory and speed are flat over twice ${TOKENS} tokens, both the same`, async (device) => {
  const script = new URL("./long_run.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, device.target.kind, String(TOKENS)],
    stderr: "inherit",
  });
  const { stdout, code } = await child.output();
  assertEquals(code, 0);
  const run: LongRun = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals([run.same, run.tokens], [true, TOKENS]);
  assertGreater(run.distinct, 1);
  for (const [what, count] of Object.entries(run.made)) assertEquals(count, 0, what);
  assertEquals(run.left, 0, "buffers that nobody freed");
  // A leak of 16 KB a token would show; the collector and the driver may keep what they like below that.
  assertLess(run.grown, 2 ** 14 * TOKENS);
  // Wall time only where it was asked for: this machine may be busy.
  if (Deno.env.has("WEFT_LONG_RUN")) assertLess(run.slower, 1.5);
});
