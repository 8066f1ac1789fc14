/** The graph rule `attention`: what is put together, and that it means the same. @module */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { Device } from "../../../backends/backend.ts";
import { lowerFunc } from "../../../backends/lower.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import { compile, type GraphRuleName, lower, memoryWeight, type Weights } from "../../../mod.ts";
import type { Program } from "../../../dsl/mod.ts";
import { bufferSpan } from "../../../ir/address.ts";
import { evalInt } from "../../../ir/eval.ts";
import { interpret } from "../../../ir/interpret.ts";
import type { Target } from "../../../ir/target.ts";
import { GPT2_CONFIGS, parseGPT2Config, traceGPT2 } from "../../../models/gpt2/mod.ts";
import { apply, attention, fallback } from "../../../schedule/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { smallGPT2, smallLlama } from "../../support/model_kernels.ts";
import { copyArrays, interpretBackwards } from "../../support/run_func.ts";
import { webgpuTest } from "../../support/webgpu.ts";

/** A graphics card, and an adapter on the CPU. */
const TARGETS: readonly Target[] = [WEBGPU_BASELINE, { ...WEBGPU_BASELINE, software: true }];
const METHODS = { prefill: {}, decode: { s: 1 } };

/** Launches of one run of an entry point. */
function launches(
  program: Program,
  entry: string,
  target: Target,
  without: readonly GraphRuleName[] = [],
): number {
  const at = Object.keys(program.graphs).indexOf(entry);
  return lower(program, target, { without }).plans[at]!.steps.length;
}

Deno.test("a step of GPT-2 takes at most 7 launches a layer, and 100 in all for 12", () => {
  for (const target of TARGETS) {
    const [one, two] = [1, 2].map((n_layer) =>
      launches(traceGPT2({ ...GPT2_CONFIGS.gpt2, n_layer }, METHODS), "decode", target)
    );
    const [layer, ends] = [two! - one!, one! - (two! - one!)];
    assert(layer <= 7, `${target.name}: ${layer} launches a layer`);
    assert(ends + 12 * layer <= 100, `${target.name}: ${ends + 12 * layer} launches`);
  }
});

Deno.test("attention is one launch in decode, with its appends; several queries stay products of matrices", () => {
  for (const target of TARGETS) {
    const program = smallGPT2();
    const names = (entry: string): readonly string[] => {
      const at = Object.keys(program.graphs).indexOf(entry);
      return lower(program, target).plans[at]!.steps.map((s) => s.launch.name);
    };
    assertEquals(names("decode").filter((n) => n === "attention").length, 1);
    assert(!names("decode").some((n) => n.startsWith("append") || n.startsWith("softmax")));
    assert(!names("prefill").includes("attention"));
    assertGreater(launches(program, "decode", target, ["attention"]), launches(program, "decode", target));
  }
});

Deno.test("attention is left apart where a schedule does not make one launch of it", () => {
  const program = smallGPT2();
  const target = jsDevice().target;
  const plain = lower(program, target, { schedule: fallback() });
  assert(!plain.legalized.some((g) => g.calls.some((c) => c.func.name === "attention")));
});

Deno.test("groups of queries share keys: appends stay apart, scores to values are one launch", () => {
  const program = smallLlama();
  const at = Object.keys(program.graphs).indexOf("decode");
  const names = lower(program, jsDevice().target).legalized[at]!.calls.map((c) => c.func.name);
  assertEquals(names.filter((n) => n === "attention").length, 1, names.join());
});

/** Small numbers for every parameter of a program. */
function weightsOf(program: Program): Weights {
  const params = Object.values(program.graphs).flatMap((g) => g.inputs.filter((i) => i.role === "param"));
  return new Map(params.map(({ name, shape }, at) => {
    const sizes = shape.map(Number);
    const count = sizes.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, (_, i) => Math.sin(at * 7.3 + i * 1.7) * 0.3);
    return [name, memoryWeight("f32", sizes, data)];
  }));
}

