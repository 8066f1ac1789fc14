/** Devices in processes of their own: they compute what the others do, and what never ends on them is stopped. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import type { Device } from "../../backends/backend.ts";
import { generateJs, jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { generateWgsl, WEBGPU_BASELINE } from "../../backends/webgpu/mod.ts";
import { DeviceError, InputError } from "../../ir/errors.ts";
import { int } from "../../ir/expr.ts";
import { apply, fallback, rule } from "../../schedule/mod.ts";
import { HangError, openBench, openDatabase, processDevice, tuneKernel } from "../../tune/mod.ts";
import { frame, frameReader } from "../../tune/frames.ts";
import { reviveExpr, reviveLaunch } from "../../tune/revive.ts";
import { within } from "../../tune/timing.ts";
import { arbAnyExpr } from "../support/arbitrary/expr.ts";
import { arbFunc } from "../support/arbitrary/func.ts";
import { matvec } from "../schedule/tune/kernels.ts";
import { endless, startEndless } from "./endless.ts";

const KINDS = ["wasm", "js"] as const;
const own = { wasm: () => wasmDevice(), js: () => jsDevice() };
const func = matvec(int(64), int(8));

/** The processes of devices that `parent` has started, and the ticks of the processor that they took. */
async function children(parent = Deno.pid): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      // After the name, which may have any letters: state, parent, ..., time of user and system.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // Tests beside this one start processes, too.
      const isDevice = (await Deno.readTextFile(`/proc/${name}/cmdline`)).includes("device_process");
      if (fields[0] !== "Z" && Number(fields[1]) === parent && isDevice) {
        found.set(name, Number(fields[11]) + Number(fields[12]));
      }
    } catch {
      // it has ended meanwhile
    }
  }
  return found;
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

Deno.test("a device in another process is like one in this", async () => {
  for (const kind of KINDS) {
    const [there, here] = [processDevice(kind), own[kind]()];
    try {
      assertEquals(there.target, here.target);
      const made = apply(func, fallback(), { target: here.target });
      assert(made.ok);
      const { launches } = lowerFunc(made.func);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -9, max: 9 }), {
            minLength: 8,
            maxLength: 8,
          }),
          async (x) => {
            const results = await Promise.all([there, here].map(async (device) => {
              const prepared = await device.prepare(launches.map((l) => device.generate(l)));
              const buffers = new Map(func.params.map(({ buffer }) => {
                const floats = Float32Array.from({ length: 512 }, (_, i) => x[i % 8]! + i % 3);
                const taken = device.allocate(2048, buffer.name);
                device.write(taken, 0, new Uint8Array(floats.buffer));
                return [buffer.name, taken];
              }));
              const commands = device.bind(launches.map((l, i) => ({
                kernel: prepared[i]!,
                buffers: l.buffers.map(({ buffer: { name } }) => ({
                  buffer: buffers.get(name)!,
                  offset: 0,
                  bytes: 2048,
                })),
              })));
              device.submit(commands, {});
              await device.sync();
              const times = await device.profile(commands, {});
              const copied = device.allocate(2048, "copied");
              device.copy({ buffer: buffers.get("y")!, offset: 0, bytes: 2048 }, copied);
              const bytes = await device.read({ buffer: copied, offset: 4, bytes: 256 });
              commands.dispose();
              for (const b of [...buffers.values(), copied]) device.free(b);
              return { bytes, times: times.map((t) => [t.kernel, t.index]) };
            }));
            assertEquals(results[0], results[1]);
          },
        ),
        { numRuns: 5 },
      );
    } finally {
      there.dispose();
      here.dispose();
    }
  }
});

Deno.test({
  name: "a kernel that never ends is stopped with its device, its threads as well",
  ignore: Deno.build.os !== "linux",
  fn: neverEnds,
});

async function neverEnds(): Promise<void> {
  for (const kind of KINDS) {
    const device = processDevice(kind);
    const { commands, profile } = await startEndless(device);
    profile.catch(() => {});
    await assertRejects(() => within(300, profile), HangError);
    const before = await children();
    await wait(200);
    const after = await children();
    assert([...after].some(([id, ticks]) => ticks > (before.get(id) ?? ticks)), "it does run");
    device.dispose();
    await assertRejects(() => profile, DeviceError, "disposed");
    for (let tries = 0; (await children()).size > 0 && tries < 50; tries++) await wait(100);
    assertEquals((await children()).size, 0, "it does not run any more");
    assertThrows(() => device.submit(commands, {}), DeviceError, "Cannot submit commands");
  }
}

Deno.test({
  name: "a process whose parent is killed ends, though its kernel does not",
  ignore: Deno.build.os !== "linux",
  fn: parentKilled,
});

async function parentKilled(): Promise<void> {
  for (const kind of KINDS) {
    const program = new URL("./endless.ts", import.meta.url).pathname;
    const parent = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", program, kind],
      stdout: "piped",
    }).spawn();
    const out = parent.stdout.getReader();
    assert(!(await out.read()).done, "the kernel is under way");
    const [id] = (await children(parent.pid)).keys();
    assert(id !== undefined);
    try {
      parent.kill("SIGKILL");
      await out.cancel();
      await parent.status;
      for (let tries = 0; await runs(id) && tries < 100; tries++) await wait(100);
      assert(!await runs(id), "it does not run any more");
    } finally {
      if (await runs(id)) Deno.kill(Number(id), "SIGKILL");
    }
  }
}

