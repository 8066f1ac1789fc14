/** Every rule on kernels at several sizes, against double precision. @module */
import { assert, assertEquals, assertGreater } from "./assert.ts";
import type { Device } from "../../backends/backend.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { bufferSpan } from "../../ir/address.ts";
import { arrayFor, type TensorArray } from "../../ir/data.ts";
import { evalInt } from "../../ir/eval.ts";
import { hashFunc } from "../../ir/hash.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import type { Program } from "../../dsl/mod.ts";
import { apply, rule, RULES } from "../../schedule/mod.ts";
import { assertAllClose } from "./close.ts";
import { float64 } from "./float64.ts";
import { kernelsOf } from "./model_kernels.ts";
import { loadLowered } from "./run_func.ts";
import { webgpuTest } from "./webgpu.ts";

type Dims = Readonly<Record<string, number>>;

/** What the dims of a kernel are: new positions, and positions before them. */
function dimsOf(func: PrimFunc, sizes: readonly number[]): readonly Dims[] {
  const has = (name: string): boolean => func.dims.includes(name);
  if (has("s") && has("past")) {
    // All new, and few new ones after many; 1,024 is the bound.
    return sizes.flatMap((n) => [{ s: n, past: 0 }, { s: Math.min(n, 7), past: n }]);
  }
  if (has("past")) return sizes.map((past) => ({ past }));
  return has("s") ? sizes.map((s) => ({ s })) : [{}];
}

/** Numbers around 0 for floats, tokens for integers; what is only written is full of numbers that no result is. */
function inputs(func: PrimFunc, dims: Dims): Record<string, TensorArray> {
  let x = 12345;
  const next = (): number => (x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  return Object.fromEntries(func.params.map(({ buffer, access }) => {
    const count = buffer.shape.some((e) => evalInt(e, dims) <= 0) ? 0 : evalInt(bufferSpan(buffer), dims);
    const array = arrayFor(buffer.dtype, count);
    const isFloat = array instanceof Float32Array;
    for (let i = 0; i < count; i++) {
      array[i] = access === "write" ? -77 : isFloat ? next() * 2 - 1 : Math.floor(next() * 24);
    }
    return [buffer.name, array];
  }));
}

interface Reference {
  readonly dims: Dims;
  readonly arrays: Readonly<Record<string, TensorArray>>;
  readonly expected: Readonly<Record<string, Float64Array>>;
}

function references(func: PrimFunc, sizes: readonly number[]): readonly Reference[] {
  const run = float64(func);
  return dimsOf(func, sizes).map((dims) => {
    const arrays = inputs(func, dims);
    const expected = Object.fromEntries(
      Object.entries(arrays).map(([name, data]) => [name, Float64Array.from(data)]),
    );
    run(expected, dims);
    return { dims, arrays, expected };
  });
}

/**
 * Runs every rule's schedule of every kernel, as made for each target, and compares what it writes with double precision.
 * Gives how many kernels each rule took.
 */
export async function runEveryRule(
  kernels: readonly PrimFunc[],
  device: Device,
  targets: readonly Target[],
  sizes: readonly number[],
  rtol: number,
): Promise<ReadonlyMap<string, number>> {
  const taken = new Map<string, number>();
  for (const func of kernels) {
    const known = references(func, sizes);
    const done = new Set<string>();
    for (const name of RULES.keys()) {
      for (const target of targets) {
        const result = apply(func, rule(name), { target });
        if (!result.ok) continue;
        taken.set(name, (taken.get(name) ?? 0) + 1);
        const key = hashFunc(result.func);
        if (done.has(key)) continue;
        done.add(key);
        const run = await loadLowered(device, lowerFunc(result.func));
        // All at once: a device may answer only so often.
        const results = await Promise.all(known.map(({ dims, arrays }) => run(arrays, dims)));
        for (const [i, { dims, expected }] of known.entries()) {
          const actual = results[i]!;
          for (const { buffer, access } of func.params) {
            if (access === "read") continue;
            const [got, wanted] = [actual[buffer.name]!, expected[buffer.name]!];
            const what = `${name} (${target.name}, software: ${target.software}) of ${func.name} ` +
              `${JSON.stringify(dims)}: ${buffer.name}`;
            assert(wanted.every((v) => !Number.isNaN(v)) && wanted.some((v) => v !== -77), what);
            if (!(got instanceof Float32Array)) assertEquals(Float64Array.from(got), wanted, what);
            else assertAllClose(got, wanted, { rtol, atol: rtol / 10 * scale(wanted) }, what);
          }
        }
      }
    }
    assertGreater(done.size, 0, func.name);
  }
  return taken;
}

function scale(values: Float64Array): number {
  let most = 0;
  for (const v of values) if (Number.isFinite(v)) most = Math.max(most, Math.abs(v));
  return most;
}

/** Every rule on every kernel of a model on WebGPU, at sizes around those of tiles, as made for a CPU and for a GPU. */
export function everyRuleOnWebGPU(model: string, program: Program): void {
  for (const software of [true, false]) {
    const kind = software ? "software" : "hardware";
    webgpuTest(`${model}: every rule on every kernel, as for ${kind}, on WebGPU`, async (device) => {
      const target = { ...device.target, software };
      const sizes = [1, 2, 7, 64, 129, 1000];
      const taken = await runEveryRule(kernelsOf(program, target), device, [target], sizes, 1e-4);
      for (const name of ["matmul", "gemv", "generalReduction", "reduction", "elementwise", "attention"]) {
        assertGreater(taken.get(name) ?? 0, 0, name);
      }
      assertGreater(taken.get("fallback") ?? 0, 20);
    });
  }
}
