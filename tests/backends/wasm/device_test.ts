import fc from "fast-check";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Heap } from "../../../backends/wasm/heap.ts";
import type { DeviceBuffer } from "../../../backends/backend.ts";
import { memoryWeight } from "../../../backends/runtime/weights.ts";
import { wasmDevice } from "../../../backends/wasm/mod.ts";
import { compile } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { fromNumbers } from "../../../ir/data.ts";
import { DeviceError, InputError } from "../../../ir/errors.ts";
import { int, load, mul, variable } from "../../../ir/expr.ts";
import { store } from "../../../ir/stmt.ts";
import { buffer, launch } from "../../support/random_launch.ts";

Deno.test("blocks of a heap never overlap, and what is freed is used again", () => {
  const step = fc.record({ bytes: fc.nat(5000), free: fc.option(fc.nat()) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const heap = new Heap(1000);
    const taken: { start: number; end: number }[] = [];
    for (const { bytes, free } of steps) {
      const block = heap.place(bytes);
      assertEquals(block.start % 64, 0);
      assert(block.start >= 1000 && block.end - block.start >= bytes);
      assert(taken.every((other) => other.end <= block.start || block.end <= other.start));
      heap.take(block);
      taken.push(block);
      assertEquals(heap.end, Math.max(...taken.map((b) => b.end)));
      if (free !== null) heap.free(taken.splice(free % taken.length, 1)[0]!.start);
    }
    for (const { start } of taken) heap.free(start);
    assertEquals(heap.end, 1024);
  }));
});

const [n, at] = [variable("n"), [variable("blockIdx.x")]];
const element = load("x", "f32", at);
const SQUARE = launch({
  name: "square",
  buffers: [{ buffer: buffer("x", "f32", [n]), access: "read_write" }],
  dims: ["n"],
  grid: [n, int(1), int(1)],
  body: store("x", at, mul(element, element)),
});

Deno.test("memory grows, freed memory is zero when it is given out again", async () => {
  const device = wasmDevice();
  const bytes = 3 << 20;
  const first = device.allocate(bytes, "first");
  device.write(first, 0, new Uint8Array(bytes).fill(7));
  const second = device.allocate(64, "second");
  device.free(first);
  const again = device.allocate(bytes, "again");
  assertEquals((await device.read({ buffer: again, offset: 0, bytes })).indexOf(7), -1);
  assertEquals((await device.read({ buffer: second, offset: 0, bytes: 64 })).length, 64);
  device.dispose();
});

Deno.test("memory is zero when it is given out, new or used before, at every size", async () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), free: fc.option(fc.nat()) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const device = wasmDevice({ threads: 1 });
      const taken: DeviceBuffer[] = [];
      for (const { bytes: wanted, free } of steps) {
        const bytes = wanted * 4;
        const buffer = device.allocate(bytes, "x");
        const found = await device.read({ buffer, offset: 0, bytes });
        assertEquals(found.findIndex((byte) => byte !== 0), -1);
        device.write(buffer, 0, new Uint8Array(bytes).fill(255));
        taken.push(buffer);
        if (free !== null) device.free(taken.splice(free % taken.length, 1)[0]!);
      }
      device.dispose();
    }),
    { numRuns: 50 },
  );
});

Deno.test("a size that the engine refuses is an error that names the buffer and both sizes", () => {
  const device = wasmDevice({ threads: 1 });
  const { grow } = WebAssembly.Memory.prototype;
  WebAssembly.Memory.prototype.grow = () => {
    throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
  };
  try {
    const error = assertThrows(() => device.allocate(1 << 20, "wte"), DeviceError);
    assertEquals(error.reason, "out-of-memory");
    assertEquals(
      error.message,
      "Cannot allocate wte: the engine does not let the memory grow from 65536 to 1114112 bytes. " +
        "Fewer or smaller buffers would fit: a smaller model, f16 weights, a shorter context",
    );
    assert(error.cause instanceof RangeError);
  } finally {
    WebAssembly.Memory.prototype.grow = grow;
  }
  // The refusal has taken nothing: the same buffer fits once the engine gives the memory.
  assertEquals(device.allocate(1 << 20, "wte").bytes, 1 << 20);
  device.dispose();
});

/** Opens a device where the engine refuses memories that may grow beyond so many pages; says what it was asked for. */
function openWithin<R>(most: number, use: (open: () => ReturnType<typeof wasmDevice>) => R): [R, number[]] {
  const { Memory } = WebAssembly;
  const asked: number[] = [];
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const maximum = descriptor.maximum ?? 0;
      asked.push(maximum);
      if (maximum > most) throw new RangeError("WebAssembly.Memory(): could not allocate memory");
      super(descriptor);
    }
  };
  try {
    return [use(() => wasmDevice({ threads: 1 })), asked];
  } finally {
    WebAssembly.Memory = Memory;
  }
}

