/** The WebGPU device: memory, submissions, limits and failures. @module */
import { type WebGPUDevice, webgpuDevice } from "../../../backends/webgpu/mod.ts";
import { WebGPUDevice as Device } from "../../../backends/webgpu/mod.ts";
import type { BufferSlice, Dispatch } from "../../../backends/backend.ts";
import { DeviceError } from "../../../ir/errors.ts";
import { add, f32, int, load, variable } from "../../../ir/expr.ts";
import { store } from "../../../ir/stmt.ts";
import type { Target } from "../../../ir/target.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "../../support/assert.ts";
import { runLaunches, webgpuTest } from "../../support/webgpu.ts";
import { buf, bx, ceil64, elementwise, gemv, launch, tx } from "./launches.ts";

const whole = (buffer: ReturnType<WebGPUDevice["allocate"]>): BufferSlice => ({
  buffer,
  offset: 0,
  bytes: buffer.bytes,
});

/** `y[i] = x[i] + n`, for a symbolic `n` elements. */
const addN = launch(
  "add_n",
  [[buf("x", "i32", [variable("n")]), "read"], [buf("y", "i32", [variable("n")]), "write"]],
  store("y", [bx], add(load("x", "i32", [bx]), variable("n"))),
  { dims: ["n"], grid: [variable("n"), int(1), int(1)] },
);

function rejection<E extends Error>(
  fn: () => Promise<unknown>,
  reason: DeviceError["reason"],
  text: string,
): Promise<E> {
  return assertRejects(fn, DeviceError, text).then((error) => {
    assertEquals(error.reason, reason);
    return error as unknown as E;
  });
}

function refusal(fn: () => unknown, reason: DeviceError["reason"], text: string): void {
  assertEquals(assertThrows(fn, DeviceError, text).reason, reason);
}

/** The same WebGPU device under a target with other limits. */
function limited(device: WebGPUDevice, change: Partial<Target>): WebGPUDevice {
  return new Device(device.gpu, { ...device.target, ...change });
}

webgpuTest("memory starts zeroed; reads and writes at any offset", async (device) => {
  const buffer = device.allocate(30, "odd");
  assertEquals(await device.read(whole(buffer)), new Uint8Array(30));
  const bytes = Uint8Array.from({ length: 30 }, (_, i) => i + 1);
  device.write(buffer, 0, bytes);
  for (
    const [offset, length] of [[0, 30], [0, 1], [1, 1], [3, 2], [4, 4], [5, 11], [29, 1], [28, 2], [
      7,
      0,
    ]] as const
  ) {
    assertEquals(
      await device.read({ buffer, offset, bytes: length }),
      bytes.slice(offset, offset + length),
      `${length} bytes at ${offset}`,
    );
  }
  device.write(buffer, 8, Uint8Array.of(9, 9, 9, 9));
  const reads = await Promise.all([0, 8, 28].map((offset) => device.read({ buffer, offset, bytes: 2 })));
  assertEquals(reads.map((r) => [...r]), [[1, 2], [9, 9], [29, 30]]);
  refusal(() => device.write(buffer, 2, new Uint8Array(4)), "validation", "must be multiples of 4");
  refusal(() => device.write(buffer, 4, new Uint8Array(3)), "validation", "must be multiples of 4");
  refusal(() => device.write(buffer, 28, new Uint8Array(8)), "validation", "are outside it, it has 30");
  await rejection(
    () => device.read({ buffer, offset: 30, bytes: 4 }),
    "validation",
    "Cannot read buffer odd",
  );
  device.free(buffer);
  device.free(buffer);
  await rejection(() => device.read(whole(buffer)), "validation", "it was freed");
});

webgpuTest(
  "submissions in a row each see their own dims; uniforms are written only where they change",
  async (device) => {
    const [kernel] = await device.prepare([device.generate(addN)]);
    const [x, y1] = [device.allocate(16, "x"), device.allocate(16, "y1")];
    const copy = device.allocate(16, "y2");
    device.write(x, 0, new Uint8Array(Int32Array.of(10, 20, 30, 40).buffer));
    const first = device.bind([{ kernel: kernel!, buffers: [whole(x), whole(y1)] }]);
    const second = device.bind([{ kernel: kernel!, buffers: [whole(y1), whole(copy)] }]);
    const before = { ...device.counters };
    device.submit(first, { n: 4 });
    device.submit(second, { n: 3, unused: 1 });
    device.submit(first, { n: 2 });
    assertEquals([...new Int32Array((await device.read(whole(copy))).buffer)], [17, 27, 37, 0]);
    assertEquals([...new Int32Array((await device.read(whole(y1))).buffer)], [12, 22, 34, 44]);
    device.submit(first, { n: 2 });
    assertEquals(device.counters.submits - before.submits, 4);
    assertEquals(device.counters.dispatches - before.dispatches, 4);
    assertEquals(device.counters.bufferWrites - before.bufferWrites, 3);
    refusal(() => device.submit(first, {}), "validation", "Cannot run add_n: dim n is missing");
    refusal(() => device.submit(first, { n: 1.5 }), "validation", "dim n is 1.5");
    first.dispose();
    first.dispose();
    refusal(() => device.submit(first, { n: 1 }), "validation", "disposed");
    second.dispose();
    [x, y1, copy].forEach((b) => device.free(b));
  },
);

