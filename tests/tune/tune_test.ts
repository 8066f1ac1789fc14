/** Tuning with made-up times and faults: what is chosen, what is recorded, what is survived. @module */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import type { Commands, Device, DispatchTime } from "../../backends/backend.ts";
import { JS_TARGET, jsDevice } from "../../backends/js/mod.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { compile, lower } from "../../compile.ts";
import { matmul as matmulOp, method, relu, spec, trace } from "../../dsl/mod.ts";
import { DeviceError } from "../../ir/errors.ts";
import { int, variable } from "../../ir/expr.ts";
import { hashFunc } from "../../ir/hash.ts";
import { apply, fallback, rule } from "../../schedule/mod.ts";
import { recordKey, targetFingerprint } from "../../schedule/tune/record.ts";
import { SPACES } from "../../schedule/tune/spaces.ts";
import { openDatabase, tuneKernel, tuneProgram } from "../../tune/mod.ts";
import { timerOf } from "../../tune/timing.ts";
import { matvec } from "../schedule/tune/kernels.ts";

/** What a device of the tests does otherwise than the JS device. */
interface Faults {
  /** Milliseconds of a dispatch with so many threads. */
  readonly time?: (threads: number) => number;
  /** Whether the result of a kernel with so many threads is wrong. */
  readonly wrong?: (threads: number) => boolean;
  /** What happens instead of the timing of a kernel with so many threads. */
  readonly profile?: (threads: number) => Promise<readonly DispatchTime[]> | undefined;
}

const threadsOf = (commands: Commands): number =>
  commands.dispatches[0]?.kernel.code.launch.workgroup[0] ?? 1;

function device(faults: Faults): Device {
  const js = jsDevice();
  let last = 1;
  return {
    target: js.target,
    generate: (launch) => js.generate(launch),
    allocate: (bytes, label) => js.allocate(bytes, label),
    free: (buffer) => js.free(buffer),
    write: (buffer, offset, data) => js.write(buffer, offset, data),
    async read(slice) {
      const bytes = await js.read(slice);
      if (faults.wrong?.(last)) new Float32Array(bytes.buffer)[0]! += 1;
      return bytes;
    },
    prepare: (codes) => js.prepare(codes),
    bind: (dispatches) => js.bind(dispatches),
    copy: (from, to) => js.copy(from, to),
    submit(commands, dims) {
      last = threadsOf(commands);
      js.submit(commands, dims);
    },
    async profile(commands, dims) {
      const times = await (faults.profile?.(threadsOf(commands)) ?? js.profile(commands, dims));
      return times.map((t, i) => ({
        ...t,
        ms: faults.time?.(commands.dispatches[i]?.kernel.code.launch.workgroup[0] ?? 1) ?? t.ms,
      }));
    },
    sync: () => js.sync(),
    dispose: () => js.dispose(),
  };
}

// The rule `fallback` has one parameter, threads: 8 by default on this device.
const func = matvec(int(64), int(8));
const options = { rotate: 0, rounds: [3, 5] as const, ms: 1, incumbent: fallback() };
const memory = () => openDatabase(undefined, { runtime: "test" });

