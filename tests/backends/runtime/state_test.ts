import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Device } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import type { Executable, HostTensor } from "../../../backends/runtime/executable.ts";
import { State } from "../../../backends/runtime/state.ts";
import { compile } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { InputError } from "../../../ir/errors.ts";
import { fakeDevice } from "./fake_device.ts";

const declared = (device: Device): State =>
  new State(device, [
    { name: "k", shape: [2, "past", 4], dtype: "f32", bytes: 2 * 8 * 4 * 4 },
    { name: "v", shape: [2, "past+1", 4], dtype: "f32", bytes: 2 * 9 * 4 * 4 },
    { name: "seed", shape: [2], dtype: "u32", bytes: 8 },
  ]);

Deno.test("state: starts empty, with room for its bounds", () => {
  const device = fakeDevice();
  const state = declared(device);
  assertEquals(device.log, ["allocate k 256", "allocate v 288", "allocate seed 8"]);
  assertEquals(state.bytes, 552);
  assertEquals(["k", "v", "seed"].map((name) => state.shape(name)), [[2, 0, 4], [2, 1, 4], [2]]);
  assertEquals(state.length("past"), 0);
});

Deno.test("state: grows by runs, and forgets everything when it is reset", () => {
  const device = fakeDevice();
  const state = declared(device);
  state.advance("k", [2, 5, 4]);
  assertEquals([state.shape("k"), state.length("past")], [[2, 5, 4], 5]);
  device.write(state.buffer("seed"), 0, Uint8Array.of(1, 2, 3, 4));
  device.write(state.buffer("v"), 280, Uint8Array.of(1, 2, 3, 4));
  state.reset();
  assertEquals([state.shape("k"), state.length("past")], [[2, 0, 4], 0]);
  for (const name of ["seed", "v"]) assert(device.bytes(name).every((b) => b === 0), name);
});

Deno.test("state: a large one is emptied to its end", () => {
  const device = fakeDevice();
  const state = new State(device, [{ name: "n", shape: [50_000], dtype: "f32", bytes: 200_000 }]);
  device.write(state.buffer("n"), 0, new Uint8Array(200_000).fill(1));
  state.reset();
  assert(device.bytes("n").every((b) => b === 0));
});

Deno.test("state: goes back to an earlier length, and to no other", async (t) => {
  const device = fakeDevice();
  const state = new State(device, [
    { name: "k", shape: [2, "past", 4], dtype: "f32", bytes: 256 },
    { name: "v", shape: ["past", "b"], dtype: "f32", bytes: 256 },
  ]);
  state.advance("k", [2, 5, 4]);
  state.advance("v", [5, 3]);
  state.rewind("past", 5);
  state.rewind("past", 2);
  assertEquals([state.shape("k"), state.shape("v")], [[2, 2, 4], [2, 3]]);
  const wrong: readonly (() => void)[] = [
    () => state.rewind("past", 3),
    () => state.rewind("past", -1),
    () => state.rewind("past", 0.5),
    () => state.rewind("s", 0),
    () => declared(device).rewind("past", 0),
    () => void state.length("n"),
    () => void state.shape("q"),
  ];
  await t.assertSnapshot(wrong.map((f) => assertThrows(f, InputError).message));
  assertEquals([state.shape("k"), state.shape("v")], [[2, 2, 4], [2, 3]]);
});

Deno.test("state: binds commands once, and cannot be used after it was disposed", () => {
  const device = fakeDevice();
  const state = declared(device);
  const bind = () => device.bind([]);
  assertEquals(state.commands("decode", bind), state.commands("decode", () => assertThrows as never));
  state.commands("prefill", bind);
  state.dispose();
  state.dispose();
  assertEquals(device.log.slice(3), ["bind", "bind", "unbind", "unbind", "free k", "free v", "free seed"]);
  for (const use of [() => state.buffer("k"), () => state.commands("decode", bind), () => state.reset()]) {
    assertThrows(use, InputError, "disposed");
  }
});

const f32 = (shape: readonly number[], ...data: readonly number[]): HostTensor<"f32"> => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(data),
});

/** A program that appends to a cache, and tells what is in it. */
function cacheProgram(): w.Program {
  const step = w.method(
    { past: w.state(["past", 2], "f32"), x: w.spec(["s", 2], "f32") },
    ({ past, x }) => {
      const present = w.append(past, x, 0);
      return { past: present, seen: present, before: past, total: w.sum(present, 0) };
    },
  );
  return w.trace({ step, one: step }, {
    bounds: { past: 6, s: 3, "past+s": 6 },
    methods: { step: {}, one: { s: 1 } },
  });
}