webgpuTest("a large upload in chunks arrives whole, without counting as submissions", async (device) => {
  const chunk = 6 << 20;
  const buffer = device.allocate(10 * chunk, "large");
  const { submits } = device.counters;
  for (let i = 0; i < 10; i++) device.write(buffer, i * chunk, new Uint8Array(chunk).fill(i + 1));
  assertEquals(device.counters.submits, submits);
  const ends = await Promise.all(
    Array.from({ length: 20 }, (_, k) => {
      const i = k >> 1;
      return device.read({ buffer, offset: k % 2 === 0 ? i * chunk : (i + 1) * chunk - 3, bytes: 3 });
    }),
  );
  assertEquals(ends.map((bytes) => [...bytes]), ends.map((_, k) => new Array(3).fill((k >> 1) + 1)));
  device.free(buffer);
});

webgpuTest("a list of dispatches is one submission, in order", async (device) => {
  const n = 100;
  const [a, b] = [buf("a", "f32", [n]), buf("b", "f32", [n])];
  const step = (from: typeof a, to: typeof a, by: number) =>
    elementwise(
      `add_${by}`,
      [[from, "read"], [to, "write"]],
      n,
      (i) => store(to.name, [i], add(load(from.name, "f32", [i]), f32(by))),
    );
  const before = { ...device.counters };
  const result = await runLaunches(device, [step(a, b, 1), step(b, a, 10), step(a, b, 100)], {
    a: 4 * n,
    b: 4 * n,
  });
  assertEquals([...new Set(new Float32Array(result["b"]!))], [111]);
  assertEquals(device.counters.submits - before.submits, 1);
  assertEquals(device.counters.dispatches - before.dispatches, 3);
  assertEquals(device.counters.buffersAllocated, before.buffersAllocated);
  assertEquals(device.counters.bytesAllocated, before.bytesAllocated);
  assertEquals(device.counters.bytesRead - before.bytesRead, 8 * n);
});

webgpuTest("kernels of the same text are compiled once", async (device) => {
  const code = device.generate(addN);
  const again = device.generate({ ...addN, name: "other" });
  assertEquals(again.source, code.source);
  const [one, two] = await device.prepare([code, again]) as unknown as {
    pipeline: unknown;
    code: typeof code;
  }[];
  assertStrictEquals(one!.pipeline, two!.pipeline);
  assertEquals(two!.code.launch.name, "other");
});

webgpuTest("profiling times every dispatch, by timestamps or by the clock", async (device) => {
  for (const timestamps of device.target.timestamps ? [true, false] : [false]) {
    const other = limited(device, { timestamps });
    const kernels = await other.prepare([other.generate(gemv(64)), other.generate(addN)]);
    const buffers = Array.from({ length: 5 }, (_, i) => other.allocate(64 * 64 * 4, `b${i}`));
    const [w, x, y, p, q] = buffers.map(whole);
    const commands = other.bind([
      { kernel: kernels[0]!, buffers: [w!, { ...x!, bytes: 256 }, y!] },
      { kernel: kernels[1]!, buffers: [p!, q!] },
    ]);
    const times = await other.profile(commands, { n: 64 });
    assertEquals(times.map((t) => t.kernel), ["gemv", "add_n"]);
    assert(times.every((t) => Number.isFinite(t.ms) && t.ms >= 0), JSON.stringify(times));
    assertGreater(times.reduce((sum, t) => sum + t.ms, 0), 0);
    commands.dispose();
    buffers.forEach((b) => other.free(b));
  }
});

webgpuTest("allocations over the limit are refused with both sizes", (device) => {
  const { maxBufferSize } = device.target;
  refusal(
    () => device.allocate(maxBufferSize + 1, "huge"),
    "limit",
    `Cannot allocate ${
      maxBufferSize + 1
    } bytes for huge: buffers of ${device.target.name} have 0 to ${maxBufferSize}`,
  );
  refusal(() => device.allocate(-1, "negative"), "limit", "Cannot allocate -1 bytes");
});

webgpuTest("bindings over a limit are refused by name, with what would work", async (device) => {
  const small = limited(device, { maxBindingSize: 1024, maxBindings: 3 });
  const [kernel] = await small.prepare([small.generate(addN)]);
  const [x, y] = [small.allocate(1028, "x"), small.allocate(1028, "y")];
  refusal(
    () => small.bind([{ kernel: kernel!, buffers: [whole(x), whole(y)] }]),
    "limit",
    "Cannot bind x of add_n to buffer x: its 1040 bytes are more than the 1024 that one binding may have",
  );
  [x, y].forEach((b) => small.free(b));
  refusal(() => small.generate(gemv(64 * 1024)), "limit", "it binds 258 buffers (w, x in 256 parts, y)");
});

