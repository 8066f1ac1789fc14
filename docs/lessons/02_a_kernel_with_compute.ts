/**
 * Lesson 2: a kernel with compute().
 *
 *     deno run -A docs/lessons/02_a_kernel_with_compute.ts
 *
 * A kernel is one expression for one element of its result. Lowering makes a loop nest of it, a schedule says how the
 * nest runs, and both can be printed.
 */
import { assertEquals } from "@std/assert";
import { compile, compute, jsDevice, method, spec, trace } from "@weft/weft";
import { lower } from "@weft/weft/compile";
import { WEBGPU_BASELINE } from "@weft/weft/backends/webgpu";
import { explain, fallback, printSchedule } from "@weft/weft/schedule";
import { printFunc } from "@weft/weft/ir";

// y[i] = sum over k of a[i, k] * v[k]. Loops are called as the axes are.
const gemv = method({ a: spec(["n", 64], "f32"), v: spec([64], "f32") }, ({ a, v }) => ({
  y: compute(
    "gemv",
    [["i", "n"]],
    ({ i }, { at, sum }) => sum({ k: 64 }, ({ k }) => at(a, i, k).mul(at(v, k))),
  ),
}));
const program = trace({ gemv }, { bounds: { n: 1024 } });

// The naive nest, and the same kernel for a software adapter: a rule of the default schedule took it.
const target = { ...WEBGPU_BASELINE, software: true };
for (const kernel of lower(program, target).kernels.values()) {
  console.log(printFunc(kernel.func));
  console.log(kernel.trace.map(printSchedule).join("\n"));
  console.log(explain([kernel.func], fallback(), target));
}

using executable = await compile(program, { device: jsDevice() });
const { y } = executable.run("gemv", {
  a: { dtype: "f32", shape: [2, 64], data: new Float32Array(128).fill(0.25) },
  v: { dtype: "f32", shape: [64], data: new Float32Array(64).fill(2) },
});
const { data } = await y!.read();
assertEquals([...data], [32, 32]);
console.log(data); // Float32Array(2) [ 32, 32 ]
