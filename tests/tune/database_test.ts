/** The database: nothing that was added is lost, nothing else is read. @module */
import { cpus } from "node:os";
import process from "node:process";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import * as fc from "fast-check";
import { generateJs, JS_TARGET } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { generateWasm, WASM_TARGET } from "../../backends/wasm/mod.ts";
import { generateWgsl, WEBGPU_BASELINE } from "../../backends/webgpu/mod.ts";
import { int } from "../../ir/expr.ts";
import { apply, fallback, printSchedule, rule, specialize } from "../../schedule/mod.ts";
import {
  parseRecord,
  printRecord,
  recordKey,
  scheduleOf,
  targetFingerprint,
  type TuneRecord,
} from "../../schedule/tune/record.ts";
import { codeHash } from "../../tune/code.ts";
import { mergeDatabases, openDatabase, thisRuntime } from "../../tune/database.ts";
import { matvec } from "../schedule/tune/kernels.ts";

const count = fc.nat(1000);
const positive = fc.double({ min: 0, max: 1e6, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);
const hash = fc.stringMatching(/^[0-9a-f]{16}$/);
const figures = fc.record({ ms: positive, referenceMs: positive, ratio: positive, spread: positive });
const record: fc.Arbitrary<TuneRecord> = fc.record({
  kernel: hash,
  target: hash,
  dims: fc.dictionary(
    fc.constantFrom("s", "past"),
    fc.tuple(count, count).map(([a, b]) => [a, a + b] as const),
  ),
  reference: fc.string(),
  name: fc.string(),
  device: fc.string(),
  at: fc.dictionary(fc.constantFrom("s", "past"), count),
  schedule: fc.dictionary(fc.constantFrom("TS", "TILE_S", "VEC"), fc.integer({ min: 1, max: 64 })).map((
    params,
  ) => rule("gemv", { ...params })),
  outcome: fc.oneof(
    figures.map((f) => ({ kind: "timed", figures: { ...f } }) as const),
    fc.string().map((reason) => ({ kind: "failed", reason }) as const),
  ),
  chosen: fc.boolean(),
  date: fc.constant("2026-11-23T12:00:00.000Z"),
  code: fc.option(hash, { nil: undefined }),
}).map(({ code, ...r }): TuneRecord => ({
  ...r,
  dims: { ...r.dims },
  at: { ...r.at },
  ...(code === undefined ? {} : { code }),
}));

async function inFolder(use: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a record is one line and comes back from it", () => {
  fc.assert(fc.property(record, (r) => {
    const line = printRecord(r);
    assert(!line.includes("\n"));
    assertEquals(parseRecord(line), r);
  }));
});

Deno.test("no text makes the reader throw, and what is off in a record is said", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.jsonValue().map((v) => JSON.stringify(v))), (text) => {
      assert(typeof parseRecord(text) === "string");
    }),
  );
  const [good] = fc.sample(record, { numRuns: 1, seed: 1 });
  const changed = (change: object): string => {
    const result = parseRecord(JSON.stringify({ ...JSON.parse(printRecord(good!)), ...change }));
    return typeof result === "string" ? result : "accepted";
  };
  assertEquals(changed({}), "accepted");
  assertEquals(changed({ format: 2 }), "it has format 2, this version reads 1");
  assertEquals(changed({ kernel: 1 }), "its kernel is no text");
  assertEquals(changed({ dims: { s: [2, 1] } }), "its dims are no ranges");
  assertEquals(
    changed({ outcome: { kind: "timed", figures: { ms: -1 } } }),
    "its outcome is neither timed nor failed",
  );
  assert(changed({ schedule: "rule(" }).startsWith("its schedule cannot be read: "));
});

