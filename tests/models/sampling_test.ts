/** Sampling in the language chooses as the host's sampler does. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import type { Device } from "../../backends/backend.ts";
import type { Executable } from "../../backends/runtime/executable.ts";
import { compile } from "../../compile.ts";
import {
  collect,
  generate,
  type GenerateOptions,
  loadGPT2,
  sampler,
  type SamplerOptions,
  samplingInputs,
  type SamplingSteps,
  traceSampling,
} from "../../models/gpt2/mod.ts";
import { uniform } from "../../models/random.ts";
import { deviceTest } from "../support/devices.ts";
import { jsDevice } from "../../backends/js/mod.ts";

const VOCABULARY = 61;

const ALL: SamplingSteps = { topK: true, topP: true, repetitionPenalty: true };

async function draw(
  program: Executable,
  logits: Float32Array,
  options: SamplerOptions,
  history: readonly number[],
  u: number,
): Promise<number> {
  using state = program.createState();
  if (history.length > 0) {
    const ids = { dtype: "i32", shape: [1, history.length], data: Int32Array.from(history) } as const;
    program.run("mark", { ids }, { state });
  }
  const given = { dtype: "f32", shape: [1, 1, logits.length], data: logits } as const;
  const { next } = program.run("sample", { logits: given, ...samplingInputs(options, [u]) }, { state });
  return Number((await next!.read()).data[0]);
}

/** Logits that are some way apart, so that rounding decides nothing, a few of them equal or impossible. */
const arbLogits = fc.array(
  fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -400, max: 400 }) }, {
    weight: 1,
    arbitrary: fc.constantFrom(-Infinity, 0, 0),
  }),
  { minLength: VOCABULARY, maxLength: VOCABULARY },
).filter((list) => list.some((x) => x !== -Infinity)).map((list) => Float32Array.from(list, (x) => x / 40));

const arbOptions: fc.Arbitrary<SamplerOptions & { readonly seed: number }> = fc.record({
  temperature: fc.constantFrom(0, 0.3, 0.8, 1, 2.5),
  topK: fc.constantFrom(0, 1, 2, 5, 40, 61, 100),
  topP: fc.constantFrom(1, 0.95, 0.5, 0.1),
  minP: fc.constantFrom(0, 0.02, 0.3),
  repetitionPenalty: fc.constantFrom(1, 1.3, 0.7),
  seed: fc.nat(),
});

async function agrees(device: Device, numRuns: number): Promise<void> {
  using program = await compile(traceSampling(VOCABULARY, 8, ALL), { device });
  const history = fc.array(fc.nat(VOCABULARY - 1), { maxLength: 8 });
  let different = 0;
  await fc.assert(
    fc.asyncProperty(arbLogits, arbOptions, history, fc.nat(1000), async (logits, options, history, step) => {
      const expected = sampler(options).next(logits, history, step);
      const found = await draw(program, logits, options, history, uniform(options.seed, step));
      if (found === expected) return;
      // The number may fall on the border of two tokens, which rounding moves: then its neighbours tell.
      const u = uniform(options.seed, step);
      const near = await Promise.all(
        [u - 1e-4, u + 1e-4].map((v) =>
          draw(program, logits, options, history, Math.min(Math.max(v, 0), 0.999999))
        ),
      );
      assert(near.includes(expected), `${found}, not ${expected}, with ${JSON.stringify(options)}`);
      different++;
    }),
    { numRuns },
  );
  assertLess(different, numRuns / 10);
}

deviceTest(
  "tokens are those that the host's sampler chooses",
  (device) => agrees(device, device.target.kind === "webgpu" ? 25 : 150),
);

deviceTest("logits that make no distribution give -1", async (device) => {
  using program = await compile(
    traceSampling(5, 8, { topK: false, topP: false, repetitionPenalty: false }),
    { device },
  );
  const id = async (...logits: number[]): Promise<number> => {
    const given = { dtype: "f32", shape: [1, 1, 5], data: Float32Array.from(logits) } as const;
    const { next } = program.run("sample", { logits: given, ...samplingInputs({}, [0.5]) });
    return Number((await next!.read()).data[0]);
  };
  assertEquals(await id(1, 2, Infinity, 0, 0), -1);
  assertEquals(await id(-Infinity, -Infinity, -Infinity, -Infinity, -Infinity), -1);
  assertEquals(await id(-Infinity, -Infinity, 3, -Infinity, -Infinity), 2);
  // Shaders may assume that there is no NaN.
  if (device.target.kind !== "webgpu") assertEquals(await id(1, NaN, 3, 0, 0), -1);
});

