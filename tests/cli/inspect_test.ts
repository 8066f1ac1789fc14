import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jsDevice } from "../../backends/js/mod.ts";
import { inspectCommand } from "../../cli/inspect.ts";
import { main } from "../../cli/main.ts";
import { SHIPPED_MODEL } from "../../cli/models.ts";
import { loadGPT2 } from "../../models/gpt2/mod.ts";
import { table } from "../../cli/table.ts";
import { parseFunc, parseGraph } from "../../ir/parse.ts";
import { printFunc, printGraph } from "../../ir/print.ts";
import { parseSchedule, printSchedule } from "../../schedule/text.ts";
import { fakeIo } from "./fakes.ts";

async function inspect(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const io = fakeIo();
  const code = await main(["inspect", ...args], io, { inspect: inspectCommand() });
  return { code, ...io.written };
}

/** The parts of an output that is about several kernels. */
const parts = (out: string): readonly string[] =>
  out.split(/^\/\/ kernel \d+\n/m).slice(1).map((p) => p.trimEnd());

Deno.test("inspect: lists the kernels of an entry point", async () => {
  const { code, out, err } = await inspect("--entry", "prefill");
  assertEquals([code, err], [0, ""]);
  const [heading, ...rows] = out.trimEnd().split("\n");
  assertEquals(heading?.trim().split(/\s+/), ["kernel", "calls", "first", "in"]);
  assertEquals(rows.map((row) => row.split(/\s+/)[0]), rows.map((_, i) => String(i)));
  // Six layers share their kernels.
  assert(rows.some((row) => /^\d+ +linear +6x +transformer\.h\.0\.attn\.c_attn$/.test(row)), out);
});

Deno.test("inspect: a kernel's whole way is printed, by name or index, for either device", async () => {
  const byName = await inspect("--kernel", "layerNorm");
  assertEquals([byName.code, byName.err], [0, ""]);
  const headings = [...byName.out.matchAll(/^== (\w+) ==$/gm)].map(([, step]) => step);
  assertEquals(headings, ["graph", "nest", "schedule", "scheduled", "wgsl"]);
  assertStringIncludes(byName.out, "@compute @workgroup_size");
  assertEquals((await inspect("--kernel", "1")).out, byName.out);
  const js = await inspect("--kernel", "1", "--device", "js");
  assertStringIncludes(js.out, "== js ==\n");
  assert(!js.out.includes("@compute"));
});

Deno.test("inspect: every graph, nest and schedule that it prints can be read back", async () => {
  for (const entry of ["prefill", "decode"]) {
    const show = async (step: string) => parts((await inspect("--entry", entry, "--show", step)).out);
    for (const text of [...await show("nest"), ...await show("scheduled")]) {
      assertEquals(printFunc(parseFunc(text)), text);
    }
    for (const text of await show("schedule")) {
      for (const line of text.split("\n")) assertEquals(printSchedule(parseSchedule(line)), line);
    }
    const { out } = await inspect("--entry", entry, "--show", "graph");
    assertEquals(printGraph(parseGraph(out)).trimEnd(), out.trimEnd());
    const { out: one } = await inspect("--entry", entry, "--show", "graph", "--kernel", "0");
    assertEquals(printGraph(parseGraph(one)).trimEnd(), one.trimEnd());
  }
});

Deno.test("inspect: memory is what the program then takes", async () => {
  const { code, out } = await inspect("--device", "js", "--show", "memory");
  assertEquals(code, 0);
  const bytes = Object.fromEntries(
    out.trimEnd().split("\n").slice(1).map((line) => {
      const [, name, n] = /^(.*?) +(\d+)$/.exec(line) ?? [];
      return [name, Number(n)];
    }),
  );
  const device = jsDevice();
  using model = await loadGPT2(SHIPPED_MODEL, { device });
  const { weightBytes, stateBytes, stateBytesAtFirst, peakBytes } = model.executable.info;
  assertEquals([bytes["weights"], bytes["state at most"]], [weightBytes, stateBytes]);
  assertEquals([bytes["state at first"], bytes["all at most"]], [stateBytesAtFirst, peakBytes]);
  device.dispose();
});

Deno.test("inspect: the plan names the buffers of every launch, or of one kernel's", async () => {
  const { out } = await inspect("--show", "plan");
  assertStringIncludes(out, "input ids, transformer.wte.weight");
  assertStringIncludes(out, "state past.5.v");
  assertStringIncludes(out, "slot 0: ");
  const { out: one } = await inspect("--show", "plan", "--kernel", "take_add");
  assertEquals(one.trimEnd().split("\n").length, 3);
});

Deno.test("inspect: mistakes are refused with what there is", async () => {
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["--kernel", "layerNrm"], 1, "There is no kernel layerNrm; did you mean layerNorm?"],
    [["--kernel", "99"], 1, "There is no kernel 99; there are take_add, layerNorm"],
    [
      ["--without", "attention", "--kernel", "append"],
      1,
      "There are 2 kernels append: say which by its index, ",
    ],
    [["--entry", "decod"], 1, "There is no entry point decod; did you mean decode?"],
    [["--show", "wsgl"], 2, "--show must be "],
    [["decode"], 2, 'inspect takes flags only, got "decode"'],
    [["--model", "no/such/model"], 1, "no/such/model"],
  ];
  for (const [args, code, message] of cases) {
    const result = await inspect(...args);
    assertEquals([result.code, result.out], [code, ""]);
    assertStringIncludes(result.err, message);
  }
});

Deno.test("table: columns are as wide as their widest cell", () => {
  assertEquals(
    table(["a", "bbb", "c"], [["1", "2", ""], ["long", "3", "x"]]),
    "a     bbb  c\n1     2\nlong  3    x\n",
  );
  assertEquals(table(["a"], []), "a\n");
});
