/** The command `deno task tune`, on the model of the repository. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseRecord } from "../../schedule/tune/record.ts";

async function tune(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const root = new URL("../../", import.meta.url).pathname;
  const command = [
    "run",
    "-A",
    "--no-check",
    "--config",
    `${root}deno.json`,
    `${root}bench/tune.ts`,
    ...args,
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: command }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("tune: a kernel is measured and recorded, and not a second time", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const model = new URL("../../models/weights/stories", import.meta.url).pathname;
    const [database, report] = [`${dir}/t.jsonl`, `${dir}/t.json`];
    const args = [
      "--model",
      model,
      "--device",
      "wasm",
      "--kernels",
      "argmax",
      "--entry",
      "decode",
      "--trials",
      "3",
    ];
    const common = [...args, "--prompt", "4", "--steps", "1", "--database", database, "--out", report];
    const first = await tune(...common, "--rounds", "1");
    assertEquals(first.code, 0, first.err);
    assertStringIncludes(first.out, "| Entry | Kernel | Calls | Rule |");
    assertStringIncludes(first.out, "| decode | argmax");
    const lines = (await Deno.readTextFile(database)).split("\n").filter((l) => l !== "");
    assert(lines.length >= 4 && lines.every((l) => typeof parseRecord(l) !== "string"));
    const { kernels, trials, rates } = JSON.parse(await Deno.readTextFile(report));
    assertEquals([kernels.length, kernels[0].trials, trials.length], [1, 3, 3]);
    assert(rates.decode.untuned > 0 && rates.decode.tuned > 0 && rates.prefill.tuned > 0);
    const second = await tune(...common, "--rounds", "0");
    assertEquals(second.code, 0, second.err);
    assertEquals(JSON.parse(await Deno.readTextFile(report)).trials, []);
    assertEquals(
      (await Deno.readTextFile(database)).split("\n").filter((l) => l !== "").length,
      lines.length,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("tune: what cannot be understood is said, with the usage", async () => {
  for (
    const [args, said] of [
      [["--budget", "soon"], "--budget takes seconds or minutes, such as 300s or 5m, got soon"],
      [["--device", "abacus"], "There is no device abacus"],
      [["--trials", "0"], "--trials takes a whole number from 1 on, got 0"],
    ] as const
  ) {
    const { code, err } = await tune(...args);
    assertEquals(code, 2);
    assertStringIncludes(err, said);
    assertStringIncludes(err, "deno task tune [--model");
  }
});
