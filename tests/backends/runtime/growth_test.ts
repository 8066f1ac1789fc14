import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Device, DeviceBuffer } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { planMemory } from "../../../backends/runtime/memory.ts";
import { compile, lower } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { InputError } from "../../../ir/errors.ts";
import { collect, generate, loadGPT2 } from "../../../models/gpt2/mod.ts";
import { deviceTest } from "../../support/devices.ts";

/** A cache by its second axis, one that is replaced as a whole, and a counter; `most` positions. */
function program(most: number): w.Program {
  const step = w.method(
    {
      k: w.state([2, "past", 3], "f32"),
      sums: w.state(["past"], "f32"),
      runs: w.state([1], "i32"),
      x: w.spec([2, "s", 3], "f32"),
    },
    ({ k, sums, runs, x }) => {
      const present = w.append(k, x, 1);
      return {
        k: present,
        sums: w.sum(w.sum(w.mul(present, w.add(present, w.full([1], 1))), 2), 0),
        runs: w.add(runs, w.full([1], 1, "i32")),
        seen: present,
        before: sums,
      };
    },
  );
  return w.trace({ step, one: step }, {
    bounds: { past: most, s: most, "past+s": most },
    methods: { step: {}, one: { s: 1 } },
  });
}

/** Bytes of a device's buffers, by what is allocated and freed through the proxy; `peak` the most so far. */
function counted(device: Device): { readonly device: Device; readonly bytes: { now: number; peak: number } } {
  const bytes = { now: 0, peak: 0 };
  const live = new Set<DeviceBuffer>();
  const proxy = new Proxy(device, {
    get(target, key) {
      if (key === "allocate") {
        return (size: number, label: string) => {
          const buffer = target.allocate(size, label);
          live.add(buffer);
          bytes.now += buffer.bytes;
          bytes.peak = Math.max(bytes.peak, bytes.now);
          return buffer;
        };
      }
      if (key === "free") {
        return (buffer: DeviceBuffer) => {
          if (live.delete(buffer)) bytes.now -= buffer.bytes;
          target.free(buffer);
        };
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { device: proxy, bytes };
}

const lengths = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 12 });

deviceTest(
  "property: a state that grows holds what one of full size holds; its bytes are as planned",
  async (device) => {
    const most = 40;
    const { device: grown, bytes } = counted(device);
    using growing = await compile(program(most), { device: grown, cacheBlock: 2 });
    using whole = await compile(program(most), { device, cacheBlock: Infinity });
    const { weightBytes, workBytes, stateBytesAtFirst, stateBytes, peakBytes } = growing.info;
    assertEquals(bytes.now, weightBytes + workBytes);
    assertEquals(stateBytes, whole.info.stateBytes);
    assert(stateBytesAtFirst < stateBytes / 8);
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(most), async (given, back) => {
        using a = growing.createState();
        using b = whole.createState();
        assertEquals(a.bytes, stateBytesAtFirst);
        assertEquals(bytes.now, weightBytes + workBytes + a.bytes);
        let past = 0;
        for (const [i, n] of given.entries()) {
          if (past + n > most) break;
          const x = {
            dtype: "f32",
            shape: [2, n, 3],
            data: Float32Array.from({ length: 6 * n }, (_, j) => (i * 50 + j) % 13 - 6),
          } as const;
          const entry = n === 1 ? "one" : "step";
          const [left, right] = [
            growing.run(entry, { x }, { state: a }),
            whole.run(entry, { x }, { state: b }),
          ];
          for (const name of ["seen", "before"]) {
            assertEquals(await left[name]!.read(), await right[name]!.read(), name);
          }
          past += n;
          assertEquals([a.shape("k"), a.shape("sums")], [[2, past, 3], [past]]);
          assertEquals(bytes.now, weightBytes + workBytes + a.bytes);
          reached = Math.max(reached, a.bytes);
        }
        // Back to the beginning, with room from before.
        a.reset();
        b.reset();
        const x = { dtype: "f32", shape: [2, 1, 3], data: new Float32Array(6).fill(back) } as const;
        const [left, right] = [
          growing.run("one", { x }, { state: a }),
          whole.run("one", { x }, { state: b }),
        ];
        assertEquals(await left["seen"]!.read(), await right["seen"]!.read());
      }),
      { numRuns: 8 },
    );
    {
      using full = growing.createState();
      const x = { dtype: "f32", shape: [2, most - 1, 3], data: new Float32Array(6 * (most - 1)) } as const;
      for (const n of [1, 31, 1, 7]) {
        const part = { ...x, shape: [2, n, 3], data: x.data.subarray(0, 6 * n) };
        growing.run(n === 1 ? "one" : "step", { x: part }, { state: full });
      }
      assertEquals(full.bytes, stateBytes);
    }
    await grown.sync();
    assertEquals(bytes.peak, peakBytes);
    assert(reached > stateBytesAtFirst);
  },
);

