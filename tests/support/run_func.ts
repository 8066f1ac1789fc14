/**
 * Running a lowered function on a device, and its launches in another order of threads.
 *
 * @module
 */
import type { Device, DeviceBuffer } from "../../backends/backend.ts";
import { launchAxes } from "../../backends/launch.ts";
import type { Launch, LoweredFunc } from "../../backends/lower.ts";
import { bufferSpan } from "../../ir/address.ts";
import { type TensorArray, viewBytes } from "../../ir/data.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { evalInt } from "../../ir/eval.ts";
import { int, sub, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { primFunc, withBody } from "../../ir/prim_func.ts";
import { alloc, type Buffer, forLoop, seq, type Stmt } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";

type Arrays = Readonly<Record<string, TensorArray>>;
type Dims = Readonly<Record<string, number>>;

/** Copies of arrays by name. */
export function copyArrays(arrays: Arrays): Record<string, TensorArray> {
  return Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, data.slice()]));
}

/** Runs a lowered function on copies of the arrays; gives what each then holds. */
export type RunLowered = (arrays: Arrays, dims: Dims) => Promise<Record<string, TensorArray>>;

/** {@linkcode loadLowered} for one run. */
export async function runLowered(
  device: Device,
  lowered: LoweredFunc,
  arrays: Arrays,
  dims: Dims,
): Promise<Record<string, TensorArray>> {
  return await (await loadLowered(device, lowered))(arrays, dims);
}

/** Compiles a lowered function for a device, for many runs. */
export async function loadLowered(device: Device, lowered: LoweredFunc): Promise<RunLowered> {
  const kernels = await device.prepare(lowered.launches.map((l) => device.generate(l)));
  const buffers = [...lowered.func.params.map((p) => p.buffer), ...lowered.scratch];
  return async (arrays, dims) => {
    const allocated = new Map<string, DeviceBuffer>();
    const size = (b: Buffer): number => {
      if (b.shape.some((e) => evalInt(e, dims) <= 0)) return 0;
      return evalInt(bufferSpan(b), dims) * DTYPES[b.dtype].bytes;
    };
    try {
      for (const b of buffers) {
        const bytes = Math.max(4, Math.ceil(size(b) / 4) * 4);
        const made = device.allocate(bytes, b.name);
        allocated.set(b.name, made);
        const data = arrays[b.name];
        const contents = new Uint8Array(bytes);
        // What nobody has written must not be taken for a 0.
        if (data === undefined) contents.fill(0x7f);
        else contents.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        device.write(made, 0, contents);
      }
      const commands = device.bind(lowered.launches.map((l, i) => ({
        kernel: kernels[i]!,
        buffers: l.buffers.map(({ buffer }) => {
          const made = allocated.get(buffer.name)!;
          return { buffer: made, offset: 0, bytes: made.bytes };
        }),
      })));
      device.submit(commands, dims);
      const result = await Promise.all(lowered.func.params.map(async ({ buffer }) => {
        const made = allocated.get(buffer.name)!;
        const bytes = await device.read({ buffer: made, offset: 0, bytes: made.bytes });
        return [buffer.name, viewBytes(buffer.dtype, bytes.subarray(0, size(buffer)))] as const;
      }));
      commands.dispose();
      return Object.fromEntries(result);
    } finally {
      for (const made of allocated.values()) device.free(made);
    }
  };
}

/** The launch as loops over its axes, the last thread first: whoever relies on the order of threads shows. */
function backwards(launch: Launch): Stmt {
  return launchAxes(launch).reduceRight<Stmt>((body, { axis, extent }) => {
    const turned = substituteStmt(body, new Map([[axis, sub(sub(extent, int(1)), variable(`${axis}'`))]]));
    return forLoop(`${axis}'`, extent, turned, axis);
  }, launch.body);
}

/** Interprets a lowered function with the threads of each launch from last to first. */
export function interpretBackwards(lowered: LoweredFunc, arrays: Arrays, dims: Dims): Arrays {
  const { func, scratch, launches } = lowered;
  const body = scratch.reduceRight<Stmt>((s, b) => alloc(b, s), seq(launches.map(backwards)));
  // Names of axes repeat in each launch, which only the interpreter's slots make possible.
  const copies = copyArrays(arrays);
  interpret(withBody(primFunc(func.name, func.params, func.dims, body), body), copies, dims);
  return copies;
}
