import fc from "fast-check";
import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { InputError } from "../../ir/errors.ts";
import { sampler, type SamplerOptions } from "../../models/sampler.ts";

/** A slow sampler that follows the definition: the kept tokens and their probabilities. */
function distribution(
  logits: Float32Array,
  options: SamplerOptions,
  history: readonly number[] = [],
): Map<number, number> {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const scores = logits.slice();
  for (const id of new Set(history)) {
    scores[id] = scores[id]! < 0 ? scores[id]! * repetitionPenalty : scores[id]! / repetitionPenalty;
  }
  const max = Math.max(...scores);
  let order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  if (topK > 0 && topK < order.length) order = order.filter((id) => scores[id]! >= scores[order[topK - 1]!]!);
  const weight = (id: number) => Math.exp((scores[id]! - max) / temperature);
  const total = order.reduce((sum, id) => sum + weight(id), 0);
  let before = 0;
  if (topP < 1) {
    const last = order.findIndex((id) => (before += weight(id)) >= topP * total);
    const least = scores[order[last < 0 ? order.length - 1 : last]!]!;
    order = order.filter((id) => scores[id]! >= least);
  }
  order = order.filter((id) => weight(id) >= minP && weight(id) > 0);
  const kept = order.reduce((sum, id) => sum + weight(id), 0);
  return new Map(order.map((id) => [id, weight(id) / kept]));
}

/** How often each token comes in `n` steps. */
function counts(
  logits: Float32Array,
  options: SamplerOptions,
  n: number,
  history: readonly number[] = [],
): number[] {
  const { next } = sampler({ seed: 1, ...options });
  const counts = new Array<number>(logits.length).fill(0);
  for (let step = 0; step < n; step++) counts[next(logits, history, step)]!++;
  return counts;
}

const logit = fc.oneof(
  fc.float({ min: -20, max: 20, noNaN: true }),
  fc.integer({ min: -2, max: 2 }),
  fc.constant(-Infinity),
);
const logits = fc.array(logit, { minLength: 1, maxLength: 40 }).map((items) => Float32Array.from(items))
  .filter((items) => items.some(Number.isFinite));
const options: fc.Arbitrary<SamplerOptions> = fc.record({
  temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
  topK: fc.nat(45),
  topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
  minP: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  repetitionPenalty: fc.oneof(fc.constant(1), fc.double({ min: 0.5, max: 2, noNaN: true })),
  seed: fc.maxSafeNat(),
}, { requiredKeys: ["seed"] });

Deno.test("temperature 0 takes the lowest of the largest logits", () => {
  fc.assert(fc.property(logits, fc.nat(), (logits, step) => {
    const max = Math.max(...logits);
    assertEquals(sampler({ temperature: 0 }).next(logits, [], step), logits.findIndex((l) => l === max));
  }));
});

