/**
 * How exact the functions are on WebGPU, small arguments included, where a result of the right size may still have no
 * right digit. Distances are in units in the last place; results that are subnormal may be 0.
 *
 * @module
 */
import { compile } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { toNumbers } from "../../../ir/data.ts";
import { erf } from "../../../ir/erf.ts";
import { distance } from "../../conformance/webnn/compare.ts";
import { assertLessOrEqual } from "../../support/assert.ts";
import { webgpuTest } from "../../support/webgpu.ts";

type X = w.Tensor<["n"], "f32">;

/** The complement of `erf` in double precision: a continued fraction where the difference to 1 has lost its digits. */
function erfc(z: number): number {
  if (z < 2) return 1 - erf(z);
  let tail = z;
  for (let n = 200; n >= 1; n--) tail = z + n / 2 / tail;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * tail);
}

/** Functions (but sine and tangent, for which WGSL promises only an absolute error), what they are in double precision, and the largest distance allowed. */
const FUNCTIONS: Readonly<Record<string, readonly [(x: X) => w.Tensor, (v: number) => number, number]>> = {
  tanh: [w.tanh, Math.tanh, 8],
  erf: [w.erf, erf, 8],
  exp: [w.exp, Math.exp, 64],
  sigmoid: [w.sigmoid, (v) => 1 / (1 + Math.exp(-v)), 64],
  softplus: [w.softplus, (v) => Math.log1p(Math.exp(v)), 64],
  elu: [w.elu, (v) => (v < 0 ? Math.expm1(v) : v), 16],
  gelu: [w.gelu, (v) => v < 0 ? v * erfc(-v / Math.SQRT2) / 2 : v - v * erfc(v / Math.SQRT2) / 2, 128],
  sqrt: [(x) => w.sqrt(w.abs(x)), (v) => Math.sqrt(Math.abs(v)), 4],
  rsqrt: [(x) => w.rsqrt(w.abs(x)), (v) => 1 / Math.sqrt(Math.abs(v)), 4],
  reciprocal: [w.reciprocal, (v) => 1 / v, 4],
};

/** Numbers of both signs from 1e-7 to 16. */
const SAMPLES = Float32Array.from(
  { length: 2000 },
  (_, i) => (i % 2 === 0 ? 1 : -1) * 10 ** (-7 + i * 0.0041),
);
const SMALLEST_NORMAL = 2 ** -126;

webgpuTest(
  "functions are exact to a few units in the last place, for small arguments too",
  async (device) => {
    const inputs = { x: w.spec(["n"], "f32") };
    const methods = Object.fromEntries(
      Object.entries(FUNCTIONS).map(([name, [f]]) => [name, w.method(inputs, ({ x }) => ({ y: f(x) }))]),
    );
    using executable = await compile(w.trace(methods, { bounds: { n: SAMPLES.length } }), { device });
    for (const [name, [, exact, allowed]] of Object.entries(FUNCTIONS)) {
      const x = { dtype: "f32", shape: [SAMPLES.length], data: SAMPLES } as const;
      const { dtype, data } = await executable.run(name, { x })["y"]!.read();
      toNumbers(dtype, data).forEach((got, i) => {
        const wanted = Math.fround(exact(SAMPLES[i]!));
        if (Math.abs(wanted) < SMALLEST_NORMAL && got === 0) return;
        const off = distance("f32", "ULP", got, wanted);
        assertLessOrEqual(off, allowed, `${name}(${SAMPLES[i]}) is ${got}, expected ${wanted}`);
      });
    }
  },
);