Deno.test("the fastest is chosen where it beats the incumbent by more than the least gain, else the incumbent stays", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 10, max: 300 }).map((n) => n / 100), { minLength: 9, maxLength: 9 }),
      async (costs) => {
        // Powers of two from 1 to 256.
        const time = (threads: number): number => costs[Math.log2(threads)] ?? 1;
        const database = memory();
        const result = await tuneKernel(() => Promise.resolve(device({ time })), func, {
          ...options,
          database,
        });
        const own = time(8);
        const least = Math.min(...costs);
        assertEquals(result.changed, least / own + 0.02 < 1);
        const chosen = result.chosen;
        assert(chosen?.kind === "rule");
        assertEquals(time(chosen.params["threads"]!), result.changed ? least : own);
        assertEquals(result.trials.length, costs.length);
        assertEquals(database.records.length, costs.length + 1);
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("gains within the spread of the measurements are none", async () => {
  // The incumbent takes 1 or 2 by turns, candidates 0.95 of the mean.
  let turn = 0;
  const time = (threads: number): number => (threads === 8 ? 1 + turn++ % 2 : 1.4);
  const result = await tuneKernel(() => Promise.resolve(device({ time })), func, {
    ...options,
    database: memory(),
  });
  assertEquals(result.changed, false);
});

Deno.test("a candidate that is fast for a while only is not chosen", async () => {
  // Prepared for its trial, and twice for the first and for the second measurement of the best: beside the incumbent,
  // as what the others are measured beside, and as one of them.
  for (const [lasts, chosen] of [[1, false], [3, false], [5, true]] as const) {
    let prepared = 0;
    const plain = device({ time: (threads) => threads === 16 ? (prepared <= lasts ? 0.5 : 1.5) : 1 });
    const counting: Device = {
      ...plain,
      prepare(codes) {
        if (codes.some((c) => c.launch.workgroup[0] === 16)) prepared++;
        return plain.prepare(codes);
      },
    };
    const result = await tuneKernel(() => Promise.resolve(counting), func, {
      ...options,
      database: memory(),
    });
    assertEquals(result.changed, chosen, `fast in ${lasts} of 5`);
  }
});

Deno.test("a machine that is busy during one trial does not make all later ones look faster", async () => {
  const costs = fc.array(fc.integer({ min: 30, max: 200 }).map((n) => n / 100), {
    minLength: 9,
    maxLength: 9,
  });
  await fc.assert(
    fc.asyncProperty(costs, fc.nat(8), async (list, busyAt) => {
      // While it is measured for the first time, everything else takes three times as long.
      const busyWith = 2 ** busyAt;
      const own = (threads: number): number => list[Math.log2(threads)] ?? 1;
      let left = -1;
      const time = (threads: number): number => {
        if (left > 0) left--;
        return own(threads) * (left > 0 && threads !== busyWith ? 3 : 1);
      };
      const plain = device({ time });
      const busy: Device = {
        ...plain,
        prepare(codes) {
          // As many dispatches as a comparison of the options has at least: two to warm up, two and then six or more.
          if (left < 0 && codes.some((c) => c.launch.workgroup[0] === busyWith)) left = 11;
          return plain.prepare(codes);
        },
      };
      const database = memory();
      await tuneKernel(() => Promise.resolve(busy), func, { ...options, rounds: [3, 3], database });
      for (const { schedule, outcome, chosen } of database.records) {
        if (chosen || schedule.kind !== "rule" || outcome.kind !== "timed") continue;
        const threads = schedule.params["threads"] ?? 8;
        if (threads === busyWith) continue;
        assertAlmostEquals(outcome.figures.ratio, own(threads) / own(8), 1e-6);
      }
    }),
    { numRuns: 20 },
  );
});

Deno.test("a second search measures nothing: it needs no more than the target", async () => {
  const database = memory();
  const time = (threads: number): number => threads === 32 ? 1 : 2;
  const first = await tuneKernel(() => Promise.resolve(device({ time })), func, { ...options, database });
  const idle: Device = { ...device({}), prepare: () => Promise.reject(new Error("compiled")) };
  const second = await tuneKernel(() => Promise.resolve(idle), func, { ...options, database });
  assertEquals(second.stopped, "known");
  assertEquals([second.chosen, second.figures, second.changed], [first.chosen, first.figures, true]);
  assertEquals(second.trials, []);
});

Deno.test("a search that was stopped goes on where it was", async () => {
  const database = memory();
  const abort = new AbortController();
  const open = () => Promise.resolve(device({ time: (threads) => threads }));
  const first = await tuneKernel(open, func, {
    ...options,
    database,
    signal: abort.signal,
    onProgress: ({ trial }) => void (trial === 4 && abort.abort()),
  });
  assertEquals([first.stopped, first.chosen, first.trials.length], ["aborted", undefined, 4]);
  const second = await tuneKernel(open, func, { ...options, database });
  assertEquals(second.trials.length, 9 - 4);
  assertEquals(second.chosen, rule("fallback", { threads: 1 }));
});

Deno.test("a wrong candidate is never chosen, however fast, and is reported", async () => {
  const time = (threads: number): number => threads === 16 ? 0.1 : 1;
  const result = await tuneKernel(
    () => Promise.resolve(device({ time, wrong: (threads) => threads === 16 })),
    func,
    { ...options, database: memory() },
  );
  assertEquals(result.changed, false);
  assertEquals(result.wrong.length, 1);
  assert(result.wrong[0]!.startsWith("matvec under rule(fallback, threads=16) is wrong: element 0 of y is "));
  await assertRejects(
    () =>
      tuneKernel(() => Promise.resolve(device({ wrong: () => true })), func, {
        ...options,
        database: memory(),
      }),
    Error,
    "is wrong: element 0 of y",
  );
});

Deno.test("a lost device and a hang are recorded as failures, and the search goes on with another device", async () => {
  const lost = new DeviceError("lost", "the device is gone");
  const never = new Promise<never>(() => {});
  let opened = 0;
  const open = () => {
    opened++;
    return Promise.resolve(device({
      time: (threads) => threads,
      profile: (threads) => threads === 4 ? Promise.reject(lost) : threads === 2 ? never : undefined,
    }));
  };
  const database = memory();
  const result = await tuneKernel(open, func, { ...options, database, timeout: 1000 });
  assertEquals(opened, 3);
  assertEquals(result.chosen, rule("fallback", { threads: 1 }));
  const failures = result.trials.flatMap((t) =>
    t.outcome.kind === "failed" ? [[t.point["threads"], t.outcome.reason]] : []
  );
  assertEquals(failures.sort(), [[2, "hang: it was not done after 1000 ms"], [4, "the device is gone"]]);
});

Deno.test("on a real device: Wasm, a matrix-vector product in tiles, a size that is no multiple of them", async () => {
  const database = memory();
  const ragged = matvec(variable("n"), int(37));
  const result = await tuneKernel(() => Promise.resolve(wasmDevice()), ragged, {
    ...options,
    incumbent: fallback(),
    database,
    dims: { n: 53 },
    ranges: { n: [1, 64] },
  });
  assertEquals(result.wrong, []);
  assert(result.trials.length > 3 && result.trials.every((t) => t.outcome.kind === "timed"));
  const found = database.of(
    recordKey(ragged, targetFingerprint(wasmDevice().target, "test"), { n: [1, 64] }, fallback()),
  );
  assertEquals(found.length, database.records.length);
  assertEquals(found[0]?.at, { n: 53 });
});

const program = trace({
  product: method(
    { a: spec(["n", 4], "f32"), b: spec([4, 6], "f32") },
    ({ a, b }) => ({ y: matmulOp(a, b) }),
  ),
}, { dims: {}, bounds: { n: 16 } });

Deno.test("compile takes the schedules of a database; one that does not apply is noted and left", async () => {
  const [plain] = [...lower(program, JS_TARGET).kernels.values()];
  const key = recordKey(plain!.func, targetFingerprint(JS_TARGET, "test"));
  const common = {
    ...key,
    name: "product",
    device: "js",
    at: {},
    outcome: { kind: "failed", reason: "" },
    chosen: true,
    date: "2026",
  } as const;
  const good = memory();
  good.add({ ...common, schedule: fallback({ threads: 2 }) });
  const [tuned] = [...lower(program, JS_TARGET, { database: good }).kernels.values()];
  assert(hashFunc(tuned!.scheduled) !== hashFunc(plain!.scheduled));
  assertEquals(tuned!.lowered.launches[0]?.workgroup[0], 2);
  const bad = memory();
  bad.add({ ...common, schedule: rule("fallback", { sheep: 2 }) });
  const [kept] = [...lower(program, JS_TARGET, { database: bad }).kernels.values()];
  assertEquals(hashFunc(kept!.scheduled), hashFunc(plain!.scheduled));
  assertEquals(bad.notes.length, 1);

  const a = { dtype: "f32", shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) } as const;
  const b = {
    dtype: "f32",
    shape: [4, 6],
    data: Float32Array.from({ length: 24 }, (_, i) => i % 5),
  } as const;
  const results = await Promise.all([good, bad].map(async (database) => {
    using executable = await compile(program, { device: jsDevice(), database });
    return (await executable.run("product", { a, b })["y"]!.read()).data;
  }));
  assertEquals(results[0], results[1]);
});

