/**
 * Making generated code callable.
 *
 * @module
 */
import { InputError } from "../../ir/errors.ts";
import type { TensorArray } from "../../ir/data.ts";
import { interpreter } from "../../ir/interpret.ts";
import type { KernelCode } from "../backend.ts";
import { launchFunc } from "../launch.ts";
import { LIBRARY, type Library } from "./library.ts";

/** Runs one dispatch: arrays in the order of the launch's buffers, dims by name, workgroups along x, y, z. */
export type RunKernel = (
  arrays: readonly TensorArray[],
  dims: Readonly<Record<string, number>>,
  grid: readonly [number, number, number],
) => void;

/**
 * Compiles generated code. Where the program may not compile text (a content security policy), gives `undefined`.
 */
export function compileKernel({ launch, source }: KernelCode): RunKernel | undefined {
  let kernel: (...args: readonly (TensorArray | number)[]) => void;
  try {
    const make = new Function("library", source) as (library: Library) => typeof kernel;
    kernel = make(LIBRARY);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
  return (arrays, dims, grid) => {
    const values = launch.dims.map((name) => {
      const value = dims[name];
      if (value === undefined) throw new InputError(`Cannot run ${launch.name}: dim ${name} has no value`);
      return value;
    });
    kernel(...arrays, ...values, ...grid);
  };
}

/** The interpreter behind the same signature: slower, with every access checked. */
export function interpretKernel({ launch }: KernelCode): RunKernel {
  const run = interpreter(launchFunc(launch));
  return (arrays, dims) =>
    run(Object.fromEntries(launch.buffers.map(({ buffer }, i) => [buffer.name, arrays[i]!])), dims);
}
