import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { generateCommand } from "../../cli/generate.ts";
import { main } from "../../cli/main.ts";
import { SHIPPED_MODEL } from "../../cli/models.ts";
import { InputError } from "../../ir/errors.ts";
import { type FakeIo, fakeIo, fakeParts, type FakeSetup, type Seen } from "./fakes.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly seen: Seen;
}

async function run(args: readonly string[], setup: FakeSetup = {}, io: FakeIo = fakeIo()): Promise<Ran> {
  const { parts, seen } = fakeParts(setup);
  const code = await main(["generate", ...args], io, { generate: generateCommand(parts) });
  return { code, out: io.written.out, err: io.written.err, seen };
}

Deno.test("generate: stdout has the text and nothing else, stderr ends with the summary", async () => {
  const { code, out, err, seen } = await run(["Once upon"]);
  assertEquals(code, 0);
  assertEquals(out, "Hello, world");
  assertEquals(
    err,
    "prompt 2 tokens (40.0 tok/s) | generated 3 tokens (12.5 tok/s) | first token 50 ms | load 20 ms | " +
      "compile 1.50 s | webgpu (fake webgpu)\n",
  );
  assertEquals(seen.options?.prompt, "Once upon");
  assertEquals(seen.dir, SHIPPED_MODEL);
  assertEquals(seen.opened, ["webgpu"]);
  assertEquals(seen.disposed, ["model", "webgpu"]);
});

Deno.test("generate: a terminal gets a line break at the end and progress on stderr", async () => {
  const { out, err } = await run(["x"], {
    onLoad: ({ onProgress }) => {
      onProgress?.({ stage: "kernels", done: 1, total: 9 });
      onProgress?.({ stage: "prepare", done: 0, total: 4 });
      onProgress?.({ stage: "weights", done: 500_000, total: 7_000_000 });
    },
  }, fakeIo({ terminal: true }));
  assertEquals(out, "Hello, world\n");
  assertStringIncludes(
    err,
    "\r\x1b[Kmaking kernels 1/9\r\x1b[Kcompiling 4 kernels\r\x1b[Kloading weights 0.5/7.0 MB\r\x1b[Kprompt 2",
  );
});

Deno.test("generate: a model without tokenizer prints ids", async () => {
  const { out } = await run(["--prompt-ids", "1"], { noTokenizer: true, pieces: ["", "", ""] });
  assertEquals(out, "0 1 2");
});

Deno.test("generate: --json prints exactly one object with the promised keys", async () => {
  const { code, out, err } = await run(["--json", "--prompt-ids", "5,6"], { finishReason: "stop" });
  assertEquals(code, 0);
  assert(out.endsWith("}\n") && out.split("\n").length === 2);
  assertEquals(JSON.parse(out), {
    text: "Hello, world",
    ids: [0, 1, 2],
    promptIds: [5, 6],
    finishReason: "stop",
    device: "webgpu",
    promptTokens: 2,
    generatedTokens: 3,
    prefillTokensPerSecond: 40,
    decodeTokensPerSecond: 12.5,
    timeToFirstTokenMs: 50,
    loadMs: 20,
    compileMs: 1500,
  });
  assertMatch(err, /^prompt 2 tokens.*\n$/);
});

Deno.test("generate: the prompt is the argument, ids, or stdin", async () => {
  const promptOf = async (args: readonly string[], input?: string | Uint8Array) => {
    const { seen } = await run(args, {}, fakeIo(input === undefined ? {} : { input }));
    return [seen.options?.prompt, seen.options?.promptIds];
  };
  assertEquals(await promptOf(["a prompt"], "ignored"), ["a prompt", undefined]);
  assertEquals(await promptOf(["--", "--json"]), ["--json", undefined]);
  assertEquals(await promptOf(["--prompt-ids=1,2"]), [undefined, [1, 2]]);
  assertEquals(await promptOf([], "from stdin\n"), ["from stdin", undefined]);
  assertEquals(await promptOf([], "two\nlines\r\n"), ["two\nlines", undefined]);
  assertEquals(await promptOf([], " kept \n\n"), [" kept \n", undefined]);
});