Deno.test("the best points of a kernel are where the next of its rule begins", async () => {
  const two = trace({
    small: method({ a: spec([2, 4], "f32") }, ({ a }) => ({ y: relu(a) })),
    large: method({ a: spec([64, 64], "f32") }, ({ a }) => ({ y: relu(a) })),
  });
  const order: [string, number][] = [];
  await tuneProgram(() => Promise.resolve(device({ time: (threads) => Math.abs(threads - 32) + 1 })), two, {
    ...options,
    database: memory(),
    sizes: [{ entry: "large", dims: {} }, { entry: "small", dims: {} }],
    spaceOf: (_, target) => SPACES.get("fallback")!(target),
    onProgress: (use, p) => void order.push([use.entry, p.point["threads"]!]),
  });
  assertEquals(order.slice(0, 9).map(([entry]) => entry), Array.from({ length: 9 }, () => "small"));
  // The default, then the best two of the small one.
  assertEquals(order.slice(9, 12), [["large", 8], ["large", 32], ["large", 16]]);
});

Deno.test("what is best for a later kernel is tried on an earlier one at the end", async () => {
  const two = trace({
    small: method({ a: spec([2, 4], "f32") }, ({ a }) => ({ y: relu(a) })),
    large: method({ a: spec([64, 64], "f32") }, ({ a }) => ({ y: relu(a) })),
  });
  const tried = new Map<string, number[]>([["small", []], ["large", []]]);
  const database = memory();
  // The more threads the better, but each kernel has time for few points only.
  const tuned = await tuneProgram(() => Promise.resolve(device({ time: (threads) => 1 / threads })), two, {
    ...options,
    database,
    trials: 4,
    seed: 2,
    sizes: [{ entry: "large", dims: {} }, { entry: "small", dims: {} }],
    spaceOf: (_, target) => SPACES.get("fallback")!(target),
    onProgress: (use, p) => void tried.get(use.entry)!.push(p.point["threads"]!),
  });
  assertEquals(tuned.map(({ use }) => use.entry), ["small", "large"]);
  const best = Math.max(...tried.get("large")!);
  assert(!tried.get("small")!.slice(0, 4).includes(best));
  assertEquals(tried.get("small")!.slice(4), [best]);
  assertEquals(tuned[0]!.result.chosen, rule("fallback", { threads: best }));
  assertEquals(tuned[0]!.result.trials.length, 5);
});

