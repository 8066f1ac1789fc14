/**
 * A kernel on a device, ready to be measured under one schedule after the other.
 *
 * @module
 */
import type { BufferSlice, Device, DeviceBuffer, Dispatch, Kernel } from "../backends/backend.ts";
import { type Launch, type LoweredFunc, lowerFunc } from "../backends/lower.ts";
import { type TensorArray, toNumbers, viewBytes } from "../ir/data.ts";
import { ScheduleError, WeftError } from "../ir/errors.ts";
import { evalInt } from "../ir/eval.ts";
import { hashFunc } from "../ir/hash.ts";
import { interpret } from "../ir/interpret.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Buffer } from "../ir/stmt.ts";
import { assertFunc } from "../ir/verify.ts";
import { fallback } from "../schedule/rules/mod.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { apply, printFailure } from "../schedule/strategy.ts";
import type { Figures } from "../schedule/tune/record.ts";
import { randomData, requireEqual } from "./check.ts";
import { figuresOf, median } from "./figures.ts";
import { timerOf, within } from "./timing.ts";
import { bufferBytes, countBytes, countStmt, type Dims } from "./work.ts";

/** How carefully to measure. */
export interface BenchOptions {
  /** Buffers are taken in turns until they come to so many bytes, so that caches do not keep them. Default 64 MiB. */
  readonly rotate?: number;
  /** Least and most measurements of each side. Default 3 and 21. */
  readonly rounds?: readonly [number, number];
  /** Milliseconds of the device that a candidate may take, about. Default 60. */
  readonly ms?: number;
  /**
   * Most milliseconds after which a candidate is taken to hang; less where the incumbent's time says so. Default 10,000.
   */
  readonly timeout?: number;
  /** Milliseconds now. Default: the clock. */
  readonly now?: () => number;
}

/** Loop iterations up to which the interpreter, and not only the fallback schedule, says what is right. */
const INTERPRETED = 2e6;

/** How many times as long a thorough comparison takes. */
const THOROUGHLY = 8;

/** A candidate is given up after so many times as long as the incumbent would take, and the time to compile it. */
const PATIENCE = 100;

/** Milliseconds that compiling may take, which drivers do at the first run. */
const COMPILING = 3000;

/** A schedule of the kernel, compiled. */
export interface Prepared {
  readonly schedule: Schedule;
  /** Hash of the scheduled function: equal ones need no measurement of their own. */
  readonly hash: string;
  readonly launches: readonly Launch[];
  readonly kernels: readonly Kernel[];
  readonly scratch: ReadonlyMap<string, DeviceBuffer>;
}

/** A kernel with data on a device. */
export interface Bench {
  readonly func: PrimFunc;
  readonly dims: Dims;
  /** Bytes that it reads and writes, each buffer once. */
  readonly bytes: number;
  /**
   * Compiles a schedule and compares its result with what is right.
   *
   * @throws {ScheduleError} if it does not apply
   * @throws {WrongResultError} if it computes something else
   * @throws {DeviceError} if the device refuses it
   */
  prepare(schedule: Schedule): Promise<Prepared>;
  /** Times a schedule in turns with another; thoroughly is longer and gives a smaller spread. */
  compare(candidate: Prepared, reference: Prepared, thoroughly?: boolean): Promise<Figures>;
  /** Frees what a schedule needs of its own. */
  release(prepared: Prepared): void;
  dispose(): void;
}

