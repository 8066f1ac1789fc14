/**
 * Lesson 9: beam search, and several answers to one prompt.
 *
 *     deno run -A docs/lessons/09_beam_search.ts
 *
 * What a model keeps of a text is a state, which can be forked: both go on from there on their own. With that, ways of
 * generating that Weft does not have are a few lines of a user's own.
 */
import { assert, assertEquals } from "@std/assert";
import { jsDevice, type State } from "@weft/weft";
import { collect, createSession, generate, loadGPT2 } from "@weft/weft/models/gpt2";

const folder = new URL("../../models/weights/stories/", import.meta.url);
using model = await loadGPT2(folder, { device: jsDevice() });
const { executable, tokenizer } = model;
if (tokenizer === undefined) throw new Error("the model that ships has a tokenizer");

// 1. Several answers: the prompt is computed once, each answer goes on from a fork of it.
const prompt = "Once upon a time";
using session = createSession(model);
await collect(generate(model, { session, prompt, maxTokens: 1, temperature: 0 }));
const answers: string[] = [];
for (const seed of [1, 2, 3]) {
  using fork = session.fork();
  const answer = await collect(generate(model, { session: fork, prompt, maxTokens: 6, seed }));
  assert(answer.reusedTokens > 0);
  answers.push(answer.text);
}
assertEquals(new Set(answers).size, 3);

// 2. Beam search: of all ways to go on from the best texts, keep the best, by the sum of their log-probabilities.
interface Beam {
  readonly ids: readonly number[];
  readonly score: number;
  readonly state: State;
}

/** Runs tokens after a state; gives the likeliest tokens that may follow, with their log-probabilities. */
async function next(
  ids: readonly number[],
  state: State,
  count: number,
): Promise<(readonly [number, number])[]> {
  const given = { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } as const;
  const { logits } = executable.run(ids.length === 1 ? "decode" : "prefill", { ids: given }, { state });
  const values = [...(await logits!.read()).data].map(Number);
  const most = Math.max(...values);
  const norm = most + Math.log(values.reduce((sum, x) => sum + Math.exp(x - most), 0));
  return values.map((x, id) => [id, x - norm] as const).sort((a, b) => b[1] - a[1]).slice(0, count);
}

async function beamSearch(text: string, width: number, length: number): Promise<Beam> {
  const start = executable.createState();
  const first = await next(tokenizer!.encode(text), start, width);
  let beams: readonly Beam[] = first.map(([id, score]) => ({
    ids: [id],
    score,
    state: executable.forkState(start),
  }));
  start.dispose();
  for (let n = 1; n < length; n++) {
    const ways = [];
    for (const beam of beams) {
      for (const [id, score] of await next(beam.ids.slice(-1), beam.state, width)) {
        ways.push({ beam, id, score: beam.score + score });
      }
    }
    const best = ways.sort((a, b) => b.score - a.score).slice(0, width);
    const kept = best.map(({ beam, id, score }) => ({
      ids: [...beam.ids, id],
      score,
      state: executable.forkState(beam.state),
    }));
    for (const { state } of beams) state.dispose();
    beams = kept;
  }
  for (const { state } of beams) state.dispose();
  return beams[0]!;
}

// One beam is greedy; more find a text that is at least as likely here.
const greedy = await beamSearch(prompt, 1, 6);
const plain = await collect(generate(model, { prompt, maxTokens: 6, temperature: 0 }));
assertEquals(greedy.ids, plain.ids);
const wide = await beamSearch(prompt, 3, 6);
assert(wide.score >= greedy.score);
console.log(tokenizer.decode([...wide.ids]), wide.score.toFixed(2));
