import fc from "fast-check";
import { assertEquals, assertNotEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { InputError, WeightsError } from "../../../ir/errors.ts";
import { openSafetensors, type TensorData, writeSafetensors } from "../../../models/safetensors/mod.ts";

const DATA = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
const TENSORS: Record<string, TensorData> = {
  a: { dtype: "F32", shape: [5, 5], data: DATA },
  b: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
  none: { dtype: "F32", shape: [0], data: new Uint8Array(0) },
};

async function withFile(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, bytes);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("read gives the bytes of a tensor, into an own or a given array", () =>
  withFile(writeSafetensors(TENSORS, { format: "pt" }), async (path) => {
    await using file = await openSafetensors(path);
    assertEquals([file.totalBytes, file.metadata.get("format")], [103, "pt"]);
    for (const [name, { data }] of Object.entries(TENSORS)) assertEquals(await file.read(name), data);
    const into = new Uint8Array(new SharedArrayBuffer(110), 10);
    const filled = await file.read("a", into);
    assertEquals([filled.length, filled.buffer === into.buffer, filled.byteOffset], [100, true, 10]);
    assertEquals(Uint8Array.from(filled), DATA);
    await assertRejects(
      () => file.read("a", new Uint8Array(99)),
      InputError,
      "has 100 bytes; the given array holds 99",
    );
    await assertRejects(() => file.read("c"), WeightsError, 'There is no tensor "c"');
    await assertRejects(() => file.stream("c", 4, () => {}), WeightsError, 'There is no tensor "c"');
  }));

Deno.test("stream gives the same bytes in pieces of any size, through one buffer", () =>
  withFile(writeSafetensors(TENSORS), async (path) => {
    await using file = await openSafetensors(path);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(TENSORS)),
        fc.integer({ min: 1, max: 120 }),
        async (name, size) => {
          const whole = TENSORS[name]!.data;
          const got = new Uint8Array(whole.length);
          const sizes: number[] = [];
          await file.stream(name, size, (chunk, offset) => {
            got.set(chunk, offset);
            sizes.push(chunk.length);
          });
          assertEquals(got, whole);
          assertEquals(sizes.slice(0, -1).every((n) => n === size), true);
        },
      ),
      { numRuns: 50 },
    );
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 3; i++) await file.stream("a", 32, (chunk) => void buffers.add(chunk.buffer));
    assertEquals(buffers.size, 1);
    for (const bad of [0, -1, 1.5, NaN]) {
      await assertRejects(
        () => file.stream("a", bad, () => {}),
        InputError,
        "chunkBytes must be a positive integer",
      );
    }
  }));

Deno.test("concurrent streams do not share their buffer, and a failing receiver stops its own only", () =>
  withFile(writeSafetensors(TENSORS), async (path) => {
    await using file = await openSafetensors(path);
    const stream = async (fails: boolean) => {
      const got = new Uint8Array(100);
      await file.stream("a", 7, async (chunk, offset) => {
        await new Promise((done) => setTimeout(done, 0));
        if (fails && offset > 20) throw new RangeError("no more");
        got.set(chunk, offset);
      });
      return got;
    };
    await file.stream("a", 7, () => {}); // leaves a buffer that could be shared
    const results = await Promise.allSettled([stream(false), stream(true), stream(false)]);
    assertEquals(results.map((r) => r.status), ["fulfilled", "rejected", "fulfilled"]);
    for (const result of results) if (result.status === "fulfilled") assertEquals(result.value, DATA);
  }));

Deno.test("a path may be a file URL", () =>
  withFile(writeSafetensors(TENSORS), async (path) => {
    await using file = await openSafetensors(new URL(`file://${path}`));
    assertEquals(file.tensors.size, 3);
    assertStrictEquals(file.tensors.get("a")!.file, path);
  }));

Deno.test("missing, malformed and shortened files are refused and leave nothing open", async () => {
  const good = writeSafetensors(TENSORS);
  await assertRejects(() => openSafetensors("/no/such.safetensors"), WeightsError, "there is no such file");
  const dir = await Deno.makeTempDir();
  await assertRejects(() => openSafetensors(dir), WeightsError, "it is no file");
  await Deno.remove(dir);
  await withFile(
    good.subarray(0, good.length - 3),
    (path) => assertRejects(() => openSafetensors(path), WeightsError, "3 bytes are missing").then(() => {}),
  );
  await withFile(
    new Uint8Array(3),
    (path) => assertRejects(() => openSafetensors(path), WeightsError, "it has 3 bytes").then(() => {}),
  );
  await withFile(good, async (path) => {
    await using file = await openSafetensors(path);
    await Deno.truncate(path, good.length - 50);
    await assertRejects(() => file.read("a"), WeightsError, "became shorter while open");
  });
});

Deno.test("a closed file says so, and closing twice is fine", () =>
  withFile(writeSafetensors(TENSORS), async (path) => {
    const file = await openSafetensors(path);
    await file.close();
    await file.close();
    await assertRejects(() => file.read("a"), WeightsError, "has been closed");
  }));

Deno.test("a chunk is overwritten by the next one", () =>
  withFile(writeSafetensors(TENSORS), async (path) => {
    await using file = await openSafetensors(path);
    let first: Uint8Array | undefined;
    await file.stream("a", 50, (chunk) => void (first ??= chunk));
    assertNotEquals(first, DATA.slice(0, 50));
  }));
