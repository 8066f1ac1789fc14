import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { checkLayers, type ImportEdge, type SourceFile } from "../../tools/layers.ts";

const TOOL = fileURLToPath(new URL("../../tools/check_layers.ts", import.meta.url));

const file = (path: string, imports: readonly (string | ImportEdge)[] = [], text = ""): SourceFile => ({
  path,
  text,
  imports: imports.map((to) =>
    typeof to === "string" ? { to, external: false, typeOnly: false, dynamic: false } : to
  ),
});
const typeOnly = (to: string): ImportEdge => ({ to, external: false, typeOnly: true, dynamic: false });
const pkg = (to: string): ImportEdge => ({ to, external: true, typeOnly: false, dynamic: false });

Deno.test("layers: downward imports pass", () => {
  const files = [
    file("ir/expr.ts", ["ir/dtype.ts"]),
    file("ir/dtype.ts"),
    file("dsl/tensor.ts", ["ir/expr.ts"]),
    file("schedule/loop/split.ts", ["ir/expr.ts"]),
    file("backends/webgpu/device.ts", ["backends/backend.ts", typeOnly("ir/dtype.ts"), pkg("@webgpu/types")]),
    file("backends/backend.ts"),
    file("compile.ts", ["dsl/tensor.ts", "schedule/loop/split.ts", "backends/runtime/plan.ts"]),
    file("backends/runtime/plan.ts"),
    file("models/gpt2/load.ts", ["compile.ts", "dsl/tensor.ts", pkg("node:fs/promises")]),
    file(
      "mod.ts",
      ["compile.ts"],
      `/** Doc. */\nexport { a } from "./compile.ts";\nexport * from "./ir/mod.ts";\n`,
    ),
    file("cli/main.ts", ["models/gpt2/load.ts"]),
    file("tests/cli/main_test.ts", ["cli/main.ts", pkg("fast-check")]),
  ];
  assertEquals(checkLayers(files), []);
});

Deno.test("layers: each kind of breach is reported, with the file and what is allowed", () => {
  const broken: readonly (readonly [SourceFile, string])[] = [
    [
      file("ir/expr.ts", [typeOnly("dsl/tensor.ts")]),
      "ir/expr.ts imports dsl/tensor.ts, but ir/ may import nothing outside",
    ],
    [
      file("dsl/tensor.ts", ["compile.ts"]),
      "dsl/tensor.ts imports compile.ts, but dsl/ may import only ir/",
    ],
    [
      file("schedule/rules/mod.ts", ["backends/lower.ts"]),
      "schedule/rules/mod.ts imports backends/lower.ts, but schedule/ may import only ir/",
    ],
    [
      file("backends/webgpu/device.ts", ["backends/js/device.ts"]),
      "backends/webgpu/device.ts imports backends/js/device.ts, but backends/webgpu/ may import only ir/, " +
      "backends/",
    ],
    [
      file("backends/lower.ts", ["backends/runtime/plan.ts"]),
      "backends/lower.ts imports backends/runtime/plan.ts, but backends/ may import only ir/",
    ],
    [
      file("models/gpt2/load.ts", ["cli/main.ts"]),
      "models/gpt2/load.ts imports cli/main.ts, but models/ may import only ir/, dsl/, compile.ts, " +
      "backends/, backends/runtime/",
    ],
    [
      file("cli/main.ts", ["tests/support/close.ts"]),
      "cli/main.ts imports tests/support/close.ts, but cli/ may import only what is no leaf",
    ],
    [
      file("ir/expr.ts", [pkg("node:fs")]),
      "ir/expr.ts imports node:fs, but ir/ may import no package",
    ],
    [
      file("models/hub.ts", [pkg("left-pad")]),
      "models/hub.ts imports left-pad, but models/ may import only @huggingface/tokenizers, node:",
    ],
    [
      file("mod.ts", [], `/** const no = 1; */\nexport { a } from "./compile.ts";\nexport const b = 1;\n`),
      "mod.ts may only re-export, but it has: export const b = 1;",
    ],
    [
      file("ir/long.ts", [], "\n".repeat(601)),
      "ir/long.ts has 601 lines, at most 600 are allowed",
    ],
  ];
  for (const [source, problem] of broken) assertEquals(checkLayers([source]), [problem]);
  const [unknown] = checkLayers([file("misc/x.ts")]);
  assertStringIncludes(unknown ?? "", "misc/x.ts is in no layer");
});

Deno.test("layers: a cycle is reported once, one of types or import() only is not", () => {
  const dynamic = { ...typeOnly("ir/a.ts"), typeOnly: false, dynamic: true };
  const cycle = [file("ir/a.ts", ["ir/b.ts"]), file("ir/b.ts", ["ir/c.ts"]), file("ir/c.ts", ["ir/a.ts"])];
  assertEquals(checkLayers(cycle), ["cycle of imports: ir/a.ts -> ir/b.ts -> ir/c.ts -> ir/a.ts"]);
  for (const edge of [typeOnly("ir/a.ts"), dynamic]) {
    assertEquals(checkLayers([file("ir/a.ts", ["ir/b.ts"]), file("ir/b.ts", [edge])]), []);
  }
});

Deno.test("layers: the tool reads a folder's imports and fails on a breach", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/ir`);
    await Deno.mkdir(`${root}/dsl`);
    await Deno.writeTextFile(`${root}/deno.json`, "{}");
    await Deno.writeTextFile(`${root}/dsl/tensor.ts`, `export type T = 1;\n`);
    await Deno.writeTextFile(`${root}/ir/expr.ts`, `export const e = 1;\n`);
    const run = async () => {
      const args = ["run", "-A", TOOL, root];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    };
    assertEquals((await run()).out, "layers: 2 files, no breach\n");
    await Deno.writeTextFile(
      `${root}/ir/expr.ts`,
      `import type { T } from "../dsl/tensor.ts";\nexport const e: T = 1;\n`,
    );
    const { code, err } = await run();
    assertEquals(code, 1);
    assertStringIncludes(err, "ir/expr.ts imports dsl/tensor.ts, but ir/ may import nothing outside");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