const GPT2 = { model_type: "gpt2", n_embd: 24, n_head: 3, n_layer: 2, n_positions: 32, vocab_size: 40 };
const PROGRAMS: readonly (() => Program)[] = [
  () => traceGPT2(parseGPT2Config(GPT2, "a small GPT-2"), METHODS),
  smallLlama,
];

/** Logits of a prompt and of the steps after it. */
async function logits(
  program: Program,
  device: Device,
  without: readonly GraphRuleName[],
  ids: readonly number[],
): Promise<Float32Array> {
  using model = await compile(program, { device, weights: weightsOf(program), without });
  using state = model.createState();
  const found: number[] = [];
  for (const [i, id] of ids.entries()) {
    const given = i === 0 ? [id, id + 1] : [id];
    const input = { dtype: "i32", shape: [1, given.length], data: Int32Array.from(given) } as const;
    const out = model.run(i === 0 ? "prefill" : "decode", { ids: input }, { state });
    found.push(...(await out.logits!.read()).data as Float32Array);
  }
  return Float32Array.from(found);
}

const RULES: readonly GraphRuleName[] = [
  "cse",
  "foldChoices",
  "deadCode",
  "fuse",
  "layoutWeights",
  "attention",
  "siblings",
];
const IDS = [3, 7, 1, 30, 12];

async function agree(device: Device, numRuns: number): Promise<void> {
  for (const make of PROGRAMS) {
    const program = make();
    const expected = await logits(program, jsDevice(), RULES, IDS);
    await fc.assert(
      fc.asyncProperty(fc.subarray([...RULES]), async (without) => {
        const found = await logits(program, device, without, IDS);
        assertAllClose(found, expected, { rtol: 1e-4, atol: 1e-5 }, without.join());
      }),
      { numRuns, examples: [[[]], [["attention"]]] },
    );
  }
}

Deno.test("any graph rules left out, logits are the same: js and wasm", async () => {
  await agree(jsDevice(), 5);
  await agree(await wasmDevice({ threads: 1 }), 5);
});

webgpuTest("any graph rules left out, logits are the same: WebGPU", (device) => agree(device, 3));

Deno.test("rule attention names parameters that it cannot take", () => {
  const { target } = jsDevice();
  const { func } = [...lower(smallGPT2(), target).kernels.values()].find((k) => k.func.name === "attention")!;
  const why = (params: Record<string, number>): string => {
    const result = apply(func, attention(params), { target });
    return result.ok ? "taken" : result.failure.reason;
  };
  assertEquals(why({ thread: 4 }), "there is no parameter thread; did you mean threads");
  assertEquals(why({ threads: 0.5 }), "threads must be a positive integer, got 0.5");
  assertStringIncludes(why({ threads: 4096 }), "threads in a workgroup, got 4096 x 1");
});

Deno.test("any number of threads shares the columns of attention", () => {
  const { target } = jsDevice();
  const { func } = [...lower(smallGPT2(), target).kernels.values()].find((k) => k.func.name === "attention")!;
  for (const threads of [1, 2, 3, 7, 12, 33]) {
    const result = apply(func, attention({ threads }), { target });
    assert(result.ok, String(threads));
    const lowered = lowerFunc(result.func);
    for (const past of [0, 1, 7, 40]) {
      const arrays = Object.fromEntries(func.params.map(({ buffer }, at) => {
        const length = evalInt(bufferSpan(buffer), { past });
        return [buffer.name, Float32Array.from({ length }, (_, i) => 2 * Math.sin(at + i * 1.7))];
      }));
      const expected = copyArrays(arrays);
      interpret(func, expected, { past });
      const actual = interpretBackwards(lowered, arrays, { past });
      for (const { buffer: { name } } of func.params) {
        const [got, wanted] = [actual[name] as Float32Array, expected[name] as Float32Array];
        assertAllClose(
          got,
          wanted,
          { rtol: 1e-5, atol: 1e-5 },
          `${threads} threads, ${past} before: ${name}`,
        );
      }
    }
  }
});