Deno.test("generate: what cannot be understood is exit code 2 and opens nothing", async () => {
  const misuse = async (args: readonly string[], input?: string | Uint8Array) => {
    const { code, out, err, seen } = await run(args, {}, fakeIo(input === undefined ? {} : { input }));
    assertEquals([code, out, seen.opened], [2, "", []]);
    assertStringIncludes(err, "Run `deno task generate --help` for the flags.\n");
    return err.split("\n")[0];
  };
  const noPrompt = "no prompt: give one in quotes, with --prompt-ids, or on stdin";
  assertEquals(await misuse([]), noPrompt);
  assertEquals(await misuse([], "\n"), noPrompt);
  assertEquals(await misuse([], Uint8Array.of(0xff)), "the prompt on stdin is not valid UTF-8");
  assertEquals(
    await misuse(["Once", "upon"]),
    "one prompt is needed, got 2 arguments: put the prompt in quotes",
  );
  assertEquals(await misuse(["x", "--prompt-ids", "1"]), "give a prompt or --prompt-ids, not both");
  assertEquals(await misuse(["x", "--top-p", "0"]), '--top-p must be a number > 0 and <= 1, got "0"');
  assertEquals(await misuse(["x", "--min-p", "2"]), '--min-p must be a number from 0 to 1, got "2"');
  assertEquals(
    await misuse(["x", "--repetition-penalty", "0"]),
    '--repetition-penalty must be a number > 0, got "0"',
  );
  assertEquals(
    await misuse(["x", "--max-token", "1"]),
    "unknown flag --max-token; did you mean --max-tokens?",
  );
  assertEquals(
    await misuse(["x", "--schedule", "fast"]),
    '--schedule must be default or fallback, got "fast"',
  );
});

Deno.test("generate: an error is one message on stderr and exit code 1; --verbose adds the stack", async () => {
  const setup: FakeSetup = {
    onLoad: () => {
      throw new InputError("Cannot load: it is broken");
    },
  };
  const { code, out, err, seen } = await run(["x"], setup);
  assertEquals([code, out, err], [1, "", "Cannot load: it is broken\n"]);
  assertEquals(seen.disposed, ["webgpu"]);
  assertStringIncludes((await run(["x", "--verbose"], setup)).err, "fakes.ts");
  const bug = await run(["x"], {
    onLoad: () => {
      throw new RangeError("oops");
    },
  });
  assertEquals([bug.code, bug.err], [1, "RangeError: oops (--verbose shows where)\n"]);
});

Deno.test("generate: without an adapter it says so in one line and runs on wasm, unless webgpu was asked for", async () => {
  const { code, out, err, seen } = await run(["x"], { noAdapter: true });
  assertEquals([code, out, seen.opened], [0, "Hello, world", ["wasm"]]);
  const lines = err.split("\n");
  assertEquals(lines[0], "There is no WebGPU adapter. Running on wasm (--device webgpu says more).");
  assertEquals(lines.length, 3);
  const refused = await run(["x", "--device", "webgpu"], { noAdapter: true });
  assertEquals([refused.code, refused.out, refused.seen.opened], [1, "", []]);
  assertStringIncludes(refused.err, "Install a driver.");
  assertEquals((await run(["x", "--device", "js"])).seen.opened, ["js"]);
});

Deno.test("generate: a WebGPU adapter on the CPU is passed over, unless it was asked for", async () => {
  const { code, err, seen } = await run(["x"], { software: true });
  assertEquals([code, seen.opened], [0, ["webgpu", "wasm"]]);
  assertEquals(seen.disposed.slice(0, 1), ["webgpu"]);
  assertStringIncludes(err, "The only WebGPU adapter, fake webgpu, runs on the CPU. Running on wasm");
  assertEquals((await run(["x", "--device", "webgpu"], { software: true })).seen.opened, ["webgpu"]);
});

Deno.test("generate: sampling comes from the model's generation_config.json, and flags go over it", async () => {
  const sampler = { temperature: 0.7, topK: 40, topP: 0.95 };
  const options = async (args: readonly string[], config: FakeSetup["generationConfig"] = { sampler }) => {
    const { seen } = await run(["x", ...args], { generationConfig: config });
    const { temperature, topK, topP, minP, repetitionPenalty, seed } = seen.options ?? {};
    return { temperature, topK, topP, minP, repetitionPenalty, seed: seed === undefined ? "none" : "some" };
  };
  const none = { minP: undefined, repetitionPenalty: undefined };
  assertEquals(await options([]), { ...sampler, ...none, seed: "some" });
  assertEquals(
    await options(["--temperature", "1.5", "--min-p", "0.1", "--top-k", "0", "--repetition-penalty", "1.1"]),
    { temperature: 1.5, topK: 0, topP: 0.95, minP: 0.1, repetitionPenalty: 1.1, seed: "some" },
  );
  assertEquals(await options(["--temperature", "0"]), { ...sampler, temperature: 0, ...none, seed: "none" });
  const greedy = { sampler: { temperature: 0 } };
  const unset = { topK: undefined, topP: undefined };
  assertEquals(await options([], greedy), { temperature: 0, ...unset, ...none, seed: "none" });
  assertEquals(await options(["--top-k", "5"], greedy), {
    temperature: 1,
    topK: 5,
    topP: undefined,
    ...none,
    seed: "some",
  });
  assertEquals((await run(["x", "--seed", "9"], { generationConfig: { sampler } })).seen.options?.seed, 9);
});

