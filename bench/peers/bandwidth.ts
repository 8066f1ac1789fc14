/** How fast all threads together read memory: sums of rows of half a GiB. Its "decode" is GB/s. @module */
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { compile } from "../../compile.ts";
import { method, spec, sum, trace } from "../../mod.ts";
import { report, task } from "./loop.ts";

const { threads, rounds } = task();
const shape = [131072, 1024] as const;
const device = wasmDevice({ threads });
const program = trace({ read: method({ x: spec(shape, "f32") }, ({ x }) => ({ y: sum(x, [1]) })) });
const executable = await compile(program, { device });
const x = { dtype: "f32", shape, data: new Float32Array(shape[0] * shape[1]) } as const;
const rates: number[] = [];
for (let i = 0; i <= 2 * rounds; i++) {
  const { times } = await executable.profile("read", { x });
  const ms = times.reduce((all, t) => all + t.ms, 0);
  if (i > 0) rates.push(4 * shape[0] * shape[1] / ms / 1e6);
}
report({ version: "", prefill: [], decode: rates });
