import fc from "fast-check";
import type { Device } from "../../backends/backend.ts";
import type { HostTensor } from "../../backends/runtime/executable.ts";
import { compile } from "../../compile.ts";
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
    using executable = await compile(program, { device, fuse });
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

deviceTest("random programs agree with the interpreter of their naive nests", async (device) => {
  const numRuns = device.target.kind === "js" ? 150 : 20;
  await fc.assert(fc.asyncProperty(arbProgram(7), (p) => checkProgram(device, p)), { numRuns });
});
