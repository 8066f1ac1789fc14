import { assertEquals } from "@std/assert";
import type { Device } from "../../../backends/backend.ts";
import type { HostTensor } from "../../../backends/runtime/executable.ts";
import { compile } from "../../../compile.ts";
import { trace } from "../../../dsl/mod.ts";
import { gpt2Dims, GPT2LMHeadModel, gpt2Weights, readGPT2Config } from "../../../models/gpt2/mod.ts";
import { openCheckpoint, openSafetensors } from "../../../models/safetensors/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { deviceDataTest } from "../../support/devices.ts";

const FOLDER = "gpt-nano-sort";

/** Where the model has each tensor that PyTorch recorded. */
const PATHS: Readonly<Record<string, string>> = {
  tok_emb: "transformer.wte",
  pos_emb: "transformer.wpe",
  x: "transformer.x",
  ln1: "transformer.h.0.ln_1",
  q: "transformer.h.0.attn.q",
  k: "transformer.h.0.attn.k",
  v: "transformer.h.0.attn.v",
  qkv: "transformer.h.0.attn.c_attn",
  att: "transformer.h.0.attn.att",
  attSm: "transformer.h.0.attn.att_softmax",
  y: "transformer.h.0.attn.y",
  yProj: "transformer.h.0.attn.c_proj",
  attnResid: "transformer.h.0.middle",
  ln2: "transformer.h.0.ln_2",
  fc: "transformer.h.0.mlp.c_fc",
  gelu: "transformer.h.0.mlp.act",
  mlp: "transformer.h.0.mlp.c_proj",
  mlpResid: "transformer.h.0.out",
  block0: "transformer.h.0.out",
  block1: "transformer.h.1.out",
  block2: "transformer.h.2.out",
  ln_f: "transformer.ln_f",
  lm_head: "logits",
};

async function expectedTensors(dir: string): Promise<ReadonlyMap<string, Float32Array>> {
  await using file = await openSafetensors(`${dir}/expected.safetensors`);
  const tensors = new Map<string, Float32Array>();
  for (const info of file.tensors.values()) {
    const bytes = (await file.read(info.name)).slice();
    tensors.set(
      info.name,
      info.dtype === "I64"
        ? Float32Array.from(new BigInt64Array(bytes.buffer), Number)
        : new Float32Array(bytes.buffer),
    );
  }
  return tensors;
}

const f32 = (shape: readonly number[], data: Float32Array): HostTensor<"f32"> => ({
  dtype: "f32",
  shape,
  data,
});

for (const fuse of [true, false]) {
  deviceDataTest(
    `every activation of gpt-nano-sort is within 1e-5 of PyTorch's (fuse: ${fuse})`,
    FOLDER,
    async (device: Device, dir: string) => {
      const config = await readGPT2Config(dir);
      const expected = await expectedTensors(dir);
      const n = config.n_positions;
      const traced = (methods: Record<string, Record<string, number>>, taps: readonly string[]) =>
        trace(GPT2LMHeadModel(config), {
          dims: gpt2Dims(config, 3),
          bounds: { s: n, past: n, "past+s": n },
          methods,
          taps,
        });
      await using file = await openCheckpoint(dir);
      const weights = gpt2Weights(file, config);
      const taps = [...new Set(Object.values(PATHS))].filter((p) => p !== "logits");
      using model = await compile(traced({ forward: { past: 0 } }, taps), {
        device,
        weights,
        without: fuse ? [] : ["fuse", "attention"],
      });
      const ids = { dtype: "i32", shape: [3, n], data: Int32Array.from(expected.get("idx")!) } as const;
      const outputs = model.run("forward", { ids });
      for (const [name, path] of Object.entries(PATHS)) {
        const actual = await outputs[path]!.read();
        assertAllClose(actual.data, expected.get(name)!, { rtol: 0, atol: 1e-5 }, `${name} (${path})`);
      }

      // The probabilities, by the entry point for sampling; one row a position.
      using soft = await compile(
        trace(GPT2LMHeadModel(config), {
          dims: gpt2Dims(config, 3 * n),
          methods: { softmaxWithTemperature: {} },
        }),
        { device, without: fuse ? [] : ["fuse", "attention"] },
      );
      const probabilities = await soft.run("softmaxWithTemperature", {
        logits: f32([3 * n, 1, config.vocab_size], expected.get("lm_head")!),
        temperature: f32([1], new Float32Array([1])),
      })["probabilities"]!.read();
      assertAllClose(probabilities.data, expected.get("probs")!, { rtol: 0, atol: 1e-5 }, "probs");
      assertEquals(Object.keys(PATHS).length + 1, 24);
    },
  );
}

deviceDataTest("gpt-nano-sort sorts all 729 inputs, as one batch", FOLDER, async (device, dir) => {
  const config = await readGPT2Config(dir);
  const n = config.n_positions;
  const count = 3 ** 6;
  const program = trace(GPT2LMHeadModel(config), {
    dims: gpt2Dims(config, count),
    bounds: { s: 6, past: n, "past+s": n },
    methods: { prefill: {}, decode: { s: 1 } },
  });
  await using file = await openCheckpoint(dir);
  using model = await compile(program, { device, weights: gpt2Weights(file, config) });
  using state = model.createState();
  const inputs = Array.from(
    { length: count },
    (_, i) => Array.from({ length: 6 }, (_, d) => Math.floor(i / 3 ** d) % 3),
  );
  const results = inputs.map((): number[] => []);
  let ids = Int32Array.from(inputs.flat());
  for (let i = 0; i < 6; i++) {
    const entry = i === 0 ? "prefill" : "decode";
    const given = { dtype: "i32", shape: [count, ids.length / count], data: ids } as const;
    const next = await model.run(entry, { ids: given }, { state })["next"]!.read();
    ids = Int32Array.from(next.data);
    ids.forEach((id, row) => results[row]!.push(id));
  }
  assertEquals(results, inputs.map((row) => row.toSorted((a, b) => a - b)));
});
