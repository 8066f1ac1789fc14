import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../.ci/run", import.meta.url));

/** Runs `.ci/run` with a stand-in for npx that prints `text` and exits with `status`. */
async function ci(
  text: string,
  status: number,
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const bin = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${bin}/text`, text);
    await Deno.writeTextFile(
      `${bin}/npx`,
      `#!/bin/sh\necho "$WEFT_REQUIRE_WEBGPU $*"\ncat "${bin}/text"\nexit ${status}\n`,
    );
    await Deno.writeTextFile(`${bin}/dpkg`, "#!/bin/sh\nexit 0\n");
    for (const name of ["npx", "dpkg"]) await Deno.chmod(`${bin}/${name}`, 0o755);
    const { code, stdout } = await new Deno.Command("bash", {
      args: [SCRIPT],
      env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
    }).output();
    return { code, lines: new TextDecoder().decode(stdout).trimEnd().split("\n") };
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
}

const SUMMARIES =
  "ok | 12 passed (3 steps) | 0 failed | 2 ignored (1 step) (1s)\nnoise 5 passed\nok | 7 passed | 0 failed (2m3s)\n";

Deno.test({
  name: "ci: runs the README's command, adds up the summaries and says what failed",
  ignore: Deno.build.os === "windows",
  async fn() {
    const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
    const good = await ci(SUMMARIES, 0);
    assertEquals(good.lines[0], "1 -y deno@2.9.6 task ok");
    assertEquals(readme.includes("npx -y deno@2.9.6 task ok\n"), true);
    assertEquals([good.code, good.lines.at(-1)], [0, "19 passed, 0 failed"]);

    const failing = await ci(`${SUMMARIES}FAILED | 3 passed | 2 failed (12ms)\n`, 1);
    assertEquals([failing.code, failing.lines.at(-1)], [1, "22 passed, 2 failed"]);

    const afterwards = await ci(SUMMARIES, 3);
    assertEquals([afterwards.code, afterwards.lines.at(-1)], [1, "19 passed, 1 failed"]);

    const dead = await ci("error: The module's source code could not be parsed\n", 1);
    assertEquals([dead.code, dead.lines.at(-1)], [1, "0 passed, 1 failed"]);

    const nothing = await ci("", 0);
    assertEquals(nothing.lines.at(-1), "0 passed, 1 failed");
    assertEquals(nothing.code, 1);
  },
});
