/** What is kept from one generation to the next, and prompts in pieces. @module */
import { assertEquals, assertGreater, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../../ir/errors.ts";
import {
  collect,
  createSession,
  generate,
  type GenerateOptions,
  loadGPT2,
} from "../../../models/gpt2/mod.ts";
import { deviceTest } from "../../support/devices.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { assertRejects } from "@std/assert";

const STORIES = new URL("../../../models/weights/stories/", import.meta.url);

deviceTest("with a session or without, in one piece or several, texts are the same", async (device) => {
  using model = await loadGPT2(STORIES, { device });
  using pieces = await loadGPT2(STORIES, { device, prefillChunk: 3 });
  assertLess(pieces.executable.info.workBytes, model.executable.info.workBytes);
  using session = createSession(model);
  const prompt = fc.array(fc.nat(40), { minLength: 1, maxLength: 9 });
  let reused = 0;
  await fc.assert(
    fc.asyncProperty(
      prompt,
      fc.nat(4),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 1, max: 4 }),
      async (
        fresh,
        maxTokens,
        kept,
        inFlight,
      ) => {
        // Some of what the session holds, and other tokens.
        const promptIds = [...session.ids.slice(0, kept), ...fresh];
        const options = { promptIds, maxTokens, temperature: 0 };
        const expected = await collect(generate(model, options));
        assertEquals(expected.reusedTokens, 0);
        const held = session.ids;
        const differs = held.findIndex((id, i) => id !== promptIds[i]);
        const common = differs < 0 ? held.length : differs;
        const found = await collect(generate(model, { ...options, session, inFlight }));
        assertEquals([found.ids, found.finishReason], [expected.ids, expected.finishReason]);
        assertEquals(found.reusedTokens, Math.min(common, promptIds.length - 1));
        reused += found.reusedTokens;
        assertEquals(session.ids, [...promptIds, ...found.ids].slice(0, session.ids.length));
        assertEquals((await collect(generate(pieces, options))).ids, expected.ids);
      },
    ),
    { numRuns: 8, seed: 5 },
  );
  assertGreater(reused, 0);
});

deviceTest("forks go on from one text, each on its own", async (device) => {
  using model = await loadGPT2(STORIES, { device });
  using session = createSession(model);
  const start: GenerateOptions = { prompt: "Once upon a time", maxTokens: 4, temperature: 0 };
  const { ids, promptIds } = await collect(generate(model, { ...start, session }));
  const text = [...promptIds, ...ids];
  using fork = session.fork();
  const ends = [5, 9].map((id) => [...text, id, id + 1]);
  const expected = [];
  for (const promptIds of ends) {
    expected.push((await collect(generate(model, { promptIds, maxTokens: 3, temperature: 0 }))).ids);
  }
  const found = [];
  for (const [i, s] of [session, fork].entries()) {
    const result = await collect(
      generate(model, { promptIds: ends[i]!, maxTokens: 3, temperature: 0, session: s }),
    );
    found.push(result.ids);
    assertEquals(result.reusedTokens, text.length - 1);
  }
  assertEquals(found, expected);
});

Deno.test("a session is of one generation at a time, and of one model", async () => {
  const device = jsDevice();
  using model = await loadGPT2(STORIES, { device });
  using session = createSession(model);
  const options: GenerateOptions = { prompt: "Once upon a time", maxTokens: 5, temperature: 0, session };
  const running = generate(model, options);
  await running.next();
  const busy = assertThrows(() => session.fork(), InputError).message;
  assertStringIncludes(busy, "while a generation uses it");
  await assertRejects(() => collect(generate(model, options)), InputError, "while a generation uses it");
  await collect(running);
  using other = await loadGPT2(STORIES, { device });
  await assertRejects(() => collect(generate(other, options)), InputError, "another executable");
  assertEquals((await collect(generate(model, options))).ids.length, 5);
});

Deno.test("a prompt in pieces can be aborted between them", async () => {
  using model = await loadGPT2(STORIES, { device: jsDevice(), prefillChunk: 2 });
  const stop = new AbortController();
  using session = createSession(model);
  const running = collect(generate(model, { promptIds: Array(60).fill(7), session, signal: stop.signal }));
  stop.abort();
  const { finishReason } = await running;
  assertEquals(finishReason, "aborted");
  assertLess(session.ids.length, 60);
  await assertRejects(
    () => loadGPT2(STORIES, { device: jsDevice(), prefillChunk: 0 }),
    InputError,
    "prefillChunk",
  );
});
