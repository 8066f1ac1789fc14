import fc from "fast-check";
import { assertEquals, assertExists, assertStringIncludes, assertThrows } from "@std/assert";
import { WeightsError } from "../../../ir/errors.ts";
import {
  parseSafetensorsHeader,
  SAFETENSORS_DTYPES,
  type SafetensorsDType,
  type SafetensorsIndex,
  type TensorData,
  writeSafetensors,
} from "../../../models/safetensors/mod.ts";
import { DTYPES } from "../../../ir/dtype.ts";
import { dataTest } from "../../support/data.ts";

/** A file with this text as header, then `dataBytes` zeros. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

function parse(file: Uint8Array): SafetensorsIndex {
  return parseSafetensorsHeader(file, file.length, "x.safetensors");
}

/** A header with one tensor `a`, given as the text of its fields. */
function oneTensor(dtype: string, shape: string, offsets: string): string {
  return `{"a":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;
}

/** All tensors in the notation of the cases' index: `a:F32[2, 3] b:...` by name. */
function summary(index: SafetensorsIndex): string {
  return [...index.tensors.values()].sort((a, b) => a.name < b.name ? -1 : 1)
    .map(({ name, dtype, shape, exactShape }) => `${name}:${dtype}[${(exactShape ?? shape).join(", ")}]`)
    .join(" ");
}

interface Case {
  readonly file: string;
  readonly spec: "accept" | "reject" | "unspecified";
  readonly reference: "accept" | "reject";
  readonly reference_detail: string;
}

dataTest("every safetensors case gets its verdict", ["safetensors-cases"], async ([dir], t) => {
  const { cases } = JSON.parse(await Deno.readTextFile(`${dir}/index.json`)) as { cases: Case[] };
  for (const { file, spec, reference, reference_detail } of cases) {
    await t.step(file, async () => {
      const bytes = await Deno.readFile(`${dir}/${file}`);
      if (spec !== "reject" && reference === "accept") assertEquals(summary(parse(bytes)), reference_detail);
      else assertThrows(() => parse(bytes), WeightsError, "x.safetensors");
    });
  }
  assertEquals(cases.length > 30, true);
});

Deno.test("headers that are accepted", () => {
  const cases: readonly (readonly [header: string, dataBytes: number, summary: string])[] = [
    ["{}", 0, ""],
    ['{"__metadata__":{"format":"pt"}}', 0, ""],
    ['{"__metadata__":null}', 0, ""],
    ["\t\n {}\r\n ", 0, ""],
    [oneTensor('"F32"', "[]", "[0,4]"), 4, "a:F32[]"],
    [oneTensor('"F32"', "[2,0]", "[0,0]"), 0, "a:F32[2, 0]"],
    [oneTensor('"I8"', "[9007199254740993,0]", "[0,0]"), 0, "a:I8[9007199254740993, 0]"],
    [oneTensor('"F6_E2M3"', "[4]", "[0,3]"), 3, "a:F6_E2M3[4]"],
    ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":{"deep":[1.5]}}}', 1, "a:U8[1]"],
    [
      '{"":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"\\u00e9\u6f22":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      2,
      ":U8[1] é漢:U8[1]",
    ],
  ];
  for (const [header, bytes, expected] of cases) {
    assertEquals(summary(parse(fileOf(header, bytes))), expected, header);
  }
});

Deno.test("headers that are refused, and why", () => {
  const u8 = (name: string, begin: number, end: number) =>
    `"${name}":{"dtype":"U8","shape":[${Math.max(end - begin, 0)}],"data_offsets":[${begin},${end}]}`;
  const cases: readonly (readonly [header: string | Uint8Array, dataBytes: number, message: string])[] = [
    ["", 0, "no valid JSON"],
    ["[]", 0, "is [], expected an object"],
    ["null", 0, "is null, expected an object"],
    ['\ufeff{"a":1}', 0, "no valid JSON"],
    ["{}\0\0", 0, "no valid JSON"],
    [Uint8Array.of(0x7b, 0xff, 0x7d), 0, "not UTF-8"],
    ['{"__metadata__":{"n":1}}', 0, '__metadata__, key "n": expected a string, got 1'],
    ['{"__metadata__":[]}', 0, "__metadata__: expected an object of strings, got []"],
    ['{"a":{"shape":[1]}}', 0, 'tensor "a": no dtype, no data_offsets'],
    ['{"a":[]}', 0, 'tensor "a": expected an object, got []'],
    [oneTensor('"f32"', "[1]", "[0,4]"), 4, 'unknown dtype "f32"'],
    [oneTensor("1", "[1]", "[0,4]"), 4, "unknown dtype 1"],
    [oneTensor('"toString"', "[1]", "[0,4]"), 4, 'unknown dtype "toString"'],
    [oneTensor('"F32"', "[1.0]", "[0,4]"), 4, "shape must be a list of integers from 0, got [1]"],
    [oneTensor('"F32"', "[1e0]", "[0,4]"), 4, "shape must be"],
    [oneTensor('"F32"', "[-1]", "[0,4]"), 4, "shape must be"],
    [oneTensor('"F32"', '["1"]', "[0,4]"), 4, "shape must be"],
    [oneTensor('"F32"', "[18446744073709551616]", "[0,4]"), 4, "shape must be"],
    [oneTensor('"F32"', "1", "[0,4]"), 4, "shape must be"],
    [oneTensor('"F32"', "[1]", "[-0,4]"), 4, "data_offsets must be two integers"],
    [oneTensor('"F32"', "[1]", "[4]"), 4, "data_offsets must be two integers"],
    [oneTensor('"F32"', "[1]", "[0,4,4]"), 4, "data_offsets must be two integers"],
    [oneTensor('"F32"', "[1]", "[0,5]"), 5, "span 5 bytes, but F32 [1] takes 4"],
    [oneTensor('"F4"', "[3]", "[0,2]"), 2, "takes 12 bits, not whole bytes"],
    [oneTensor('"U8"', "[4294967296,4294967296]", "[0,1]"), 1, "overflows 64 bits"],
    [oneTensor('"F32"', "[4611686018427387904]", "[0,1]"), 1, "overflows 64 bits"],
    [
      oneTensor('"U8"', "[9007199254740993]", "[0,9007199254740993]"),
      0,
      "9007199254740993 bytes are missing",
    ],
    [`{${u8("a", 1, 2)}}`, 2, "leave bytes 0 to 1 unused"],
    [`{${u8("a", 0, 2)},${u8("b", 3, 4)}}`, 4, "leave bytes 2 to 3 unused"],
    [`{${u8("a", 0, 2)},${u8("b", 1, 3)}}`, 3, "overlap the tensor before, which ends at 2"],
    [`{${u8("a", 2, 1)}}`, 2, "end before they begin"],
    [`{${u8("a", 0, 2)}}`, 5, "3 bytes belong to nothing"],
    [`{${u8("a", 0, 9)}}`, 5, "4 bytes are missing"],
    [`{${u8("a", 0, 2)},${u8("a", 0, 2)}}`, 2, 'duplicate key "a"'],
    ['{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, 'duplicate key "dtype"'],
    ['{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, "lone surrogate"],
  ];
  for (const [header, bytes, message] of cases) {
    const error = assertThrows(() => parse(fileOf(header, bytes)), WeightsError, message, String(header));
    assertStringIncludes(error.message, "Cannot read x.safetensors");
  }
});

Deno.test("files that are no safetensors say what they look like", () => {
  const start = (text: string) => new TextEncoder().encode(text.padEnd(64, " "));
  const cases: readonly (readonly [file: Uint8Array, message: string])[] = [
    [new Uint8Array(0), "it has 0 bytes"],
    [new Uint8Array(7), "it has 7 bytes"],
    [start("PK\x03\x04"), "PyTorch .bin"],
    [start("GGUF"), "GGUF"],
    [start("version https://git-lfs"), "git lfs pull"],
    [start("<!DOCTYPE html>"), "web page"],
    [fileOf("{}").subarray(0, 9), "claims 2 bytes, but the file has only 9 in all"],
  ];
  for (const [file, message] of cases) assertThrows(() => parse(file), WeightsError, message);
  const prefix = fileOf("{}  ").subarray(0, 10);
  assertThrows(() => parseSafetensorsHeader(prefix, 12), WeightsError, "only 10 bytes were given");
});

Deno.test("all faults of a header are listed, within reason", () => {
  const entries = Array.from(
    { length: 20 },
    (_, i) => `"t${i}":{"dtype":"X","shape":[1],"data_offsets":[0,1]}`,
  );
  const error = assertThrows(() => parse(fileOf(`{${entries.join(",")}}`, 1)), WeightsError);
  assertEquals(error.problems.length, 9);
  assertEquals(error.problems.at(-1), "and 12 more");
});

Deno.test("one overlap is one fault", () => {
  const u8 = (name: string, begin: number, end: number) =>
    `"${name}":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
  const error = assertThrows(
    () => parse(fileOf(`{${u8("a", 0, 4)},${u8("b", 1, 2)},${u8("c", 4, 5)}}`, 5)),
    WeightsError,
  );
  assertEquals(error.problems, [
    'tensor "b": data_offsets [1, 2] overlap the tensor before, which ends at 4',
  ]);
});

