import { assert, assertGreater } from "@std/assert";

const LESSONS = new URL("../../docs/lessons/", import.meta.url);
const files = [...Deno.readDirSync(LESSONS)].map((e) => e.name).filter((n) => n.endsWith(".ts")).sort();

Deno.test("lessons: there are some", () => assertGreater(files.length, 0));

for (const name of files) {
  Deno.test(`lessons: ${name} runs by itself and shows something`, async () => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL(name, LESSONS).pathname],
      env: { NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    assertGreater(stdout.length, 0);
  });
}