Deno.test("draws are as frequent as the probabilities say", async () => {
  using program = await compile(traceSampling(8, 8, { ...ALL, repetitionPenalty: false }), {
    device: jsDevice(),
  });
  const logits = Float32Array.of(0, 1, 2, 0.5, -3, 1.5, 2.2, -1);
  const options = { temperature: 0.9, topK: 6, topP: 0.9 };
  const counts = new Map<number, number>();
  const draws = 4000;
  for (let i = 0; i < draws; i++) {
    const given = { dtype: "f32", shape: [1, 1, 8], data: logits } as const;
    const { next } = program.run("sample", { logits: given, ...samplingInputs(options, [uniform(5, i)]) });
    const id = Number((await next!.read()).data[0]);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  // The largest first: 6, 2, 5, 1, 3 reach 0.9 of the six; then each by its weight.
  const weights = [6, 2, 5, 1, 3].map((i) => [i, Math.exp(logits[i]! / 0.9)] as const);
  const total = weights.reduce((sum, [, w]) => sum + w, 0);
  let reached = 0;
  const six = total + Math.exp(logits[0]! / 0.9);
  const kept = weights.filter(([, w]) => {
    const before = reached;
    reached += w;
    return before < 0.9 * six;
  });
  assertEquals([...counts.keys()].sort(), kept.map(([i]) => i).sort());
  const sum = kept.reduce((s, [, w]) => s + w, 0);
  const chi2 = kept.reduce((s, [i, w]) => {
    const expected = draws * w / sum;
    return s + (counts.get(i)! - expected) ** 2 / expected;
  }, 0);
  assertLess(chi2, 30);
});

deviceTest(
  "a text is the same, wherever its tokens are chosen and however many steps are in flight",
  async (device) => {
    using model = await loadGPT2(new URL("../../models/weights/stories/", import.meta.url), { device });
    const base: GenerateOptions = { prompt: "Once upon a time", maxTokens: 12, seed: 7 };
    for (
      const options of [
        { temperature: 0.8, topK: 40 },
        { temperature: 1.1, topP: 0.9, repetitionPenalty: 1.2 },
        { temperature: 0, repetitionPenalty: 1.5 },
      ]
    ) {
      const ids = async (more: GenerateOptions): Promise<readonly number[]> =>
        (await collect(generate(model, { ...base, ...options, ...more }))).ids;
      const expected = await ids({ sampleOn: "host" });
      assertEquals(await ids({ sampleOn: "device", inFlight: 1 }), expected);
      assertEquals(await ids({ sampleOn: "device", inFlight: 5 }), expected);
    }
  },
);

/** Share of each token in what may be drawn, by the words of the options; undefined where rounding would decide. */
function shares(logits: readonly number[], options: SamplerOptions): readonly number[] | undefined {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options;
  const largest = Math.max(...logits);
  const last = [...logits].sort((a, b) => b - a)[topK === 0 ? logits.length - 1 : topK - 1]!;
  const weights = logits.map((x) => x >= last ? Math.exp((x - largest) / temperature) : 0);
  const share = (list: readonly number[]): readonly number[] => {
    const total = list.reduce((sum, w) => sum + w, 0);
    return list.map((w) => w / total);
  };
  const probabilities = share(weights);
  // A token is kept if those that are likelier do not reach topP.
  const likelier = probabilities.map((p) =>
    probabilities.reduce((sum, other) => other > p ? sum + other : sum, 0)
  );
  const isClose = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4;
  if (topP < 1 && likelier.some((p) => isClose(p, topP)) || weights.some((w) => isClose(w, minP) && w > 0)) {
    return undefined;
  }
  return share(weights.map((w, i) => (topP === 1 || likelier[i]! < topP) && w >= minP ? w : 0));
}

deviceTest("what may be drawn is what the options keep, equal logits all or none", async (device) => {
  using program = await compile(traceSampling(12, 8, { ...ALL, repetitionPenalty: false }), { device });
  const [draws, numRuns] = device.target.kind === "webgpu" ? [24, 2] : [100, 60];
  const options = fc.record({
    temperature: fc.constantFrom(0.7, 1, 2),
    topK: fc.integer({ min: 0, max: 12 }),
    topP: fc.constantFrom(1, 0.913, 0.637, 0.2),
    minP: fc.constantFrom(0, 0.07, 0.4),
  });
  const levels = fc.array(fc.constantFrom(-1, 0, 0.25, 0.5, 0.75, 1, 1.5, 2), {
    minLength: 12,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(levels, options, async (logits, options) => {
      const expected = shares(logits, options);
      fc.pre(expected !== undefined);
      const counts = logits.map(() => 0);
      const given = { dtype: "f32", shape: [1, 1, 12], data: Float32Array.from(logits) } as const;
      for (let i = 0; i < draws; i++) {
        const u = (i + 0.5) / draws;
        const { next } = program.run("sample", { logits: given, ...samplingInputs(options, [u]) });
        counts[Number((await next!.read()).data[0])]! += 1;
      }
      // Evenly spaced numbers: each token gets its share of them, up to one at either end.
      counts.forEach((count, id) => {
        const share = expected[id]! * draws;
        assert(share === 0 ? count === 0 : Math.abs(count - share) <= 1.01, `${id}: ${count}, not ${share}`);
      });
    }),
    { numRuns },
  );
});
