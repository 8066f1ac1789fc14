/**
 * Running one operator of the language on a device.
 *
 * @module
 */
import type { Device } from "../../backends/backend.ts";
import type { Executable, HostTensor } from "../../backends/runtime/executable.ts";
import { compile } from "../../compile.ts";
import { method, type Program, type Tensor, trace } from "../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import { dimVars } from "../../ir/dim.ts";
import type { OpCase } from "./op_cases.ts";
import { assertAllClose } from "./close.ts";
import { assertEquals } from "./assert.ts";
import { type Dense, size } from "./reference.ts";

/** Largest size of a symbolic dim in these tests. */
export const MOST = 17;

/** The program of a case: entry point `main`, output `y`. */
export function caseProgram(c: OpCase): Program {
  const names = Object.values(c.inputs).flatMap((t: Tensor) => t.shape.flatMap(dimVars));
  const main = method(c.inputs as Record<string, Tensor>, (inputs) => ({ y: c.build(inputs) }));
  return trace({ main }, { bounds: Object.fromEntries(names.map((n) => [n, MOST])) });
}

/** Compiles a case for a device. */
export function compileCase(c: OpCase, device: Device, fuse: boolean = true): Promise<Executable> {
  return compile(caseProgram(c), { device, without: fuse ? [] : ["fuse", "attention"] });
}

/** Values for the inputs of a case with these dims, from a seeded generator. */
export function caseInputs(
  c: OpCase,
  dims: Readonly<Record<string, number>>,
  seed: number,
): Record<string, Dense> {
  let state = seed >>> 0 || 1;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return Object.fromEntries(
    Object.entries(c.inputs).map(([name, t]: [string, Tensor]) => {
      const shape = t.shape.map((d) => (typeof d === "number" ? d : dims[d] ?? 1));
      const integers = t.dtype === "i32";
      const value = (): number => {
        const v = normal();
        return integers ? Math.floor(3 + 3 * v) : Math.fround((c.domain ?? ((u: number) => u))(v));
      };
      return [name, { shape, data: Array.from({ length: size(shape) }, value) }];
    }),
  );
}

/** Runs a compiled case and compares it with the reference. */
export async function checkCase(
  c: OpCase,
  executable: Executable,
  dims: Readonly<Record<string, number>>,
  seed: number,
): Promise<void> {
  const inputs = caseInputs(c, dims, seed);
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]): [string, HostTensor] => {
      const dtype = c.inputs[name]!.dtype;
      return [name, { dtype, shape, data: fromNumbers(dtype, data) }];
    }),
  );
  const y = await executable.run("main", given)["y"]!.read();
  const expected = c.expected(inputs);
  assertEquals(y.shape, expected.shape);
  const tolerance = c.tolerance ?? 1e-5;
  assertAllClose(toNumbers(y.dtype, y.data), expected.data, { rtol: tolerance, atol: 4 * tolerance });
}
