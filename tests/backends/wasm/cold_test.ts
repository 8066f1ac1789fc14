import { assertEquals } from "@std/assert";
import { compile, exp, method, mul, spec, trace, wasmDevice } from "../../../mod.ts";

/** How many modules were compiled meanwhile. */
async function modulesOf(doing: () => Promise<unknown>): Promise<number> {
  const { Module } = WebAssembly;
  let made = 0;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      made++;
    }
  };
  try {
    await doing();
  } finally {
    WebAssembly.Module = Module;
  }
  return made;
}

Deno.test("kernels are compiled when their entry point is first run, and equal ones once", async () => {
  const device = wasmDevice({ threads: 1 });
  const given = { x: spec([3], "f32") };
  const program = trace({
    square: method(given, ({ x }) => ({ y: mul(x, x) })),
    again: method(given, ({ x }) => ({ y: mul(x, x) })),
    grow: method(given, ({ x }) => ({ y: exp(x) })),
  });
  const x = { dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) } as const;
  // Modules that only ask what the engine has were compiled when the device was opened.
  const counts: number[] = [];
  counts.push(await modulesOf(async () => void (await compile(program, { device }))));
  using executable = await compile(program, { device });
  for (const entry of ["square", "square", "again", "grow"] as const) {
    counts.push(await modulesOf(() => executable.run(entry, { x }).y!.read()));
  }
  assertEquals(counts, [0, 1, 0, 0, 1]);
  const { data } = await executable.run("again", { x }).y!.read();
  assertEquals([...data], [1, 4, 9]);
  device.dispose();
});
