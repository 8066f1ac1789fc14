import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Device } from "../../backends/backend.ts";
import type { DeviceTensor, HostTensor } from "../../backends/runtime/executable.ts";
import { compile } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import { evalDim } from "../../ir/dim.ts";
import { arbProgram, type RandomProgram } from "../support/arbitrary_graph.ts";
import { assertAllClose } from "../support/close.ts";
import { deviceTest } from "../support/devices.ts";
import { interpretGraph } from "../support/interpret_graph.ts";

const SIZES: readonly Readonly<Record<string, number>>[] = [{ n: 2, m: 5 }, { n: 1, m: 3 }, { n: 0, m: 1 }, {
  n: 3,
  m: 0,
}];

/** Numbers of a moderate size that a product of several of them keeps so. */
function values(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.fround(Math.sin(seed + i * 1.7) * 1.5));
}

async function checkProgram(device: Device, { program, text }: RandomProgram): Promise<void> {
  const g = program.graphs["main"]!;
  for (const fuse of [true, false]) {
    using executable = await compile(program, { device, without: fuse ? [] : ["fuse", "attention"] });
    for (const dims of SIZES) {
      const given = Object.fromEntries(g.inputs.map((i, at): [string, HostTensor] => {
        const shape = i.shape.map((dim) => evalDim(dim, dims));
        return [i.name, {
          dtype: i.dtype,
          shape,
          data: fromNumbers(i.dtype, values(shape.reduce((a, b) => a * b, 1), at)),
        }];
      }));
      const y = await executable.run("main", given)["y"]!.read();
      const arrays = Object.fromEntries(Object.entries(given).map(([name, t]) => [name, t.data]));
      const expected = interpretGraph(g, arrays, dims)["y"]!;
      assertAllClose(
        toNumbers(y.dtype, y.data),
        toNumbers(y.dtype, expected),
        { rtol: 2e-4, atol: 2e-4 },
        `${text}\ndims ${JSON.stringify(dims)}, fuse ${fuse}`,
      );
    }
  }
}

deviceTest("kernels of one text and different sizes each run over their own", async (device) => {
  // Multiples of every workgroup: no thread is left over, so that the size is in the grid alone.
  const widths = fc.array(fc.integer({ min: 1, max: 6 }).map((k) => 64 * k), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(widths, fc.integer({ min: 1, max: 3 }), async (widths, n) => {
      const inputs = Object.fromEntries(widths.map((width, i) => [`x${i}`, w.spec(["n", width], "f32")]));
      const main = w.method(inputs, (xs) => Object.values(xs).map((x) => w.neg(x)));
      const program = w.trace({ main }, { bounds: { n: 3 } });
      using executable = await compile(program, { device, without: ["fuse", "attention"] });
      const given = widths.map((width, i) => Float32Array.from(values(n * width, i)));
      const outputs: Readonly<Record<string, DeviceTensor | undefined>> = executable.run(
        "main",
        Object.fromEntries(
          given.map((data, i) => [`x${i}`, { dtype: "f32", shape: [n, widths[i]!], data } as const]),
        ),
      );
      for (const [i, data] of given.entries()) {
        assertEquals((await outputs[String(i)]!.read()).data, data.map((x) => -x), `width ${widths[i]}`);
      }
    }),
    { numRuns: device.target.kind === "js" ? 50 : 10 },
  );
});

deviceTest("random programs agree with the interpreter of their naive nests", async (device) => {
  const numRuns = device.target.kind === "js" ? 150 : 20;
  await fc.assert(fc.asyncProperty(arbProgram(7), (p) => checkProgram(device, p)), { numRuns });
});