Deno.test("winners of several ranges of a dim run as one family, right on both sides of every border", async () => {
  const [plain] = [...lower(program, JS_TARGET).kernels.values()];
  const database = memory();
  for (const [least, most, threads] of [[1, 4, 2], [5, 16, 4]] as const) {
    database.add({
      ...recordKey(plain!.func, targetFingerprint(JS_TARGET, "test"), { n: [least, most] }),
      name: "product",
      device: "js",
      at: { n: most },
      schedule: fallback({ threads }),
      outcome: { kind: "failed", reason: "" },
      chosen: true,
      date: "2026",
    });
  }
  const [family] = [...lower(program, JS_TARGET, { database }).kernels.values()];
  assertEquals(family!.lowered.launches.map((l) => l.workgroup[0]), [2, 4]);
  const b = {
    dtype: "f32",
    shape: [4, 6],
    data: Float32Array.from({ length: 24 }, (_, i) => i % 5),
  } as const;
  using tuned = await compile(program, { device: jsDevice(), database });
  using untuned = await compile(program, { device: jsDevice() });
  for (const n of [1, 4, 5, 16]) {
    const a = {
      dtype: "f32",
      shape: [n, 4],
      data: Float32Array.from({ length: 4 * n }, (_, i) => i),
    } as const;
    const [x, y] = await Promise.all([tuned, untuned].map((e) => e.run("product", { a, b })["y"]!.read()));
    assertEquals(x!.data, y!.data);
  }
});

Deno.test("a program: every kernel is tuned for its ranges, and compiles to what was chosen", async () => {
  const database = memory();
  const time = (threads: number): number => 1 / threads;
  const open = () => Promise.resolve(device({ time }));
  const tuned = await tuneProgram(open, program, {
    ...options,
    incumbent: fallback(),
    database,
    sizes: [{ entry: "product", dims: { n: 5 }, ranges: { n: [1, 16] } }],
  });
  const uses = tuned.map(({ use: { entry, calls, dims, ranges } }) => ({ entry, calls, dims, ranges }));
  assertEquals(uses, [{ entry: "product", calls: 1, dims: { n: 5 }, ranges: { n: [1, 16] } }]);
  assertEquals(tuned[0]?.result.chosen, rule("fallback", { threads: 256 }));
  const [kernel] = [...lower(program, JS_TARGET, { database }).kernels.values()];
  assertEquals(kernel!.lowered.launches[0]?.workgroup[0], 256);
});

Deno.test("without timestamps the time is that of many dispatches less that of fewer: waiting does not count", async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0.01, max: 5, noNaN: true }), fc.nat(50), async (ms, wait) => {
      let clock = 0;
      const js = jsDevice();
      const slow: Device = {
        ...device({}),
        target: { ...js.target, kind: "webgpu", timestamps: false },
        submit: (commands) => void (clock += commands.dispatches.length * ms * threadsOf(commands)),
        sync: () => Promise.resolve(void (clock += wait)),
        profile: () => Promise.reject(new Error("profiled")),
      };
      const time = timerOf(slow, {}, { limit: () => 1000, now: () => clock });
      const [one, three] = await Promise.all([1, 3].map(async (threads) => {
        const result = apply(func, fallback({ threads }));
        assert(result.ok);
        const { launches } = lowerFunc(result.func);
        const [kernel] = await slow.prepare(launches.map((l) => slow.generate(l)));
        const buffers = launches[0]!.buffers.map(({ buffer: { name } }) => {
          const buffer = slow.allocate(4096, name);
          return { buffer, offset: 0, bytes: 4096 };
        });
        return () => [{ kernel: kernel!, buffers }];
      }));
      const { a, b } = await time(one!, three!, 2);
      for (const t of a) assert(Math.abs(t - ms) < 1e-6 * ms, `${t} and ${ms}`);
      for (const t of b) assert(Math.abs(t - 3 * ms) < 1e-6 * ms, `${t} and ${3 * ms}`);
    }),
    { numRuns: 20 },
  );
});