Deno.test("generate: most tokens come from the flag, the model, or are 128", async () => {
  const maxTokens = async (args: readonly string[], generationConfig: FakeSetup["generationConfig"]) =>
    (await run(["--prompt-ids=1,2,3", ...args], { generationConfig: generationConfig ?? {} })).seen.options
      ?.maxTokens;
  assertEquals(await maxTokens(["--max-tokens", "5"], { max_new_tokens: 9 }), 5);
  assertEquals(await maxTokens(["--max-tokens", "0"], { max_new_tokens: 9 }), 0);
  assertEquals(await maxTokens([], { max_new_tokens: 9, max_length: 50 }), 9);
  assertEquals(await maxTokens([], { max_length: 50 }), 47);
  assertEquals(await maxTokens([], { max_length: 2 }), 1);
  assertEquals(await maxTokens([], {}), 128);
});

Deno.test("generate: tuned schedules are taken from a file, unless a schedule is asked for", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "{}\n");
    const { err, seen } = await run(["x", "--tuned", file]);
    assert(seen.load?.database !== undefined);
    assertStringIncludes(err, `note: ${file}:1: ignored this record: it has format undefined`);
    const asked = await run(["x", "--tuned", file, "--schedule", "default"]);
    assertEquals(asked.seen.load?.database, undefined);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("generate: stop strings, model and schedule are handed on; notes and a full context are said", async () => {
  const { err, seen } = await run(
    ["x", "--stop", "\n\n", "--stop=END", "--model", "some/dir", "--schedule", "fallback", "--verbose"],
    {
      finishReason: "context",
      config: { n_positions: 64, notes: ["config.json: unknown setting ignored"] },
      generationConfig: { notes: ["num_beams is ignored"] },
    },
  );
  assertEquals(seen.options?.stop, ["\n\n", "END"]);
  assertEquals(seen.dir, "some/dir");
  assert(seen.load?.schedule !== undefined);
  assertStringIncludes(err, "note: config.json: unknown setting ignored\nnote: num_beams is ignored\n");
  assertStringIncludes(err, "stopped: the model's context of 64 tokens is full\n");
  assertMatch(
    err,
    /memory: weights 2\.0 MB, work 3\.0 MB, cache 4\.0 MB \(1\.0 MB at first\), at most 9\.5 MB\n/,
  );
  assertMatch(err, /kernels: 5; dispatches: decode 6\ncheckpoint 1\.0 MB, peak of the process \d+/);
});

Deno.test("generate: Ctrl-C keeps the text so far, prints the summary and gives 130; the second exits at once", async () => {
  const io = fakeIo();
  const first = await run(["x"], { onToken: (n) => n === 2 && io.interrupt() }, io);
  assertEquals([first.code, first.out], [130, "Hello,"]);
  assertMatch(first.err, /generated 2 tokens .*\n$/);
  assertEquals(first.seen.disposed, ["model", "webgpu"]);

  const json = fakeIo();
  const inJson = await run(["x", "--json"], { onToken: (n) => n === 1 && json.interrupt() }, json);
  assertEquals(inJson.code, 130);
  assertEquals(JSON.parse(inJson.out).finishReason, "aborted");

  const early = fakeIo();
  const loading = await run(["x"], { onLoad: () => early.interrupt() }, early);
  assertEquals([loading.code, loading.out, loading.err], [130, "", "interrupted before the first token\n"]);

  const twice = fakeIo();
  const second = await run(["x"], {
    onToken: (n) => {
      if (n === 1) twice.interrupt(), twice.interrupt();
    },
  }, twice);
  assertStringIncludes(second.err, "exit 130");
});

Deno.test("generate: --help names every flag on stdout", async () => {
  const { code, out, err } = await run(["--help"]);
  assertEquals([code, err], [0, ""]);
  for (const flag of ["model", "max-tokens", "temperature", "seed", "stop", "prompt-ids", "device", "json"]) {
    assertStringIncludes(out, `--${flag}`);
  }
});

Deno.test("main: commands are listed, unknown ones refused with a suggestion", async () => {
  const command = { summary: "does it", run: () => Promise.resolve(3) };
  const call = async (args: readonly string[]) => {
    const io = fakeIo();
    return { code: await main(args, io, { generate: command }), ...io.written };
  };
  assertEquals((await call(["generate"])).code, 3);
  const help = await call(["--help"]);
  assertEquals([help.code, help.err], [0, ""]);
  assertStringIncludes(help.out, "generate  does it");
  const typo = await call(["genrate"]);
  assertEquals([typo.code, typo.out], [2, ""]);
  assertStringIncludes(typo.err, "unknown command genrate; did you mean generate?");
  assertEquals((await call([])).code, 2);
});

Deno.test("main: a reader that goes away ends the command quietly", async () => {
  const io = fakeIo();
  const closed = { ...io, out: () => Promise.reject(Object.assign(new Error("EPIPE"), { code: "EPIPE" })) };
  const { parts, seen } = fakeParts();
  assertEquals(await main(["generate", "x"], closed, { generate: generateCommand(parts) }), 141);
  assertEquals(io.written.err, "");
  assertEquals(seen.disposed, ["model", "webgpu"]);
});