Deno.test("a file cut off anywhere gives all records before the cut, and what is added later as well", async () => {
  await inFolder((dir) => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), record, fc.nat(), (list, later, cut) => {
        const path = `${dir}/cut.jsonl`;
        Deno.writeTextFileSync(path, "");
        const database = openDatabase(path);
        const ends = [0, ...list.map((r) => (database.add(r), Deno.statSync(path).size))];
        const size = cut % (ends.at(-1)! + 1);
        Deno.truncateSync(path, size);
        // A record is whole without the newline at its end.
        const whole = ends.filter((end) => end > 0 && end - 1 <= size).length;
        const read = openDatabase(path);
        assertEquals(read.records, list.slice(0, whole));
        read.add(later);
        const again = openDatabase(path);
        assertEquals(again.records, [...list.slice(0, whole), later]);
        assert(again.notes.length <= 1);
      }),
      { numRuns: 40 },
    );
  });
});

const WRITER = `
import { openDatabase } from "${new URL("../../tune/database.ts", import.meta.url)}";
const [path, who, n] = Deno.args;
const database = openDatabase(path);
for (let i = 0; i < Number(n); i++) {
  database.add({ kernel: who, target: "t", reference: "r", dims: {}, at: {}, name: "x".repeat(i % 300), device: "d",
    schedule: { kind: "rule", name: "gemv", params: { TS: i + 1 } }, outcome: { kind: "failed", reason: String(i) },
    chosen: false, date: "2026" });
  if (i === 0) console.log("writing");
}`;

function writer(dir: string, path: string, who: string, n: number): Deno.ChildProcess {
  Deno.writeTextFileSync(`${dir}/writer.ts`, WRITER);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", "--config", config, `${dir}/writer.ts`, path, who, String(n)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

Deno.test("two processes that add at once lose nothing", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/both.jsonl`;
    const both = ["a", "b"].map((who) => writer(dir, path, who, 400));
    await Promise.all(both.map((p) => p.output()));
    const { records, notes } = openDatabase(path);
    assertEquals(notes, []);
    for (const who of ["a", "b"]) {
      const mine = records.filter((r) => r.kernel === who).map((r) =>
        r.schedule.kind === "rule" && r.schedule.params["TS"]
      );
      assertEquals(mine, Array.from({ length: 400 }, (_, i) => i + 1));
    }
  });
});

Deno.test("a process that is killed while it adds leaves a database that can be read", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/killed.jsonl`;
    const child = writer(dir, path, "k", 1e6);
    const out = child.stdout.getReader();
    await out.read();
    child.kill("SIGKILL");
    await out.cancel();
    await child.status;
    const { records, notes } = openDatabase(path);
    assert(records.length > 0);
    assert(notes.length <= 1);
    assertEquals(
      records.map((r) => r.outcome.kind === "failed" && Number(r.outcome.reason)),
      records.map((_, i) => i),
    );
  });
});

Deno.test("merging takes every record once, in either order the same", async () => {
  await inFolder((dir) => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), fc.array(record, { maxLength: 5 }), (a, b) => {
        const [x, y] = [`${dir}/x.jsonl`, `${dir}/y.jsonl`];
        for (const [path, list] of [[x, [...a, ...b.slice(0, 2)]], [y, b]] as const) {
          Deno.writeTextFileSync(path, "");
          const database = openDatabase(path);
          list.forEach((r) => database.add(r));
        }
        const lines = (path: string) => [...new Set(openDatabase(path).records.map(printRecord))].sort();
        const all = [...new Set([...a, ...b].map(printRecord))].sort();
        mergeDatabases(x, [y]);
        mergeDatabases(y, [x]);
        assertEquals(lines(x), all);
        assertEquals(lines(y), all);
        assertEquals(mergeDatabases(x, [y, x]), 0);
      }),
      { numRuns: 20 },
    );
  });
});

const func = matvec(int(8), int(8));
const [sample] = fc.sample(record, { numRuns: 1, seed: 2 });
const { code: _, ...plain } = sample!;
const base = (runtime: string): TuneRecord => ({
  ...plain,
  ...recordKey(func, targetFingerprint(JS_TARGET, runtime)),
  chosen: true,
});

