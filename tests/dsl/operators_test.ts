/** Every operator has what an operator must have: a documented example, cases made by others, a property. */
import { assert, assertEquals } from "@std/assert";
import * as operators from "../../dsl/ops/mod.ts";
import { OPERATORS as WEBNN } from "../conformance/webnn/operators.ts";
import { ALL_OP_CASES } from "../support/all_op_cases.ts";
import { OPERATORS } from "./operators.ts";

const NAMES = Object.entries(operators).filter(([, f]) => typeof f === "function").map(([name]) => name);

/** The text of all files of a folder whose names match. */
function sources(folder: string, names: RegExp): string {
  const dir = new URL(`../../${folder}/`, import.meta.url);
  const files = [...Deno.readDirSync(dir)].filter((f) => f.isFile && names.test(f.name));
  assert(files.length > 0, `no files in ${folder}`);
  return files.map((f) => Deno.readTextFileSync(new URL(f.name, dir))).join("\n");
}

/** Whether a text calls the operator as part of the language. */
const uses = (text: string, name: string): boolean => new RegExp(`\\bw\\.${name}\\b`).test(text);

Deno.test("every operator stands in the table, and nothing else does", () => {
  assertEquals(Object.keys(OPERATORS).sort(), NAMES.toSorted());
});

Deno.test("every operator has a documented example that calls it", () => {
  const docs = sources("dsl/ops", /\.ts$/);
  const without = NAMES.filter((name) => {
    // The comment right before the function.
    const start = docs.search(new RegExp(`^export function ${name}\\b`, "m"));
    const before = docs.slice(0, Math.max(0, start));
    const doc = before.slice(before.lastIndexOf("/**"));
    return !new RegExp(`@example\n[^]*\\b${name}\\(`).test(doc) || !doc.trimEnd().endsWith("*/");
  });
  assertEquals(without, []);
});

Deno.test("every operator has conformance cases made by others, or a reason for none", () => {
  const table = sources("tests/conformance/webnn", /^operators_\w+\.ts$/);
  for (const [name, [webnn]] of Object.entries(OPERATORS)) {
    if (webnn.startsWith("none: ")) continue;
    assert(Object.hasOwn(WEBNN, webnn), `${name}: WebNN has no operator ${webnn}`);
    // The row of that operator, up to the next.
    const row = new RegExp(`^  ${webnn}: [^]*?(?=^  \\w+: |^};)`, "m").exec(table)?.[0] ?? "";
    assert(uses(row, name), `${name}: WebNN's ${webnn} is not written by it`);
  }
  const written = new Set(Object.values(OPERATORS).map(([webnn]) => webnn));
  const composed = ["linear"];
  assertEquals(Object.keys(WEBNN).filter((w) => !written.has(w) && !composed.includes(w)), []);
});

Deno.test("every operator is compared with a reference by a test of that name", () => {
  const cases = sources("tests/support", /^op_cases\w*\.ts$/);
  const tests = sources("tests/dsl", /_test\.ts$/);
  for (const [name, [, property]] of Object.entries(OPERATORS)) {
    const isCase = ALL_OP_CASES.some((c) => c.name === property);
    assert(isCase || tests.includes(`Deno.test("${property}"`), `${name}: there is no test "${property}"`);
    assert(uses(isCase ? cases : tests, name), `${name}: "${property}" does not use it`);
  }
});