deviceTest("a text is the same whether the cache grows or not", async (device) => {
  const options = { prompt: "Once upon a time", maxTokens: 16, temperature: 0 };
  const texts = [];
  for (const cacheBlock of [16, Infinity]) {
    const { device: watched, bytes } = counted(device);
    using model = await loadGPT2(new URL("../../../models/weights/stories/", import.meta.url), {
      device: watched,
      cacheBlock,
    });
    texts.push((await collect(generate(model, options))).ids);
    const { weightBytes, workBytes, stateBytes, peakBytes } = model.executable.info;
    if (cacheBlock === Infinity) assertEquals(bytes.peak, weightBytes + workBytes + stateBytes);
    else assert(bytes.peak < weightBytes + workBytes + stateBytes / 2);
    assert(bytes.peak <= peakBytes);
  }
  assertEquals(texts[0], texts[1]);
});

Deno.test("memory: planned from the entry points alone; states of full size grow nowhere", () => {
  const { target } = jsDevice();
  const of = (cacheBlock: number) => planMemory(lower(program(100), target, { cacheBlock }).plans);
  const [whole, growing] = [of(Infinity), of(4)];
  assertEquals(whole.state, 2 * 100 * 3 * 4 + 100 * 4 + 4);
  assertEquals(whole.stateAtFirst, whole.state);
  assertEquals(whole.peak, whole.weights + whole.work + whole.state);
  assertEquals(growing.state, whole.state);
  assertEquals(growing.stateAtFirst, 2 * 4 * 3 * 4 + 4 * 4 + 4);
  // From 64 to 100 positions: the cache first, while its old buffer and the sums' are there.
  assertEquals(growing.peak, growing.weights + growing.work + 64 * 24 + 100 * 24 + 64 * 4 + 4);
  // Fewer than sixteen blocks.
  assertEquals(of(13).stateAtFirst, whole.state);
});

deviceTest("a fork holds what its state holds, grown or not, and each goes on alone", async (device) => {
  using growing = await compile(program(40), { device, cacheBlock: 2 });
  const x = (n: number, value: number) =>
    ({ dtype: "f32", shape: [2, n, 3], data: new Float32Array(6 * n).fill(value) }) as const;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 2, max: 15 }),
      async (first, then) => {
        const seen = async (values: readonly number[], forks: boolean) => {
          let state = growing.createState();
          for (const [i, value] of values.entries()) {
            if (forks) {
              const fork = growing.forkState(state);
              // What the old one does from here on is its own business.
              growing.run("step", { x: x(then, 99) }, { state });
              state.dispose();
              state = fork;
            }
            const out = growing.run("step", { x: x(i === 0 ? first : then, value) }, { state });
            if (i < values.length - 1) continue;
            const data = await out["seen"]!.read();
            state.dispose();
            return data;
          }
        };
        assertEquals(await seen([1, 2], true), await seen([1, 2], false));
      },
    ),
    { numRuns: 8 },
  );
  using other = await compile(program(40), { device });
  using strange = other.createState();
  assertThrows(() => growing.forkState(strange), InputError, "another executable made");
});

/** A table that gets a row and a column a step: both axes of the state are symbolic. */
function twoAxes(rows: number, columns: number): w.Program {
  const step = w.method(
    { k: w.state(["n", "m"], "f32"), x: w.spec([1, 1], "f32") },
    ({ k, x }) => {
      const longer = w.append(k, w.mul(w.full([1, "m"], 2), x), 0);
      const wider = w.append(longer, w.mul(w.full(["n+1", 1], 3), x), 1);
      return { k: wider, seen: w.mul(wider, w.full([1], 1)) };
    },
  );
  return w.trace({ step }, {
    bounds: { n: rows, m: columns, "n+1": rows, "m+1": columns },
    methods: { step: {} },
  });
}

Deno.test("of two symbolic axes of a state, the one with the most room grows", () => {
  const { target } = jsDevice();
  const first = (rows: number, columns: number, cacheBlock: number) =>
    planMemory(lower(twoAxes(rows, columns), target, { cacheBlock }).plans).stateAtFirst;
  assertEquals(first(3, 100, 4), 3 * 4 * 4);
  assertEquals(first(100, 3, 4), 4 * 3 * 4);
  assertEquals(first(64, 100, 4), 64 * 4 * 4);
  assertEquals(first(100, 64, 4), 4 * 64 * 4);
  assertEquals(first(63, 63, 4), 63 * 63 * 4);
});

deviceTest("a table that gets rows and columns holds what one of full size holds", async (device) => {
  for (const [rows, columns] of [[40, 20], [20, 40]] as const) {
    using growing = await compile(twoAxes(rows, columns), { device, cacheBlock: 2 });
    using whole = await compile(twoAxes(rows, columns), { device, cacheBlock: Infinity });
    using a = growing.createState();
    using b = whole.createState();
    assert(a.bytes < b.bytes / 8);
    for (let n = 1; n <= 20; n++) {
      const x = { dtype: "f32", shape: [1, 1], data: Float32Array.of(n) } as const;
      const [left, right] = [
        growing.run("step", { x }, { state: a }),
        whole.run("step", { x }, { state: b }),
      ];
      const { data } = await left.seen!.read();
      assertEquals(data, (await right.seen!.read()).data);
      // What a step added stays as it was: a row of twice its number, then a column of three times.
      const expected = Array.from({ length: n * n }, (_, i) => {
        const [row, column] = [Math.floor(i / n), i % n];
        return column >= row ? 3 * (column + 1) : 2 * (row + 1);
      });
      assertEquals([...data], expected);
    }
    assert(a.bytes < b.bytes);
  }
});
