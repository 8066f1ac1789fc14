import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WeightsError } from "../../../ir/errors.ts";
import { openCheckpoint, type TensorData, writeSafetensors } from "../../../models/safetensors/mod.ts";

const u8 = (...data: number[]): TensorData => ({
  dtype: "U8",
  shape: [data.length],
  data: Uint8Array.from(data),
});

/** Runs `body` with the path of a folder of these files: tensors, or text. */
async function withDir(
  files: Record<string, Record<string, TensorData> | string>,
  body: (dir: string) => Promise<unknown>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === "string") await Deno.writeTextFile(`${dir}/${name}`, content);
      else await Deno.writeFile(`${dir}/${name}`, writeSafetensors(content, { from: name, [name]: "here" }));
    }
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const INDEX = "model.safetensors.index.json";
const index = (weight_map: Record<string, unknown>) =>
  JSON.stringify({ metadata: { total_size: 5 }, weight_map });
const SHARDS = { "m-1.safetensors": { a: u8(1, 2), b: u8(3) }, "m-2.safetensors": { c: u8(4, 5) } };
const MAP = { a: "m-1.safetensors", b: "m-1.safetensors", c: "m-2.safetensors" };

Deno.test("a single file is opened, and preferred to an index", () =>
  withDir({ "model.safetensors": { a: u8(1, 2, 3) }, [INDEX]: "nonsense" }, async (dir) => {
    for (const location of [dir, `${dir}/`, new URL(`file://${dir}`)]) {
      await using checkpoint = await openCheckpoint(location);
      assertEquals(await checkpoint.read("a"), Uint8Array.of(1, 2, 3));
    }
  }));

Deno.test("shards are seen as one file", () =>
  withDir({ ...SHARDS, [INDEX]: index(MAP) }, async (dir) => {
    const checkpoint = await openCheckpoint(dir);
    assertEquals([...checkpoint.tensors.keys()], ["a", "b", "c"]);
    assertEquals(checkpoint.totalBytes, 5);
    assertEquals(checkpoint.tensors.get("c")!.file, `${dir}/m-2.safetensors`);
    assertEquals(await checkpoint.read("c"), Uint8Array.of(4, 5));
    const seen: number[] = [];
    await checkpoint.stream("a", 1, (chunk, offset) => void seen.push(offset, ...chunk));
    assertEquals(seen, [0, 1, 1, 2]);
    assertEquals(
      checkpoint.metadata,
      new Map([["from", "m-1.safetensors"], ["m-2.safetensors", "here"], ["m-1.safetensors", "here"]]),
    );
    await assertRejects(() => checkpoint.read("d"), WeightsError, 'There is no tensor "d"');
    await checkpoint.close();
    await assertRejects(() => checkpoint.read("a"), WeightsError, "closed");
  }));

Deno.test("an index and shards that contradict each other are refused, with every difference", () =>
  withDir(
    { ...SHARDS, [INDEX]: index({ a: "m-2.safetensors", b: "m-1.safetensors", d: "m-1.safetensors" }) },
    async (dir) => {
      const error = await assertRejects(() => openCheckpoint(dir), WeightsError, "contradict each other");
      assertEquals(error.problems, [
        '"a" is missing from m-2.safetensors',
        '"d" is missing from m-1.safetensors',
        '"a" is in m-1.safetensors, but the index says m-2.safetensors',
        '"c" is in m-2.safetensors, but not listed in the index',
      ]);
    },
  ));

Deno.test("a tensor that two shards hold is refused", () =>
  withDir({ ...SHARDS, "m-2.safetensors": { c: u8(4, 5), a: u8(9) }, [INDEX]: index(MAP) }, async (dir) => {
    const error = await assertRejects(() => openCheckpoint(dir), WeightsError);
    assertEquals(error.problems, ['"a" is in m-2.safetensors, but the index says m-1.safetensors']);
  }));

Deno.test("an index cannot point out of its folder", async () => {
  const names = [
    "../m-1.safetensors",
    "/etc/m.safetensors",
    "a/m.safetensors",
    "a\\m.safetensors",
    "C:m.safetensors",
  ];
  for (
    const shard of [
      ...names,
      "",
      "..",
      ".safetensors",
      ".m.safetensors",
      "m.bin",
      "m\0.safetensors",
      1,
      null,
      {},
    ]
  ) {
    await withDir(
      { ...SHARDS, [INDEX]: index({ ...MAP, a: shard }) },
      (dir) =>
        assertRejects(() => openCheckpoint(dir), WeightsError, "in the same folder", JSON.stringify(shard)),
    );
  }
});

Deno.test("malformed indexes and absent shards are refused", async () => {
  const refused = (text: string, message: string) =>
    withDir(
      { ...SHARDS, [INDEX]: text },
      (dir) => assertRejects(() => openCheckpoint(dir), WeightsError, message),
    );
  await refused("{", "no valid JSON");
  await refused('{"weight_map": {"a": "m-1.safetensors", "a": "m-1.safetensors"}}', 'duplicate key "a"');
  await refused("[]", 'expected an object "weight_map"');
  await refused("{}", 'expected an object "weight_map"');
  await refused(index({ ...MAP, d: "m-3.safetensors" }), "m-3.safetensors: there is no such file");
});

Deno.test("a folder without weights says what it has", async () => {
  await withDir({ "pytorch_model.bin": "", "config.json": "{}" }, async (dir) => {
    const error = await assertRejects(
      () => openCheckpoint(dir),
      WeightsError,
      "expected model.safetensors or",
    );
    assertStringIncludes(error.message, "Found pytorch_model.bin.");
  });
  await assertRejects(() => openCheckpoint("/no/such/folder"), WeightsError, "there is no such file");
});
