/** The list of legality tests that can be taken out is true to the sources; `deno task test:mutation` uses it. @module */
import { assertEquals } from "@std/assert";
import { MUTANTS } from "./mutants.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("each legality test that is taken out is there once, and so is the test that notices", async () => {
  for (const { name, file, from, to, by } of MUTANTS) {
    const source = await Deno.readTextFile(new URL(`schedule/loop/${file}`, ROOT));
    assertEquals(source.split(from).length, 2, name);
    assertEquals(from === to, false, name);
    const tests = await Deno.readTextFile(new URL(`tests/schedule/${by}_test.ts`, ROOT));
    assertEquals(/Deno\.test\(.*random/.test(tests), true, by);
  }
});

Deno.test("every primitive that can be refused for its meaning has a legality test in the list", () => {
  const named = new Set(MUTANTS.map((m) => m.name.split(":")[0]));
  assertEquals([...named].sort(), [
    "bind",
    "cacheRead",
    "cacheTerm",
    "cacheWrite",
    "computeAt",
    "computeInline",
    "computeWith",
    "decomposeReduction",
    "fuse",
    "pad",
    "parallel",
    "postponeDivision",
    "reorder",
    "reverseComputeAt",
    "reverseComputeInline",
    "rfactor",
    "rollingUpdate",
    "vectorize",
  ]);
});