/** Whether a process is there and has not ended: who ended stays listed until its parent asks. */
async function runs(id: string): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${id}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}

Deno.test("what fails without a promise is told by the next call with one, once", async () => {
  const device = processDevice("wasm");
  try {
    const large = device.allocate(2 ** 40, "too large");
    const error = await assertRejects(() => device.sync(), DeviceError);
    assertStringIncludes(error.message, "Cannot allocate too large");
    assertEquals(error.reason, "limit");
    await device.sync();
    device.write(large, 0, new Uint8Array(4));
    await assertRejects(() => device.sync(), DeviceError);
    assertThrows(() => device.free({ bytes: 4, label: "foreign" }), InputError, "another device's");
  } finally {
    device.dispose();
  }
});

Deno.test("tuning survives a Wasm candidate that never ends, and records it as a hang", async () => {
  let opened = 0;
  const open = (): Promise<Device> => {
    opened++;
    const device = processDevice("wasm");
    const swapped: Device = {
      target: device.target,
      generate: (launch) => device.generate(launch),
      allocate: (bytes, label) => device.allocate(bytes, label),
      free: (buffer) => device.free(buffer),
      write: (buffer, offset, data) => device.write(buffer, offset, data),
      copy: (from, to) => device.copy(from, to),
      read: (slice) => device.read(slice),
      bind: (dispatches) => device.bind(dispatches),
      submit: (commands, dims) => device.submit(commands, dims),
      profile: (commands, dims) => device.profile(commands, dims),
      sync: () => device.sync(),
      dispose: () => device.dispose(),
      prepare: (codes) =>
        device.prepare(
          codes.map((c) => c.launch.workgroup[0] === 2 ? device.generate(endless(c.launch)) : c),
        ),
    };
    return Promise.resolve(swapped);
  };
  const database = openDatabase(undefined, { runtime: "test" });
  const result = await tuneKernel(open, func, {
    rotate: 0,
    rounds: [3, 5],
    ms: 1,
    incumbent: fallback(),
    database,
  });
  assertEquals(opened, 2);
  assertEquals(result.wrong, []);
  const failures = result.trials.flatMap((t) =>
    t.outcome.kind === "failed" ? [[t.point, t.outcome.reason]] : []
  );
  assertEquals(failures.length, 1);
  assertEquals(failures[0]![0], { threads: 2 });
  // Less than the longest wait: the limit comes from the time of the incumbent.
  const [, limit] = /^hang: it was not done after (\d+) ms$/.exec(String(failures[0]![1])) ?? [];
  assert(Number(limit) < 10_000, String(failures[0]![1]));
  assert(result.trials.filter((t) => t.outcome.kind === "timed").length >= 6);
  // The next search knows, and does not wait again.
  const again = await tuneKernel(open, func, {
    rotate: 0,
    rounds: [3, 5],
    ms: 1,
    incumbent: fallback(),
    database,
    again: true,
  });
  assertEquals(again.trials, []);
});

Deno.test("how long to wait follows the time of the incumbent, up to the timeout", async () => {
  for (const timeout of [1000, 10_000]) {
    const device = jsDevice();
    const bench = await openBench(device, func, {}, { rotate: 0, timeout });
    const reference = await bench.prepare(rule("fallback", { threads: 1 }));
    await bench.compare(reference, reference);
    const sync = device.sync.bind(device);
    device.sync = () => new Promise<void>(() => {});
    const error = await assertRejects(() => bench.prepare(rule("fallback", { threads: 2 })), HangError);
    const limit = Number(/(\d+) ms/.exec(error.message)?.[1]);
    assert(timeout === 1000 ? limit === 1000 : limit < timeout, error.message);
    device.sync = sync;
    bench.dispose();
    device.dispose();
  }
});

Deno.test("an expression that was copied and revived is the same, and the code of a launch as well", () => {
  fc.assert(fc.property(arbAnyExpr(), (e) => reviveExpr(structuredClone(e)) === e), { numRuns: 200 });
  fc.assert(
    fc.property(arbFunc(), (one) => {
      const made = apply(one, fallback(), { target: wasmDevice().target });
      if (!made.ok) return;
      for (const launch of lowerFunc(made.func).launches) {
        const revived = reviveLaunch(structuredClone(launch));
        assertEquals(generateJs(revived).source, generateJs(launch).source);
        assertEquals(
          generateWgsl(revived, WEBGPU_BASELINE).source,
          generateWgsl(launch, WEBGPU_BASELINE).source,
        );
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("frames come whole and in order, however they are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.anything({ withTypedArray: true }), { maxLength: 4 }),
      fc.array(fc.nat(60)),
      (values, cuts) => {
        const all = values.map(frame).reduce((a, b) => Uint8Array.from([...a, ...b]), new Uint8Array());
        const got: unknown[] = [];
        const read = frameReader((v) => got.push(v));
        let at = 0;
        for (const cut of cuts) read(all.subarray(at, at += cut));
        read(all.subarray(Math.min(at, all.length)));
        assertEquals(got, values.map((v) => structuredClone(v)));
      },
    ),
  );
});