Deno.test("where the engine refuses 4 GiB, the device takes what it may have and names that limit", () => {
  const [device, asked] = openWithin(20_000, (open) => open());
  assertEquals(asked.at(-1)! <= 20_000 && asked.at(-2)! > 20_000, true);
  const most = asked.at(-1)! * 65_536;
  const error = assertThrows(() => device.allocate(most, "wte"), DeviceError);
  assertEquals(error.reason, "limit");
  assertMatch(
    error.message,
    new RegExp(`^Cannot allocate wte: ${most} bytes do not fit .* has at most ${most} bytes here$`),
  );
  const small = device.allocate(1 << 20, "small");
  device.write(small, 0, Uint8Array.of(1, 2, 3, 4));
  device.dispose();
});

Deno.test("where the engine refuses every memory, the error says what was asked for and what would work", () => {
  const [error] = openWithin(0, (open) => assertThrows(open, DeviceError));
  assertEquals(error.reason, "out-of-memory");
  assertMatch(error.message, /may grow to 4 GiB, and every smaller one down to 6[34]\S* MiB\. .*--device js/);
  assert(error.cause instanceof RangeError);
});

Deno.test("wrong use of the device is refused with the reason", async () => {
  const device = wasmDevice();
  const reason = (fn: () => unknown): string => {
    const error = assertThrows(fn, DeviceError);
    return `${error.reason}: ${error.message}`;
  };
  const x = device.allocate(8, "x");
  assertMatch(
    reason(() => device.allocate(2 ** 40, "huge")),
    /^limit: Cannot allocate huge: 1099511627776 bytes/,
  );
  assertMatch(
    reason(() => device.write(x, 4, new Uint8Array(8))),
    /^validation: Cannot write x: 8 bytes from 4/,
  );
  assertMatch(reason(() => device.write(x, 2, new Uint8Array(4))), /do not start at a multiple of 4/);
  const [kernel] = await device.prepare([device.generate(SQUARE)]);
  assert(kernel !== undefined);
  assertMatch(reason(() => wasmDevice().bind([{ kernel, buffers: [] }])), /this device has not prepared it/);
  assertMatch(reason(() => device.bind([{ kernel, buffers: [] }])), /it has 1 buffers, got 0/);
  const commands = device.bind([{ kernel, buffers: [{ buffer: x, offset: 0, bytes: 8 }] }]);
  assertThrows(() => device.submit(commands, {}), InputError, "dim n has no value");
  assertEquals((await device.profile(commands, { n: 0 })).length, 0);
  assertEquals((await device.profile(commands, { n: 2 })).map((t) => t.kernel), ["square"]);
  // Far outside of the memory: the engine stops it, and the caller hears of it.
  assertMatch(reason(() => device.submit(commands, { n: 1 << 28 })), /^internal: Cannot run square: /);
  commands.dispose();
  assertMatch(reason(() => device.submit(commands, { n: 1 })), /these commands were disposed/);
  device.free(x);
  await assertRejects(() => device.read({ buffer: x, offset: 0, bytes: 4 }), DeviceError, "it was freed");
  device.dispose();
  assertMatch(reason(() => device.allocate(4, "y")), /^lost: Cannot allocate y: the device was disposed/);
});

Deno.test("beyond 2 GiB: programs compute what they compute at small addresses, to the last gigabyte", async () => {
  const model = w.module({ matrix: w.param([64, 96], "f32"), table: w.param([7, 64], "f16") }, (p) => ({
    main: w.method({ ids: w.spec(["n"], "i32") }, ({ ids }) => ({
      y: w.softmax(w.gelu(w.matmul(w.cast(w.take(p.table, ids), "f32"), p.matrix)), -1),
    })),
  }));
  const program = w.trace(model, { bounds: { n: 40 } });
  const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(i * 1.7));
  const weights = new Map([
    ["matrix", memoryWeight("f32", [64, 96], fromNumbers("f32", numbers(64 * 96)))],
    ["table", memoryWeight("f16", [7, 64], fromNumbers("f16", numbers(7 * 64)))],
  ]);
  const ids = { dtype: "i32", shape: [33], data: Int32Array.from({ length: 33 }, (_, i) => i % 7) } as const;
  const results: Float32Array[] = [];
  // Memory that nobody touches is not there.
  for (const before of [0, 2 ** 31 - 4096, 3.5 * 2 ** 30]) {
    const device = wasmDevice({ threads: 2 });
    if (before > 0) device.allocate(before, "what lies before");
    using executable = await compile(program, { device, weights });
    results.push((await executable.run("main", { ids })["y"]!.read()).data as Float32Array);
    device.dispose();
  }
  const [near, ...far] = results;
  assert(near!.some((y) => y !== 0));
  for (const y of far) assertEquals(y, near);
});