/** Puts a kernel with random data on a device, as often as it takes to be larger than caches. */
export async function openBench(
  device: Device,
  func: PrimFunc,
  dims: Dims,
  options: BenchOptions = {},
): Promise<Bench> {
  const { rotate = 64 << 20, rounds: [least, most] = [3, 21], ms = 60, timeout = 10_000 } = options;
  const { now = () => performance.now() } = options;
  // The incumbent's time is known once something was compared with it.
  let incumbentMs = Infinity;
  const limit = (runs: number): number =>
    Math.ceil(Math.min(timeout, COMPILING + PATIENCE * runs * incumbentMs));
  const size = (b: Buffer): number => bufferBytes(b, dims);
  const data = randomData(func, dims);
  const bytes = countBytes(func, dims);
  const copies = Math.max(1, Math.min(32, Math.ceil(rotate / Math.max(bytes, 1))));
  const sets: ReadonlyMap<string, DeviceBuffer>[] = [];
  const allocated = new Set<DeviceBuffer>();
  const allocate = (b: Buffer): DeviceBuffer => {
    const made = device.allocate(padded(size(b)), b.name);
    allocated.add(made);
    return made;
  };
  const fill = (set: ReadonlyMap<string, DeviceBuffer>, all: boolean): void => {
    for (const p of func.params) {
      const made = set.get(p.buffer.name);
      if (made !== undefined && (all || p.access !== "read")) {
        device.write(made, 0, bytesOf(data[p.buffer.name], made.bytes));
      }
    }
  };
  const dispose = (): void => {
    for (const b of allocated) device.free(b);
    allocated.clear();
  };

  const prepareOnly = async (schedule: Schedule): Promise<Prepared> => {
    const { hash, lowered } = scheduled(func, schedule, device);
    // Kernels of a family that these sizes do not take need not be compiled.
    const launches = lowered.launches.filter((l) => l.grid.every((e) => evalInt(e, dims) > 0));
    const kernels = await within(limit(1), device.prepare(launches.map((l) => device.generate(l))));
    return {
      schedule,
      hash,
      launches,
      kernels,
      scratch: new Map(lowered.scratch.map((b) => [b.name, allocate(b)])),
    };
  };
  const dispatches = (p: Prepared, set: ReadonlyMap<string, DeviceBuffer>): readonly Dispatch[] =>
    p.launches.map((launch, i) => {
      const kernel = p.kernels[i];
      if (kernel === undefined) throw new WeftError(`Cannot run ${launch.name}: it was not compiled`);
      return {
        kernel,
        buffers: launch.buffers.map(({ buffer: { name } }): BufferSlice => {
          const buffer = set.get(name) ?? p.scratch.get(name);
          if (buffer === undefined) {
            throw new WeftError(`Cannot run ${launch.name}: there is no buffer ${name}`);
          }
          return { buffer, offset: 0, bytes: buffer.bytes };
        }),
      };
    });
  const resultOf = async (p: Prepared): Promise<Readonly<Record<string, Float64Array>>> => {
    const [set] = sets;
    if (set === undefined) throw new WeftError(`Cannot run ${func.name}: it has no buffers`);
    fill(set, false);
    const commands = device.bind(dispatches(p, set));
    try {
      device.submit(commands, dims);
      await within(limit(1), device.sync());
      const result: Record<string, Float64Array> = {};
      for (const { buffer, access } of func.params) {
        const made = set.get(buffer.name);
        if (access === "read" || made === undefined) continue;
        const read = await device.read({ buffer: made, offset: 0, bytes: made.bytes });
        result[buffer.name] = toNumbers(
          buffer.dtype,
          viewBytes(buffer.dtype, read.subarray(0, size(buffer))),
        );
      }
      return result;
    } finally {
      commands.dispose();
    }
  };
  const time = timerOf(device, dims, { limit, now });

  try {
    for (let i = 0; i < copies; i++) {
      const set = new Map(func.params.map((p) => [p.buffer.name, allocate(p.buffer)] as const));
      sets.push(set);
      fill(set, true);
    }
    const plain = await prepareOnly(fallback());
    const expected = await resultOf(plain);
    for (const b of plain.scratch.values()) allocated.delete(b), device.free(b);
    if (countStmt(func.body, dims) <= INTERPRETED) {
      const arrays = Object.fromEntries(Object.entries(data).map(([name, array]) => [name, array.slice()]));
      interpret(func, arrays, dims);
      for (const { buffer, access } of func.params) {
        const array = arrays[buffer.name];
        const got = expected[buffer.name];
        if (access === "read" || array === undefined || got === undefined) continue;
        requireEqual(func, fallback(), buffer, got, toNumbers(buffer.dtype, array));
      }
    }
    let turn = 0;
    const nextSet = (): ReadonlyMap<string, DeviceBuffer> => sets[turn++ % sets.length] ?? new Map();
    return {
      func,
      dims,
      bytes,
      async prepare(schedule) {
        const prepared = await prepareOnly(schedule);
        const got = await resultOf(prepared);
        for (const { buffer, access } of func.params) {
          const [a, e] = [got[buffer.name], expected[buffer.name]];
          if (access !== "read" && a !== undefined && e !== undefined) {
            requireEqual(func, schedule, buffer, a, e);
          }
        }
        return prepared;
      },
      async compare(candidate, reference, thoroughly = false) {
        const pair = (rounds: number) =>
          time(() => dispatches(candidate, nextSet()), () => dispatches(reference, nextSet()), rounds);
        // The first runs compile, warm up and say how many there is time for.
        await pair(1);
        const first = await pair(1);
        const once = median(first.a) + median(first.b);
        incumbentMs = Math.min(incumbentMs, median(first.b));
        // Far from each other the exact times do not matter, but for what others are measured beside.
        const [slow, fast] = [
          Math.max(median(first.a), median(first.b)),
          Math.min(median(first.a), median(first.b)),
        ];
        const far = slow > 4 * fast;
        if (far && !thoroughly) return figuresOf(first.a, first.b);
        const more = thoroughly ? THOROUGHLY : 1;
        const rounds = far ? least : Math.max(
          thoroughly ? least + 2 : least,
          Math.min(most * more, Math.round(ms * more / Math.max(once, 1e-3))),
        );
        const { a, b } = await pair(rounds);
        return figuresOf(a, b);
      },
      release(prepared) {
        for (const b of prepared.scratch.values()) if (allocated.delete(b)) device.free(b);
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

function scheduled(
  func: PrimFunc,
  schedule: Schedule,
  device: Device,
): { readonly hash: string; readonly lowered: LoweredFunc } {
  const result = apply(func, schedule, { target: device.target });
  if (!result.ok) throw new ScheduleError(func.name, printFailure(result.failure, func));
  assertFunc(result.func);
  return { hash: hashFunc(result.func), lowered: lowerFunc(result.func) };
}

function padded(bytes: number): number {
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

function bytesOf(array: TensorArray | undefined, bytes: number): Uint8Array {
  const contents = new Uint8Array(bytes);
  if (array !== undefined) contents.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return contents;
}