Deno.test("bytes may be a view with an offset, and of shared memory", () => {
  const file = writeSafetensors({ a: { dtype: "U8", shape: [1], data: Uint8Array.of(5) } });
  const shared = new Uint8Array(new SharedArrayBuffer(file.length + 3), 3);
  shared.set(file);
  assertEquals(parse(shared).tensors, parse(file).tensors);
});

const BYTE_DTYPES: Partial<Record<SafetensorsDType, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  BOOL: 1,
  F8_E4M3: 1,
};

const tensor: fc.Arbitrary<TensorData> = fc.record({
  dtype: fc.constantFrom(...Object.keys(BYTE_DTYPES) as SafetensorsDType[]),
  shape: fc.array(fc.nat(4), { maxLength: 3 }),
}).chain(({ dtype, shape }) => {
  const bytes = shape.reduce((a, b) => a * b, BYTE_DTYPES[dtype]!);
  return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => ({ dtype, shape, data }));
});
const name = fc.oneof(fc.string(), fc.constantFrom("1", "h.0.attn.c_attn.weight", "__proto__", "é"))
  .filter((name) => name !== "__metadata__");
const tensors = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([name]) => name, maxLength: 6 })
  .map((entries) => Object.fromEntries(entries) as Record<string, TensorData>);

