/** The command line as a process of its own, with the model that ships, on the js backend. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const GOLDEN = new URL("../../models/weights/stories/golden.json", import.meta.url);

interface Golden {
  readonly prompts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    readonly greedy: readonly number[];
  }[];
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function command(args: readonly string[], { input, env }: RunOptions = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  });
}

async function run(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = command(args, options).spawn();
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.input));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

const golden: Golden = JSON.parse(await Deno.readTextFile(GOLDEN));
const [first] = golden.prompts;
if (first === undefined) throw new Error("golden.json has no prompts");

Deno.test("process: text and JSON are the golden continuation of the model that ships", async () => {
  const args = ["generate", "--device", "js", "--temperature", "0", "--max-tokens", "8"];
  const [text, json, piped] = await Promise.all([
    run([...args, first.prompt]),
    run([...args, "--json", "--prompt-ids", first.ids.join()]),
    run(args, { input: `${first.prompt}\n` }),
  ]);
  const parsed = JSON.parse(json.out);
  assertEquals(parsed.ids, first.greedy.slice(0, 8));
  assertEquals([parsed.promptIds, parsed.finishReason, parsed.device], [first.ids, "length", "js"]);
  assertEquals([text.code, json.code, piped.code], [0, 0, 0]);
  assertEquals(text.out, parsed.text);
  assertEquals(piped.out, parsed.text);
  assertMatch(text.err, /^prompt 4 tokens \([\d.]+ tok\/s\) \| generated 8 tokens .* \| js[^\n]*\n$/);
});

Deno.test("process: without an adapter it says so in one line and runs on wasm", async () => {
  const args = ["generate", "--prompt-ids", "1", "--max-tokens", "1"];
  // A graphics interface that only Windows has.
  const env = { DENO_WEBGPU_BACKEND: Deno.build.os === "windows" ? "metal" : "dx12" };
  const { code, err } = await run(args, { env });
  assertEquals(code, 0, err);
  const lines = err.trimEnd().split("\n");
  assertEquals(lines.length, 2);
  assertMatch(lines[0] ?? "", /^Cannot use WebGPU: there is no adapter\. Running on wasm \(.*\)\.$/);
  assertStringIncludes(lines[1] ?? "", "| wasm");
  const asked = await run([...args, "--device", "webgpu"], { env });
  assertEquals([asked.code, asked.out], [1, ""]);
});

Deno.test("process: errors are one clear message and exit code 1, misuse is 2", async () => {
  const [missing, prompt, misuse] = await Promise.all([
    run(["generate", "x", "--device", "js", "--model", "no/such/model"]),
    run(["generate", "--device", "js", "--prompt-ids", "4096"]),
    run(["generate", "x", "--max-tokens", "-1"]),
  ]);
  assertEquals([missing.code, prompt.code, misuse.code], [1, 1, 2]);
  assertEquals(missing.out + prompt.out + misuse.out, "");
  assertStringIncludes(missing.err, "no/such/model");
  assertStringIncludes(prompt.err, "4096");
  for (const { err } of [missing, prompt, misuse]) assert(!/^\s+at /m.test(err), err);
});

Deno.test({
  name: "process: Ctrl-C ends the text where it is, with the summary and exit code 130",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = command([
      "generate",
      first.prompt,
      "--device=js",
      "--temperature=0.7",
      "--seed=1",
      "--max-tokens=250",
    ]).spawn();
    const reader = child.stdout.getReader();
    const stderr = new Response(child.stderr).text();
    let out = "";
    for (let item = await reader.read(); !item.done; item = await reader.read()) {
      if (out === "") child.kill("SIGINT");
      out += new TextDecoder().decode(item.value);
    }
    const { code } = await child.status;
    const err = await stderr;
    assertEquals(code, 130, err);
    assert(out.length > 0);
    const generated = /generated (\d+) tokens/.exec(err)?.[1];
    assert(Number(generated) >= 1 && Number(generated) < 100, err);
  },
});

Deno.test({
  name: "process: a reader that goes away ends it quietly",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = command(["generate", first.prompt, "--device=js", "--max-tokens=250"]).spawn();
    const reader = child.stdout.getReader();
    const stderr = new Response(child.stderr).text();
    await reader.read();
    await reader.cancel();
    const { code } = await child.status;
    assertEquals([code, await stderr], [141, ""]);
  },
});