Deno.test("a token is always one that the definition keeps", () => {
  fc.assert(
    fc.property(
      logits,
      options,
      fc.array(fc.nat(), { maxLength: 5 }),
      fc.nat(),
      (logits, options, ids, step) => {
        const history = ids.map((id) => id % logits.length);
        // compared a little wider, because sums in another order may differ in the last bit
        const wider = {
          ...options,
          ...(options.topP !== undefined && { topP: Math.min(1, options.topP + 1e-9) }),
        };
        const allowed = distribution(logits, { ...wider, minP: (options.minP ?? 0) * (1 - 1e-6) }, history);
        assert(allowed.has(sampler(options).next(logits, history, step)));
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("tokens come as often as the definition says (chi-square, fixed seeds)", () => {
  const logits = Float32Array.of(2, 1, 0.5, 0, 0, -1, -3, 1.5, -Infinity, 0.25);
  const cases: readonly SamplerOptions[] = [
    {},
    { temperature: 0.5 },
    { temperature: 3 },
    { topK: 4 },
    { topP: 0.8 },
    { minP: 0.2 },
    { temperature: 0.7, topK: 6, topP: 0.9, minP: 0.05, repetitionPenalty: 1.5 },
  ];
  const n = 20_000;
  const history = [0, 6, 0];
  for (const options of cases) {
    const expected = distribution(logits, options, history);
    const seen = counts(logits, options, n, history);
    let chi2 = 0;
    for (const [id, count] of seen.entries()) {
      const mean = n * (expected.get(id) ?? 0);
      if (mean === 0) assertEquals(count, 0);
      else chi2 += (count - mean) ** 2 / mean;
    }
    // mean k, deviation sqrt(2k) for k degrees of freedom: six deviations
    const k = expected.size - 1;
    assertLess(chi2, k + 6 * Math.sqrt(2 * k), JSON.stringify(options));
  }
});

Deno.test("every kept token is reached, and no other", () => {
  const logits = Float32Array.of(1, 1, 0.9, 0.8, 1, -1);
  const support = (options: SamplerOptions) =>
    [...counts(logits, options, 400).entries()].filter(([, n]) => n > 0).map(([id]) => id);
  assertEquals(support({ topK: 1 }), [0, 1, 4], "all that are as likely as the last of the top k");
  assertEquals(support({ topK: 4 }), [0, 1, 2, 4]);
  assertEquals(support({ topP: 1e-9 }), [0, 1, 4], "one token at least, and all that are as likely");
  assertEquals(support({ topP: 0.3 }), [0, 1, 4]);
  assertEquals(support({ minP: 1 }), [0, 1, 4]);
  assertEquals(support({ minP: 0.85 }), [0, 1, 2, 4]);
});

Deno.test("lower temperature, smaller top-p and larger min-p never make the likeliest token rarer", () => {
  const share = (logits: Float32Array, options: SamplerOptions) =>
    distribution(logits, options).values().next().value!;
  const best = Float32Array.of(0.5, 2, 1, 1.5);
  const series: readonly (readonly SamplerOptions[])[] = [
    [3, 1, 0.5, 0.1].map((temperature) => ({ temperature })),
    [1, 0.8, 0.5, 0.1].map((topP) => ({ topP })),
    [0, 0.3, 0.5, 0.9].map((minP) => ({ minP })),
    [0, 3, 2, 1].map((topK) => ({ topK })),
  ];
  for (const options of series) {
    const seen = options.map((o) => counts(best, o, 4000)[1]!);
    seen.reduce((
      last,
      count,
      i,
    ) => (assert(count >= last - 120, `${JSON.stringify(options[i])}: ${seen}`), count));
    assertEquals(share(best, options.at(-1)!) > share(best, options[0]!), true);
  }
});

Deno.test("a repetition penalty makes earlier tokens rarer, whatever the sign of their logits", () => {
  const greedy = sampler({ temperature: 0, repetitionPenalty: 2 });
  assertEquals(greedy.next(Float32Array.of(3, 2), [], 0), 0);
  assertEquals(greedy.next(Float32Array.of(3, 2), [0, 0, 0], 0), 1, "once, however often the token came");
  assertEquals(greedy.next(Float32Array.of(-2, -3), [0], 0), 1);
  assertEquals(greedy.next(Float32Array.of(3, 1), [0], 0), 0);
});

Deno.test("same seed and step: same token, whatever came before; logits and history stay as they are", () => {
  fc.assert(
    fc.property(logits, options, fc.array(fc.nat(1000), { maxLength: 6 }), (logits, options, steps) => {
      const before = logits.slice();
      const history = [0];
      const used = sampler(options);
      for (const step of steps) {
        const long = new Float32Array(64).map((_, i) => i);
        used.next(long, [], step);
        assertEquals(used.next(logits, history, step), sampler(options).next(logits, history, step));
      }
      assertEquals(logits, before);
      assertEquals(history, [0]);
    }),
  );
});

Deno.test("without a seed one is drawn and told", () => {
  const flat = new Float32Array(1000);
  const first = sampler();
  const draw = (s: typeof first) => Array.from({ length: 5 }, (_, step) => s.next(flat, [], step));
  assertEquals(draw(sampler({ seed: first.options.seed })), draw(first));
  assertNotEquals(draw(sampler()), draw(first));
});

Deno.test("logits from which nothing can be chosen are refused", () => {
  for (const options of [{ temperature: 0 }, { topK: 1 }, { repetitionPenalty: 2 }]) {
    const { next } = sampler(options);
    assertThrows(() => next(Float32Array.of(1, NaN), [], 0), InputError, "the logit of token 1 is NaN");
    assertThrows(
      () => next(Float32Array.of(1, Infinity, 2), [], 0),
      InputError,
      "the logit of token 1 is Infinity",
    );
    assertThrows(
      () => next(Float32Array.of(-Infinity, -Infinity), [], 0),
      InputError,
      "all logits are -Infinity",
    );
    assertThrows(() => next(new Float32Array(0), [], 0), InputError, "there are no logits");
    assertThrows(
      () => next(Float32Array.of(1), [], -1),
      InputError,
      "step must be an integer from 0, got -1",
    );
  }
  const { next } = sampler({ repetitionPenalty: 2 });
  assertThrows(
    () => next(Float32Array.of(1), [1], 0),
    InputError,
    "Token 1 of the history is outside the vocabulary of 1",
  );
});

Deno.test("options out of range are refused by name, all at once", () => {
  const cases: readonly (readonly [options: Record<string, unknown>, message: string])[] = [
    [{ temperature: -1 }, "temperature must be a finite number >= 0, got -1"],
    [{ temperature: NaN }, "temperature must be a finite number >= 0, got NaN"],
    [{ temperature: "1" }, 'temperature must be a finite number >= 0, got "1"'],
    [{ topK: 1.5 }, "topK must be an integer >= 0 (0 keeps all), got 1.5"],
    [{ topP: 0 }, "topP must be a number > 0 and <= 1 (1 keeps all), got 0"],
    [{ minP: 1.1 }, "minP must be a number from 0 to 1 (0 keeps all), got 1.1"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty must be a finite number > 0 (1 changes nothing), got 0"],
    [{ seed: 2 ** 53 }, "seed must be an integer from 0 to 2^53 - 1, got 9007199254740992"],
    [{ top_k: 5 }, "unknown option top_k, known are temperature, topK"],
    [{ topK: -1, minP: -1 }, "got -1; minP must be"],
  ];
  for (const [options, message] of cases) assertThrows(() => sampler(options), InputError, message);
  assertEquals(sampler({ seed: 3 }).options, {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    seed: 3,
  });
});
