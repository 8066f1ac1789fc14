/**
 * Wrong programs: what the compiler says about each, all of it, on one line. What is refused for its shapes or dtypes
 * is refused when it is traced, too, in the same words.
 */
import { assert, assertEquals, fail } from "@std/assert";
import { ShapeError } from "../../ir/errors.ts";
import { BLOCK, DECLARED, MISTAKES } from "./wrong_block.ts";
import { type Wrong, WRONG_INDEX } from "./wrong_index.ts";
import { WRONG_MATH } from "./wrong_math.ts";

const WRONG: Readonly<Record<string, Wrong>> = { ...WRONG_MATH, ...WRONG_INDEX };

/** The block with something else written in one place. */
function mistaken(right: string, wrong: string): string {
  assertEquals(BLOCK.split(right).length, 2, `${right} stands once in the block`);
  return `{${BLOCK.replace(right, wrong)}}`;
}

const url = (path: string): string => new URL(path, import.meta.url).href;
const HEADER = `
import * as w from "${url("../../dsl/mod.ts")}";
import type { DType, Dim, Tensor } from "${url("../../dsl/mod.ts")}";
const { nn } = w;
const t = <const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  dtype?: T,
): Tensor<S, NoInfer<T>> => w.spec(shape, (dtype ?? "f32") as T);
const x = t(["b", "s", 768]);
const x3072 = t(["b", "s", 3072]) as Tensor<["b", "s", number], "f32">;
`.trim().split("\n");

/** Checks programs (the bodies of functions); gives all that the compiler says about each. */
async function complaints(programs: readonly string[]): Promise<readonly (readonly string[])[]> {
  const lines = [...HEADER];
  const starts = programs.map((code, i) => {
    const start = lines.length;
    lines.push(...`export const p${i} = () => ${code};`.split("\n"));
    return start;
  });
  const dir = await Deno.makeTempDir({ prefix: "weft-types-" });
  try {
    const file = `${dir}/programs.ts`;
    await Deno.writeTextFile(file, lines.join("\n"));
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--no-config", file],
      env: { NO_COLOR: "1" },
    }).output();
    const found: string[][] = programs.map(() => []);
    // An error: what is wrong (all lines of it), the line of the program, a marker, where.
    for (const part of new TextDecoder().decode(stderr).split(/^(?=TS\d+ \[ERROR\]: )/m)) {
      const line = Number(/programs\.ts:(\d+):/.exec(part)?.[1] ?? 0);
      if (line === 0) continue;
      const text = part.split("\n");
      const of = found[starts.findLastIndex((start) => start < line)];
      if (of === undefined) fail(`an error outside of the programs:\n${part}`);
      of.push(text.slice(0, text.indexOf(lines[line - 1]!)).join("\n").replace(" [ERROR]", ""));
    }
    return found;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs the programs without checking their types; gives what each throws. */
async function refusals(programs: readonly string[]): Promise<readonly unknown[]> {
  const dir = await Deno.makeTempDir({ prefix: "weft-run-" });
  try {
    const body = programs.map((code) => `() => ${code},`).join("\n");
    await Deno.writeTextFile(`${dir}/programs.ts`, `${HEADER.join("\n")}\nexport default [\n${body}\n];\n`);
    const { default: run } = await import(`file://${dir}/programs.ts`) as {
      default: readonly (() => unknown)[];
    };
    return run.map((program) => {
      try {
        program();
        return undefined;
      } catch (error) {
        return error;
      }
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The whole line about an argument or option whose type has become the message `says`. */
function isAbout(line: string, says: string): boolean {
  const isArgument = line.startsWith("TS2345: Argument of type '") &&
    line.endsWith(` is not assignable to parameter of type '"${says}"'.`);
  const isOption = line.startsWith("TS2322: Type '") &&
    line.endsWith(` is not assignable to type '"${says}"'.`);
  return (isArgument || isOption) && !line.includes("\n");
}

Deno.test("wrong programs are refused by the compiler, with one line that says why", async (t) => {
  const found = await complaints(Object.values(WRONG).map(({ code }) => code));
  for (const [i, [name, { code, says }]] of Object.entries(WRONG).entries()) {
    const [message = "nothing: it accepts it", ...more] = found[i]!;
    assertEquals(more, [], `${name}: more than one error`);
    assert(isAbout(message, says), `${name}: ${code}\nexpected "${says}", but the compiler says\n${message}`);
  }
  await t.step("all of it", (t) => t.assertSnapshot(found.flat()));
});

Deno.test("a mistake in a block of GPT-2 is refused where it is made, and nowhere else", async () => {
  const found = await complaints([`{${BLOCK}}`, ...MISTAKES.map(([right, wrong]) => mistaken(right, wrong))]);
  assertEquals(found[0], [], "the block as it should be");
  for (const [i, [right, wrong, says]] of MISTAKES.entries()) {
    const lines = found[i + 1]!;
    assert(
      lines.length > 0 && lines.every((line) => isAbout(line, says)),
      `${wrong} for ${right}: expected "${says}", but the compiler says\n${lines.join("\n") || "nothing"}`,
    );
  }
});

Deno.test("weights put into a model under a wrong name, or of a wrong shape or dtype, are refused so, too", async () => {
  const cases = [
    [`{ bais: t([10]) }`, "withParams: the model has no weight bais"],
    [`{ weight: t(["n", 10]), bias: t([11]) }`, "withParams: bias is f32[11], the model has f32[10]"],
    [`{ bias: t([10], "f16") }`, "withParams: bias is f16[10], the model has f32[10]"],
  ] as const;
  const found = await complaints(cases.map(([weights]) => `w.withParams(nn.linear("n", 10), ${weights})`));
  for (const [i, [weights, says]] of cases.entries()) {
    assertEquals(found[i]!.length, 1, weights);
    assert(isAbout(found[i]![0]!, says), found[i]![0]!);
  }
});

Deno.test("what does not fit a declared type is refused by TypeScript's own message", async () => {
  const found = await complaints(DECLARED.map(([right, wrong]) => mistaken(right, wrong)));
  for (const [i, [right, wrong, says]] of DECLARED.entries()) {
    assertEquals(found[i]![0]?.split("\n")[0], says, `${wrong} for ${right}`);
  }
});

Deno.test("what the compiler refuses, tracing refuses in the same words", async () => {
  const thrown = await refusals(Object.values(WRONG).map(({ code }) => code));
  for (const [i, [name, { says, runs = says }]] of Object.entries(WRONG).entries()) {
    const error = thrown[i];
    if (runs === null) assertEquals(error, undefined, name);
    else assertEquals(error instanceof ShapeError ? error.reason : error, runs, name);
  }
});
