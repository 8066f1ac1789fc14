import { assertEquals } from "@std/assert";
import { counts, findingsOf } from "../../tools/doc_lint.ts";

const finding = (rule: string, at: string, here: string, referred?: string): string =>
  `error[${rule}]: the message\n  --> ${at}\n   | \n45 | ${here}\n   | ^\n${
    referred === undefined
      ? ""
      : `   = hint: make it public\n   | \n26 | ${referred}\n   | - this is the type\n   | \n`
  }\n\n`;

const TEXT = [
  finding("missing-jsdoc", "a.ts:45:1", "export const undocumented: number = 1;"),
  finding("missing-jsdoc", "a.ts:45:3", "  readonly kind: string;"),
  finding("private-type-ref", "a.ts:45:1", "export type A = B;", "export interface B {"),
  finding("private-type-ref", "a.ts:45:1", "export type A = B;", "type B = 1;"),
  finding("private-type-ref", "dsl/types/dim.ts:45:1", "export type A = B;", "export type B = 1;"),
  finding("missing-return-type", "b.ts:45:1", "export function f() {"),
  "error: Found 6 documentation lint errors.\n",
].join("");

Deno.test("doc lint: findings are read from the text, and those on purpose do not count", () => {
  const findings = findingsOf(TEXT);
  assertEquals(findings.length, 6);
  assertEquals(findings[2], {
    rule: "private-type-ref",
    message: "the message",
    at: "a.ts:45:1",
    source: ["export type A = B;", "export interface B {"],
  });
  assertEquals(findings.map(counts), [true, false, true, false, false, true]);
});
