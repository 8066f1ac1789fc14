import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { memoryWeight, type Weights } from "../../../backends/runtime/weights.ts";
import { compile } from "../../../compile.ts";
import { parameters, type Program, trace } from "../../../dsl/mod.ts";
import { substituteDim } from "../../../ir/dim.ts";
import { type LlamaConfig, llamaDims, LlamaForCausalLM, readLlamaConfig } from "../../../models/llama/mod.ts";
import { openSafetensors } from "../../../models/safetensors/mod.ts";
import { assertAllClose } from "../../support/close.ts";
import { deviceTest } from "../../support/devices.ts";

/** Made by tools/llama_golden.py: logits in float64, by NumPy. */
interface Golden {
  readonly config: LlamaConfig;
  readonly weights: Weights;
  /** `[batch, positions]`. */
  readonly ids: Int32Array<ArrayBuffer>;
  readonly batch: number;
  readonly positions: number;
  /** `[batch, positions, vocab_size]`. */
  readonly logits: Float32Array<ArrayBuffer>;
}

async function readGolden(name: string): Promise<Golden> {
  const dir = new URL(`golden/${name}/`, import.meta.url);
  const config = await readLlamaConfig(dir);
  await using model = await openSafetensors(new URL("model.safetensors", dir));
  const weights = new Map(
    await Promise.all([...model.tensors.values()].map(async (info) => {
      const data = new Float32Array((await model.read(info.name)).slice().buffer);
      return [info.name, memoryWeight("f32", info.shape, data)] as const;
    })),
  );
  await using expected = await openSafetensors(new URL("expected.safetensors", dir));
  const [batch, positions] = expected.tensors.get("ids")!.shape as [number, number];
  return {
    config,
    weights,
    ids: new Int32Array((await expected.read("ids")).slice().buffer),
    batch,
    positions,
    logits: new Float32Array((await expected.read("logits")).slice().buffer),
  };
}

function traced(
  { config, batch, positions: n }: Golden,
  methods: Record<string, Record<string, number>>,
): Program {
  const dims = llamaDims(config, batch);
  return trace(LlamaForCausalLM(config), { dims, bounds: { s: n, past: n, "past+s": n }, methods });
}

/** Columns `from` to `to` of a matrix of `rows` rows. */
function columns<T extends Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>>(
  data: T,
  rows: number,
  from: number,
  to: number,
): T {
  const width = data.length / rows;
  return data.filter((_, i) => i % width >= from && i % width < to) as T;
}

for (const name of ["grouped", "tied"]) {
  Deno.test(`${name}: parameters have the names and shapes of the checkpoint`, async () => {
    const { config, weights } = await readGolden(name);
    const dims = llamaDims(config);
    const own = parameters(LlamaForCausalLM(config)).map((p) =>
      [p.name, p.shape.map((d) => substituteDim(d, dims))] as const
    );
    assertEquals(
      Object.fromEntries(own),
      Object.fromEntries([...weights].map(([path, { shape }]) => [path, [...shape]])),
    );
  });

  for (const fuse of [true, false]) {
    deviceTest(
      `${name}: logits of every position are NumPy's within 1e-4 (fuse: ${fuse})`,
      async (device) => {
        const golden = await readGolden(name);
        const { weights, ids, batch, positions, logits } = golden;
        using model = await compile(traced(golden, { forward: { past: 0 } }), {
          device,
          weights,
          without: fuse ? [] : ["fuse", "attention"],
        });
        const given = { dtype: "i32", shape: [batch, positions], data: ids } as const;
        const actual = await model.run("forward", { ids: given })["logits"]!.read();
        assertEquals(actual.shape, [batch, positions, golden.config.vocab_size]);
        assertAllClose(actual.data, logits, { rtol: 0, atol: 1e-4 });
      },
    );
  }

  deviceTest(`${name}: cached steps equal the uncached forward, wherever the text is cut`, async (device) => {
    const golden = await readGolden(name);
    const { weights, ids, batch, positions: n, config } = golden;
    using whole = await compile(traced(golden, { forward: { past: 0 } }), { device, weights });
    using steps = await compile(traced(golden, { prefill: {}, decode: { s: 1 } }), { device, weights });
    const given = { dtype: "i32", shape: [batch, n], data: ids } as const;
    const forward = await whole.run("forward", { ids: given })["logits"]!.read();
    const all = Float32Array.from(forward.data as Float32Array);
    const cuts = fc.array(fc.integer({ min: 1, max: n }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(cuts, async (lengths) => {
        using state = steps.createState();
        for (let from = 0, i = 0; from < n; i++) {
          const to = Math.min(n, from + lengths[i % lengths.length]!);
          const part = columns(ids, batch, from, to);
          // A part of one position takes the program made for one, every other time.
          const entry = to - from === 1 && i % 2 === 0 ? "decode" : "prefill";
          const input = { dtype: "i32", shape: [batch, to - from], data: part } as const;
          const { logits, next } = steps.run(entry, { ids: input }, { state });
          const step = await logits!.read();
          const v = config.vocab_size;
          const expected = columns(all, batch, (to - 1) * v, to * v);
          assertAllClose(step.data, expected, { rtol: 0, atol: 1e-4 }, `position ${to - 1} by ${entry}`);
          const likeliest = Array.from({ length: batch }, (_, b) => {
            const row = expected.subarray(b * v, (b + 1) * v);
            return row.indexOf(Math.max(...row));
          });
          assertEquals(
            [...(await next!.read()).data],
            likeliest,
            `token after position ${to - 1} by ${entry}`,
          );
          from = to;
        }
      }),
      { numRuns: 6, examples: [[[1]], [[n]]] },
    );
  });
}