Deno.test("what is written is read back: names, dtypes, shapes, data and metadata", () => {
  fc.assert(fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
    const file = writeSafetensors(tensors, metadata);
    const index = parse(file);
    assertEquals(index.metadata, new Map(Object.entries(metadata)));
    assertEquals([...index.tensors.keys()].sort(), Object.keys(tensors).sort());
    for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
      const info = index.tensors.get(name);
      assertExists(info);
      assertEquals({ dtype: info.dtype, shape: info.shape, file: info.file }, {
        dtype,
        shape,
        file: "x.safetensors",
      });
      assertEquals(file.slice(info.begin, info.end), Uint8Array.from(data));
    }
    assertEquals(index.dataBegin % 8, 0);
  }));
});

Deno.test("the same tensors give the same file in any order", () => {
  fc.assert(fc.property(tensors, (tensors) => {
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    assertEquals(writeSafetensors(reversed), writeSafetensors(tensors));
  }));
});

Deno.test("writeSafetensors refuses data that does not fit", () => {
  const bad = { a: { dtype: "F32", shape: [2], data: new Uint8Array(7) } } as const;
  assertThrows(() => writeSafetensors(bad), WeightsError, "span 7 bytes, but F32 [2] takes 8");
  const reserved = { __metadata__: { dtype: "U8", shape: [0], data: new Uint8Array(0) } } as const;
  assertThrows(() => writeSafetensors(reserved), WeightsError, "reserved");
});

Deno.test("a damaged file is refused with WeightsError, or its tensors still tile the data", () => {
  const base = writeSafetensors({
    a: { dtype: "F32", shape: [2, 3], data: new Uint8Array(24) },
    b: { dtype: "U8", shape: [5], data: new Uint8Array(5) },
  }, { k: "v" });
  const edits = fc.array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(edits, fc.option(fc.nat(base.length)), (edits, length) => {
      const file = base.slice(0, length ?? base.length);
      for (const [at, byte] of edits) if (at < file.length) file[at] = byte;
      try {
        const index = parse(file);
        const ends = [...index.tensors.values()].map(({ begin, end }) => [begin, end]);
        assertEquals(ends.flat(), [index.dataBegin, ...ends.slice(1).flatMap(([b]) => [b, b]), file.length]);
      } catch (error) {
        if (!(error instanceof WeightsError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("SAFETENSORS_DTYPES names Weft dtypes of the same width", () => {
  for (const [theirs, ours] of Object.entries(SAFETENSORS_DTYPES)) {
    const file = fileOf(oneTensor(`"${theirs}"`, "[1]", `[0,${DTYPES[ours].bytes}]`), DTYPES[ours].bytes);
    assertEquals(parse(file).tensors.size, 1);
  }
  assertEquals(new Set(Object.values(SAFETENSORS_DTYPES)), new Set(Object.keys(DTYPES)));
});