webgpuTest("slices that do not fit a kernel are refused", async (device) => {
  const n = 64;
  const inPlace = launch(
    "both",
    [[buf("a", "f32", [n]), "read"], [buf("b", "f32", [n]), "write"]],
    store("b", [int(0)], load("a", "f32", [int(0)])),
  );
  const two = launch(
    "two",
    [[buf("a", "f32", [n]), "write"], [buf("b", "f32", [n]), "write"]],
    store("b", [int(0)], f32(1)),
  );
  const [kernel, writes] = await device.prepare([device.generate(inPlace), device.generate(two)]);
  const buffer = device.allocate(1024, "shared");
  const part = (offset: number, bytes = 4 * n): BufferSlice => ({ buffer, offset, bytes });
  const bind = (d: Dispatch) => () => device.bind([d]);
  const conflict = "a and b are both in buffer shared";
  refusal(
    bind({ kernel: kernel!, buffers: [part(0), part(512)] }),
    "validation",
    `${conflict}, and the kernel writes b`,
  );
  refusal(bind({ kernel: writes!, buffers: [part(0), part(0)] }), "validation", `${conflict}, they overlap`);
  refusal(bind({ kernel: writes!, buffers: [part(0)] }), "validation", "it has 2 buffers, got 1");
  refusal(
    bind({ kernel: writes!, buffers: [part(4), part(256)] }),
    "validation",
    "offset 4 is not a multiple of",
  );
  refusal(
    bind({ kernel: writes!, buffers: [part(0, 252), part(256)] }),
    "validation",
    "it needs 256 bytes, the slice has 252",
  );
  refusal(
    bind({ kernel: writes!, buffers: [part(0), part(1024)] }),
    "validation",
    "are outside it, it has 1024",
  );
  bind({ kernel: writes!, buffers: [part(0), part(256)] })().dispose();
  await device.sync(); // and WebGPU agrees
  device.free(buffer);
});

webgpuTest("WGSL that is refused is shown with the line at fault", async (device) => {
  const code = device.generate(addN);
  const source = code.source.replace("= n + x[bx]", "= n + nonsense");
  const error = await rejection<DeviceError>(
    () => device.prepare([{ ...code, source } as typeof code]),
    "validation",
    "Cannot compile kernel add_n: the WebGPU implementation refused its WGSL",
  );
  assertMatch(error.message, /> +\d+ \| {3}y\[bx\] = n \+ nonsense;\n +\| {14,}\^/);
  // A failure is not remembered as a kernel, and the device still works.
  await assertRejects(() => device.prepare([{ ...code, source } as typeof code]), DeviceError);
  assertEquals((await device.prepare([code])).length, 1);
  await device.sync();
});

webgpuTest("errors that WebGPU only reports by events come out of the next call, once", async (device) => {
  device.gpu.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  await rejection(() => device.sync(), "validation", "WebGPU reported an error");
  await device.sync();
});

webgpuTest("a lost device refuses every later call with the reason", async () => {
  const device = await webgpuDevice();
  const buffer = device.allocate(16, "b");
  const [kernel] = await device.prepare([device.generate(addN)]);
  const commands = device.bind([{
    kernel: kernel!,
    buffers: [whole(device.allocate(16, "x")), whole(buffer)],
  }]);
  device.gpu.destroy();
  const text = `the WebGPU device ${device.target.name} was lost (destroyed`;
  await rejection(() => device.read(whole(buffer)), "lost", text); // before the event has arrived
  await rejection(() => device.read(whole(buffer)), "lost", text);
  refusal(() => device.allocate(4, "more"), "lost", text);
  refusal(() => device.write(buffer, 0, new Uint8Array(4)), "lost", text);
  refusal(() => device.submit(commands, { n: 1 }), "lost", text);
  await rejection(() => device.sync(), "lost", text);
  await rejection(() => device.prepare([]), "lost", text);
  device.dispose();
});

webgpuTest("disposing frees everything and is final", async () => {
  const device = await webgpuDevice({ label: "short-lived" });
  device.allocate(1024, "left behind");
  assertEquals(device.counters, {
    ...device.counters,
    buffersAllocated: 1,
    bytesAllocated: 1024,
    peakBytes: 1024,
  });
  const pending = device.read(whole(device.allocate(16, "b")));
  device.dispose();
  device.dispose();
  assertEquals(device.counters.bytesAllocated, 0);
  await rejection(() => pending, "lost", "it was disposed");
  refusal(() => device.allocate(4, "more"), "lost", "it was disposed");
});

webgpuTest("symbolic sizes: one kernel serves every length", async (device) => {
  const n = variable("n");
  const scale = launch(
    "double",
    [[buf("x", "f32", [n]), "read_write"]],
    store("x", [add(bx, int(0))], add(load("x", "f32", [bx]), load("x", "f32", [bx]))),
    { dims: ["n"], grid: [n, int(1), int(1)] },
  );
  for (const size of [1, 2, 77]) {
    const { x } = await runLaunches(device, [scale], { x: new Float32Array(80).fill(1.5) }, { n: size });
    const expected = Array.from({ length: 80 }, (_, i) => (i < size ? 3 : 1.5));
    assertEquals([...new Float32Array(x!)], expected);
  }
  assertEquals(ceil64(n).kind, "binary");
  assertEquals(tx.kind, "var");
});
