import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { generateStep, stepTable } from "../../../backends/wasm/step.ts";
import { compile } from "../../../compile.ts";
import { add as plus, matmul, method, softmax, spec, trace } from "../../../dsl/mod.ts";
import { DeviceError } from "../../../ir/errors.ts";
import { add, int, load, mul, variable } from "../../../ir/expr.ts";
import { store } from "../../../ir/stmt.ts";
import { collect, generate, loadGPT2 } from "../../../models/gpt2/mod.ts";
import { buffer, launch } from "../../support/random_launch.ts";

const STORIES = new URL("../../../models/weights/stories/", import.meta.url);

Deno.test("property: a step's table has a place for all, and its module is valid for any calls", () => {
  const call = fc.record({ kernel: fc.nat(3), group: fc.nat(4), seed: fc.nat(1e9) });
  // A kernel has one number of arguments.
  const calls = fc.array(call).map((list) =>
    list.map(({ kernel, group, seed }) => ({
      kernel,
      group,
      addresses: Array.from({ length: kernel }, (_, i) => seed + 4 * i),
      dims: ["n", "past", "s"].slice(kernel % 3),
    }))
  );
  fc.assert(fc.property(calls, fc.boolean(), fc.boolean(), (list, shared, sleeps) => {
    const { current, scratch, dims, groups, words } = stepTable(list);
    const places = [current, scratch, ...dims.values(), ...groups.flatMap((g) => [g, g + 1])];
    assertEquals(places.toSorted((a, b) => a - b), Array.from({ length: words }, (_, i) => i));
    for (const { dims: names, group } of list) {
      assert(names.every((name) => dims.has(name)) && groups[group] !== undefined);
    }
    const { bytes, source } = generateStep(list, { shared, sleeps, counter: 32_768 });
    assert(WebAssembly.validate(bytes), source);
  }));
});

for (const threads of [1, 3]) {
  Deno.test(`${threads} threads: a step is one call, once it has run before, and gives the same`, async () => {
    const device = wasmDevice({ threads });
    using model = await loadGPT2(STORIES, { device });
    const { executable } = model;
    const expected = await collect(generate(model, { prompt: "Once upon", maxTokens: 30, temperature: 0 }));
    using state = executable.createState();
    let id = 5;
    const given = { ids: { dtype: "i32", shape: [1, 1], data: new Int32Array(1) } } as const;
    const run = (): void => {
      given.ids.data[0] = id++;
      executable.run("decode", given, { state });
    };
    // Workers have come by then.
    for (let i = 0; i < 20; i++) run();
    const before = { ...device.counters };
    for (let i = 0; i < 10; i++) run();
    assertEquals(device.counters.calls - before.calls, 10);
    assertEquals(device.counters.dispatches - before.dispatches, 10 * executable.info.dispatches["decode"]!);
    const again = await collect(generate(model, { prompt: "Once upon", maxTokens: 30, temperature: 0 }));
    assertEquals(again.ids, expected.ids);
    device.dispose();
  });
}

Deno.test("property: steps of any lengths, in any order, equal the dispatches one by one", async () => {
  const inputs = { x: spec(["n", 64], "f32"), y: spec([64, 48], "f32") };
  const program = trace({
    f: method(inputs, ({ x, y }) => {
      const w = matmul(x, y);
      return { w, z: softmax(matmul(plus(x, x), y), -1) };
    }),
  }, { bounds: { n: 40 } });
  const tensor = (rows: number, columns: number, seed: number) => ({
    dtype: "f32",
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i + seed)),
  } as const);
  const alone = wasmDevice({ threads: 1 });
  using first = await compile(program, { device: alone });
  for (const threads of [1, 2, 4]) {
    const device = wasmDevice({ threads });
    using again = await compile(program, { device });
    // Workers come after some milliseconds of work that they could have shared.
    for (let i = 0; i < 200; i++) again.run("f", { x: tensor(40, 64, 0), y: tensor(64, 48, 1) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { minLength: 1, maxLength: 20 }), async (lengths) => {
        for (const [seed, n] of lengths.entries()) {
          const given = { x: tensor(n, 64, seed), y: tensor(64, 48, 1) };
          // Profiles run dispatch by dispatch.
          const { outputs } = await first.profile("f", given);
          const { w, z } = again.run("f", given);
          assertEquals(await z.read(), await outputs.z.read());
          assertEquals(await w.read(), await outputs.w.read());
        }
      }),
      { numRuns: 8 },
    );
    assert(again.info.dispatches["f"]! > 1 && device.counters.calls < device.counters.dispatches);
    device.dispose();
  }
  alone.dispose();
});

Deno.test("a failure in a step says which kernel, and the device goes on", async () => {
  for (const threads of [1, 2]) {
    const device = wasmDevice({ threads });
    const [n, at] = [variable("n"), [variable("blockIdx.x")]];
    const of = (name: string, shift: number) =>
      launch({
        name,
        buffers: [{ buffer: buffer("x", "f32", [n]), access: "read_write" }],
        dims: ["n"],
        grid: [n, int(1), int(1)],
        // Far outside of the memory, where the engine stops it; but for few items nothing is that far.
        body: store(
          "x",
          at,
          mul(load("x", "f32", [mul(add(variable("blockIdx.x"), int(0)), int(shift))]), load("x", "f32", at)),
        ),
      });
    const [good, bad] = await device.prepare(
      [of("good", 1), of("bad", 1 << 20)].map((l) => device.generate(l)),
    );
    const size = 1 << 16;
    const x = device.allocate(4 * size, "x");
    const slice = { buffer: x, offset: 0, bytes: 4 * size };
    const commands = device.bind([good!, bad!, good!].map((kernel) => ({ kernel, buffers: [slice] })));
    for (let round = 0; round < 30; round++) {
      device.write(x, 0, new Uint8Array(Float32Array.of(2).buffer));
      device.submit(commands, { n: 1 });
      const [value] = new Float32Array((await device.read({ ...slice, bytes: 4 })).buffer);
      assertEquals(value, 2 ** 8);
      const error = assertThrows(() => device.submit(commands, { n: size }), DeviceError);
      assertEquals([error.reason, error.message.startsWith("Cannot run bad: ")], ["internal", true]);
    }
    device.dispose();
  }
});
