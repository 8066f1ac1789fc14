import { assert, assertEquals, assertExists, assertGreater } from "@std/assert";
import { blocksOf, commandOf, contains, quotesOf, refreshed } from "../../tools/docs.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (name: string): Promise<string> => Deno.readTextFile(new URL(name, ROOT));

Deno.test("docs: blocks, commands and quotes are found; outputs are replaced", async () => {
  const text = [
    "# Title",
    "```console",
    '$ deno task inspect --kernel "a b" --show nest',
    "old",
    "output",
    "```",
    "between",
    "```ts ir/expr.ts",
    "export const x = 1;",
    "```",
    "```sh",
    "$ deno task inspect",
    "```",
    "",
  ].join("\n");
  assertEquals(blocksOf(text).map((b) => b.info), ["console", "ts ir/expr.ts", "sh"]);
  assertEquals(blocksOf(text).map(commandOf), [
    ["inspect", "--kernel", "a b", "--show", "nest"],
    undefined,
    undefined,
  ]);
  assertEquals(quotesOf(text), [{ file: "ir/expr.ts", text: "export const x = 1;" }]);
  const now = await refreshed(text, (args) => Promise.resolve(`${args.length} words\nnew\n`));
  assertEquals(now, text.replace("old\noutput\n", "5 words\nnew\n"));
});

Deno.test("docs: a piece of source is found whatever its indentation, and nothing else is", () => {
  const source = "a {\n  b\n    c\n\n  d\n}\n";
  assert(contains(source, "b\n  c\n\nd"));
  assert(contains(source, "  b\n    c"));
  assert(!contains(source, "b\nc"));
  assert(!contains(source, "b\n  c\n\ne"));
});

for (const name of ["README.md", "docs/architecture.md"]) {
  Deno.test(`docs: what ${name} shows is what the commands print (else: deno task docs)`, async () => {
    const text = await read(name);
    assertGreater(blocksOf(text).filter((b) => commandOf(b) !== undefined).length, 0);
    assertEquals(await refreshed(text), text);
  });

  Deno.test(`docs: the pieces of source in ${name} are in their files`, async () => {
    for (const { file, text } of quotesOf(await read(name))) {
      assert(contains(await read(file), text), `${file} does not contain:\n${text}`);
    }
  });

  Deno.test(`docs: the links in ${name} lead to files`, async () => {
    const base = new URL(name, ROOT);
    for (const [, link] of (await read(name)).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assertExists(await Deno.stat(new URL(link!, base)).catch(() => undefined), `${link} is not there`);
    }
  });
}