Deno.test("a schedule is found for its kernel, target and runtime, the newest; another's is noted once", () => {
  const database = openDatabase(undefined, { runtime: "R 1" });
  assertEquals(database.find(func, JS_TARGET), undefined);
  database.add({ ...base("R 1"), schedule: rule("gemv", { TS: 2 }), date: "2026-02" });
  database.add({ ...base("R 1"), schedule: rule("gemv", { TS: 1 }), date: "2026-01" });
  database.add({ ...base("R 1"), schedule: rule("gemv", { TS: 4 }), date: "2026-03", chosen: false });
  assertEquals(database.find(func, JS_TARGET), rule("gemv", { TS: 2 }));
  assertEquals(database.find(matvec(int(8), int(9)), JS_TARGET), undefined);
  assertEquals(database.notes, []);
  for (let n = 0; n < 2; n++) assertEquals(database.find(func, { ...JS_TARGET, maxThreads: 3 }), undefined);
  assertEquals(database.notes.length, 1);
  const other = openDatabase(undefined, { runtime: "R 2" });
  other.add(base("R 1"));
  assertEquals(other.find(func, JS_TARGET), undefined);
});

Deno.test("records are for the processor that they were measured on, too", () => {
  const [processor] = cpus();
  assertEquals(thisRuntime(), `Deno ${Deno.version.deno} on ${processor?.model.trim() || process.arch}`);
  assertNotEquals(targetFingerprint(JS_TARGET, "R on A"), targetFingerprint(JS_TARGET, "R on B"));
});

Deno.test("a schedule that comes to other code by now, on any target, is ignored with a note", () => {
  const schedule = fallback({ threads: 4 });
  for (const target of [JS_TARGET, WASM_TARGET, WEBGPU_BASELINE]) {
    const database = openDatabase(undefined, { runtime: "R" });
    const key = recordKey(func, targetFingerprint(target, "R"));
    database.add({ ...base("R"), ...key, schedule, code: "0000000000000000", date: "2026-01" });
    assertEquals(database.find(func, target), undefined);
    assert(
      database.notes[0]!.endsWith("ignored a tuned schedule: its rule or its code has changed since 2026-01"),
    );
    const code = codeHash(func, schedule, target);
    assert(code !== undefined);
    database.add({ ...base("R"), ...key, schedule, code, date: "2026-02" });
    assertEquals(database.find(func, target), schedule);
  }
});

Deno.test("the hash is of the code: equal where the code is, another for every other code", () => {
  for (const target of [JS_TARGET, WASM_TARGET, WEBGPU_BASELINE]) {
    const hashes = new Map<string, string>();
    for (const threads of [1, 2, 4, 8, 16]) {
      for (const n of [8, 9]) {
        const one = matvec(int(n), int(8));
        const made = apply(one, fallback({ threads }), { target });
        assert(made.ok);
        const sources = lowerFunc(made.func).launches.map((l) =>
          target.kind === "js"
            ? generateJs(l).source
            : target.kind === "wasm"
            ? generateWasm(l, { shared: true, relaxed: true, reorder: true }).source
            : generateWgsl(l, target).source
        ).join("\n");
        hashes.set(sources, codeHash(one, fallback({ threads }), target)!);
      }
    }
    assert(hashes.size > 1);
    assertEquals(new Set(hashes.values()).size, hashes.size);
  }
  assertEquals(codeHash(func, rule("fallback", { sheep: 1 }), JS_TARGET), undefined);
});

Deno.test("ranges of a dim become a family in their order, those with equal schedules one kernel", () => {
  const range = (least: number, most: number, TS: number) => ({
    ...base("R"),
    dims: { s: [least, most] } as const,
    schedule: rule("matmul", { rows: TS }),
  });
  const made = scheduleOf([range(9, 64, 4), range(65, 1024, 8), range(1, 8, 2)]);
  const expected = specialize(
    "s",
    8,
    rule("matmul", { rows: 2 }),
    specialize("s", 64, rule("matmul", { rows: 4 }), rule("matmul", { rows: 8 })),
  );
  assertEquals(printSchedule(made!), printSchedule(expected));
  assertEquals(scheduleOf([range(1, 8, 2), range(9, 64, 2)]), rule("matmul", { rows: 2 }));
  assertEquals(scheduleOf([]), undefined);
});
