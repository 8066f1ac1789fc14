/**
 * Wrong programs: what the compiler says about each, all of it, on one line. What is refused for its shapes or dtypes
 * is refused when it is traced, too, in the same words.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { ShapeError, WeftError, WeightsError } from "../../ir/errors.ts";
import { checkTypes } from "./check.ts";
import { checkTypesNatively, version } from "./native.ts";
import { WRONG } from "./errors.ts";
import { BLOCK, BLOCK_HEADER, DECLARED, MISTAKES } from "./errors_block.ts";

/** A program of the page with its comments. */
interface Row {
  readonly line: number;
  readonly code: string;
  readonly says: string;
  /** What is said at run time. */
  readonly runs: string;
}

const DIRECTIVE = "// @ts-expect-error ";
const AT_RUN_TIME = "// At run time: ";
const source = await Deno.readTextFile(new URL("errors.ts", import.meta.url));

function readRows(): readonly Row[] {
  const lines = source.split("\n").map((line) => line.trim());
  return lines.flatMap((code, line) => {
    if (!code.startsWith("() => ")) return [];
    const runs = lines[line - 1]!.startsWith(AT_RUN_TIME) ? lines[line - 1] : undefined;
    const comment = lines[runs === undefined ? line - 1 : line - 2]!;
    assert(comment.startsWith(DIRECTIVE), `line ${line + 1} has no message above it`);
    const says = comment.slice(DIRECTIVE.length);
    return [{ line, code, says, runs: runs?.slice(AT_RUN_TIME.length) ?? says }];
  });
}

const ROWS = readRows();
/** Whether the message is TypeScript's, whose first line tells what is wrong. */
const isTypeScripts = (says: string): boolean => /^TS\d+: /.test(says);

/** The whole line about an argument or option whose type has become the message `says`. */
function isAbout(line: string, says: string): boolean {
  if (isTypeScripts(says)) return line.split("\n")[0] === says;
  const isArgument = line.startsWith("TS2345: Argument of type '") &&
    line.endsWith(` is not assignable to parameter of type '"${says}"'.`);
  const isOption = line.startsWith("TS2322: Type '") &&
    line.endsWith(` is not assignable to type '"${says}"'.`);
  return (isArgument || isOption) && !line.includes("\n");
}

/** The text with the members of unions in alphabetical order: TypeScript 7 gives them another. */
const ordered = (text: string): string =>
  text.replaceAll(/\w+(?: \| \w+)+/g, (union) => union.split(" | ").sort().join(" | "));

/** What a program says when it runs. */
function refusal(program: () => unknown): string {
  try {
    program();
    return "nothing";
  } catch (error) {
    if (error instanceof ShapeError) return error.reason;
    if (error instanceof WeightsError) return error.message.split("\n").at(-1)!.replace("  - ", "");
    return error instanceof WeftError ? error.message : String(error);
  }
}

Deno.test("wrong programs: the compiler says about each what its comment says, once, and of nothing else", () => {
  const { errors } = checkTypes("errors.ts", source.replaceAll(DIRECTIVE, "// "));
  const found = new Map<number, string[]>();
  for (const { line, text } of errors) {
    found.set(line, [...found.get(line) ?? [], text.replaceAll(`\\"`, `"`)]);
  }
  for (const { line, code, says } of ROWS) {
    const [text = "nothing: it accepts it", ...more] = found.get(line) ?? [];
    assert(isAbout(text, says), `${code}\nexpected "${says}", but the compiler says\n${text}`);
    assertEquals(more, [], `${code}: more than one error`);
    found.delete(line);
  }
  assertEquals([...found.values()], [], "errors outside of the programs");
  assertGreater(ROWS.filter(({ says }) => !isTypeScripts(says)).length, 40);
});

Deno.test({
  name: `wrong programs: TypeScript 7 says the same ${
    version === undefined ? "(skipped: it cannot be fetched)" : ""
  }`
    .trim(),
  ignore: version === undefined,
  async fn() {
    const errors = await checkTypesNatively("errors.ts", source.replaceAll(DIRECTIVE, "// "));
    assertEquals(errors.map(({ line }) => line), ROWS.map(({ line }) => line));
    for (const [i, { code, says }] of ROWS.entries()) {
      const text = errors[i]!.text.replaceAll(`\\"`, `"`);
      // Its own messages have other words here and there.
      const same = isTypeScripts(says) || isAbout(ordered(text), ordered(says));
      assert(same, `${code}\nexpected "${says}", but TypeScript 7 says\n${text}`);
    }
  },
});

Deno.test("wrong programs: what the compiler refuses in our words, a run refuses in the same words", () => {
  assertEquals(WRONG.length, ROWS.length);
  for (const [i, { code, says, runs }] of ROWS.entries()) {
    if (!isTypeScripts(says)) assertEquals(refusal(WRONG[i]!), runs, code);
  }
});

/** The block with something else written in one place, as a program. */
function mistaken(right: string, wrong: string, i: number): string {
  assertEquals(BLOCK.split(right).length, 2, `${right} stands once in the block`);
  return `export const p${i} = () => {${BLOCK.replace(right, wrong)}};`;
}

/** All that the compiler says about each of several programs. */
function complaints(programs: readonly string[]): readonly (readonly string[])[] {
  const sizes = [BLOCK_HEADER, ...programs].map((text) => text.split("\n").length);
  const found: string[][] = programs.map(() => []);
  for (const { line, text } of checkTypes("programs.ts", [BLOCK_HEADER, ...programs].join("\n")).errors) {
    let [at, rest] = [-1, line];
    while (rest >= sizes[at + 1]!) rest -= sizes[++at]!;
    assert(at >= 0, `an error outside of the programs: ${text}`);
    found[at]!.push(text);
  }
  return found;
}

Deno.test("a mistake in a block of GPT-2 is refused where it is made, and nowhere else", () => {
  const found = complaints([
    `export const p = () => {${BLOCK}};`,
    ...MISTAKES.map(([right, wrong], i) => mistaken(right, wrong, i)),
  ]);
  assertEquals(found[0], [], "the block as it should be");
  for (const [i, [right, wrong, says]] of MISTAKES.entries()) {
    const lines = found[i + 1]!;
    assert(
      lines.length > 0 && lines.every((line) => isAbout(line, says)),
      `${wrong} for ${right}: expected "${says}", but the compiler says\n${lines.join("\n") || "nothing"}`,
    );
  }
});

Deno.test("what does not fit a declared type is refused by TypeScript's own message", () => {
  const found = complaints(DECLARED.map(([right, wrong], i) => mistaken(right, wrong, i)));
  for (const [i, [right, wrong, says]] of DECLARED.entries()) {
    assertEquals(found[i]![0]?.split("\n")[0], says, `${wrong} for ${right}`);
  }
});
