import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { compile } from "../../../compile.ts";
import { matmul, method, softmax, spec, trace } from "../../../dsl/mod.ts";
import { DeviceError, InputError } from "../../../ir/errors.ts";
import { add, int, load, mul, variable } from "../../../ir/expr.ts";
import { store } from "../../../ir/stmt.ts";
import { buffer, launch, run } from "../../support/random_launch.ts";

const [n, at] = [variable("n"), [variable("blockIdx.x")]];
const element = load("x", "f32", at);
const SQUARE = launch({
  name: "square",
  buffers: [{ buffer: buffer("x", "f32", [n]), access: "read_write" }],
  dims: ["n"],
  grid: [n, int(1), int(1)],
  body: store("x", at, mul(element, element)),
});

const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i));

Deno.test("results do not depend on the number of threads, to the bit", async () => {
  const inputs = { x: spec(["n", 256], "f32"), y: spec([256, 192], "f32") };
  const program = trace({ f: method(inputs, ({ x, y }) => ({ z: softmax(matmul(x, y), -1) })) }, {
    bounds: { n: 40 },
  });
  const results: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    const device = wasmDevice({ threads });
    using executable = await compile(program, { device });
    const own: Float32Array[] = [];
    // Workers come while this runs.
    for (let round = 0; round < 60; round++) {
      for (const rows of [1, 33, 0, 40]) {
        const { z } = executable.run("f", {
          x: { dtype: "f32", shape: [rows, 256], data: numbers(rows * 256) },
          y: { dtype: "f32", shape: [256, 192], data: numbers(256 * 192) },
        });
        own.push((await z!.read()).data as Float32Array);
      }
    }
    results.push(own);
    device.dispose();
  }
  for (const own of results) own.forEach((values, i) => assertEquals(values, results[0]![i % 4]));
});

Deno.test("kernels may come while workers are at work, and every item is done once", async () => {
  const device = wasmDevice({ threads: 3 });
  for (let round = 0; round < 40; round++) {
    const l = { ...SQUARE, name: `square_${round}` };
    const x = Float32Array.from({ length: 200_000 }, (_, i) => i % 100);
    const [y] = await run(device, l, [x], { n: x.length });
    assertEquals(y, x.map((value) => value * value));
  }
  device.dispose();
});

Deno.test("a failure reaches the caller, and the device goes on", async () => {
  const device = wasmDevice({ threads: 2 });
  // It reads far outside of the memory, where the engine stops it.
  const far = load("x", "f32", [add(variable("blockIdx.x"), int(1 << 28))]);
  const broken = { ...SQUARE, name: "broken", body: store("x", at, far) };
  const [kernel, bad] = await device.prepare([device.generate(SQUARE), device.generate(broken)]);
  assert(kernel !== undefined && bad !== undefined);
  const size = 1 << 20;
  const x = device.allocate(4 * size, "x");
  const commands = device.bind([{ kernel, buffers: [{ buffer: x, offset: 0, bytes: 4 * size }] }]);
  const failing = device.bind([{ kernel: bad, buffers: [{ buffer: x, offset: 0, bytes: 4 * size }] }]);
  for (let round = 0; round < 20; round++) {
    const error = assertThrows(() => device.submit(failing, { n: size }), DeviceError);
    assertEquals([error.reason, error.message.startsWith("Cannot run broken: ")], ["internal", true]);
    device.write(x, 0, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
    device.submit(commands, { n: size });
    const bytes = await device.read({ buffer: x, offset: 0, bytes: 16 });
    assertEquals(new Float32Array(bytes.buffer), Float32Array.of(1, 4, 9, 16));
  }
  device.dispose();
  await assertRejects(
    () => device.prepare([device.generate(SQUARE)]),
    DeviceError,
    "the device was disposed",
  );
});

Deno.test("a number of threads that makes no sense is refused", () => {
  for (const threads of [0, 1.5, 65, NaN]) {
    assertThrows(() => wasmDevice({ threads }), InputError, "expected 1 to 64");
  }
});

Deno.test("a process ends by itself while workers sleep, without dispose", async () => {
  const program = `
    import { compile, matmul, method, spec, trace, wasmDevice } from "@weft/weft";
    const inputs = { x: spec([256, 256], "f32"), y: spec([256, 256], "f32") };
    const traced = trace({ f: method(inputs, ({ x, y }) => ({ z: matmul(x, y) })) });
    const executable = await compile(traced, { device: wasmDevice({ threads: 3 }) });
    const x = { dtype: "f32", shape: [256, 256], data: new Float32Array(65536).fill(1) };
    for (let i = 0; i < 20; i++) await executable.run("f", { x, y: x }).z.read();
    console.log((await executable.run("f", { x, y: x }).z.read()).data[0]);`;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--ext=ts", program],
    cwd: new URL("../../..", import.meta.url).pathname,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(30_000),
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout).trim()], [0, "256"]);
});