async function withCache(f: (run: Executable, device: Device) => Promise<void>): Promise<void> {
  const device = jsDevice();
  using executable = await compile(cacheProgram(), { device });
  await f(executable, device);
  device.dispose();
}

const numbers = async (
  results: ReturnType<Executable["run"]>,
  name: string,
): Promise<number[]> => [...(await results[name]!.read()).data];

Deno.test("a cache grows run by run; what is in it can be read as a result of another name", async () => {
  await withCache(async (run) => {
    using state = run.createState();
    const first = run.run("step", { x: f32([2, 2], 1, 2, 3, 4) }, { state });
    assertEquals(Object.keys(first), ["seen", "before", "total"]);
    assertEquals([await numbers(first, "seen"), await numbers(first, "before")], [[1, 2, 3, 4], []]);
    const second = run.run("one", { x: f32([1, 2], 5, 6) }, { state });
    assertEquals(await numbers(second, "seen"), [1, 2, 3, 4, 5, 6]);
    assertEquals(await numbers(second, "before"), [1, 2, 3, 4]);
    assertEquals(await numbers(second, "total"), [9, 12]);
    assertEquals(state.shape("past"), [3, 2]);
    state.rewind("past", 1);
    assertEquals(await numbers(run.run("one", { x: f32([1, 2], 7, 8) }, { state }), "seen"), [1, 2, 7, 8]);
  });
});

Deno.test("states are apart, and a cache that is full is refused", async () => {
  await withCache(async (run) => {
    using a = run.createState();
    using b = run.createState();
    run.run("step", { x: f32([3, 2], 1, 1, 1, 1, 1, 1) }, { state: a });
    run.run("step", { x: f32([3, 2], 2, 2, 2, 2, 2, 2) }, { state: b });
    run.run("step", { x: f32([2, 2], 3, 3, 3, 3) }, { state: a });
    assertEquals([a.length("past"), b.length("past")], [5, 3]);
    const full = () => run.run("step", { x: f32([2, 2], 4, 4, 4, 4) }, { state: a });
    assertEquals(assertThrows(full, InputError).message, "step: past+s is 7, more than its bound 6");
    assertEquals(a.length("past"), 5);
    assertEquals(await numbers(run.run("one", { x: f32([1, 2], 5, 5) }, { state: b }), "total"), [11, 11]);
  });
});

Deno.test("a state of another executable is refused, and so is a run without one", async () => {
  await withCache(async (run, device) => {
    using other = await compile(cacheProgram(), { device });
    using foreign = other.createState();
    other.run("one", { x: f32([1, 2], 1, 1) }, { state: foreign });
    const x = f32([1, 2], 1, 1);
    const wrong = [() => run.run("one", { x }, { state: foreign }), () => run.run("one", { x })];
    assertEquals(wrong.map((f) => assertThrows(f, InputError).message), [
      "one: the state was made by another executable",
      "one: needs a state; give run() { state }",
    ]);
  });
});

Deno.test("results of an earlier run cannot be read any more; shapes that are none are refused", async () => {
  await withCache(async (run) => {
    using state = run.createState();
    const old = run.run("one", { x: f32([1, 2], 1, 1) }, { state });
    run.run("one", { x: f32([1, 2], 1, 1) }, { state });
    await assertRejects(() => old["total"]!.read(), InputError, "later run of one");
    for (const shape of [[-1, -2], [0.5, 4], [NaN, 2]]) {
      assertThrows(() => run.run("step", { x: f32(shape, 1, 1) }, { state }), InputError, "is not a size");
    }
  });
});

Deno.test("states that change places, and counters, on a device", async () => {
  const device = jsDevice();
  const step = w.method(
    { a: w.state([1], "f32"), b: w.state([1], "f32"), n: w.state([1], "i32"), x: w.spec([1], "f32") },
    ({ a, b, n, x }) => ({ a: b, b: w.add(a, x), n: w.add(n, w.full([1], 1, "i32")), before: n, was: a }),
  );
  {
    using executable = await compile(w.trace({ step }), { device });
    using state = executable.createState();
    const seen: unknown[] = [];
    for (const x of [1, 10, 100, 1000]) {
      const results = executable.run("step", { x: f32([1], x) }, { state });
      seen.push([...await numbers(results, "before"), ...await numbers(results, "was")]);
    }
    // a: 0, 0, 1, 10; b: 1, 10, 101, ...
    assertEquals(seen, [[0, 0], [1, 0], [2, 1], [3, 10]]);
    state.reset();
    const again = executable.run("step", { x: f32([1], 1) }, { state });
    assertEquals([await numbers(again, "before"), await numbers(again, "was")], [[0], [0]]);
  }
  device.dispose();
});
